import { invalid } from '../../../../kernel/fault.ts'
import { boolean, live, resourceType, text, type Work } from '../../provider.ts'
import { afterTypes, GATEWAY, net, portOf, put, unlessGone, unused } from './pieces.ts'

async function associate(r: Work, p: Record<string, any>) {
  const id = p.AllocationId ?? (await net(r, '/floatingips', { floating_ip_address: p.EIP })).floatingips[0]?.id
  if (!id) throw invalid(`The address ${p.EIP} is not one of this project's.`)
  const port = p.NetworkInterfaceId ?? (await portOf(r, p.InstanceId, p.PrivateIpAddress)).id
  await put(r, `/floatingips/${id}`, { floatingip: { port_id: port, ...(p.PrivateIpAddress ? { fixed_ip_address: p.PrivateIpAddress } : {}) } })
  return { id: `eipassoc-${r.resource.id}`, data: { address: id } }
}

export default resourceType({
  name: 'AWS::EC2::EIPAssociation', description: 'Leads an address to an instance or a network interface.', support: { status: 'SUPPORTED' },
  properties: { AllocationId: text(live), EIP: text(live), InstanceId: text(live), NetworkInterfaceId: text({ ...live, find: 'neutron.port' }), PrivateIpAddress: text(live), AllowReassociation: unused(boolean()) },
  attributes: { Id: { type: 'String', own: true, of: (_, r) => r.resource.physicalId } },
  after: afterTypes(GATEWAY, 'AWS::EC2::SubnetRouteTableAssociation'),
  validate(p) {
    if ((p.AllocationId === undefined) === (p.EIP === undefined)) throw invalid('Either AllocationId or EIP must be specified, not both.')
    if (p.InstanceId === undefined && p.NetworkInterfaceId === undefined) throw invalid('Either InstanceId or NetworkInterfaceId must be specified.')
  },
  create: (r) => associate(r, r.properties),
  async update(r, { before, after }) {
    if (before.AllocationId !== after.AllocationId || before.EIP !== after.EIP) await unlessGone(() => put(r, `/floatingips/${r.resource.data.address}`, { floatingip: { port_id: null } }))
    return associate(r, after)
  },
  show: async (r) => (await net(r, `/floatingips/${r.resource.data.address}`)).floatingip,
  async remove(r) { if (r.resource.data.address) await unlessGone(() => put(r, `/floatingips/${r.resource.data.address}`, { floatingip: { port_id: null } })) },
})
