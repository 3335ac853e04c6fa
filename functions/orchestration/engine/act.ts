import { eq, sql } from 'drizzle-orm'
import { stackSnapshot } from '../../../schema/orchestration.ts'
import { q } from '../../kernel/db.ts'
import { Fault, invalid, Stale } from '../../kernel/fault.ts'
import type { GraphRun, NodeRow, Outcome } from '../../kernel/saga.ts'
import type { Progress } from '../types/provider.ts'
import { typeFor } from '../types/resolve.ts'
import { programOf } from './program.ts'
import { changeRow, line, reasonOf, tell } from './record.ts'
import type { Remembered } from './remembered.ts'
import { openRow } from './sealed.ts'
import { placeOf } from './place.ts'
import { propertiesOf, workOf } from './work.ts'
import type { Seeing, Turn } from './turn.saga.ts'

/** Suspends, resumes, checks or snapshots one resource. */
export async function act(r: GraphRun<Turn>, n: NodeRow, seen: any[]): Promise<Outcome> {
  const { ctx, args } = r, action = args.action as 'SUSPEND' | 'RESUME' | 'CHECK' | 'SNAPSHOT'
  const [[s], rows] = seen as Seeing, stored = rows.find((x) => x.id === n.args.row)
  if (!s || !stored) return 'done'
  const row = openRow(ctx, stored)
  const mark = ctx.mark(), begun = row.action === action && row.status === 'IN_PROGRESS'
  try {
    const program = row.template ? await programOf(ctx, await placeOf(ctx, s), row.template).catch(() => undefined) : undefined
    const type = await typeFor(row.type, program?.environment, program?.files ?? {}, row.name)
    if (!type) throw invalid(`The Resource Type (${row.type}) could not be found.`)
    const work = await workOf(ctx, s, row, await propertiesOf(ctx, row), false, program)
    let p: Progress & { snapshot?: Record<string, unknown> } = {}
    if (begun) { work.resource.action = action; p = await type.ready?.(work) ?? {} }
    else if (action === 'SUSPEND') p = await type.suspend?.(work) ?? {}
    else if (action === 'RESUME') p = await type.resume?.(work) ?? {}
    else if (action === 'SNAPSHOT') p = await type.snapshot?.(work) ?? {}
    else if (type.check) p = await type.check(work)
    else if (type.show) { try { await type.show(work) } catch (e) { throw e instanceof Fault && e.kind === 'notFound' ? invalid(e.message, { type: 'NotFound' }) : e } }
    if (p.snapshot && args.snapshot) ctx.stage(q.update(stackSnapshot).set({ data: sql`json_set(${stackSnapshot.data}, ${`$."${row.name.replaceAll('"', '')}"`}, json(${JSON.stringify({ ...p.snapshot, $type: type.name } satisfies Remembered)}))` as never }).where(eq(stackSnapshot.id, args.snapshot)))
    const waits = p.wait || p.again
    changeRow(ctx, row, { action, status: waits ? 'IN_PROGRESS' : 'COMPLETE', reason: '', ...(p.data ? { data: p.data } : {}), ...(p.metadata ? { metadata: p.metadata } : {}) })
    tell(ctx, s, ...(begun ? [] : [line(row, action, 'IN_PROGRESS')]), ...(waits ? [] : [line(row, action, 'COMPLETE')]))
    return p.again ? 'again' : p.wait ? { park: p.wait } : 'done'
  } catch (e) {
    if (!(e instanceof Fault) || e instanceof Stale || e.kind === 'unavailable') throw e
    ctx.cut(mark)
    const reason = reasonOf(e, row.name)
    changeRow(ctx, row, { action, status: 'FAILED', reason })
    tell(ctx, s, line(row, action, 'FAILED', reason))
    return { failed: reason }
  }
}
