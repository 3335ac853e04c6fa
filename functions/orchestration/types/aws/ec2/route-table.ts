import { resourceType, text } from '../../provider.ts'
import { ec2, tagged, tags, unlessGone, vpcRouter } from './pieces.ts'

export default tagged('route-table', resourceType({
  name: 'AWS::EC2::RouteTable', description: 'Routes of a VPC. There is one router per VPC: the routes of its tables hold for all of its subnets.', support: { status: 'SUPPORTED' },
  properties: { VpcId: text({ required: true, find: 'neutron.network' }), Tags: tags },
  attributes: { RouteTableId: { type: 'String', own: true, of: (_, r) => r.resource.physicalId } },
  create: async (r) => ({ id: (await ec2(r, 'CreateRouteTable', { VpcId: r.properties.VpcId })).routeTable.routeTableId }),
  update: () => ({}),
  show: (r) => vpcRouter(r, r.properties.VpcId),
  async remove(r) { if (r.resource.physicalId) await unlessGone(() => ec2(r, 'DeleteRouteTable', { RouteTableId: r.resource.physicalId })) },
}))
