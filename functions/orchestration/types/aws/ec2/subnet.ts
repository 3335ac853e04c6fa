import { boolean, list, live, resourceType, text, type Work } from '../../provider.ts'
import { legsIn, makeSubnet, nameOf, net, put, tagged, tags, unlessGone, unused, vpcRouter } from './pieces.ts'

/** Where instances of a subnet get a public address although they ask for none, it says so. */
const describe = (r: Work) => (r.properties.MapPublicIpOnLaunch ? 'public' : '')

export default tagged('subnet', resourceType({
  name: 'AWS::EC2::Subnet', description: 'A part of a VPC, with a leg of its router.', support: { status: 'SUPPORTED' },
  properties: {
    VpcId: text({ required: true, find: 'neutron.network' }), CidrBlock: text({ required: true }), AvailabilityZone: text(), MapPublicIpOnLaunch: boolean(live), Tags: tags,
    AssignIpv6AddressOnCreation: unused(boolean()), EnableDns64: unused(boolean()), DnsServers: list(text(), { description: 'Name servers the subnet announces; not known to AWS.' }),
  },
  attributes: {
    SubnetId: { type: 'String', own: true, of: (_, r) => r.resource.physicalId }, AvailabilityZone: { type: 'String', own: true, of: (_, r) => r.properties.AvailabilityZone ?? 'nova' }, CidrBlock: { type: 'String', own: true, of: (_, r) => r.properties.CidrBlock },
    VpcId: { type: 'String', own: true, of: (_, r) => r.properties.VpcId }, Ipv6CidrBlocks: { type: 'List', own: true, of: () => [] }, NetworkAclAssociationId: { type: 'String', own: true, of: (_, r) => `aclassoc-${r.resource.physicalId}` },
  },
  async create(r) {
    const p = r.properties, { network } = await net(r, `/networks/${p.VpcId}`)
    const subnet = await makeSubnet(r, { network, cidr: p.CidrBlock, name: nameOf(r), description: describe(r), dns: p.DnsServers })
    return { id: subnet.id, again: true }
  },
  async ready(r) {
    const router = await vpcRouter(r, r.properties.VpcId)
    await put(r, `/routers/${router.id}/add_router_interface`, { subnet_id: r.resource.physicalId })
    return { data: { router: router.id } }
  },
  show: async (r) => (await net(r, `/subnets/${r.resource.physicalId}`)).subnet,
  async update(r) {
    await put(r, `/subnets/${r.resource.physicalId}`, { subnet: { name: nameOf(r), description: describe(r) } })
    return {}
  },
  async remove(r) {
    const id = r.resource.physicalId
    if (!id) return
    const legs = await legsIn(r, id)
    for (const leg of legs) await unlessGone(() => put(r, `/routers/${leg.device_id}/remove_router_interface`, { subnet_id: id }))
    if (legs.length) return { again: true }
    await unlessGone(() => r.call({ service: 'network', method: 'DELETE', path: `/subnets/${id}` }))
  },
}))
