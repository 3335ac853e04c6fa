import { boolean, integer, list, live, map, resourceType, text, type Work } from '../../provider.ts'
import { makePort } from '../../../../ec2/mapping/port.ts'
import { addressOf, nameOf, net, put, tagged, tags, unused } from './pieces.ts'

const groupsOf = (r: Work): string[] | undefined => (r.properties.GroupSet?.length ? r.properties.GroupSet : undefined)

export default tagged('network-interface', resourceType({
  name: 'AWS::EC2::NetworkInterface', description: 'A port on a subnet.', support: { status: 'SUPPORTED' },
  properties: {
    SubnetId: text({ required: true, find: 'neutron.subnet' }), Description: text(live), GroupSet: list(text({ find: 'neutron.security_group' }), live), PrivateIpAddress: text(), SourceDestCheck: unused(boolean()), Tags: tags,
    PrivateIpAddresses: list(map({ PrivateIpAddress: text({ required: true }), Primary: boolean({ required: true }) })), SecondaryPrivateIpAddressCount: unused(integer()), InterfaceType: unused(text()),
  },
  attributes: {
    Id: { type: 'String', own: true, of: (_, r) => r.resource.physicalId }, PrimaryPrivateIpAddress: { type: 'String', of: addressOf }, PrivateIpAddress: { type: 'String', of: addressOf }, SecondaryPrivateIpAddresses: { type: 'List', of: (p) => p.fixed_ips.slice(1).map((f: any) => f.ip_address) }, PrimaryIpv6Address: { type: 'String', of: () => '' },
  },
  async create(r) {
    const p = r.properties, all = (p.PrivateIpAddresses ?? []) as { PrivateIpAddress: string; Primary: boolean }[], first = p.PrivateIpAddress ?? all.find((a) => a.Primary)?.PrivateIpAddress
    const port = await makePort(r, { subnet: p.SubnetId, address: first, more: all.map((a) => a.PrivateIpAddress).filter((a) => a !== first), groups: groupsOf(r), name: nameOf(r), description: p.Description })
    return { id: port.id, shown: port }
  },
  show: async (r) => (await net(r, `/ports/${r.resource.physicalId}`)).port,
  async update(r, { after, changed }) {
    const port = { ...(changed.includes('Description') ? { description: after.Description ?? '' } : {}), ...(changed.includes('GroupSet') && after.GroupSet?.length ? { security_groups: after.GroupSet } : {}), ...(changed.includes('Tags') ? { name: nameOf(r) } : {}) }
    return Object.keys(port).length ? { shown: (await put(r, `/ports/${r.resource.physicalId}`, { port })).port } : {}
  },
  async remove(r) { if (r.resource.physicalId) await r.call({ service: 'network', method: 'DELETE', path: `/ports/${r.resource.physicalId}` }) },
}))
