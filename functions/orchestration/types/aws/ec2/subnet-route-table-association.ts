import { invalid } from '../../../../kernel/fault.ts'
import { resourceType, text } from '../../provider.ts'
import { net, routerName } from './pieces.ts'
import { tableRouter } from './route-table.ts'

export default resourceType({
  name: 'AWS::EC2::SubnetRouteTableAssociation', description: 'Says that a subnet follows a table. Both have to be of one VPC, whose router holds the routes.', support: { status: 'SUPPORTED' },
  properties: { RouteTableId: text({ required: true }), SubnetId: text({ required: true, find: 'neutron.subnet' }) },
  attributes: { Id: { type: 'String', own: true, of: (_, r) => r.resource.physicalId } },
  async create(r) {
    const id = tableRouter(r.properties.RouteTableId)
    if (!id) throw invalid(`The routeTable ID '${r.properties.RouteTableId}' does not exist`)
    const { router } = await net(r, `/routers/${id}`), { subnet } = await net(r, `/subnets/${r.properties.SubnetId}`)
    if (router.name !== routerName(subnet.network_id)) throw invalid(`Route table ${r.properties.RouteTableId} and subnet ${r.properties.SubnetId} belong to different networks`)
    return { id: `rtbassoc-${r.resource.id}` }
  },
  show: async (r) => (await net(r, `/subnets/${r.properties.SubnetId}`)).subnet,
})
