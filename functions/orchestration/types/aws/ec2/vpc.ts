import { boolean, oneOf, resourceType, text } from '../../provider.ts'
import { makeVpc, net, nameOf, put, tagged, tags, unlessGone, unused } from './pieces.ts'

export default tagged('vpc', resourceType({
  name: 'AWS::EC2::VPC', description: 'A network and the router of its subnets.', support: { status: 'SUPPORTED' },
  properties: {
    CidrBlock: text({ description: 'Every subnet lies within it.' }), InstanceTenancy: unused(text({ default: 'default', ...oneOf('default', 'dedicated', 'host') })),
    EnableDnsSupport: unused(boolean({ default: true })), EnableDnsHostnames: unused(boolean({ default: false })), Tags: tags,
  },
  attributes: {
    VpcId: { type: 'String', own: true, of: (_, r) => r.resource.physicalId }, CidrBlock: { type: 'String', own: true, of: (_, r) => r.properties.CidrBlock }, CidrBlockAssociations: { type: 'List', own: true, of: () => [] }, Ipv6CidrBlocks: { type: 'List', own: true, of: () => [] },
    DefaultSecurityGroup: { type: 'String', of: (s) => s.defaultGroup }, DefaultNetworkAcl: { type: 'String', own: true, of: (_, r) => `acl-${r.resource.physicalId}` },
  },
  async create(r) {
    const { network, router } = await makeVpc(r, { name: nameOf(r), cidr: r.properties.CidrBlock })
    return { id: network.id, data: { router: router.id } }
  },
  async show(r) {
    const { network } = await net(r, `/networks/${r.resource.physicalId}`), [group] = (await net(r, '/security-groups', { name: 'default' })).security_groups
    return { ...network, defaultGroup: group?.id ?? '' }
  },
  async update(r, { changed }) {
    if (changed.includes('Tags')) await put(r, `/networks/${r.resource.physicalId}`, { network: { name: nameOf(r) } })
    return {}
  },
  async remove(r) {
    const { physicalId: id, data } = r.resource
    if (data.router) await unlessGone(() => r.call({ service: 'network', method: 'DELETE', path: `/routers/${data.router}` }))
    if (id) await unlessGone(() => r.call({ service: 'network', method: 'DELETE', path: `/networks/${id}` }))
  },
}))
