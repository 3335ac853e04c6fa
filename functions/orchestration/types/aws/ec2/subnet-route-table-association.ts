import { live, resourceType, text } from '../../provider.ts'
import { ec2, net, unlessGone } from './pieces.ts'

export default resourceType({
  name: 'AWS::EC2::SubnetRouteTableAssociation', description: 'Says that a subnet follows a table. Both have to be of one VPC, whose router holds the routes.', support: { status: 'SUPPORTED' },
  properties: { RouteTableId: text({ required: true, ...live }), SubnetId: text({ required: true, find: 'neutron.subnet' }) },
  attributes: { Id: { type: 'String', own: true, of: (_, r) => r.resource.physicalId } },
  create: async (r) => ({ id: (await ec2(r, 'AssociateRouteTable', { RouteTableId: r.properties.RouteTableId, SubnetId: r.properties.SubnetId })).associationId }),
  async update(r, { after }) { await ec2(r, 'ReplaceRouteTableAssociation', { AssociationId: r.resource.physicalId, RouteTableId: after.RouteTableId }); return {} },
  show: async (r) => (await net(r, `/subnets/${r.properties.SubnetId}`)).subnet,
  async remove(r) { if (r.resource.physicalId) await unlessGone(() => ec2(r, 'DisassociateRouteTable', { AssociationId: r.resource.physicalId })) },
})
