import { and, eq, inArray } from 'drizzle-orm'
import { saga as table, sagaNode, type Failure } from '../../schema/kernel.ts'
import type { Ctx } from './ctx.ts'
import { q } from './db.ts'
import { seconds } from './env.ts'
import { conflict, Fault, Stale } from './fault.ts'
import { onDuplicate } from './db.ts'
import { cancelLane, enqueue } from './queue.ts'
import { next, type Run, type Saga, type Step } from './saga.ts'

export type SagaRow = typeof table.$inferSelect
export const LIVE = ['open', 'unwinding', 'stuck'] as const

onDuplicate('saga_live_lane', () => conflict('Another operation is in progress on this resource; try again when it has ended.', { type: 'InProgress' }))
onDuplicate('saga.lane', () => conflict('Another operation is in progress on this resource; try again when it has ended.', { type: 'InProgress' }))

/**
 * Starts a long operation with this batch. `lane` is the resource it works on; one at a time, else 409.
 * `supersede` ends whatever runs in that lane and fences its jobs off: delete works from every state.
 */
export async function start<A extends Record<string, unknown>>(ctx: Ctx, def: Saga<A>, args: A, options: { lane: string; supersede?: boolean; project?: string | null }): Promise<string> {
  const now = ctx.now()
  if (options.supersede) supersede(ctx, options.lane)
  const row: SagaRow = {
    id: ctx.uuid(), kind: def.kind, lane: options.lane, state: 'open', args, log: [], generation: 0, deadline: now + seconds(def.deadline),
    requestId: ctx.requestId, project: options.project ?? ctx.anyone?.project?.id ?? null, user: ctx.anyone?.user.id ?? null, createdAt: now, updatedAt: now, unfinished: null,
  }
  await advance(ctx, def, row)
  ctx.stage(q.insert(table).values(row))
  return row.id
}

/**
 * A host failed it: if it can go on elsewhere it ends here, and begins anew as another saga in the same lane, for the same
 * request, in one batch. Its own log stays as it was then.
 */
export async function elsewhere(ctx: Ctx, def: Saga, row: SagaRow, entry: Failure): Promise<boolean> {
  const host = def.steps.some((s) => s.name === entry.step && s.host), now = ctx.now()
  if (!def.onHostFailed || entry.event !== 'failed' || entry.anywhere || !host || row.state !== 'open') return false
  const args = await def.onHostFailed(view(ctx, row), entry)
  if (!args) return false
  ctx.stage(q.update(table).set({ state: 'superseded', log: [...row.log, { ...entry, at: now }], generation: row.generation + 1, updatedAt: now })
    .where(and(eq(table.id, row.id), eq(table.generation, row.generation), eq(table.state, 'open'))), 'stale')
  const again: SagaRow = { ...row, id: ctx.uuid(), args, log: [], generation: 0, deadline: now + seconds(def.deadline), createdAt: now, updatedAt: now }
  await advance(ctx, def, again)
  ctx.stage(q.insert(table).values(again))
  return true
}

/** Ends whatever runs in a lane; reports of its jobs are refused from now on. `stale`: it was read, and must not have ended meanwhile. */
export function supersede(ctx: Ctx, lane: string, stale?: 'stale') {
  ctx.stage(q.update(table).set({ state: 'superseded', updatedAt: ctx.now() }).where(and(eq(table.lane, lane), inArray(table.state, [...LIVE]))), stale)
  ctx.stage(cancelLane(lane, ctx.now()))
}

/** Records an entry on a saga that was read in this unit, makes the next moves, and stages its row. */
export async function proceed(ctx: Ctx, def: Saga, row: SagaRow, entry?: Failure) {
  const seen = row.generation
  if (entry && await elsewhere(ctx, def, row, entry)) return
  if (entry) await record(ctx, def, row, entry)
  await advance(ctx, def, row)
  ctx.stage(q.update(table).set({ state: row.state, log: row.log, generation: seen + 1, updatedAt: ctx.now() })
    .where(and(eq(table.id, row.id), eq(table.generation, seen), inArray(table.state, [...LIVE]))), 'stale')
  if (row.state === 'done' || row.state === 'unwound') wake(ctx, row.lane)
}

/** Whoever waits for the end of what ran in this lane goes on. */
export function wake(ctx: Ctx, lane: string) {
  ctx.stageFor(q.update(sagaNode).set({ state: 'ready', runAt: ctx.now() }).where(and(eq(sagaNode.lane, lane), eq(sagaNode.state, 'parked'))).returning({ saga: sagaNode.saga, key: sagaNode.key, kind: sagaNode.kind }),
    (nodes: NodeId[]) => { if (nodes.length) ctx.afterCommit(() => resume.nodes(ctx, nodes)) })
}
export interface NodeId { saga: string; key: string; kind: string }

async function record(ctx: Ctx, def: Saga, row: SagaRow, entry: Failure) {
  const first = entry.event === 'failed' && !row.log.some((e) => e.event === 'failed')
  row.log.push({ ...entry, at: ctx.now() })
  if (first) {
    row.state = 'unwinding'
    await def.onFailed?.(view(ctx, row), entry.why ?? 'unknown failure')
  }
}

function view(ctx: Ctx, row: SagaRow): Run<any, any> {
  const out = Object.fromEntries(row.log.filter((e) => e.event === 'done').map((e) => [e.step, e.out]))
  return { ctx, args: row.args, out, id: row.id, project: row.project, user: row.user, requestId: row.requestId }
}

/**
 * Makes moves until a host must act or the end is reached. At most one local step writes per batch, since the next could
 * not read what it wrote; the rest goes on after the commit, and by the sweep should this isolate die.
 */
async function advance(ctx: Ctx, def: Saga, row: SagaRow) {
  let wrote = false
  for (;;) {
    const move = next(def.steps, row.log)
    if ('end' in move) { row.state = move.end; return }
    const step = 'do' in move ? move.do : move.undo
    const undoing = 'undo' in move
    if (!undoing && step.when && !step.when(view(ctx, row))) { row.log.push({ step: step.name, event: 'done', skipped: true, at: ctx.now() }); continue }
    const host = undoing ? step.undoHost : step.host
    if (host) {
      if (await stageJob(ctx, def, row, step, undoing)) return
      continue
    }
    if (wrote) { ctx.afterCommit(() => resume.later(ctx, row.id)); return }
    const mark = ctx.mark()
    try {
      const out = undoing ? await step.undo!(view(ctx, row)) : await step.run!(view(ctx, row))
      row.log.push({ step: step.name, event: undoing ? 'undone' : 'done', ...(out === undefined ? {} : { out }), at: ctx.now() })
    } catch (e) {
      if (undoing || e instanceof Stale || (e instanceof Fault && e.kind === 'unavailable')) throw e
      ctx.cut(mark)
      await record(ctx, def, row, { step: step.name, event: 'failed', why: explain(e, row) })
    }
    wrote ||= ctx.mark() > mark
  }
}

async function stageJob(ctx: Ctx, def: Saga, row: SagaRow, step: Step, undoing: boolean): Promise<boolean> {
  const r = view(ctx, row)
  try {
    const [kind, args] = undoing ? [step.undoHost!.kind, await step.undoHost!.args(r)] : [step.host!.kind, await step.host!.args(r)]
    enqueue(ctx, { host: await step.host!.on(r), kind, args, lane: row.lane, saga: row.id, step: step.name, undo: undoing, requestId: row.requestId })
    return true
  } catch (e) {
    if (undoing || e instanceof Stale || (e instanceof Fault && e.kind === 'unavailable')) throw e
    await record(ctx, def, row, { step: step.name, event: 'failed', why: explain(e, row) })
    return false
  }
}

function explain(e: unknown, row: SagaRow) {
  if (e instanceof Fault) return e.message
  console.error(JSON.stringify({ level: 'error', what: 'saga step', saga: row.id, kind: row.kind, requestId: row.requestId, error: e instanceof Error ? e.stack : String(e) }))
  return 'an unexpected error of the control plane'
}

/** Set by the app: goes on with a saga in a unit of its own; with nodes of graphs that are ready, or a graph (`ended`) that has none left. */
export const resume: { later: (ctx: Ctx, id: string) => Promise<unknown>; nodes: (ctx: Ctx, nodes: NodeId[], ended?: string) => Promise<unknown> } = { later: async () => {}, nodes: async () => {} }
