import { boolean, length, list, live, resourceType, text } from '../../provider.ts'
import { attribute, of, piece, policy, project, same, specs, tags } from './pieces.ts'

export const networkAttributes = { status: attribute(), subnets: attribute('List'), segments: of('List', (s) => s.segments ?? (s['provider:network_type'] ? [{ 'provider:network_type': s['provider:network_type'], 'provider:physical_network': s['provider:physical_network'], 'provider:segmentation_id': s['provider:segmentation_id'] }] : [])) }
export default resourceType({
  name: 'OS::Neutron::Net', description: 'A network.', support: { status: 'SUPPORTED' },
  properties: {
    name: text(live), admin_state_up: boolean({ default: true, ...live }), shared: boolean({ default: false, ...live }), tenant_id: project,
    dhcp_agent_ids: list(undefined, { ...live, ignored: true, description: 'DHCP is answered wherever the network is.' }), port_security_enabled: boolean(live), qos_policy: policy,
    availability_zone_hints: list(undefined), dns_domain: text({ ...live, ...length(0, 255) }), tags, value_specs: specs,
  },
  attributes: {
    ...networkAttributes, ...same('name', 'tenant_id', 'qos_policy_id'), admin_state_up: of('String', (s) => s.admin_state_up), mtu: attribute('Integer'), l2_adjacency: attribute('Boolean'), port_security_enabled: attribute('Boolean'),
    router_external: of('Boolean', (s) => s['router:external']), shared: attribute('Boolean'),
  },
  ...piece({ path: '/networks', key: 'network', wire: { qos_policy: 'qos_policy_id' }, local: ['dhcp_agent_ids'], cleared: { dns_domain: '', port_security_enabled: true } }),
})
