import { resourceType } from '../../provider.ts'
import { ec2, tagged, tags, unlessGone } from './pieces.ts'

export default tagged('internet-gateway', resourceType({
  name: 'AWS::EC2::InternetGateway', description: 'The way out; attached to a VPC it is the external gateway of its router.', support: { status: 'SUPPORTED' },
  properties: { Tags: tags },
  attributes: { InternetGatewayId: { type: 'String', own: true, of: (_, r) => r.resource.physicalId } },
  create: async (r) => ({ id: (await ec2(r, 'CreateInternetGateway', {})).internetGateway.internetGatewayId }),
  update: () => ({}),
  show: (r) => ({ id: r.resource.physicalId }),
  async remove(r) { if (r.resource.physicalId) await unlessGone(() => ec2(r, 'DeleteInternetGateway', { InternetGatewayId: r.resource.physicalId })) },
}))
