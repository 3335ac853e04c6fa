import { waitUrl } from '../../../signals/arn.ts'
import { resourceType } from '../../provider.ts'
import { hear } from '../../os/heat/wait-condition-handle.ts'

export default resourceType({
  name: 'AWS::CloudFormation::WaitConditionHandle', description: 'An address that guests signal, as cfn-signal does.', support: { status: 'SUPPORTED' },
  properties: {}, attributes: {},
  async create(r) { return { id: r.uniqueName(), data: { signals: {}, url: await waitUrl(r.ctx, { ...r.stack, createdAt: 0 }, r.resource) } } },
  ref: (r) => r.resource.data.url ?? r.resource.name,
  signal: (r, details) => hear(r, details, { id: 'UniqueId', status: 'Status', reason: 'Reason', data: 'Data' }),
})
