import { and, eq, inArray, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { address, floatingIp, network, port, subnet } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { full, q, type Query } from '../../kernel/db.ts'
import { conflict, forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { field, resource, rows, type Resource, type Row } from '../../kernel/resource.ts'
import { newMac, readAddress } from '../addresses.ts'
import { networksOf } from '../networks/visible.ts'
import { chooseAddresses, freeQuery, readFree } from '../ports/allocate.ts'
import { policyQuery, useForAddress } from '../qos/use.ts'
import { listed, touch } from '../touch.ts'
import { quotaQuery, withinQuota } from '../quotas/limits.ts'
import { style } from '../service.ts'
import { standardFields, standardRow, standardView, tagFilterNames, tagFilters } from '../standard.ts'
import { forwardView, type Forward } from '../forwarding/view.ts'
import { parsed } from '../ports/view.ts'
import { associate, associationReads, disassociated, touchAround } from './associate.ts'

const bad = (message: string) => invalid(`Bad floatingip request: ${message}.`, { type: 'BadRequest' })
const view = (r: Row) => {
  const { name: _, ...standard } = standardView(r)
  return {
    ...standard, floating_network_id: r.network, floating_ip_address: r.address, port_id: r.port, fixed_ip_address: r.fixedAddress, router_id: r.router, status: r.status,
    port_details: typeof r.details === 'string' ? { ...JSON.parse(r.details), admin_state_up: Boolean(JSON.parse(r.details).admin_state_up) } : r.details ?? null,
    port_forwardings: parsed<Forward>(r.forwards).map(forwardView), qos_policy_id: r.qosPolicy ?? null, qos_network_policy_id: r.networkPolicy ?? null, dns_name: r.dnsName, dns_domain: r.dnsDomain,
  }
}
const details = sql<string | null>`(select json_object('name', p.name, 'network_id', p.network, 'mac_address', p.mac, 'admin_state_up', p.admin_up, 'status', p.status, 'device_id', p.device, 'device_owner', p.device_owner) from port p where p.id = ${full(floatingIp.port)})`.as('details')

/** Ports that lead elsewhere each; then the address as a whole leads nowhere. */
const forwards = sql<string>`(select json_group_array(json_object('id', f.id, 'protocol', f.protocol, 'description', f.description, 'port', f.port, 'inner', f.inner, 'innerMin', f.inner_min, 'innerMax', f.inner_max, 'outerMin', f.outer_min, 'outerMax', f.outer_max)) from port_forwarding f where f.floating_ip = ${full(floatingIp.id)})`.as('forwards')

async function create(ctx: Ctx, { address: asked, portId, fixedAddress, subnetId, ...values }: Row): Promise<Row> {
  if (asked && !ctx.can('create_floatingip:floating_ip_address')) throw forbidden('(rule:create_floatingip and rule:create_floatingip:floating_ip_address) is disallowed by policy', { type: 'PolicyNotAuthorized' })
  if (fixedAddress && !portId) throw bad('fixed_ip_address cannot be specified without a port_id')
  const base = standardRow(ctx, values), wanted = asked ? readAddress(asked, 'floating_ip_address').text : ''
  const [[net], subnets, free, taken, quota, policies, ...joined] = await ctx.read(
    q.select().from(network).where(and(eq(network.id, values.network), ctx.caller.admin ? undefined : networksOf(ctx.project))),
    q.select().from(subnet).where(and(eq(subnet.network, values.network), eq(subnet.version, 4))),
    freeQuery(ctx, sql`s.network = ${values.network} and s.version = 4`, 6),
    q.select({ subnet: address.subnet }).from(address).where(and(eq(address.network, values.network), eq(address.address, wanted))),
    quotaQuery(base.project, ['floatingip']), policyQuery(ctx, [values.qosPolicy]), ...associationReads(ctx, portId ?? '') as [Query])
  useForAddress(values.qosPolicy, policies, `floatingip ${base.id}`)
  if (!net) throw notFound('network', values.network, undefined, { type: 'NetworkNotFound' })
  if (!net.external) throw bad(`Network ${net.id} is not a valid external network`)
  if (!subnets.length) throw bad(`Network ${net.id} does not contain any IPv4 subnet`)
  if (subnetId && !subnets.some((s) => s.id === subnetId)) throw bad(`Failed to create floating IP on network ${net.id}, because fixed_ips included invalid subnet ${subnetId}`)
  const now = ctx.now(), own = ctx.uuid()
  const holder = { id: own, project: '', name: '', revision: 1, createdAt: now, updatedAt: now, network: net.id, mac: newMac(ctx.world.random(3)), deviceOwner: 'network:floatingip', device: base.id, status: 'N/A' as const, portSecurity: false }
  const fixed = wanted || subnetId ? [{ ...(wanted ? { ip_address: wanted } : {}), ...(subnetId ? { subnet_id: subnetId } : {}) }] : undefined
  const [held] = chooseAddresses(holder, subnets, readFree(free as unknown[]), fixed)
  if (taken.some((x) => x.subnet === held.subnet)) throw conflict(`IP address ${held.address} already allocated in subnet ${held.subnet}.`, { type: 'IpAddressAlreadyAllocated' })
  const row = { dnsName: '', dnsDomain: '', qosPolicy: null, ...base, revision: 0, network: net.id, address: held.address, ownPort: own, ...disassociated }
  ctx.stage(q.insert(port).values(holder))
  ctx.stage(q.insert(address).values(held))
  const bound = portId ? associate(ctx, row, portId, fixedAddress, joined) : undefined
  ctx.stage(q.insert(floatingIp).values({ ...row, ...bound?.set }))
  withinQuota(ctx, base.project, quota as unknown as unknown[], { floatingip: 1 })
  if (portId) touchAround(ctx, [portId])
  return { ...row, ...bound?.set, details: bound?.details ?? null, networkPolicy: net.qosPolicy }
}

function update(ctx: Ctx, row: Row, { portId, fixedAddress, ...change }: Row, [policies, ...joined]: any[]): Row {
  useForAddress(change.qosPolicy, policies, `floatingip ${row.id}`)
  if (change.qosPolicy !== undefined && row.router) touch(ctx, { routers: listed([row.router]) })
  if (fixedAddress && portId === undefined) throw bad('fixed_ip_address cannot be specified without a port_id')
  if (portId === undefined) return rows(floatingIp).update(ctx, row, change)
  const kept = parsed<Forward>(row.forwards).length > 0
  if (portId && kept) throw conflict(`Floating IP ${row.id} in use by Port Forwarding resources.`, { type: 'FipInUseByPortForwarding' })
  if (kept) return rows(floatingIp).update(ctx, row, change)
  const to = portId as string | null
  if (row.port) touchAround(ctx, [row.port])
  const bound = to ? associate(ctx, row as never, to, fixedAddress, joined) : undefined
  const out = rows(floatingIp).update(ctx, row, { ...change, ...(bound?.set ?? disassociated) })
  if (to && to !== row.port) touchAround(ctx, [to])
  return { ...out, details: bound?.details ?? null }
}

function remove(ctx: Ctx, row: Row) {
  if (row.port) touchAround(ctx, [row.port])
  else if (row.router) touch(ctx, { routers: listed([row.router]) })
  rows(floatingIp).remove(ctx, row)
  ctx.stage(q.delete(port).where(eq(port.id, row.ownPort)))
}

const nullable = <T extends Parameters<typeof t.Union>[0][number]>(s: T) => t.Union([s, t.Null()])
const id = t.String({ maxLength: 36 }), text = t.String({ maxLength: 64 })
export const floatingIpResource: Resource = {
  name: 'floatingip', plural: 'floatingips', path: '/floatingips', table: floatingIp, view, sort: [['id', 'asc']], noun: 'floating IP', faultType: 'FloatingIPNotFound',
  extras: { details, forwards, networkPolicy: sql<string | null>`(select n.qos_policy from network n where n.id = ${full(floatingIp.network)})`.as('network_policy') },
  fields: {
    id: standardFields.id, description: standardFields.description, tenant_id: standardFields.tenant_id, project_id: standardFields.project_id, revision_number: standardFields.revision_number,
    floating_network_id: field(id, 'create filter sort required', 'network'),
    floating_ip_address: field(nullable(text), 'create filter sort', 'address'),
    subnet_id: field(nullable(id), 'create', 'subnetId'),
    port_id: field(nullable(id), 'create update', 'portId'),
    fixed_ip_address: field(nullable(text), 'create update', 'fixedAddress'),
    status: field(t.String(), 'filter sort'),
    dns_name: field(t.String({ maxLength: 255 }), 'create', 'dnsName'), dns_domain: field(t.String({ maxLength: 255 }), 'create', 'dnsDomain'),
    qos_policy_id: field(nullable(id), 'create update filter', 'qosPolicy'),
  },
  filterNames: [...tagFilterNames, 'port_id', 'fixed_ip_address', 'router_id'],
  filters: (_ctx, query) => [
    ...tagFilters(query, sql`${floatingIp.tags}`),
    ...([['port_id', floatingIp.port], ['fixed_ip_address', floatingIp.fixedAddress], ['router_id', floatingIp.router]] as const).map(([name, column]) => (query.has(name) ? (query.getAll(name).every((v) => v === '') ? sql`${column} is null` : inArray(column, query.getAll(name))) : undefined)),
  ],
  joins: { update: (ctx, rid, change) => [policyQuery(ctx, [change.qosPolicy]), ...associationReads(ctx, change.portId ?? '', rid)] },
  verbs: { create, update, remove },
}
export const floatingIps = resource(style, floatingIpResource)
