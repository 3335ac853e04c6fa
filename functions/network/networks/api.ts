import { and, eq, inArray, isNull, or, sql, type SQL } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { floatingIp, network, port, qosPolicy, rbac, router, subnet } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { full, onDuplicate, q } from '../../kernel/db.ts'
import { conflict, forbidden, invalid, Stale } from '../../kernel/fault.ts'
import { field, resource, rows, type Resource, type Row } from '../../kernel/resource.ts'
import { policyQuery, usePolicy } from '../qos/use.ts'
import { quotaQuery, withinQuota } from '../quotas/limits.ts'
import { style } from '../service.ts'
import { touchNetworks } from '../touch.ts'
import { adminUp, standardFields, standardRow, standardView, tagFilterNames, tagFilters } from '../standard.ts'
import { numberFrom, rangeFor } from '../ranges/api.ts'
import { known, knownQuery, providerOf } from './physical.ts'
import { openedTo, visibleNetworks } from './visible.ts'

// A number that was drawn met another: the unit runs again and draws anew. One that was asked for is found taken by its read.
onDuplicate('network.vni', () => new Stale('vni'))
onDuplicate('network.provider_type, network.physical_network, network.segment', () => conflict('Unable to create the network. The VLAN is in use on the physical network.', { type: 'VlanIdInUse' }))

const boolean = t.Boolean()
/** Rooms for the headers of a tunnel (VXLAN over IPv4: 50 bytes) in what the underlay carries. */
const MTU = { vxlan: 1450, flat: 1500, vlan: 1500 } as const
const privileged: Record<string, string> = { shared: 'shared', external: 'router:external', isDefault: 'is_default', providerType: 'provider', physicalNetwork: 'provider', segment: 'provider' }

const view = (r: Row, ctx: Ctx) => ({
  ...standardView(r), admin_state_up: r.adminUp, status: r.adminUp ? 'ACTIVE' : 'DOWN', mtu: r.mtu, subnets: JSON.parse(r.subnets ?? '[]'),
  shared: r.shared || Boolean(r.opened), 'router:external': r.external || Boolean(r.externalFor), is_default: r.isDefault, port_security_enabled: r.portSecurity, dns_domain: r.dnsDomain, qos_policy_id: r.qosPolicy ?? null,
  availability_zone_hints: [], availability_zones: r.adminUp ? ['nova'] : [], ipv4_address_scope: null, ipv6_address_scope: null, l2_adjacency: true,
  ...(ctx.can('get_network:provider') ? { 'provider:network_type': r.providerType, 'provider:physical_network': r.physicalNetwork, 'provider:segmentation_id': r.segment } : {}),
})

/** Attributes that only an admin may set, in the words of the rule that says so. */
function guard(ctx: Ctx, verb: 'create' | 'update', values: Row) {
  for (const [name, rule] of Object.entries(privileged)) {
    if (values[name] !== undefined && values[name] !== false && values[name] !== null && !ctx.caller.admin) throw forbidden(`(rule:${verb}_network and rule:${verb}_network:${rule}) is disallowed by policy`, { type: 'PolicyNotAuthorized' })
  }
}

const plain = rows(network)
async function create(ctx: Ctx, values: Row): Promise<Row> {
  guard(ctx, 'create', values)
  // Clients say the number in words, too.
  if (typeof values.segment === 'string') values = { ...values, segment: Number(values.segment) }
  const base = standardRow(ctx, values)
  const providerType = providerOf(values)
  const [ranges, quota, sameVni, taken, policies, [standing], found] = await ctx.read(rangeFor(base.project, providerType), quotaQuery(base.project, ['network']), q.select({ id: network.id }).from(network).where(eq(network.vni, providerType === 'vxlan' ? Number(values.segment ?? 0) : 0)), q.select({ id: network.id }).from(network).where(and(eq(network.physicalNetwork, values.physicalNetwork ?? ''), eq(network.providerType, 'flat'))), policyQuery(ctx, [values.qosPolicy]), q.select({ id: qosPolicy.id }).from(qosPolicy).where(and(eq(qosPolicy.project, base.project), sql`is_default = 1`)), knownQuery(values.physicalNetwork))
  known(providerType, values, found)
  usePolicy(values.qosPolicy, policies, `network ${base.id}`)
  if (providerType === 'flat' && taken.length) throw conflict(`Unable to create the flat network. Physical network ${values.physicalNetwork} is in use.`, { type: 'FlatNetworkInUse' })
  if (sameVni.length) throw conflict(`Unable to create the network. The tunnel ID ${values.segment} is in use.`, { type: 'TunnelIdInUse' })
  const drawn = values.segment != null || providerType === 'flat' ? undefined : numberFrom(ctx, providerType === 'vlan' ? ranges.filter((r) => r.physical === (values.physicalNetwork ?? r.physical)) : ranges)
  if (providerType === 'vlan' && values.segment == null && !drawn) throw conflict('Unable to create the network. No tenant network is available for allocation.', { type: 'NoNetworkAvailable', status: 503 })
  const number = values.segment ?? drawn?.number
  const vni = providerType === 'vxlan' && number ? Number(number) : drawVni(ctx)
  const row = {
    adminUp: true, shared: false, external: false, isDefault: false, portSecurity: true, dnsDomain: '', ...base, providerType, physicalNetwork: values.physicalNetwork ?? drawn?.physical ?? null,
    qosPolicy: (values.qosPolicy === undefined ? standing?.id : values.qosPolicy) ?? null, mtu: values.mtu || MTU[providerType], vni, segment: providerType === 'vxlan' ? vni : number ?? null,
  }
  ctx.stage(q.insert(network).values(row))
  withinQuota(ctx, base.project, quota as unknown as unknown[], { network: 1 })
  return row
}
/** A tunnel number at random, so that parallel creates do not meet at the next one; the low ones are left for the asking. */
const drawVni = (ctx: Ctx) => 65536 + ctx.world.random(3).reduce((n, byte) => n * 256 + byte, 0) % (16777215 - 65536)

async function update(ctx: Ctx, row: Row, change: Row, [policies]: unknown[]): Promise<Row> {
  guard(ctx, 'update', change)
  usePolicy(change.qosPolicy, policies, `network ${row.id}`)
  if (row.external && change.external === false) {
    const [[gateway]] = await ctx.read(q.select({ id: router.id }).from(router).where(eq(router.externalNetwork, row.id)).limit(1))
    if (gateway) throw conflict(`External network ${row.id} cannot be updated to be made non-external, since it has existing gateway ports.`, { type: 'ExternalNetworkInUse' })
  }
  if (row.shared && change.shared === false) {
    const [[foreign]] = await ctx.read(q.select({ id: port.id }).from(port).where(and(eq(port.network, row.id), sql`${port.project} not in (${row.project}, '')`)).limit(1))
    if (foreign) throw conflict(`Unable to reconfigure sharing settings for network ${row.id}. Multiple tenants are using it.`, { type: 'InvalidSharedSetting' })
  }
  if (change.segment !== undefined || change.providerType !== undefined || change.physicalNetwork !== undefined) throw invalid('Invalid input for operation: Plugin does not support updating the following provider network attributes: network_type, physical_network, segmentation_id.', { type: 'InvalidInput' })
  touchNetworks(ctx, [row.id])
  return plain.update(ctx, row, change)
}

/** DHCP's own port and floating addresses that lead nowhere go with the network; any other port keeps it. */
function remove(ctx: Ctx, row: Row, [[used]]: { id: string }[][]) {
  if (used) throw conflict(`Unable to complete operation on network ${row.id}. There are one or more ports still in use on the network, id for these ports is ${used.id}.`, { type: 'NetworkInUse' })
  touchNetworks(ctx, [row.id])
  ctx.stage(q.delete(port).where(and(eq(port.network, row.id), or(eq(port.deviceOwner, 'network:dhcp'), idle))))
  ctx.stage(q.delete(floatingIp).where(and(eq(floatingIp.network, row.id), isNull(floatingIp.port))))
  ctx.stage(q.delete(subnet).where(eq(subnet.network, row.id)))
  ctx.stage(q.delete(rbac).where(and(eq(rbac.object, row.id), eq(rbac.objectType, 'network'))))
  plain.remove(ctx, row)
}
const idle = sql`${port.deviceOwner} = 'network:floatingip' and exists (select 1 from floating_ip f where f.own_port = ${port.id} and f.port is null)`

const opened = (action: string, name: string) => sql<number>`(select count(*) from rbac where object = ${full(network.id)} and object_type = 'network' and action = ${action})`.as(name)

export const networkResource: Resource = {
  name: 'network', plural: 'networks', path: '/networks', table: network, view, visible: visibleNetworks, sort: [['id', 'asc']],
  extras: { subnets: sql<string>`(select json_group_array(id) from subnet where network = ${full(network.id)})`.as('subnets'), opened: opened('access_as_shared', 'opened'), externalFor: opened('access_as_external', 'external_for') },
  fields: {
    ...standardFields,
    admin_state_up: adminUp,
    shared: field(boolean, 'create update'),
    'router:external': field(boolean, 'create update', 'external'),
    is_default: field(boolean, 'create update filter', 'isDefault'),
    port_security_enabled: field(boolean, 'create update filter', 'portSecurity'),
    mtu: field(t.Integer({ minimum: 0, maximum: 65535 }), 'create update filter sort'),
    dns_domain: field(t.String({ maxLength: 255, pattern: '^$|^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.)+([A-Za-z]{2,63}\\.?)?$' }), 'create update filter', 'dnsDomain'),
    qos_policy_id: field(t.Union([t.String({ maxLength: 64 }), t.Null()]), 'create update filter', 'qosPolicy'),
    availability_zone_hints: field(t.Array(t.String()), 'create', 'zoneHints'),
    'provider:network_type': field(t.Union([t.Enum(['vxlan', 'flat', 'vlan']), t.Null()]), 'create update filter', 'providerType'),
    'provider:physical_network': field(t.Union([t.String({ maxLength: 128 }), t.Null()]), 'create update filter', 'physicalNetwork'),
    'provider:segmentation_id': field(t.Union([t.Integer({ minimum: 1, maximum: 16777215 }), t.String({ pattern: '^[1-9][0-9]{0,7}$' }), t.Null()]), 'create update filter', 'segment'),
  },
  filterNames: [...tagFilterNames, 'shared', 'router:external', 'status'],
  filters: (ctx, query): (SQL | undefined)[] => {
    const truth = (name: string) => (query.has(name) ? /^(true|1)$/i.test(query.get(name)!) : undefined)
    const shared = truth('shared'), external = truth('router:external')
    const isShared = ctx.caller.project ? or(eq(network.shared, true), inArray(network.id, openedTo('network', ctx.caller.project.id, 'access_as_shared')))! : eq(network.shared, true)
    return [
      ...tagFilters(query, sql`${network.tags}`),
      shared === undefined ? undefined : shared ? isShared : sql`not (${isShared})`,
      external === undefined ? undefined : eq(network.external, external),
      query.has('status') ? sql`case when ${network.adminUp} then 'ACTIVE' else 'DOWN' end in (${sql.join(query.getAll('status').map((s) => sql`${s}`), sql`, `)})` : undefined,
    ]
  },
  joins: { update: (ctx, _id, change) => [policyQuery(ctx, [change.qosPolicy])], remove: (_ctx, id) => [q.select({ id: port.id }).from(port).where(and(eq(port.network, id), sql`${port.deviceOwner} <> 'network:dhcp' and not (${idle})`)).limit(1)] },
  verbs: { create, update, remove },
}
export const networks = resource(style, networkResource)
