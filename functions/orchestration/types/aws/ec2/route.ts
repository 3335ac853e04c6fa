import { invalid } from '../../../../kernel/fault.ts'
import { resourceType, text } from '../../provider.ts'
import { addressOf, afterTypes, GATEWAY, net, portOf, put, unlessGone } from './pieces.ts'
import { tableRouter } from './route-table.ts'

const TARGETS = ['GatewayId', 'InstanceId', 'NetworkInterfaceId']

export default resourceType({
  name: 'AWS::EC2::Route', description: 'A route of a VPC: to the way out, an instance or a network interface.', support: { status: 'SUPPORTED' },
  properties: { RouteTableId: text({ required: true }), DestinationCidrBlock: text(), DestinationIpv6CidrBlock: text(), GatewayId: text(), InstanceId: text(), NetworkInterfaceId: text() },
  attributes: { CidrBlock: { type: 'String', own: true, of: (_, r) => r.properties.DestinationCidrBlock ?? r.properties.DestinationIpv6CidrBlock } },
  after: afterTypes(GATEWAY, 'AWS::EC2::Subnet'),
  validate(p) {
    if (TARGETS.filter((k) => p[k] !== undefined).length !== 1) throw invalid(`Exactly one of ${TARGETS.join(', ')} must be specified.`)
    if ((p.DestinationCidrBlock === undefined) === (p.DestinationIpv6CidrBlock === undefined)) throw invalid('Exactly one of DestinationCidrBlock and DestinationIpv6CidrBlock must be specified.')
  },
  async create(r) {
    const p = r.properties, id = tableRouter(p.RouteTableId), destination = p.DestinationCidrBlock ?? p.DestinationIpv6CidrBlock
    if (!id) throw invalid(`The routeTable ID '${p.RouteTableId}' does not exist`)
    const { router } = await net(r, `/routers/${id}`), done = { id: `${p.RouteTableId}|${destination}` }
    if (p.GatewayId) {
      if (p.GatewayId !== 'local' && !router.external_gateway_info) throw invalid(`route table ${p.RouteTableId} and network gateway ${p.GatewayId} belong to different networks`)
      return { ...done, data: { router: id } }
    }
    const port = p.InstanceId ? await portOf(r, p.InstanceId) : (await net(r, `/ports/${p.NetworkInterfaceId}`)).port, route = { destination, nexthop: addressOf(port) }
    await put(r, `/routers/${id}/add_extraroutes`, { router: { routes: [route] } })
    return { ...done, data: { router: id, route } }
  },
  show: async (r) => (await net(r, `/routers/${r.resource.data.router}`)).router,
  async remove(r) {
    const { router, route } = r.resource.data
    if (route) await unlessGone(() => put(r, `/routers/${router}/remove_extraroutes`, { router: { routes: [route] } }))
  },
})
