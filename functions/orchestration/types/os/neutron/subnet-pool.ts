import { invalid } from '../../../../kernel/fault.ts'
import { boolean, integer, length, list, live, range, required, resourceType, text } from '../../provider.ts'
import { format } from '../formats.ts'
import { piece, project, tags } from './pieces.ts'

const prefix = integer({ ...live, ...range(0) })
export default resourceType({
  name: 'OS::Neutron::SubnetPool', description: 'Blocks of addresses that subnets are taken from.', support: { status: 'SUPPORTED', version: '6.0.0' },
  properties: {
    name: text(live), prefixes: list(text(format('net_cidr')), { ...required, ...live, ...length(1) }), address_scope: text({ ...live, find: 'neutron.address_scope' }), default_quota: integer({ ...live, ...range(0) }),
    default_prefixlen: prefix, min_prefixlen: prefix, max_prefixlen: prefix, is_default: boolean({ default: false, ...live }), tenant_id: project, shared: boolean({ default: false }), tags,
  },
  attributes: {},
  validate(p) {
    const bounds = [['max_prefixlen', 'min_prefixlen'], ['max_prefixlen', 'default_prefixlen'], ['default_prefixlen', 'min_prefixlen']]
    for (const [high, low] of bounds) {
      const [a, b] = [p[high], p[low]]
      if (typeof a === 'number' && typeof b === 'number' && b > a) throw invalid(`Illegal prefix bounds: ${high}=${a}, ${low}=${b}.`)
    }
  },
  ...piece({ path: '/subnetpools', key: 'subnetpool', wire: { address_scope: 'address_scope_id' } }),
})
