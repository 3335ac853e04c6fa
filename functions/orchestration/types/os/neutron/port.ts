import { formerly, list, live, map, oneOf, required, resourceType, text, type Work } from '../../provider.ts'
import { subnetsOn } from '../after.ts'
import { format } from '../formats.ts'
import { attribute, ids, NET, of, piece, same, tags } from './pieces.ts'
import { portBody, portExtras } from './port-schema.ts'

const at = (r: Work) => ({ ...NET, path: `/ports/${r.resource.physicalId}` })
const addresses = (r: Work, fixed_ips: unknown) => r.call({ ...at(r), method: 'PUT', body: { port: { fixed_ips } } })
const document = piece({ path: '/ports', key: 'port', wire: { network: 'network_id', qos_policy: 'qos_policy_id' }, local: ['replacement_policy'], cleared: { allowed_address_pairs: [], device_id: '', device_owner: '', dns_name: '', port_security_enabled: true }, shape: portBody })

const get = async (r: Work, path: string) => r.call({ ...NET, method: 'GET', path })

export default resourceType({
  name: 'OS::Neutron::Port', description: 'A place on a network, with addresses and rules of its own.', support: { status: 'SUPPORTED' },
  properties: {
    network: text({ ...required, find: 'neutron.network' }), network_id: formerly('network'), name: text(live), device_id: text({ default: '', ...live }), device_owner: text({ default: '', ...live }),
    fixed_ips: list(map({ subnet: text({ find: 'neutron.subnet' }), subnet_id: formerly('subnet'), ip_address: text(format('ip_addr')) }), live), security_groups: ids('neutron.security_group', live),
    dns_name: text({ ...live, ...format('dns_name') }), tags, ...portExtras, replacement_policy: text({ default: 'AUTO', ...live, ...oneOf('REPLACE_ALWAYS', 'AUTO'), support: { status: 'HIDDEN' } }),
  },
  attributes: {
    ...same('name', 'device_id', 'device_owner', 'mac_address', 'network_id', 'status', 'tenant_id', 'qos_policy_id'), admin_state_up: of('String', (s) => s.admin_state_up), fixed_ips: attribute('List'), security_groups: attribute('List'), allowed_address_pairs: attribute('List'),
    // What other documents tell is asked for only when somebody wants it.
    subnets: { type: 'List', of: (s, r) => Promise.all(s.fixed_ips.map(async (f: { subnet_id: string }) => (await get(r as Work, `/subnets/${f.subnet_id}`)).subnet)) },
    network: { type: 'Map', of: async (s, r) => (await get(r as Work, `/networks/${s.network_id}`)).network }, port_security_enabled: attribute('Boolean'), dns_assignment: attribute('Map'), propagate_uplink_status: attribute('Boolean'),
  },
  after: (self, others) => subnetsOn(self, others),
  ...document,
  async update(r, change) {
    if (change.after.replacement_policy === 'REPLACE_ALWAYS') return 'replace'
    // Taken away: the project's default group, as a port has that nobody said anything about.
    const after = change.changed.includes('security_groups') && !change.after.security_groups ? { ...change.after, security_groups: [await r.find('neutron.security_group', 'default')] } : change.after
    return document.update!(r, { ...change, after })
  },
  /** What replaces it may have its addresses: they are given up first, noted down, and come back when it is not to be. */
  async yield(r) {
    r.resource.data.addresses = (await get(r, at(r).path)).port.fixed_ips
    await addresses(r, [])
  },
  async reclaim(r) { await addresses(r, r.resource.data.addresses ?? []) },
})
