import { live, required, resourceType, text, type Work } from '../../provider.ts'
import { legsTowards } from '../after.ts'
import { format } from '../formats.ts'
import { NET } from './pieces.ts'

const put = (r: Work, fip: string, floatingip: unknown) => r.call({ ...NET, method: 'PUT', path: `/floatingips/${fip}`, body: { floatingip } })
const point = (r: Work, p: Record<string, any>) => put(r, p.floatingip_id, { port_id: p.port_id, ...(p.fixed_ip_address ? { fixed_ip_address: p.fixed_ip_address } : {}) })
export default resourceType({
  name: 'OS::Neutron::FloatingIPAssociation', description: 'Has a floating IP lead to a port.', support: { status: 'SUPPORTED' },
  properties: { floatingip_id: text({ ...required, ...live }), port_id: text({ ...required, ...live, find: 'neutron.port' }), fixed_ip_address: text({ ...live, ...format('ip_addr') }) },
  attributes: {},
  after: (self, others) => legsTowards(self, others, ['port_id']),
  async create(r) { return { id: r.resource.id, data: { fip: r.properties.floatingip_id }, shown: (await point(r, r.properties)).floatingip } },
  show: async (r) => (await r.call({ ...NET, method: 'GET', path: `/floatingips/${r.properties.floatingip_id}` })).floatingip,
  async update(r, { before, after }) {
    // A port has one address of a network: the old one leaves it first.
    if (before.floatingip_id !== after.floatingip_id) { await put(r, before.floatingip_id, { port_id: null }); return { data: { fip: after.floatingip_id, moving: true }, again: true } }
    await point(r, after)
    return {}
  },
  async ready(r) {
    if (!r.resource.data.moving) return {}
    await point(r, r.properties)
    return { data: { fip: r.properties.floatingip_id } }
  },
  async remove(r) { if (r.resource.data.fip) await put(r, r.resource.data.fip, { port_id: null }) },
})
