import ipaddr from 'ipaddr.js'
import { invalid } from '../../../../kernel/fault.ts'
import { boolean, formerly, integer, list, live, map, oneOf, range, required, resourceType, text } from '../../provider.ts'
import { format } from '../formats.ts'
import { attribute, of, piece, project, same, specs, tags } from './pieces.ts'

const mode = text(oneOf('dhcpv6-stateful', 'dhcpv6-stateless', 'slaac'))
const none = (gateway: unknown) => gateway === '' || gateway === '~' || gateway === null

export default resourceType({
  name: 'OS::Neutron::Subnet', description: 'A block of addresses of a network, with what its guests are told.', support: { status: 'SUPPORTED' },
  properties: {
    network: text({ ...required, find: 'neutron.network' }), network_id: formerly('network'), subnetpool: text({ find: 'neutron.subnetpool' }), prefixlen: integer(range(0)), cidr: text(format('net_cidr')), name: text(live), ip_version: integer({ default: 4, ...oneOf(4, 6) }),
    dns_nameservers: list(undefined, { default: [], ...live }), gateway_ip: text({ ...live, description: 'An address; empty or ~ for none; auto for the first one of the subnet.' }), enable_dhcp: boolean({ default: true, ...live }),
    allocation_pools: list(map({ start: text({ ...required, ...format('ip_addr') }), end: text({ ...required, ...format('ip_addr') }) }), live), host_routes: list(map({ destination: text({ ...required, ...format('net_cidr') }), nexthop: text({ ...required, ...format('ip_addr') }) }), live),
    ipv6_ra_mode: mode, ipv6_address_mode: mode, segment: text({ ...live, find: 'neutron.segment' }), tenant_id: project, tags, value_specs: specs,
  },
  attributes: { ...same('name', 'network_id', 'tenant_id', 'gateway_ip', 'cidr'), ip_version: of('String', (s) => s.ip_version), enable_dhcp: of('String', (s) => s.enable_dhcp), allocation_pools: attribute('List'), host_routes: attribute('List'), dns_nameservers: attribute('List') },
  validate(p) {
    if (p.subnetpool && p.cidr) throw invalid('Cannot define the following properties at the same time: subnetpool, cidr.')
    if (!p.subnetpool && !p.cidr) throw invalid('At least one of the following properties must be specified: subnetpool, cidr.')
    if (p.prefixlen && p.cidr) throw invalid('Cannot define the following properties at the same time: prefixlen, cidr.')
    if (p.ip_version === 4 && (p.ipv6_ra_mode || p.ipv6_address_mode)) throw invalid('ipv6_ra_mode and ipv6_address_mode are not supported for ipv4.')
    if (typeof p.ipv6_ra_mode === 'string' && typeof p.ipv6_address_mode === 'string' && p.ipv6_ra_mode !== p.ipv6_address_mode) throw invalid('When both ipv6_ra_mode and ipv6_address_mode are set, they must be equal.')
    if (typeof p.gateway_ip === 'string' && !['', '~', 'auto'].includes(p.gateway_ip) && !ipaddr.isValid(p.gateway_ip)) throw invalid(`Gateway IP address "${p.gateway_ip}" is in invalid format.`)
  },
  ...piece({
    path: '/subnets', key: 'subnet', wire: { network: 'network_id', subnetpool: 'subnetpool_id', segment: 'segment_id' }, cleared: { allocation_pools: [], host_routes: [], dns_nameservers: [] },
    shape({ gateway_ip, ...b }, r) {
      if (gateway_ip === undefined) return b
      if (gateway_ip !== 'auto') return { ...b, gateway_ip: none(gateway_ip) ? null : gateway_ip }
      if (r.resource.physicalId) throw invalid('The value "auto" for gateway_ip cannot be used to update an existing subnet. It is only supported during subnet creation.')
      return b
    },
  }),
})
