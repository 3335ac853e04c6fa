import { boolean, list, live, map, resourceType, rest, text, length } from '../../provider.ts'

const same = { type: 'String' } as const
export default resourceType({
  name: 'OS::Neutron::Net', description: 'A network.', support: { status: 'SUPPORTED' },
  properties: {
    name: text(live), admin_state_up: boolean({ default: true, ...live }), shared: boolean({ default: false, ...live }), tenant_id: text(),
    dhcp_agent_ids: list(text(), { ...live, ignored: true }), port_security_enabled: boolean(live), qos_policy: text({ ...live, find: 'neutron.qos_policy' }),
    availability_zone_hints: list(text()), dns_domain: text({ ...live, ...length(0, 255) }), tags: list(text(), live), value_specs: map(undefined, { default: {}, ...live }),
  },
  attributes: {
    name: same, status: same, admin_state_up: same, tenant_id: same, subnets: { type: 'List' }, mtu: { type: 'Integer' }, qos_policy_id: same, l2_adjacency: { type: 'Boolean' }, segments: { type: 'List', of: (s) => s.segments ?? [] },
    port_security_enabled: { type: 'Boolean' }, router_external: { of: (s) => s['router:external'] }, shared: { type: 'Boolean' },
  },
  ...rest({
    service: 'network', path: '/networks', key: 'network', wire: { qos_policy: 'qos_policy_id' }, local: ['dhcp_agent_ids', 'tags', 'value_specs'],
    body: ({ qos_policy, dhcp_agent_ids: _, tags: __, value_specs, ...p }) => ({ ...p, ...(qos_policy ? { qos_policy_id: qos_policy } : {}), ...value_specs }),
  }),
})
