import { and, eq, inArray, lt, or, sql, type SQL } from 'drizzle-orm'
import { saga as table, sagaNode } from '../../schema/kernel.ts'
import { type Basis, type Ctx, unit } from './ctx.ts'
import { q, type Query } from './db.ts'
import { LIVE, resume, wake, type NodeId, type SagaRow } from './engine.ts'
import { seconds } from './env.ts'
import { Fault, Stale } from './fault.ts'
import type { GraphRun, NewNode, NodeRow, Outcome, Saga } from './saga.ts'

/**
 * Sagas whose steps are a graph. A node ends in one batch: its row, what it did, one count less for those that require it and
 * for the saga; whoever reaches nought runs next. So a step costs the same in a graph of twenty and of five hundred, and at
 * no moment is work done but not known. A sweep goes on with graphs that nobody works on.
 */
type Row = Pick<SagaRow, 'id' | 'args' | 'project' | 'user' | 'requestId'>
const live = inArray(table.state, ['open', 'unwinding'])
/** Parked nodes are looked at this often even when nobody wakes them. */
const LOOK = 30
/** So many nodes at a time in one isolate. */
const WIDTH = 8
const CHUNK = 200

export async function startGraph<A extends Record<string, unknown>>(ctx: Ctx, def: Saga<A>, args: A, options: { lane: string; nodes: NewNode[]; deadline: number; supersede?: boolean; project?: string | null }): Promise<string> {
  const now = ctx.now(), id = ctx.uuid()
  if (options.supersede) endGraph(ctx, options.lane)
  ctx.stage(q.insert(table).values({
    id, kind: def.kind, lane: options.lane, state: 'open', args, log: [], generation: 0, deadline: now + seconds(options.deadline), unfinished: options.nodes.length,
    requestId: ctx.requestId, project: options.project ?? ctx.anyone?.project?.id ?? null, user: ctx.anyone?.user.id ?? null, createdAt: now, updatedAt: now,
  }))
  goOn(ctx, id, stageNodes(ctx, id, options.nodes), options.nodes.length)
  return id
}

/** Ends whatever graph runs in a lane; a node that is being run right now finds itself refused. */
export function endGraph(ctx: Ctx, lane: string) {
  const ids = q.select({ id: table.id }).from(table).where(and(eq(table.lane, lane), inArray(table.state, [...LIVE])))
  ctx.stage(q.delete(sagaNode).where(inArray(sagaNode.saga, ids)))
  ctx.stage(q.update(table).set({ state: 'superseded', updatedAt: ctx.now(), generation: sql`${table.generation} + 1` }).where(and(eq(table.lane, lane), inArray(table.state, [...LIVE]))))
}

/**
 * Parked nodes of the graph in a lane look again, those whose keys a query gives: a signal came. One that is looking right now
 * looked too early perhaps: what it finds does not land, and it looks once more.
 */
export function rouse(ctx: Ctx, lane: string, keys: SQL) {
  const ids = q.select({ id: table.id }).from(table).where(and(eq(table.lane, lane), live))
  ctx.stageFor(q.update(sagaNode).set({ state: 'ready', runAt: ctx.now(), generation: sql`${sagaNode.generation} + (${sagaNode.state} = 'ready')` }).where(and(inArray(sagaNode.saga, ids), inArray(sagaNode.state, ['parked', 'ready']), sql`${sagaNode.key} in (${keys})`)).returning({ saga: sagaNode.saga, key: sagaNode.key, kind: sagaNode.kind }),
    (nodes: NodeId[]) => { if (nodes.length) ctx.afterCommit(() => resume.nodes(ctx, nodes)) })
}

function stageNodes(ctx: Ctx, saga: string, nodes: NewNode[]): NodeId[] {
  const now = ctx.now(), next = new Map<string, string[]>(), ready: NodeId[] = []
  const rows = nodes.map((n) => {
    const requires = new Set(n.requires)
    for (const r of requires) { const list = next.get(r); if (list) list.push(n.key); else next.set(r, [n.key]) }
    if (!requires.size) ready.push({ saga, key: n.key, kind: n.kind })
    return { saga, key: n.key, kind: n.kind, args: n.args ?? {}, state: requires.size ? 'waiting' as const : 'ready' as const, waits: requires.size, next: [] as string[], lane: null, runAt: now, generation: 0, why: null }
  })
  for (const row of rows) row.next = next.get(row.key) ?? []
  for (let i = 0; i < rows.length; i += CHUNK) ctx.stage(q.insert(sagaNode).values(rows.slice(i, i + CHUNK)))
  return ready
}

function goOn(ctx: Ctx, saga: string, ready: NodeId[], unfinished: number) {
  if (ready.length || !unfinished) ctx.afterCommit(() => resume.nodes(ctx, ready, unfinished ? undefined : saga))
}

const runOf = (ctx: Ctx, s: Row): GraphRun<any> => ({ ctx, args: s.args, id: s.id, project: s.project, user: s.user, requestId: s.requestId })

interface Work { basis: Basis; ring: (host: string) => Promise<unknown>; sagaOf: (kind: string) => Promise<Saga> }
/** So many light nodes share a batch. */
const TOGETHER = 40
const light = (n: NodeId) => n.kind.endsWith('*')
type Kinds = Map<string, NonNullable<Saga['graph']>>

/** Runs these nodes, those they make ready, and so on until none is left that can run now. */
export async function runNodes(work: Work, first: NodeId[], over?: string) {
  const queue = [...first], ends = over ? [over] : [], kinds: Kinds = new Map()
  const worker = async () => {
    for (let n = queue.shift(); n; n = queue.shift()) {
      const some = [n]
      if (light(n)) for (let i = 0; i < queue.length && some.length < TOGETHER;) { if (light(queue[i]) && queue[i].saga === n.saga) some.push(...queue.splice(i, 1)); else i++ }
      await runSome(work, n.saga, some.map((x) => x.key), queue, ends, kinds)
    }
    for (let s = ends.shift(); s; s = ends.shift()) await end(work, s, queue, ends)
  }
  while (queue.length || ends.length) await Promise.all(Array.from({ length: Math.min(WIDTH, queue.length + ends.length) }, worker))
}

const hold = async (what: string, id: unknown, work: () => Promise<unknown>) => {
  try { await work() } catch (e) {
    // The sweep comes back to it.
    console.error(JSON.stringify({ level: e instanceof Fault && e.kind === 'unavailable' ? 'warn' : 'error', what, id, error: e instanceof Fault ? e.message : e instanceof Error ? e.stack : String(e) }))
  }
}

const runSome = ({ basis, ring, sagaOf }: Work, saga: string, keys: string[], queue: NodeId[], ends: string[], kinds: Kinds) => hold('node', { saga, keys }, () => unit({ ...basis }, async (ctx) => {
  const own = [
    q.select().from(sagaNode).where(and(eq(sagaNode.saga, saga), sql`${sagaNode.key} in (select value from json_each(${JSON.stringify(keys)}))`, inArray(sagaNode.state, ['ready', 'parked']))),
    q.select().from(table).where(and(eq(table.id, saga), live))] as const
  let graph = kinds.get(saga)
  let [nodes, [s], ...seen] = await ctx.read(...own, ...(graph?.reads(saga, keys) ?? []) as never[]) as unknown as [NodeRow[], SagaRow[], ...any[]]
  if (!nodes.length || !s) return
  if (!graph) {
    kinds.set(saga, graph = (await sagaOf(s.kind)).graph!)
    seen = await ctx.read(...graph.reads(saga, keys) as [Query, ...Query[]])
  }
  const r = runOf(ctx, s)
  ctx.basis.requestId = s.requestId
  const outcomes: [NodeRow, Outcome][] = []
  for (const n of nodes) {
    const mark = ctx.mark()
    try {
      outcomes.push([n, await graph.node(r, n, seen)])
    } catch (e) {
      if (e instanceof Stale || (e instanceof Fault && e.kind === 'unavailable' && e.detail.status !== 500)) throw e
      ctx.cut(mark)
      outcomes.push([n, { failed: e instanceof Fault ? e.message : `Unexpected error; the operator finds more under the request id ${s.requestId}.` }])
      if (!(e instanceof Fault)) console.error(JSON.stringify({ level: 'error', what: 'node', saga, key: n.key, requestId: s.requestId, error: e instanceof Error ? e.stack : String(e) }))
    }
  }
  await settle(ctx, r, graph, outcomes, queue, ends)
}, ring))

/** What became of nodes that ran together: those that are done in one statement, and one count for all of them. */
async function settle(ctx: Ctx, r: GraphRun<any>, graph: NonNullable<Saga['graph']>, outcomes: [NodeRow, Outcome][], queue: NodeId[], ends: string[]) {
  const now = ctx.now(), saga = r.id, done = outcomes.filter(([, o]) => o === 'done').map(([n]) => n)
  const mine = (n: NodeRow, set: Partial<NodeRow>) => ctx.stage(q.update(sagaNode).set({ ...set, generation: n.generation + 1 }).where(and(eq(sagaNode.saga, saga), eq(sagaNode.key, n.key), eq(sagaNode.generation, n.generation), inArray(sagaNode.state, ['ready', 'parked']))), 'stale')
  const count = (unfinished: unknown, more: object = {}) => ctx.stageFor(q.update(table).set({ unfinished: unfinished as number, updatedAt: now, ...more }).where(and(eq(table.id, saga), live)).returning({ unfinished: table.unfinished }), ([row]: { unfinished: number }[]) => { if (row?.unfinished === 0) ends.push(saga) })
  for (const [n, o] of outcomes) {
    if (o === 'done') continue
    if (o === 'again') {
      mine(n, { state: 'ready', runAt: now, lane: null })
      ctx.stageFor(q.update(table).set({ updatedAt: now }).where(and(eq(table.id, saga), live)).returning({ id: table.id }), ([row]) => { if (row) queue.unshift({ saga, key: n.key, kind: n.kind }) })
    } else if ('park' in o) {
      const { lane = null, seconds: wait = LOOK } = o.park
      mine(n, { state: 'parked', lane, runAt: now + Math.round(seconds(wait)) })
      // What it waits for may have ended between its look and this batch: then nobody will wake it, and it looks again.
      if (lane) ctx.stageFor(q.select({ id: table.id }).from(table).where(and(eq(table.lane, lane), inArray(table.state, [...LIVE]))).limit(1), (rows: unknown[]) => { if (!rows.length && n.lane === null) queue.push({ saga, key: n.key, kind: n.kind }) })
    } else mine(n, { state: 'failed', lane: null, why: o.failed })
  }
  if (done.length) {
    const pairs = JSON.stringify(done.map((n) => [n.key, n.generation]))
    ctx.stage(q.update(sagaNode).set({ state: 'done', lane: null, generation: sql`${sagaNode.generation} + 1` })
      .where(and(eq(sagaNode.saga, saga), inArray(sagaNode.state, ['ready', 'parked']), sql`(${sagaNode.key}, ${sagaNode.generation}) in (select value ->> 0, value ->> 1 from json_each(${pairs}))`)))
    ctx.stage(q.run(sql`insert into guard select 'stale', changes() = ${done.length}`))
    const next = done.flatMap((n) => n.next)
    if (next.length) {
      // As often as a key stands in the list, so many of its requirements ended.
      const text = JSON.stringify(next), ended = done.length === 1 ? sql`1` : sql`(select count(*) from json_each(${text}) where value = ${sagaNode.key})`
      ctx.stageFor(q.update(sagaNode).set({ waits: sql`${sagaNode.waits} - ${ended}`, state: sql`case when ${sagaNode.waits} <= ${ended} then 'ready' else ${sagaNode.state} end`, runAt: now })
        .where(and(eq(sagaNode.saga, saga), eq(sagaNode.state, 'waiting'), sql`${sagaNode.key} in (select value from json_each(${text}))`)).returning({ key: sagaNode.key, state: sagaNode.state, kind: sagaNode.kind }),
      (rows: { key: string; state: string; kind: string }[]) => { for (const row of rows) if (row.state === 'ready') queue.push({ saga, key: row.key, kind: row.kind }) })
    }
    count(sql`${table.unfinished} - ${done.length}`)
  }
  const failed = outcomes.map(([, o]) => o).find((o): o is { failed: string } => typeof o === 'object' && 'failed' in o)
  if (failed) await fail(ctx, r, graph, saga, failed.failed, count)
}

/** Nothing new begins any more. */
async function fail(ctx: Ctx, r: GraphRun<any>, graph: NonNullable<Saga['graph']>, saga: string, why: string, count: (unfinished: unknown, more?: object) => void) {
  const how = await graph.failing(r, why), over = how === 'cut' ? ['waiting', 'ready', 'parked'] as const : ['waiting'] as const
  ctx.stage(q.update(sagaNode).set({ state: 'cancelled', generation: sql`${sagaNode.generation} + 1` }).where(and(eq(sagaNode.saga, saga), inArray(sagaNode.state, [...over]))))
  // One that is ready has not begun, unless it was parked before: then it has something to finish.
  if (how === 'finish') ctx.stage(q.update(sagaNode).set({ state: 'cancelled', generation: sql`${sagaNode.generation} + 1` }).where(and(eq(sagaNode.saga, saga), eq(sagaNode.state, 'ready'), eq(sagaNode.generation, 0))))
  count(sql`(select count(*) from saga_node where saga = ${saga} and state in ('waiting', 'ready', 'parked'))`, { state: 'unwinding' })
}

const end = ({ basis, ring, sagaOf }: Work, id: string, queue: NodeId[], ends: string[]) => hold('graph', id, () => unit({ ...basis }, async (ctx) => {
  const [[s], [failed]] = await ctx.read(q.select().from(table).where(and(eq(table.id, id), live, eq(table.unfinished, 0))),
    q.select({ why: sagaNode.why }).from(sagaNode).where(and(eq(sagaNode.saga, id), eq(sagaNode.state, 'failed'))).limit(1))
  if (!s) return
  ctx.basis.requestId = s.requestId
  const { graph } = await sagaOf(s.kind), r = runOf(ctx, s), now = ctx.now()
  const why = s.state === 'unwinding' ? failed?.why ?? (s.args as { why?: string }).why ?? 'it was not done in time' : undefined
  const more = await graph!.ended(r, why)
  ctx.stage(q.delete(sagaNode).where(eq(sagaNode.saga, id)))
  const state = more ? 'open' as const : why === undefined ? 'done' as const : 'unwound' as const
  ctx.stage(q.update(table).set({ state, args: r.args, unfinished: more?.nodes.length ?? 0, generation: s.generation + 1, updatedAt: now, ...(more?.deadline ? { deadline: now + seconds(more.deadline) } : {}) })
    .where(and(eq(table.id, id), eq(table.generation, s.generation), live)), 'stale')
  if (!more) { wake(ctx, s.lane); return }
  const ready = stageNodes(ctx, id, more.nodes)
  // Only once it has landed.
  ctx.stageFor(q.select({ id: table.id }).from(table).where(eq(table.id, id)), () => { queue.push(...ready); if (!more.nodes.length) ends.push(id) })
}, ring))

/** Time ran out, or someone ordered it to stop: what has not ended is cut, and `ended` hears why. */
export const stopGraph = async ({ basis, ring, sagaOf }: Work, id: string, why: string) => {
  const ends: string[] = []
  await unit({ ...basis }, (ctx) => stageStop(ctx, id, why, sagaOf, () => ends.push(id)), ring)
  if (ends.length) await runNodes({ basis, ring, sagaOf }, [], id)
}
/** The same, in a unit that does more; `id` may be the lane. `more` is added to the saga's arguments. */
export async function stageStop(ctx: Ctx, id: string, why: string, sagaOf: (kind: string) => Promise<Saga>, then?: () => void, more: Record<string, unknown> = {}) {
  const [[s]] = await ctx.read(q.select().from(table).where(and(sql`${id} in (${table.id}, ${table.lane})`, live)))
  if (!s) return false
  id = s.id
  const { graph } = await sagaOf(s.kind)
  await graph!.failing(runOf(ctx, s), why)
  ctx.stage(q.update(sagaNode).set({ state: 'cancelled', generation: sql`${sagaNode.generation} + 1` }).where(and(eq(sagaNode.saga, id), inArray(sagaNode.state, ['waiting', 'ready', 'parked']))))
  ctx.stage(q.update(table).set({ state: 'unwinding', args: { ...s.args, ...more, why }, unfinished: 0, generation: s.generation + 1, updatedAt: ctx.now() }).where(and(eq(table.id, id), eq(table.generation, s.generation), live)), 'stale')
  ctx.afterCommit(then ? async () => then() : () => resume.nodes(ctx, [], id))
  return true
}

/** Graphs nobody works on: whose isolate died, whose parked nodes' time has come, or who are past their deadline. */
export async function sweepGraphs(work: Work) {
  const { basis } = work, now = basis.world.now()
  const idle = and(sql`${table.unfinished} is not null`, sql`${table.state} in ('open','unwinding')`)
  const [late, asleep] = await basis.db.read([
    q.select({ id: table.id }).from(table).where(and(idle, lt(table.deadline, now), sql`${table.state} = 'open'`)).limit(50),
    q.select({ id: table.id, updatedAt: table.updatedAt, unfinished: table.unfinished }).from(table).where(and(idle, or(
      sql`exists (select 1 from saga_node n where n.saga = ${table.id} and n.state = 'parked' and n.run_at <= ${now})`,
      and(lt(table.updatedAt, now - seconds(3)), sql`(${table.unfinished} = 0 or exists (select 1 from saga_node n where n.saga = ${table.id} and n.state = 'ready' and n.run_at <= ${now}))`)))).limit(20),
  ])
  for (const s of late) basis.later.waitUntil(hold('late graph', s.id, () => stopGraph(work, s.id, 'Timed out')))
  for (const s of asleep) {
    // Moving the time on is the claim.
    const [claimed, due] = await basis.db.write([
      q.update(table).set({ updatedAt: now }).where(and(eq(table.id, s.id), eq(table.updatedAt, s.updatedAt))).returning({ id: table.id }),
      q.select({ saga: sagaNode.saga, key: sagaNode.key, kind: sagaNode.kind }).from(sagaNode).where(and(eq(sagaNode.saga, s.id), inArray(sagaNode.state, ['ready', 'parked']), sql`${sagaNode.runAt} <= ${now}`)).limit(500),
    ]) as [unknown[], NodeId[]]
    if (claimed.length) basis.later.waitUntil(runNodes(work, due, s.unfinished === 0 ? s.id : undefined))
  }
}

