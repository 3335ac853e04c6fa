import { full } from '../../kernel/db.ts'
import { sql } from 'drizzle-orm'
import { port } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import type { Row } from '../../kernel/resource.ts'
import { standardView } from '../standard.ts'

/** What belongs to a port, as subselects of its own query. */
export const portExtras = {
  fixed: sql<string>`(select json_group_array(json_object('subnet_id', a.subnet, 'ip_address', a.address)) from address a where a.port = ${full(port.id)})`.as('fixed'),
  groups: sql<string>`(select json_group_array(m.security_group) from port_security_group m where m.port = ${full(port.id)})`.as('groups'),
  hostName: sql<string | null>`(select h.name from host h where h.id = ${full(port.host)})`.as('host_name'),
  networkPolicy: sql<string | null>`(select n.qos_policy from network n where n.id = ${full(port.network)})`.as('network_policy'),
  netDomain: sql<string | null>`(select n.dns_domain from network n where n.id = ${full(port.network)})`.as('net_domain'),
  trunkDetails: sql<string | null>`(select json_object('trunk_id', t.id, 'sub_ports', json((select json_group_array(json_object('port_id', s.port, 'segmentation_type', s.segmentation_type, 'segmentation_id', s.segmentation_id, 'mac_address', p.mac)) from sub_port s join port p on p.id = s.port where s.trunk = t.id))) from trunk t where t.port = ${full(port.id)})`.as('trunk_details'),
}
export interface FixedIp { subnet_id: string; ip_address: string }
/** Extras come as JSON from the database and as they are from the hands that just made them. */
export const parsed = <T>(value: unknown): T[] => (typeof value === 'string' ? JSON.parse(value) : (value as T[]) ?? [])

export const hostLabel = (address: string) => `host-${address.replace(/[.:]+/g, '-').replace(/^-|-$/g, '')}`

export function portView(r: Row, ctx: Ctx) {
  const fixed = parsed<FixedIp>(r.fixed), domain = r.netDomain || 'openstacklocal.'
  const bound = Boolean(r.hostName || r.bindingHost)
  const admin = ctx.can('get_port:binding')
  return {
    ...standardView(r), network_id: r.network, mac_address: r.mac, admin_state_up: r.adminUp, status: r.status, device_id: r.device, device_owner: r.deviceOwner,
    fixed_ips: fixed, security_groups: parsed<string>(r.groups), allowed_address_pairs: r.pairs, extra_dhcp_opts: r.dhcpOptions,
    port_security_enabled: r.portSecurity, dns_name: r.dnsName, dns_domain: '', qos_policy_id: r.qosPolicy ?? null, qos_network_policy_id: r.networkPolicy ?? null, ip_allocation: fixed.length ? 'immediate' : 'none',
    dns_assignment: fixed.map((f) => {
      const hostname = r.dnsName || hostLabel(f.ip_address)
      return { hostname, ip_address: f.ip_address, fqdn: hostname.endsWith('.') ? hostname : `${hostname}.${domain.endsWith('.') ? domain : `${domain}.`}` }
    }),
    'binding:vnic_type': r.vnicType, ...(r.trunkDetails ? { trunk_details: JSON.parse(r.trunkDetails) } : {}),
    ...(admin ? {
      'binding:host_id': r.hostName ?? r.bindingHost, 'binding:profile': r.profile,
      'binding:vif_type': r.hostName ? 'bridge' : bound ? 'binding_failed' : 'unbound',
      'binding:vif_details': r.hostName ? { port_filter: true, connectivity: 'l2' } : {},
    } : {}),
  }
}
