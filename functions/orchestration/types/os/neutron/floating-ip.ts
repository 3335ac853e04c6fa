import { invalid } from '../../../../kernel/fault.ts'
import { formerly, live, map, required, resourceType, text } from '../../provider.ts'
import { gatewaysTo, legsTowards, subnetsOn } from '../after.ts'
import { format } from '../formats.ts'
import { bare, same } from './pieces.ts'

const NETWORK = ['floating_network', 'floating_network_id']
export default resourceType({
  name: 'OS::Neutron::FloatingIP', description: 'An address of an external network, for a port inside.', support: { status: 'SUPPORTED' },
  properties: {
    floating_network: text({ ...required, find: 'neutron.network' }), floating_network_id: formerly('floating_network'), floating_subnet: text({ find: 'neutron.subnet' }), floating_ip_address: text(format('ip_addr')), port_id: text({ ...live, find: 'neutron.port' }), fixed_ip_address: text({ ...live, ...format('ip_addr') }),
    dns_name: text({ ...live, ...format('rel_dns_name') }), dns_domain: text({ ...live, ...format('dns_domain') }), value_specs: map(undefined, { default: {} }),
  },
  attributes: same('router_id', 'tenant_id', 'floating_network_id', 'fixed_ip_address', 'floating_ip_address', 'port_id'),
  after: (self, others) => [...gatewaysTo(self, others, NETWORK), ...legsTowards(self, others, ['port_id']), ...subnetsOn(self, others, NETWORK)],
  validate(p) { if (p.fixed_ip_address && !p.port_id) throw invalid('Cannot define fixed_ip_address without port_id.') },
  ...bare({
    path: '/floatingips', key: 'floatingip', wire: { floating_network: 'floating_network_id', floating_subnet: 'subnet_id' },
    // An inner address is said together with its port.
    shape: (b, r) => ('fixed_ip_address' in b && !('port_id' in b) && r.properties.port_id ? { ...b, port_id: r.properties.port_id } : b),
  }),
})
