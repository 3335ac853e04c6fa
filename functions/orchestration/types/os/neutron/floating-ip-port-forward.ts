import { integer, live, oneOf, range, required, resourceType, text, type Work } from '../../provider.ts'
import { legsTowards } from '../after.ts'
import { format } from '../formats.ts'
import { NET } from './pieces.ts'

const number = { ...live, ...range(1, 65535) }
const wire: Record<string, string> = { internal_port: 'internal_port_id', internal_port_number: 'internal_port' }
const base = (fip: string) => `/floatingips/${fip}/port_forwardings`
const at = (r: Work) => `${base(r.properties.floating_ip)}/${r.resource.physicalId}`
const body = (p: Record<string, any>, keys: string[]) => ({ port_forwarding: Object.fromEntries(keys.filter((k) => k !== 'floating_ip' && p[k] !== undefined && p[k] !== null).map((k) => [wire[k] ?? k, p[k]])) })

export default resourceType({
  name: 'OS::Neutron::FloatingIPPortForward', description: 'Has one port of a floating IP lead to a port of a guest.', support: { status: 'SUPPORTED', version: '19.0.0' },
  properties: {
    floating_ip: text(required), internal_ip_address: text({ ...required, ...live, ...format('ip_addr') }), internal_port: text({ ...required, ...live, find: 'neutron.port' }), internal_port_number: integer(number), external_port: integer({ ...required, ...number }),
    protocol: text({ ...required, ...live, ...oneOf('tcp', 'udp', 'icmp', 'icmp6', 'sctp', 'dccp') }),
  },
  attributes: {},
  after: (self, others) => legsTowards(self, others, ['internal_port']),
  async create(r) {
    const { port_forwarding: f } = await r.call({ ...NET, method: 'POST', path: base(r.properties.floating_ip), body: body(r.properties, Object.keys(r.properties)) })
    return { id: f.id, shown: f }
  },
  show: async (r) => (await r.call({ ...NET, method: 'GET', path: at(r) })).port_forwarding,
  async update(r, { after, changed }) {
    // A guest's port and address belong together.
    const keys = changed.includes('internal_port') ? [...new Set([...changed, 'internal_ip_address'])] : changed
    return { shown: (await r.call({ ...NET, method: 'PUT', path: at(r), body: body(after, keys) })).port_forwarding }
  },
  async remove(r) { if (r.resource.physicalId) await r.call({ ...NET, method: 'DELETE', path: at(r) }) },
})
