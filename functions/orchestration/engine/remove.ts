import { eq } from 'drizzle-orm'
import { stackResource } from '../../../schema/orchestration.ts'
import { q } from '../../kernel/db.ts'
import { Fault, Stale } from '../../kernel/fault.ts'
import type { GraphRun, NodeRow, Outcome } from '../../kernel/saga.ts'
import type { Gone } from '../types/provider.ts'
import { typeFor } from '../types/resolve.ts'
import { programOf } from './program.ts'
import { changeRow, line, reasonOf, tell } from './record.ts'
import { pause } from './hooks.ts'
import { openRow } from './sealed.ts'
import { placeOf } from './place.ts'
import { propertiesOf, workOf } from './work.ts'
import type { Seeing, Turn } from './turn.saga.ts'

/** Something in use may be let go a moment later. */
const TRIES = 6

/** Takes one resource away: what it has made, whatever state that is in, and then its row. */
export async function remove(r: GraphRun<Turn>, n: NodeRow, seen: any[]): Promise<Outcome> {
  const { ctx, args } = r
  const [[s], rows] = seen as Seeing, stored = rows.find((x) => x.id === n.args.row)
  if (!s || !stored) return 'done'
  const row = openRow(ctx, stored)
  const begun = row.action === 'DELETE' && row.status === 'IN_PROGRESS', mark = ctx.mark()
  // Only where the whole stack goes do breakpoints hold; which, its environment says.
  const hooks = args.action === 'DELETE' && row.current && s.front === 'heat' && s.template ? { ctx, s, args, turn: r.id, name: row.name, program: await programOf(ctx, await placeOf(ctx, s), s.template).catch(() => undefined) } : undefined
  const forget = (): Outcome => {
    tell(ctx, s, ...(begun ? [] : [line(row, 'DELETE', 'IN_PROGRESS')]), line(row, 'DELETE', 'COMPLETE'))
    const held = hooks && row.action !== 'INIT' && pause(hooks, Object.assign(row, { action: 'DELETE', status: 'COMPLETE' }), 'post-delete')
    if (held) { changeRow(ctx, row, { action: 'DELETE', status: 'COMPLETE', reason: '' }); return held }
    ctx.stage(q.delete(stackResource).where(eq(stackResource.id, row.id)))
    return 'done'
  }
  const policy = !row.current ? row.replacePolicy ?? row.deletionPolicy : row.deletionPolicy
  const keep = policy === 'Retain' || (policy === 'RetainExceptOnCreate' && !(args.action === 'CREATE' && args.phase === 'rollback')) || args.retain?.includes(row.name) || row.data.$external === true
  try {
    // It is gone already: a breakpoint holds what is left of it.
    if (row.action === 'DELETE' && row.status === 'COMPLETE') {
      const held = hooks && pause(hooks, row, 'post-delete')
      if (held) return held
      ctx.stage(q.delete(stackResource).where(eq(stackResource.id, row.id)))
      return 'done'
    }
    const held = hooks && !begun && row.action !== 'INIT' && pause(hooks, row, 'pre-delete')
    if (held) return held
    if (keep || (row.physicalId === null && !Object.keys(row.data).length)) return forget()
    const program = row.template ? await programOf(ctx, await placeOf(ctx, s), row.template).catch(() => undefined) : undefined
    const type = await typeFor(row.type, program?.environment, program?.files ?? {}, row.name)
    if (!type) return forget()
    const work = await workOf(ctx, s, row, await propertiesOf(ctx, row).catch(() => ({})), begun, program)
    if (policy === 'Snapshot' && type.snapshot && !row.data.$kept) {
      // So that the type knows what the snapshot is for: to outlive it.
      work.resource.action = 'DELETE'
      const p = row.data.$keeping ? await type.ready?.(work) ?? {} : await type.snapshot(work)
      const waits = p.wait || p.again
      changeRow(ctx, row, { data: { ...row.data, ...p.data, ...(waits ? { $keeping: true } : { $kept: true }) } })
      return p.wait ? { park: p.wait } : 'again'
    }
    let gone: Gone | void
    try {
      gone = await type.remove?.(work)
    } catch (e) {
      if (!(e instanceof Fault) || e.kind !== 'notFound') throw e
      ctx.cut(mark)
      gone = undefined
    }
    if (!gone) return forget()
    if (!begun) tell(ctx, s, line(row, 'DELETE', 'IN_PROGRESS'))
    changeRow(ctx, row, { action: 'DELETE', status: 'IN_PROGRESS', reason: '', ...(gone.data ? { data: gone.data } : {}) })
    return gone.again ? 'again' : { park: gone.wait! }
  } catch (e) {
    if (!(e instanceof Fault) || e instanceof Stale || e.kind === 'unavailable') throw e
    ctx.cut(mark)
    if (e.kind === 'conflict' && n.generation < TRIES) return { park: { seconds: Math.min(8, 2 ** n.generation / 2) } }
    const reason = reasonOf(e, row.name)
    changeRow(ctx, row, { action: 'DELETE', status: 'FAILED', reason })
    tell(ctx, s, line(row, 'DELETE', 'FAILED', reason))
    return { failed: reason }
  }
}
