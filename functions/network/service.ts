import { admin, all, any, authenticated, owns, role, type Check } from '../kernel/policy.ts'
import type { Style } from '../kernel/resource.ts'
import { pageLink } from '../kernel/page.ts'
import { invalid } from '../kernel/fault.ts'
import { service } from '../kernel/service.ts'
import { ifMatch } from './standard.ts'

const member: Check = any(admin, all(role('member'), owns))
const owner: Check = any(admin, owns)
const anyMember: Check = any(admin, role('member'))
const owned = ['network', 'subnet', 'port', 'router', 'floatingip', 'security_group', 'security_group_rule', 'subnetpool', 'address_scope', 'address_group', 'rbac_policy', 'trunk'] as const
type Owned = (typeof owned)[number]
type Verb = 'create' | 'get' | 'update' | 'delete'

/** Of every resource: anyone who may read sees what is visible; members make; owners (and admins) change and delete. */
const regular = Object.fromEntries(owned.flatMap((name) => [
  [`create_${name}`, anyMember], [`get_${name}`, authenticated], [`update_${name}`, member], [`delete_${name}`, member],
])) as Record<`${Verb}_${Owned}`, Check>

export const rules = {
  ...regular,
  'create_network:shared': admin, 'create_network:router:external': admin, 'create_network:provider': admin, 'create_network:is_default': admin,
  'update_network:shared': admin, 'update_network:router:external': admin, 'update_network:provider': admin, 'get_network:provider': admin,
  'create_port:binding': admin, 'create_port:mac_address': member, 'create_port:device_owner': member, 'get_port:binding': admin,
  'create_router:distributed': admin, 'create_router:ha': admin, 'create_floatingip:floating_ip_address': admin,
  'create_subnetpool:shared': admin, 'create_address_scope:shared': admin, 'create_rbac_policy:target_tenant': member,
  add_router_interface: anyMember, remove_router_interface: anyMember, add_extraroutes: anyMember, remove_extraroutes: anyMember,
  get_quota: authenticated, update_quota: admin, delete_quota: admin,
  list_agents: authenticated, get_agent: admin, update_agent: admin, delete_agent: admin,
  get_extension: authenticated, get_availability_zone: authenticated, list_network_ip_availabilities: authenticated, get_network_ip_availability: admin, get_service_provider: authenticated,
  create_policy: admin, get_policy: authenticated, update_policy: admin, delete_policy: admin,
  create_policy_rule: admin, get_policy_rule: authenticated, update_policy_rule: admin, delete_policy_rule: admin, get_rule_type: admin,
  create_metering_label: admin, get_metering_label: authenticated, update_metering_label: admin, delete_metering_label: admin,
  create_metering_label_rule: admin, get_metering_label_rule: authenticated, update_metering_label_rule: admin, delete_metering_label_rule: admin,
  create_flavor: admin, get_flavor: authenticated, update_flavor: admin, delete_flavor: admin, create_flavor_service_profile: admin, delete_flavor_service_profile: admin,
  create_service_profile: admin, get_service_profile: admin, update_service_profile: admin, delete_service_profile: admin,
  create_router_conntrack_helper: anyMember, create_ndp_proxy: anyMember, get_ndp_proxy: authenticated, update_ndp_proxy: member, delete_ndp_proxy: member,
  create_segment: admin, get_segment: admin, update_segment: admin, delete_segment: admin,
  create_network_segment_range: admin, get_network_segment_range: admin, update_network_segment_range: admin, delete_network_segment_range: admin,
  create_port_binding: admin, get_port_binding: admin, update_port_binding: admin, delete_port_binding: admin,
  create_default_security_group_rule: admin, get_default_security_group_rule: authenticated, update_default_security_group_rule: admin, delete_default_security_group_rule: admin,
  get_auto_allocated_topology: authenticated, delete_auto_allocated_topology: anyMember,
  create_bgpvpn: admin, get_bgpvpn: owner, update_bgpvpn: member, delete_bgpvpn: admin,
  'get_bgpvpn:route_targets': admin, 'get_bgpvpn:import_targets': admin, 'get_bgpvpn:export_targets': admin, 'get_bgpvpn:route_distinguishers': admin,
  'update_bgpvpn:route_targets': admin, 'update_bgpvpn:import_targets': admin, 'update_bgpvpn:export_targets': admin, 'update_bgpvpn:route_distinguishers': admin,
  create_bgpvpn_network_association: member, get_bgpvpn_network_association: owner, delete_bgpvpn_network_association: member,
  create_bgpvpn_router_association: member, get_bgpvpn_router_association: owner, update_bgpvpn_router_association: member, delete_bgpvpn_router_association: member,
  create_bgpvpn_port_association: member, get_bgpvpn_port_association: owner, update_bgpvpn_port_association: member, delete_bgpvpn_port_association: member,
  create_log: admin, get_log: admin, create_local_ip: anyMember, get_local_ip: authenticated,
  get_tags: authenticated, update_tags: anyMember, delete_tags: anyMember,
} satisfies Record<string, Check>

const words: Record<string, string> = { notFound: 'NotFound', conflict: 'Conflict', invalid: 'HTTPBadRequest', overQuota: 'OverQuota', forbidden: 'PolicyNotAuthorized', method: 'HTTPMethodNotAllowed', precondition: 'RevisionNumberConstraintFailed', unavailable: 'ServiceUnavailable', unsupported: 'NotImplementedError', tooLarge: 'HTTPRequestEntityTooLarge' }

export const neutron = service({
  name: 'network', type: 'network', mount: '/network', prefixes: ['/v2.0'], rules,
  statuses: { overQuota: 409 },
  render: (f) => ({ body: { NeutronError: { type: f.detail.type ?? words[f.kind] ?? 'NeutronException', message: f.message, detail: '' } } }),
  versions: (path, origin) => {
    if (path === '') return { status: 200, body: { versions: [{ id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href: `${origin}/network/v2.0/` }] }] } }
    return undefined
  },
})
export const { endpoint } = neutron

/** How the network API spells lists, bodies and pages. */
export const style: Style = {
  update: 'PUT', createStatus: 201, bulk: true, pageMax: 10_000,
  rule: (verb, name) => `${verb}_${name}`,
  condition: (input, row) => ifMatch(input, row),
  checkQuery: (query, known) => {
    const odd = [...new Set(query.keys())].filter((k) => !known.includes(k) && !COMMON.has(k))
    if (odd.length) throw invalid(`[${odd.map((k) => `'${k}'`).join(', ')}] is invalid attribute for filtering`, { type: 'HTTPBadRequest' })
  },
  trim: (input, item) => {
    const wanted = input.query.getAll('fields').filter(Boolean)
    return wanted.length ? Object.fromEntries(Object.entries(item).filter(([k]) => wanted.includes(k))) : item
  },
  list: (ctx, input, plural, items, page) => {
    const links = input.query.has('limit') || page.asked.marker ? [
      ...(page.next ? [{ rel: 'next', href: pageLink(ctx.origin, input.url, page.next) }] : []),
      ...(page.previous ? [{ rel: 'previous', href: pageLink(ctx.origin, input.url, page.previous, { page_reverse: 'True' }) }] : []),
    ] : []
    return { [plural]: items, ...(links.length ? { [`${plural}_links`]: links } : {}) }
  },
}

const COMMON = new Set(['limit', 'marker', 'page_reverse', 'sort_key', 'sort_dir', 'fields'])
