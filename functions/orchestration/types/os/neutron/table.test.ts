import { describe, expect, it } from 'vitest'
import { table, type Row } from '../table-kit.ts'

const t = await table(), ref = (name: string) => ({ get_resource: name }), attr = (...path: (string | number)[]) => ({ get_attr: path }), id = expect.stringMatching(/^[0-9a-f-]{36}$/)
const net = { type: 'OS::Neutron::Net' }, sub = (network = 'net', cidr = '10.9.0.0/24', more = {}) => ({ type: 'OS::Neutron::Subnet', properties: { network: ref(network), cidr, ...more } })
const port = (network = 'net', more = {}) => ({ type: 'OS::Neutron::Port', properties: { network: ref(network), ...more } }), policy = { type: 'OS::Neutron::QoSPolicy' }
/** A network that reaches outside. */
const outside = { net, sub: sub(), router: { type: 'OS::Neutron::Router', properties: { external_gateway_info: { network: 'public' } } }, leg: { type: 'OS::Neutron::RouterInterface', properties: { router: ref('router'), subnet: ref('sub') } } }
const at = (path: string) => `/network/v2.0${path}/{id}`
const project = t.k.project
const quotas = ['subnet', 'network', 'floatingip', 'security_group_rule', 'security_group', 'router', 'port', 'subnetpool', 'rbac_policy']

const rows: Row[] = [
  {
    type: 'OS::Neutron::Net', at: at('/networks'), key: 'network', around: { pol: policy },
    properties: { name: 'n-1', tags: ['a'], value_specs: { mtu: 1300 }, dns_domain: 'a.example.' }, shown: { name: 'n-1', tags: ['a'], mtu: 1300, dns_domain: 'a.example.', admin_state_up: true }, attributes: { name: 'n-1', mtu: 1300, status: 'ACTIVE', l2_adjacency: true },
    steps: [[{ name: 'n-2' }, { name: 'n-2' }], [{ name: undefined }, { name: expect.stringMatching(/^s-.*-it-/) }], [{ admin_state_up: false }, { admin_state_up: false }], [{ shared: true }, { shared: true }], [{ port_security_enabled: false }, { port_security_enabled: false }],
      [{ qos_policy: ref('pol') }, { qos_policy_id: id }], [{ qos_policy: undefined }, { qos_policy_id: null }], [{ dns_domain: 'b.example.' }, { dns_domain: 'b.example.' }], [{ tags: ['b', 'c'] }, { tags: ['b', 'c'] }], [{ tags: undefined }, { tags: [] }], [{ value_specs: { mtu: 1400 } }, { mtu: 1400 }]],
  },
  {
    type: 'OS::Neutron::ProviderNet', at: at('/networks'), key: 'network', properties: { network_type: 'vlan', physical_network: 'physnet1', segmentation_id: '77', router_external: true, tags: ['x'] },
    shown: { 'provider:network_type': 'vlan', 'provider:segmentation_id': 77, 'router:external': true, shared: true, tags: ['x'] }, attributes: { status: 'ACTIVE', subnets: [] },
    steps: [[{ name: 'p' }, { name: 'p' }], [{ admin_state_up: false }, { admin_state_up: false }], [{ shared: false }, { shared: false }], [{ router_external: false }, { 'router:external': false }], [{ port_security_enabled: false }, { port_security_enabled: false }], [{ dns_domain: 'b.example.' }, { dns_domain: 'b.example.' }], [{ tags: ['y'] }, { tags: ['y'] }]],
    untried: { network_type: 'refused by the network service', physical_network: 'refused by the network service', segmentation_id: 'refused by the network service', availability_zone_hints: 'hints are given at creation' },
  },
  {
    type: 'OS::Neutron::Subnet', at: at('/subnets'), key: 'subnet', around: { net },
    properties: { network: ref('net'), cidr: '10.8.0.0/24', gateway_ip: '10.8.0.254', dns_nameservers: ['9.9.9.9'], allocation_pools: [{ start: '10.8.0.10', end: '10.8.0.20' }], host_routes: [{ destination: '10.99.0.0/16', nexthop: '10.8.0.9' }], tags: ['s'] },
    shown: { gateway_ip: '10.8.0.254', dns_nameservers: ['9.9.9.9'], allocation_pools: [{ start: '10.8.0.10', end: '10.8.0.20' }], host_routes: [{ destination: '10.99.0.0/16', nexthop: '10.8.0.9' }], tags: ['s'] }, attributes: { cidr: '10.8.0.0/24', gateway_ip: '10.8.0.254', ip_version: 4, enable_dhcp: true },
    steps: [[{ name: 's2' }, { name: 's2' }], [{ dns_nameservers: [] }, { dns_nameservers: [] }], [{ host_routes: undefined }, { host_routes: [] }], [{ allocation_pools: [{ start: '10.8.0.30', end: '10.8.0.40' }] }, { allocation_pools: [{ start: '10.8.0.30', end: '10.8.0.40' }] }], [{ enable_dhcp: false }, { enable_dhcp: false }],
      [{ gateway_ip: '' }, { gateway_ip: null }], [{ gateway_ip: '10.8.0.1' }, { gateway_ip: '10.8.0.1' }], [{ tags: ['q'] }, { tags: ['q'] }], [{ value_specs: { description: 'said' } }, { description: 'said' }]],
    untried: { segment: 'subnets stay on the segment they were made on' },
  },
  {
    type: 'OS::Neutron::Port', at: at('/ports'), key: 'port', around: { net, sub: sub(), sg: { type: 'OS::Neutron::SecurityGroup' }, pol: policy },
    properties: { network: ref('net'), fixed_ips: [{ subnet: ref('sub'), ip_address: '10.9.0.50' }], security_groups: [ref('sg')], mac_address: 'fa:16:3e:00:00:01', allowed_address_pairs: [{ ip_address: '10.9.0.60' }], tags: ['p'] },
    shown: { fixed_ips: [{ ip_address: '10.9.0.50' }], mac_address: 'fa:16:3e:00:00:01', security_groups: [id], allowed_address_pairs: [{ ip_address: '10.9.0.60' }], tags: ['p'] }, attributes: { mac_address: 'fa:16:3e:00:00:01', subnets: [{ cidr: '10.9.0.0/24' }], network: { status: 'ACTIVE' }, network_id: id },
    steps: [[{ name: 'p2' }, { name: 'p2' }], [{ device_id: 'dev' }, { device_id: 'dev' }], [{ device_owner: 'me:own' }, { device_owner: 'me:own' }], [{ fixed_ips: [{ subnet: ref('sub'), ip_address: '10.9.0.51' }] }, { fixed_ips: [{ ip_address: '10.9.0.51' }] }], [{ allowed_address_pairs: undefined }, { allowed_address_pairs: [] }],
      [{ security_groups: [] }, { security_groups: [] }], [{ security_groups: undefined }, { security_groups: [id] }], [{ admin_state_up: false }, { admin_state_up: false }], [{ 'binding:vnic_type': 'macvtap' }, { 'binding:vnic_type': 'macvtap' }], [{ qos_policy: ref('pol') }, { qos_policy_id: id }], [{ qos_policy: undefined }, { qos_policy_id: null }],
      [{ dns_name: 'web' }, { dns_name: 'web' }], [{ tags: [] }, { tags: [] }], [{ value_specs: { description: 'd' } }, { description: 'd' }], [{ security_groups: [] }], [{ port_security_enabled: false }, { port_security_enabled: false }], [{ no_fixed_ips: true, fixed_ips: undefined }, { fixed_ips: [] }]],
    untried: { propagate_uplink_status: 'no uplink to propagate here: the network service refuses the member' },
  },
  {
    type: 'OS::Neutron::Router', at: at('/routers'), key: 'router', properties: { name: 'r1', tags: ['r'], external_gateway_info: { network: 'public', enable_snat: false } }, shown: { name: 'r1', tags: ['r'], external_gateway_info: { enable_snat: false, network_id: id } }, attributes: { status: 'ACTIVE', external_gateway_info: { enable_snat: false } },
    steps: [[{ name: 'r2' }, { name: 'r2' }], [{ external_gateway_info: { network: 'public', enable_snat: true } }, { external_gateway_info: { enable_snat: true } }], [{ external_gateway_info: undefined }, { external_gateway_info: null }], [{ admin_state_up: false }, { admin_state_up: false }], [{ tags: undefined }, { tags: [] }], [{ value_specs: { description: 'd' } }, { description: 'd' }]],
    untried: { l3_agent_ids: 'its own test', availability_zone_hints: 'hints are given at creation' },
  },
  { type: 'OS::Neutron::RouterInterface', around: { net, sub: sub(), router: { type: 'OS::Neutron::Router' } }, properties: { router: ref('router'), subnet: ref('sub') } },
  { type: 'OS::Neutron::RouterInterface', around: { net, sub: sub(), router: { type: 'OS::Neutron::Router' }, port: port('net') }, properties: { router_id: ref('router'), port_id: ref('port') } },
  { type: 'OS::Neutron::RouterGateway', around: { router: { type: 'OS::Neutron::Router' } }, properties: { router_id: ref('router'), network_id: 'public' } },
  { type: 'OS::Neutron::ExtraRoute', around: outside, properties: { router_id: ref('router'), destination: '10.77.0.0/16', nexthop: '10.9.0.77' } },
  {
    type: 'OS::Neutron::ExtraRouteSet', around: outside, properties: { router: ref('router'), routes: [{ destination: '10.77.0.0/16', nexthop: '10.9.0.77' }] }, at: '/network/v2.0/routers/{router}', key: 'router', shown: { routes: [{ destination: '10.77.0.0/16', nexthop: '10.9.0.77' }] },
    steps: [[{ routes: [{ destination: '10.78.0.0/16', nexthop: '10.9.0.78' }] }, { routes: [{ destination: '10.78.0.0/16', nexthop: '10.9.0.78' }] }], [{ routes: [] }, { routes: [] }]],
  },
  {
    type: 'OS::Neutron::FloatingIP', at: at('/floatingips'), key: 'floatingip', around: { ...outside, a: port(), b: port() }, properties: { floating_network: 'public', port_id: ref('a') }, shown: { port_id: id, status: 'ACTIVE' }, attributes: { floating_ip_address: expect.stringMatching(/^172\.24\.4\./), port_id: id, router_id: id },
    steps: [[{ port_id: ref('b') }, { port_id: id }], [{ fixed_ip_address: attr('b', 'fixed_ips', 0, 'ip_address') }, { fixed_ip_address: expect.stringMatching(/^10\.9\.0/) }], [{ port_id: undefined, fixed_ip_address: undefined }, { port_id: null }]],
    untried: { dns_name: 'names of floating addresses are given at creation', dns_domain: 'names of floating addresses are given at creation' },
  },
  {
    type: 'OS::Neutron::FloatingIPAssociation', at: '/network/v2.0/floatingips/{fip}', key: 'floatingip', around: { ...outside, a: port(), b: port(), fip: { type: 'OS::Neutron::FloatingIP', properties: { floating_network: 'public' } }, other: { type: 'OS::Neutron::FloatingIP', properties: { floating_network: 'public' } } },
    properties: { floatingip_id: ref('fip'), port_id: ref('a') }, shown: { port_id: id }, steps: [[{ port_id: ref('b') }, { port_id: id }], [{ fixed_ip_address: attr('b', 'fixed_ips', 0, 'ip_address') }, { port_id: id }], [{ floatingip_id: ref('other') }, { port_id: null }]],
  },
  {
    type: 'OS::Neutron::FloatingIPPortForward', at: '/network/v2.0/floatingips/{fip}/port_forwardings/{id}', key: 'port_forwarding', around: { ...outside, a: port(), b: port(), fip: { type: 'OS::Neutron::FloatingIP', properties: { floating_network: 'public' } } },
    properties: { floating_ip: ref('fip'), internal_port: ref('a'), internal_ip_address: attr('a', 'fixed_ips', 0, 'ip_address'), internal_port_number: 80, external_port: 8080, protocol: 'tcp' }, shown: { internal_port: 80, external_port: 8080, protocol: 'tcp', internal_port_id: id },
    steps: [[{ internal_port_number: 81 }, { internal_port: 81 }], [{ external_port: 8081 }, { external_port: 8081 }], [{ protocol: 'udp' }, { protocol: 'udp' }], [{ internal_port: ref('b'), internal_ip_address: attr('b', 'fixed_ips', 0, 'ip_address') }, { internal_port_id: id }]],
  },
  {
    type: 'OS::Neutron::SecurityGroup', at: at('/security-groups'), key: 'security_group', properties: { name: 'g1', description: 'd', rules: [{ protocol: 'tcp', port_range_min: 22, port_range_max: 22, remote_ip_prefix: '10.0.0.0/8' }, { remote_mode: 'remote_group_id' }] },
    shown: { name: 'g1', description: 'd', security_group_rules: expect.toSatisfy((l: any[]) => l.length === 4 && l.some((r) => r.port_range_min === 22) && l.some((r) => r.remote_group_id)) },
    steps: [[{ name: 'g2' }, { name: 'g2' }], [{ description: undefined }, { description: '' }], [{ rules: [{ protocol: 'udp', port_range_min: 53, port_range_max: 53 }] }, { security_group_rules: expect.toSatisfy((l: any[]) => l.length === 3 && l.some((r) => r.protocol === 'udp')) }],
      [{ rules: [{ direction: 'egress', protocol: 'tcp' }] }, { security_group_rules: [{ direction: 'egress', protocol: 'tcp' }] }], [{ rules: [] }, { security_group_rules: expect.toSatisfy((l: any[]) => l.length === 2 && l.every((r) => r.direction === 'egress' && !r.protocol)) }], [{ stateful: true }, { stateful: true }]],
  },
  { type: 'OS::Neutron::SecurityGroupRule', at: at('/security-group-rules'), key: 'security_group_rule', around: { sg: { type: 'OS::Neutron::SecurityGroup' } }, properties: { security_group: ref('sg'), protocol: 'tcp', port_range_min: 80, port_range_max: 90, remote_ip_prefix: '10.0.0.0/8', description: 'web' }, shown: { direction: 'ingress', ethertype: 'IPv4', protocol: 'tcp', port_range_min: 80, port_range_max: 90, description: 'web' } },
  {
    type: 'OS::Neutron::SubnetPool', at: at('/subnetpools'), key: 'subnetpool', around: { scope: { type: 'OS::Neutron::AddressScope' } }, properties: { prefixes: ['10.64.0.0/16'], default_prefixlen: 24, min_prefixlen: 20, max_prefixlen: 28, tags: ['t'] }, shown: { prefixes: ['10.64.0.0/16'], default_prefixlen: '24', tags: ['t'] },
    steps: [[{ name: 'pool' }, { name: 'pool' }], [{ prefixes: ['10.64.0.0/15'] }, { prefixes: ['10.64.0.0/15'] }], [{ default_prefixlen: 25 }, { default_prefixlen: '25' }], [{ min_prefixlen: 21 }, { min_prefixlen: '21' }], [{ max_prefixlen: 27 }, { max_prefixlen: '27' }], [{ default_quota: 512 }, { default_quota: 512 }], [{ is_default: true }, { is_default: true }],
      [{ address_scope: ref('scope') }, { address_scope_id: id }], [{ address_scope: undefined }, { address_scope_id: null }], [{ tags: [] }, { tags: [] }]],
  },
  { type: 'OS::Neutron::AddressScope', at: at('/address-scopes'), key: 'address_scope', properties: { ip_version: 6 }, shown: { ip_version: 6, shared: false }, steps: [[{ name: 'scope' }, { name: 'scope' }], [{ shared: true }, { shared: true }]] },
  { type: 'OS::Neutron::QoSPolicy', at: at('/qos/policies'), key: 'policy', properties: { description: 'd' }, shown: { description: 'd', shared: false }, attributes: { rules: [] }, steps: [[{ name: 'q' }, { name: 'q' }], [{ description: undefined }, { description: '' }], [{ shared: true }, { shared: true }]] },
  { type: 'OS::Neutron::QoSBandwidthLimitRule', at: '/network/v2.0/qos/policies/{pol}/bandwidth_limit_rules/{id}', key: 'bandwidth_limit_rule', around: { pol: policy }, properties: { policy: ref('pol'), max_kbps: 1000 }, shown: { max_kbps: 1000, direction: 'egress' }, steps: [[{ max_kbps: 2000 }, { max_kbps: 2000 }], [{ max_burst_kbps: 300 }, { max_burst_kbps: 300 }], [{ direction: 'ingress' }, { direction: 'ingress' }]] },
  { type: 'OS::Neutron::QoSDscpMarkingRule', at: '/network/v2.0/qos/policies/{pol}/dscp_marking_rules/{id}', key: 'dscp_marking_rule', around: { pol: policy }, properties: { policy: ref('pol'), dscp_mark: 16 }, shown: { dscp_mark: 16 }, steps: [[{ dscp_mark: 18 }, { dscp_mark: 18 }]] },
  { type: 'OS::Neutron::QoSMinimumBandwidthRule', at: '/network/v2.0/qos/policies/{pol}/minimum_bandwidth_rules/{id}', key: 'minimum_bandwidth_rule', around: { pol: policy }, properties: { policy: ref('pol'), min_kbps: 10 }, shown: { min_kbps: 10 }, steps: [[{ min_kbps: 20 }, { min_kbps: 20 }], [{ direction: 'ingress' }, { direction: 'ingress' }]] },
  { type: 'OS::Neutron::QoSMinimumPacketRateRule', at: '/network/v2.0/qos/policies/{pol}/minimum_packet_rate_rules/{id}', key: 'minimum_packet_rate_rule', around: { pol: policy }, properties: { policy: ref('pol'), min_kpps: 10 }, shown: { min_kpps: 10 }, steps: [[{ min_kpps: 20 }, { min_kpps: 20 }], [{ direction: 'any' }, { direction: 'any' }]] },
  { type: 'OS::Neutron::RBACPolicy', at: at('/rbac-policies'), key: 'rbac_policy', around: { net }, properties: { object_type: 'network', object_id: ref('net'), action: 'access_as_shared', target_tenant: project }, shown: { object_type: 'network', action: 'access_as_shared' }, steps: [[{ target_tenant: '*' }, { target_tenant: '*' }]] },
  { type: 'OS::Neutron::Quota', at: `/network/v2.0/quotas/${project}`, key: 'quota', properties: { project, port: 77 }, shown: { port: 77 }, after: { port: 500 }, steps: quotas.map((q, i) => [{ [q]: 40 + i }, { [q]: 40 + i }]) },
  {
    type: 'OS::Neutron::Trunk', at: at('/trunks'), key: 'trunk', around: { net, sub: sub(), parent: port(), one: port(), two: port() }, properties: { port: ref('parent'), sub_ports: [{ port: ref('one'), segmentation_type: 'vlan', segmentation_id: 10 }] }, shown: { sub_ports: [{ segmentation_id: 10 }] }, attributes: { port_id: id },
    steps: [[{ name: 't' }, { name: 't' }], [{ description: 'd' }, { description: 'd' }], [{ sub_ports: [{ port: ref('one'), segmentation_type: 'vlan', segmentation_id: 11 }, { port: ref('two'), segmentation_type: 'vlan', segmentation_id: 10 }] }, { sub_ports: expect.toSatisfy((l: any[]) => l.map((s) => s.segmentation_id).sort().join() === '10,11') }], [{ sub_ports: [] }, { sub_ports: [] }], [{ admin_state_up: false }, { admin_state_up: false }]],
  },
  { type: 'OS::Neutron::MeteringLabel', at: at('/metering/metering-labels'), key: 'metering_label', properties: { name: 'm', description: 'd', shared: true }, shown: { name: 'm', description: 'd', shared: true }, attributes: { name: 'm', description: 'd', shared: true } },
  { type: 'OS::Neutron::MeteringRule', at: at('/metering/metering-label-rules'), key: 'metering_label_rule', around: { label: { type: 'OS::Neutron::MeteringLabel' } }, properties: { metering_label_id: ref('label'), remote_ip_prefix: '10.0.0.0/8', direction: 'egress', excluded: true }, shown: { remote_ip_prefix: '10.0.0.0/8', direction: 'egress', excluded: true }, attributes: { direction: 'egress' } },
]
describe.each(rows.map((r) => [r.type, r] as const))('%s', (_, row) => { it('is made, shown, changed and taken away', () => t.live(row), 90_000) })

it('OS::Neutron::Segment fails with the words of a network that has its segment', async () => {
  const s = await t.make({ heat_template_version: '2021-04-16', resources: { net, it: { type: 'OS::Neutron::Segment', properties: { network: ref('net'), network_type: 'vlan', physical_network: 'physnet1', segmentation_id: 99 } } } })
  expect(t.why(s)).toMatch(/^CREATE_FAILED: Resource CREATE failed: SegmentInUse: resources.it: Network .* has its segment/)
  expect(t.why(await t.drop(s))).toMatch(/^DELETE_COMPLETE/)
})
