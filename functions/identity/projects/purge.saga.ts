import { and, eq, sql } from 'drizzle-orm'
import { project } from '../../../schema/identity.ts'
import { q } from '../../kernel/db.ts'
import { Fault } from '../../kernel/fault.ts'
import { invoke } from '../../kernel/invoke.ts'
import type { GraphRun, NodeRow, Outcome, Saga } from '../../kernel/saga.ts'
import { alongside, counts, kinds, things, type Thing } from './owned.ts'
import { remover, removeGiven } from './remover.ts'
import { forgetProjects } from './verbs.ts'

export interface Purge extends Record<string, unknown> {
  project: { id: string; name: string; domain: { id: string; name: string } }
  /** Who ordered it: in whose name all is removed, whatever becomes of their token. */
  by: { id: string; name: string; domain: { id: string; name: string } }
  /** The project itself stays. */
  keep: boolean
  /** Only what was made before then (microseconds). */
  before: number | null
  /** What there was at the start. */
  found: Record<string, number>
  why?: string
}

/** So many looks at things that refuse to go, each a little later, before the kind is given up. */
const PATIENCE = 60

/** One kind: its things one after another. One that cannot go yet is passed over for the next, and tried again. */
async function clear(r: GraphRun<Purge>, n: NodeRow): Promise<Outcome> {
  const { ctx, args } = r, k = kinds.find((x) => x.kind === n.kind)
  if (!k) return 'done'
  const [rows] = await ctx.read(q.all<Thing & { going: number }>(things(k, args.project.id, args.before, 200)))
  if (!rows.length) return 'done'
  const idle = rows.filter((t) => !t.going)
  if (!idle.length) return { park: { lane: rows[0].id, seconds: 5 } }
  const t = idle[n.generation % idle.length]
  try {
    await invoke(ctx, await remover(ctx, args.by, args.project), k.remove(t))
    return 'again'
  } catch (e) {
    if (!(e instanceof Fault) || e.kind === 'unavailable') throw e
    if (e.kind === 'notFound') return 'again'
    // A whole round of refusals, many times over.
    if (n.generation > idle.length * PATIENCE) return { failed: `${n.kind.replaceAll('_', ' ')} ${t.id} cannot be removed: ${e.message}` }
    return { park: { seconds: n.generation % idle.length === idle.length - 1 ? 2 : 0 } }
  }
}

const purge: Saga<Purge> = {
  kind: 'project.purge', steps: [], deadline: 3600,
  graph: {
    node: clear,
    // What is left is looked for as it stands then.
    reads: () => [],
    // What else can go goes.
    failing: () => 'finish',
    async ended(r, why) {
      const { ctx, args } = r, id = args.project.id
      const [left, given, [child]] = await ctx.read(q.all<{ kind: string; n: number }>(counts(id, args.before)), q.all<{ kind: string; project: string }>(alongside(id)), q.select({ id: project.id }).from(project).where(eq(project.parent, id)).limit(1))
      // Something came while the rest went: once more from the beginning.
      if (!why && left.length && !args.again) { args.again = true; return { nodes: nodesOf(new Set(left.map((l) => l.kind))) } }
      args.why = why ?? (left.length ? `something was made meanwhile: ${left.map((l) => `${l.n} ${l.kind}`).join(', ')}` : !args.keep && child ? 'the project has projects below it' : undefined)
      if (args.keep || args.why) return undefined
      await removeGiven(ctx, await remover(ctx, args.by, args.project), given, [])
      forgetProjects(ctx, sql`${[id]}`)
      ctx.stage(q.delete(project).where(and(eq(project.id, id), sql`not exists (select 1 from project c where c.parent_id = ${id})`)), 'stale')
      ctx.event('identity.project.deleted', id)
      return undefined
    },
  },
}
export default purge

/** A node for each kind, after those it waits for. */
export const nodesOf = (only: Set<string>) => {
  // What is not there stands in nobody's way, but what is behind it still may.
  const before = (kind: string, seen = new Set<string>()): string[] => kinds.find((k) => k.kind === kind)!.after.flatMap((a) => { if (seen.has(a) || !kinds.some((k) => k.kind === a)) return []; seen.add(a); return only.has(a) ? [a] : before(a, seen) })
  return kinds.filter((k) => only.has(k.kind)).map((k) => ({ key: k.kind, kind: k.kind, requires: new Set(before(k.kind)) }))
}
