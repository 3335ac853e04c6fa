import { and, eq, or } from 'drizzle-orm'
import { stack, stackResource } from '../../../../../schema/orchestration.ts'
import { q } from '../../../../kernel/db.ts'
import { invalid } from '../../../../kernel/fault.ts'
import { open } from '../../../engine/sealed.ts'
import { dumps } from '../../../template/python.ts'
import { integer, live, number, range, resourceType, text, type Progress, type Work } from '../../provider.ts'
import type { Signal } from './wait-condition-handle.ts'

/** The handle, by what refers to it: its row's id, or an address of its own. */
export async function signalsOf(r: Work, handle: string): Promise<Record<string, Signal>> {
  const id = /\/signals\/[^/]+\/([0-9a-f-]{36})/.exec(handle)?.[1] ?? handle
  const [[row]] = await r.ctx.read(q.select({ id: stackResource.id, data: stackResource.data }).from(stackResource).innerJoin(stack, eq(stack.id, stackResource.stack)).where(and(eq(stack.project, r.stack.project), or(eq(stackResource.id, id), and(eq(stackResource.physicalId, id), eq(stackResource.current, true))))))
  if (!row) throw invalid('WaitCondition invalid Handle', { type: 'ValueError' })
  return (open(r.ctx, row.id, row.data).signals ?? {}) as Record<string, Signal>
}
export function judge(r: Work, signals: Record<string, Signal>, count: number, until: number): Progress {
  const all = Object.values(signals), failed = all.filter((s) => s.status === 'FAILURE')
  if (failed.length) throw invalid(failed.map((s) => s.reason).join(';'), { type: 'WaitConditionFailure' })
  if (all.length >= count) return { id: r.uniqueName(), data: { ...r.resource.data, until }, shown: { signals } }
  const left = (until - r.ctx.now()) / 1_000_000
  if (left <= 0) throw invalid(`${all.length} of ${count} received`, { type: 'WaitConditionTimeout' })
  return { id: r.uniqueName(), data: { ...r.resource.data, until }, wait: { seconds: Math.min(30, left) } }
}
const look = async (r: Work, until: number) => judge(r, await signalsOf(r, r.properties.handle), r.properties.count, until)

export default resourceType({
  name: 'OS::Heat::WaitCondition', description: 'Waits for signals.', support: { status: 'SUPPORTED', version: '2014.2' },
  properties: { handle: text({ required: true }), timeout: number({ required: true, ...range(1, 43200) }), count: integer({ default: 1, ...range(1), ...live }) },
  attributes: { data: { type: 'String', of: (s) => dumps(Object.fromEntries(Object.entries(s.signals as Record<string, Signal>).map(([k, v]) => [k, v.data]))) } },
  create: (r) => look(r, r.ctx.now() + Math.round(r.properties.timeout * 1_000_000)),
  ready: (r) => look(r, r.resource.data.until),
  // A count that grew is waited for anew.
  update: (r) => look(r, r.ctx.now() + Math.round(r.properties.timeout * 1_000_000)),
  show: async (r) => ({ signals: await signalsOf(r, r.properties.handle) }),
  check: () => ({}),
})
