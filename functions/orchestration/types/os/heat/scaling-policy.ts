import { and, eq } from 'drizzle-orm'
import { stack, stackResource } from '../../../../../schema/orchestration.ts'
import { q } from '../../../../kernel/db.ts'
import { conflict, invalid } from '../../../../kernel/fault.ts'
import type { Json } from '../../../template/index.ts'
import { placeOf } from '../../../engine/place.ts'
import { programOf } from '../../../engine/program.ts'
import { changeRow } from '../../../engine/record.ts'
import { openRow } from '../../../engine/sealed.ts'
import { propertiesOf, workFor } from '../../../engine/work.ts'
import { childOf } from '../../nested/child.ts'
import { integer, live, number, oneOf, range, required, resourceType, text, type Progress, type Work } from '../../provider.ts'
import { membersOf, resize } from './auto-scaling-group.ts'
import { adjusted, bounded } from './scaling.ts'

/** What a policy says, whichever words it is in. */
const WAYS = { ChangeInCapacity: 'change_in_capacity', ExactCapacity: 'exact_capacity', PercentChangeInCapacity: 'percent_change_in_capacity' } as const
const said = ({ properties: p }: Work) => (p.AutoScalingGroupName === undefined
  ? { group: p.auto_scaling_group_id, how: p.adjustment_type, by: p.scaling_adjustment, step: p.min_adjustment_step, cooldown: p.cooldown }
  : { group: p.AutoScalingGroupName, how: WAYS[p.AdjustmentType as keyof typeof WAYS], by: p.ScalingAdjustment, step: p.MinAdjustmentStep, cooldown: p.Cooldown })
const GROUPS = ['OS::Heat::AutoScalingGroup', 'AWS::AutoScaling::AutoScalingGroup']

/** The group of this stack that the policy is about, to work on. */
async function groupOf(r: Work) {
  const id = String(said(r).group), [[s], [stored]] = await r.ctx.read(q.select().from(stack).where(eq(stack.id, r.stack.id)), q.select().from(stackResource).where(and(eq(stackResource.physicalId, id), eq(stackResource.current, true))))
  if (!s || !stored || !GROUPS.includes(stored.type) || stored.stack !== s.id) throw invalid(`Alarm ${r.resource.name} could not find scaling group named "${id}"`, { type: 'NotFound' })
  const row = openRow(r.ctx, stored), program = row.template ? await programOf(r.ctx, await placeOf(r.ctx, s), row.template) : undefined
  return { row, work: workFor(r.ctx, r.caller, s, row, await propertiesOf(r.ctx, row), false, program) }
}
const rests = (until: number | undefined, now: number) => until !== undefined && until > now

export async function signal(r: Work, details: Json): Promise<Progress & { says?: string }> {
  const { how, by, step, cooldown } = said(r), now = r.ctx.now()
  // An alarm that says it is well asks for nothing.
  const state = details && typeof details === 'object' && !Array.isArray(details) ? details.current ?? details.state ?? 'alarm' : 'alarm'
  if (String(state).toLowerCase() !== 'alarm') return { says: `alarm state is ${String(state)}: no action` }
  const { row, work } = await groupOf(r), below = await childOf(work)
  if (rests(r.resource.data.until, now) || rests(work.resource.data.until, now)) return { says: 'cooling down: no action' }
  if (below?.status === 'IN_PROGRESS') throw conflict(`Scaling group ${row.name} is being changed already.`, { type: 'ActionInProgress' })
  const size = Object.keys(await membersOf(work)).length, g = work.properties, rest = g.cooldown ?? g.Cooldown, target = bounded(adjusted(size, by, how, step), g.min_size ?? g.MinSize, g.max_size ?? g.MaxSize)
  if (target === size) return { says: `capacity stays at ${size}` }
  const p = await resize(work, target)
  changeRow(r.ctx, row, { data: { ...p.data, ...(rest ? { until: now + rest * 1_000_000 } : {}) } })
  return { data: { ...r.resource.data, ...(cooldown ? { until: now + cooldown * 1_000_000 } : {}) }, says: `capacity ${size} becomes ${target}` }
}

export default resourceType({
  name: 'OS::Heat::ScalingPolicy', description: 'Makes a scaling group larger or smaller when it is signalled.', support: { status: 'SUPPORTED' },
  properties: {
    auto_scaling_group_id: text(required), scaling_adjustment: number({ ...required, ...live }), cooldown: number(live), adjustment_type: text({ ...required, ...live, ...oneOf('change_in_capacity', 'exact_capacity', 'percent_change_in_capacity') }), min_adjustment_step: integer({ ...live, ...range(0) }),
  },
  attributes: { alarm_url: { type: 'String', own: true, of: (_, r) => r.resource.data.url }, signal_url: { type: 'String', own: true, of: (_, r) => r.resource.data.url } },
  validate(p) { if (p.min_adjustment_step !== undefined && typeof p.adjustment_type === 'string' && p.adjustment_type !== 'percent_change_in_capacity') throw invalid('min_adjustment_step property should only be specified for adjustment_type with value percent_change_in_capacity.') },
  async create(r) { return { id: r.resource.id, data: { url: await r.signalUrl() } } },
  update: () => ({}),
  signal,
})
