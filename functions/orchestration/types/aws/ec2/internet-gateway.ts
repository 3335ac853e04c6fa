import { resourceType } from '../../provider.ts'
import { outside, tags } from './pieces.ts'

export default resourceType({
  name: 'AWS::EC2::InternetGateway', description: 'The way out; attached to a VPC it is the external gateway of its router.', support: { status: 'SUPPORTED' },
  properties: { Tags: tags },
  attributes: { InternetGatewayId: { type: 'String', own: true, of: (_, r) => r.resource.physicalId } },
  async create(r) { await outside(r); return { id: `igw-${r.resource.id}` } },
  update: () => ({}),
  show: (r) => ({ id: r.resource.physicalId }),
})
