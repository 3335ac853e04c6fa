import { signal } from '../../os/heat/scaling-policy.ts'
import { integer, live, oneOf, required, resourceType, text } from '../../provider.ts'

export default resourceType({
  name: 'AWS::AutoScaling::ScalingPolicy', description: 'Makes a scaling group larger or smaller when it is signalled.', support: { status: 'SUPPORTED' },
  properties: { AutoScalingGroupName: text(required), ScalingAdjustment: integer({ ...required, ...live }), AdjustmentType: text({ ...required, ...live, ...oneOf('ChangeInCapacity', 'ExactCapacity', 'PercentChangeInCapacity') }), Cooldown: integer(live), MinAdjustmentStep: integer(live) },
  attributes: { AlarmUrl: { type: 'String', own: true, of: (_, r) => r.resource.data.url } },
  async create(r) { const url = await r.signalUrl(); return { id: url, data: { url } } },
  update: () => ({}),
  signal,
})
