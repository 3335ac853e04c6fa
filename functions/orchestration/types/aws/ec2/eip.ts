import { live, oneOf, resourceType, text, type Work } from '../../provider.ts'
import { afterTypes, GATEWAY, net, outside, portOf, put, tagged, tags, unused } from './pieces.ts'

const at = (r: Work) => `/floatingips/${r.resource.physicalId}`

export default tagged('elastic-ip', resourceType({
  name: 'AWS::EC2::EIP', description: 'An address that is reached from outside, of its own or leading to an instance.', support: { status: 'SUPPORTED' },
  properties: { Domain: unused(text(oneOf('vpc', 'standard'))), InstanceId: text(live), Tags: tags, NetworkBorderGroup: unused(text()), PublicIpv4Pool: unused(text()) },
  attributes: { AllocationId: { type: 'String', own: true, of: (_, r) => r.resource.physicalId }, PublicIp: { type: 'String', own: true, of: (_, r) => r.resource.data.address } },
  ref: (r) => r.resource.data.address ?? r.resource.physicalId ?? r.resource.name,
  after: afterTypes(GATEWAY, 'AWS::EC2::SubnetRouteTableAssociation'),
  async create(r) {
    const port = r.properties.InstanceId ? (await portOf(r, r.properties.InstanceId)).id : undefined
    const { floatingip } = await r.call({ service: 'network', method: 'POST', path: '/floatingips', body: { floatingip: { floating_network_id: await outside(r), ...(port ? { port_id: port } : {}) } } })
    return { id: floatingip.id, data: { address: floatingip.floating_ip_address }, shown: floatingip }
  },
  show: async (r) => (await net(r, at(r))).floatingip,
  async update(r, { after, changed }) {
    if (!changed.includes('InstanceId')) return {}
    return { shown: (await put(r, at(r), { floatingip: { port_id: after.InstanceId ? (await portOf(r, after.InstanceId)).id : null } })).floatingip }
  },
  async remove(r) { if (r.resource.physicalId) await r.call({ service: 'network', method: 'DELETE', path: at(r) }) },
}))
