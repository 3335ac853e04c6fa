import { and, eq, inArray, or, sql, type SQL } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { address, network, port } from '../../../schema/network.ts'
import { q } from '../../kernel/db.ts'
import { invalid } from '../../kernel/fault.ts'
import { field, resource, type Resource } from '../../kernel/resource.ts'
import { style } from '../service.ts'
import { adminUp, standardFields, tagFilterNames, tagFilters, tagsField } from '../standard.ts'
import { createPorts } from './create.ts'
import { guestOf, removePort, trunksOf } from './remove.ts'
import { updatePort, updateReads } from './update.ts'
import { portExtras, portView } from './view.ts'

const closed = { additionalProperties: false } as const
const nullable = <T extends Parameters<typeof t.Union>[0][number]>(s: T) => t.Union([s, t.Null()])
const text = t.String({ maxLength: 64 })
const fixedIp = t.Object({ subnet_id: t.Optional(text), ip_address: t.Optional(text) }, closed)
const pair = t.Object({ ip_address: text, mac_address: t.Optional(nullable(text)) }, closed)
const option = t.Object({ opt_name: t.String({ maxLength: 64, pattern: '^[A-Za-z0-9][A-Za-z0-9:._-]*$' }), opt_value: t.Optional(nullable(t.String({ minLength: 1, maxLength: 255, pattern: '^[\\x20-\\x7e]*$' }))), ip_version: t.Optional(t.Enum([4, 6, '4', '6'])) }, closed)
const label = t.String({ maxLength: 255, pattern: '^$|^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\\.?$' })

export const portResource: Resource = {
  name: 'port', plural: 'ports', path: '/ports', table: port, view: portView, extras: portExtras, sort: [['id', 'asc']],
  // Who owns a network sees all that is plugged into it.
  visible: (ctx) => (ctx.caller.admin ? undefined : or(eq(port.project, ctx.project), inArray(port.network, q.select({ id: network.id }).from(network).where(eq(network.project, ctx.project))))),
  fields: {
    ...standardFields, tags: tagsField,
    network_id: field(t.String({ maxLength: 36 }), 'create filter sort required', 'network'),
    admin_state_up: adminUp,
    mac_address: field(nullable(text), 'create update filter sort', 'mac'),
    fixed_ips: field(nullable(t.Array(fixedIp, { maxItems: 100 })), 'create update', 'fixedIps'),
    device_id: field(nullable(t.String({ maxLength: 255 })), 'create update filter sort', 'device'),
    device_owner: field(nullable(t.String({ maxLength: 255 })), 'create update filter sort', 'deviceOwner'),
    status: field(t.String(), 'filter sort'),
    security_groups: field(nullable(t.Array(t.String({ maxLength: 36 }), { maxItems: 100 })), 'create update', 'groups'),
    allowed_address_pairs: field(nullable(t.Array(pair, { maxItems: 100 })), 'create update', 'pairs'),
    extra_dhcp_opts: field(nullable(t.Array(option, { maxItems: 100 })), 'create update', 'dhcpOptions'),
    port_security_enabled: field(t.Boolean(), 'create update filter', 'portSecurity'),
    dns_name: field(nullable(label), 'create update filter', 'dnsName'),
    'binding:host_id': field(nullable(t.String({ maxLength: 255 })), 'create update', 'hostId'),
    'binding:profile': field(nullable(t.Record(t.String(), t.Unknown())), 'create update', 'profile'),
    'binding:vnic_type': field(t.Enum(['normal', 'direct', 'macvtap', 'baremetal', 'direct-physical', 'virtio-forwarder', 'smart-nic']), 'create update filter', 'vnicType'),
    qos_policy_id: field(nullable(text), 'create update filter', 'qosPolicy'),
  },
  filterNames: [...tagFilterNames, 'fixed_ips', 'security_groups', 'security_group_ids', 'binding:host_id'],
  filters: (_ctx, query) => [...tagFilters(query, sql`${port.tags}`), byAddress(query.getAll('fixed_ips')), byGroup([...query.getAll('security_groups'), ...query.getAll('security_group_ids')]), byHost(query.getAll('binding:host_id'))],
  joins: { update: updateReads, remove: (_ctx, id) => [trunksOf(id), guestOf(id)] },
  verbs: { createAll: createPorts, update: updatePort, remove: removePort },
}
export const ports = resource(style, portResource)

/** `fixed_ips=subnet_id=…&fixed_ips=ip_address=…`: any of the subnets and any of the addresses, held by one port. */
function byAddress(list: string[]): SQL | undefined {
  if (!list.length) return undefined
  const pairs = list.flatMap((v) => v.split(',')).map((v) => /^(subnet_id|ip_address|ip_address_substr)=(.*)$/.exec(v.trim()))
  if (pairs.some((p) => !p)) throw invalid(`Invalid input for fixed_ips. Reason: '${list.join(', ').slice(0, 100)}' is not a list of subnet_id=… or ip_address=….`)
  const of = (name: string) => pairs.filter((p) => p![1] === name).map((p) => p![2])
  const subnets = of('subnet_id'), addresses = of('ip_address'), parts = of('ip_address_substr')
  return inArray(port.id, q.select({ id: address.port }).from(address).where(and(
    subnets.length ? inArray(address.subnet, subnets) : undefined, addresses.length ? inArray(address.address, addresses) : undefined,
    parts.length ? or(...parts.map((p) => sql`instr(${address.address}, ${p}) > 0`)) : undefined)))
}
const byGroup = (list: string[]) => (list.length ? sql`${port.id} in (select m.port from port_security_group m where m.security_group in (select value from json_each(${JSON.stringify(list)})))` : undefined)
const byHost = (list: string[]) => (list.length ? sql`(${port.host} in (select h.id from host h where h.name in (select value from json_each(${JSON.stringify(list)}))) or ${port.bindingHost} in (select value from json_each(${JSON.stringify(list)})))` : undefined)
