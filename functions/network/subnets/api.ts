import { and, eq, inArray, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { address, network, port, routerInterface, subnet, subnetPool } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { conflict, forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { field, resource, rows, type Row } from '../../kernel/resource.ts'
import { type Cidr, cidrOf, contains, defaultPools, newMac, offsetOf, overlaps, rangesOf, readAddress, readCidr, toAddress, toNumber } from '../addresses.ts'
import { networksOf } from '../networks/visible.ts'
import { quotaQuery, withinQuota } from '../quotas/limits.ts'
import { style } from '../service.ts'
import { touchNetworks } from '../touch.ts'
import { standardFields, standardRow, standardView, tagFilters } from '../standard.ts'

const bad = (message: string, type = 'InvalidInput') => invalid(`Invalid input for operation: ${message}.`, { type })
const nullable = <T extends Parameters<typeof t.Union>[0][number]>(s: T) => t.Union([s, t.Null()])
const mode = nullable(t.Enum(['slaac', 'dhcpv6-stateful', 'dhcpv6-stateless']))
const pool = t.Object({ start: t.String({ maxLength: 64 }), end: t.String({ maxLength: 64 }) }, { additionalProperties: false })
const route = t.Object({ destination: t.String({ maxLength: 64 }), nexthop: t.String({ maxLength: 64 }) }, { additionalProperties: false })

const view = (r: Row) => ({
  ...standardView(r), network_id: r.network, ip_version: r.version, cidr: r.cidr, gateway_ip: r.gateway, enable_dhcp: r.dhcp, dns_nameservers: r.dns, host_routes: r.routes,
  allocation_pools: r.pools, ipv6_ra_mode: r.raMode, ipv6_address_mode: r.addressMode, subnetpool_id: r.pool, service_types: r.serviceTypes, segment_id: null, dns_publish_fixed_ip: false,
})

/** Pools that lie inside the subnet, in order, not over each other and not over the gateway. */
function checkPools(c: Cidr, pools: { start: string; end: string }[], gateway: string | null) {
  const read = pools.map((p) => ({ a: readAddress(p.start, 'allocation_pools'), b: readAddress(p.end, 'allocation_pools') }))
  for (const { a, b } of read) {
    if (a.n > b.n) throw bad(`The start address ${a.text} of an allocation pool is after its end ${b.text}`, 'InvalidAllocationPool')
    if (!contains(c, a.n) || !contains(c, b.n)) throw bad(`The allocation pool ${a.text}-${b.text} spans beyond the subnet cidr ${c.text}`, 'OutOfBoundsAllocationPool')
    if (gateway && toNumber(gateway) >= a.n && toNumber(gateway) <= b.n) throw conflict(`Gateway ip ${gateway} conflicts with allocation pool ${a.text}-${b.text}.`, { type: 'GatewayConflictWithAllocationPools' })
  }
  const sorted = [...read].sort((x, y) => (x.a.n < y.a.n ? -1 : 1))
  sorted.forEach((p, i) => { if (i && sorted[i - 1].b.n >= p.a.n) throw conflict(`Found overlapping allocation pools: ${sorted[i - 1].a.text}-${sorted[i - 1].b.text} and ${p.a.text}-${p.b.text} for subnet ${c.text}.`, { type: 'OverlappingAllocationPools' }) })
  return read.map(({ a, b }) => ({ start: a.text, end: b.text }))
}

function checkLists(values: Row, version: number) {
  for (const d of values.dns ?? []) readAddress(d, 'dns_nameservers')
  if (new Set(values.dns ?? []).size !== (values.dns ?? []).length) throw bad('Duplicate nameserver')
  for (const r of values.routes ?? []) {
    const to = readCidr(r.destination, 'host_routes'), via = readAddress(r.nexthop, 'host_routes')
    if (to.version !== version || via.version !== version) throw bad(`Host route ${r.destination} via ${r.nexthop} does not match the ip_version '${version}'`)
  }
}

function checkV6(values: Row, c: Cidr) {
  const { raMode, addressMode } = values
  if ((raMode || addressMode) && c.version === 4) throw bad('ipv6_ra_mode or ipv6_address_mode cannot be set when ip_version is not 6')
  if ((raMode || addressMode) && values.dhcp === false) throw bad('ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False')
  if (raMode && addressMode && raMode !== addressMode) throw bad(`ipv6_ra_mode set to '${raMode}' with ipv6_address_mode set to '${addressMode}' is not valid. If both attributes are set, they must be the same value`)
  if (c.version === 6 && /slaac|stateless/.test(addressMode ?? raMode ?? '') && c.prefix !== 64) throw bad(`Invalid CIDR ${c.text} for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64`)
}

async function create(ctx: Ctx, values: Row): Promise<Row> {
  const [[net], siblings, quota, pools, inPool] = await ctx.read(
    q.select().from(network).where(and(eq(network.id, values.network), ctx.caller.admin ? undefined : networksOf(ctx.project))),
    q.select({ id: subnet.id, cidr: subnet.cidr }).from(subnet).where(eq(subnet.network, values.network)),
    quotaQuery(values.project ?? ctx.caller.project?.id ?? '', ['subnet']),
    q.select().from(subnetPool).where(values.usesDefaultPool ? and(eq(subnetPool.isDefault, true), eq(subnetPool.version, values.version ?? 4)) : eq(subnetPool.id, values.pool ?? '')),
    q.select({ cidr: subnet.cidr, project: subnet.project }).from(subnet).where(eq(subnet.pool, values.pool ?? '')))
  if (!net) throw notFound('network', values.network, undefined, { type: 'NetworkNotFound' })
  const base = standardRow(ctx, values)
  if (net.project !== base.project && !ctx.caller.admin) throw forbidden('Policy doesn\'t allow subnets on networks of another project.', { type: 'PolicyNotAuthorized' })
  const c = chooseCidr(ctx, values, base.project, pools[0], inPool)
  if (values.version !== undefined && values.version !== c.version) throw bad(`ip_version '${values.version}' does not match the cidr ${c.text}`)
  for (const s of siblings) if (overlaps(c, cidrOf(s.cidr))) throw bad(`Requested subnet with cidr: ${c.text} for network: ${net.id} overlaps with another subnet`)
  if (c.version === 4 && c.prefix === 32 && values.dhcp !== false) throw bad('A /32 has no room for DHCP')
  checkLists(values, c.version)
  checkV6(values, c)
  const gateway = gatewayOf(values, c)
  const allocation = values.pools ? checkPools(c, values.pools, gateway) : defaultPools(c, gateway)
  const dhcp = values.dhcp ?? true
  const slaac = /slaac|stateless/.test(values.addressMode ?? '')
  const row = {
    dns: [], routes: [], serviceTypes: [], raMode: null, addressMode: null, ...base, network: net.id, version: c.version, cidr: c.text, gateway, dhcp, pool: pools[0]?.id ?? null,
    pools: allocation, ranges: slaac ? [] : rangesOf(c, allocation),
  }
  ctx.stage(q.insert(subnet).values(row))
  withinQuota(ctx, base.project, quota as unknown as unknown[], { subnet: 1 })
  if (dhcp && !net.external) await dhcpPort(ctx, net.id, base.project, [row])
  touchNetworks(ctx, [net.id])
  return row
}

function gatewayOf(values: Row, c: Cidr): string | null {
  if (values.gateway === null) return null
  if (values.gateway === undefined) return toAddress(c.first + (c.last > c.first ? 1n : 0n), c.version)
  const g = readAddress(values.gateway, 'gateway_ip')
  if (g.version !== c.version) throw bad(`gateway_ip '${g.text}' does not match the ip_version '${c.version}'`)
  if (contains(c, g.n) && c.version === 4 && c.prefix < 31 && (g.n === c.first || g.n === c.last)) throw bad(`Gateway is not valid on subnet: ${g.text}`)
  return g.text
}

/** The CIDR asked for, or the first free one of the pool. */
function chooseCidr(_ctx: Ctx, values: Row, project: string, from: typeof subnetPool.$inferSelect | undefined, taken: { cidr: string; project: string }[]): Cidr {
  if (!from) {
    if (values.pool) throw notFound('subnetpool', values.pool, `Subnet pool ${values.pool} could not be found.`, { type: 'SubnetPoolNotFound' })
    if (values.cidr === undefined || values.cidr === null) throw invalid('Bad subnets request: a subnetpool must be specified in the absence of a cidr.', { type: 'BadRequest' })
    return readCidr(values.cidr, 'cidr')
  }
  const used = taken.map((s) => cidrOf(s.cidr))
  const asked = values.cidr ? readCidr(values.cidr, 'cidr') : undefined
  const prefix = asked?.prefix ?? values.prefixlen ?? from.defaultPrefix
  if (prefix < from.minPrefix) throw invalid(`Unable to allocate subnet with prefix length ${prefix}, minimum allowed prefix is ${from.minPrefix}.`, { type: 'MinPrefixSubnetAllocationError' })
  if (prefix > from.maxPrefix) throw invalid(`Unable to allocate subnet with prefix length ${prefix}, maximum allowed prefix is ${from.maxPrefix}.`, { type: 'MaxPrefixSubnetAllocationError' })
  const quota = from.defaultQuota
  const size = 1n << BigInt((from.version === 4 ? 32 : 128) - prefix)
  if (quota !== null) {
    const unit = from.version === 4 ? 1n : 1n << 64n
    const own = taken.filter((s) => s.project === project).reduce((n, s) => { const x = cidrOf(s.cidr); return n + (x.last - x.first + 1n) / unit }, 0n)
    if (own + (size / unit || 1n) > BigInt(quota)) throw conflict('Per-tenant subnet pool prefix quota exceeded.', { type: 'SubnetPoolQuotaExceeded' })
  }
  if (asked) {
    if (!from.prefixes.some((p) => { const x = cidrOf(p); return x.version === asked.version && asked.first >= x.first && asked.last <= x.last }) || used.some((u) => overlaps(u, asked))) throw conflict(`Failed to allocate subnet: Cannot allocate requested subnet from the available set of prefixes.`, { type: 'SubnetAllocationError' })
    return asked
  }
  for (const p of from.prefixes.map(cidrOf)) {
    for (let first = p.first; first + size - 1n <= p.last;) {
      const hit = used.find((u) => u.first <= first + size - 1n && first <= u.last)
      if (!hit) return cidrOf(`${toAddress(first, p.version)}/${prefix}`)
      first = hit.last + 1n + ((size - ((hit.last + 1n) % size)) % size)
    }
  }
  throw conflict('Failed to allocate subnet: Insufficient prefix space to allocate subnet size.', { type: 'SubnetAllocationError' })
}

/** The port from which DHCP is answered: one on each network that needs it, with an address in each such subnet. */
async function dhcpPort(ctx: Ctx, net: string, project: string, subnets: Row[]) {
  const [have] = await ctx.read(q.select().from(port).where(and(eq(port.network, net), eq(port.deviceOwner, 'network:dhcp'))))
  const now = ctx.now()
  let id = have[0]?.id
  if (!id) {
    id = ctx.uuid()
    ctx.stage(q.insert(port).values({ id, project, name: '', revision: 1, createdAt: now, updatedAt: now, network: net, mac: newMac(ctx.world.random(3)), deviceOwner: 'network:dhcp', device: `dhcp-${net}`, status: 'ACTIVE', portSecurity: false }))
  }
  for (const s of subnets) {
    const c = cidrOf(s.cidr), first = s.pools[0]?.start
    if (first) ctx.stage(q.insert(address).values({ subnet: s.id, address: first, n: offsetOf(c, toNumber(first)), port: id, network: net }))
  }
}

const plain = rows(subnet)
async function update(ctx: Ctx, row: Row, change: Row): Promise<Row> {
  const c = cidrOf(row.cidr)
  checkLists(change, c.version)
  const gateway = change.gateway === undefined ? row.gateway : gatewayOf(change, c)
  if (change.gateway !== undefined && gateway !== row.gateway) {
    const [[leg]] = await ctx.read(q.select({ router: routerInterface.router }).from(routerInterface).innerJoin(address, and(eq(address.port, routerInterface.port), eq(address.subnet, routerInterface.subnet))).where(and(eq(routerInterface.subnet, row.id), eq(address.address, row.gateway ?? ''))).limit(1))
    if (leg) throw conflict(`Current gateway ip ${row.gateway} already in use by a router. Unable to update.`, { type: 'GatewayIpInUse' })
  }
  const pools = change.pools ? checkPools(c, change.pools, gateway) : gateway !== row.gateway && gateway ? checkPools(c, row.pools, gateway) : row.pools
  if (change.dhcp === true && !row.dhcp) await dhcpPort(ctx, row.network, row.project, [{ ...row, pools }])
  if (change.dhcp === false && row.dhcp) ctx.stage(q.delete(address).where(and(eq(address.subnet, row.id), inArray(address.port, q.select({ id: port.id }).from(port).where(eq(port.deviceOwner, 'network:dhcp'))))))
  touchNetworks(ctx, [row.network])
  return plain.update(ctx, row, { ...change, ...(change.gateway === undefined ? {} : { gateway }), ...(change.pools ? { pools, ranges: rangesOf(c, pools) } : {}) })
}

/** Ports that hold nothing else and are the network's own (DHCP) go with the subnet; any other holder keeps it. */
async function remove(ctx: Ctx, row: Row) {
  const [[used]] = await ctx.read(q.select({ id: port.id }).from(address).innerJoin(port, eq(port.id, address.port)).where(and(eq(address.subnet, row.id), sql`${port.deviceOwner} <> 'network:dhcp'`)).limit(1))
  if (used) throw conflict(`Unable to complete operation on subnet ${row.id}: One or more ports have an IP allocation from this subnet.`, { type: 'SubnetInUse' })
  touchNetworks(ctx, [row.network])
  ctx.stage(q.delete(address).where(eq(address.subnet, row.id)))
  plain.remove(ctx, row)
  ctx.stage(q.delete(port).where(and(eq(port.network, row.network), eq(port.deviceOwner, 'network:dhcp'), sql`not exists (select 1 from address a where a.port = ${port.id})`)))
}

export const subnets = resource(style, {
  name: 'subnet', plural: 'subnets', path: '/subnets', table: subnet, view, sort: [['id', 'asc']],
  visible: (ctx) => (ctx.caller.admin ? undefined : sql`(${eq(subnet.project, ctx.project)} or ${inArray(subnet.network, q.select({ id: network.id }).from(network).where(networksOf(ctx.project)))})`),
  fields: {
    ...standardFields,
    network_id: field(t.String({ maxLength: 36 }), 'create filter sort required', 'network'),
    ip_version: field(t.Enum([4, 6]), 'create filter sort', 'version'),
    cidr: field(nullable(t.String({ maxLength: 64 })), 'create filter sort'),
    gateway_ip: field(nullable(t.String({ maxLength: 64 })), 'create update filter sort', 'gateway'),
    enable_dhcp: field(t.Boolean(), 'create update filter sort', 'dhcp'),
    dns_nameservers: field(t.Array(t.String({ maxLength: 64 }), { maxItems: 5 }), 'create update', 'dns'),
    host_routes: field(t.Array(route, { maxItems: 20 }), 'create update', 'routes'),
    allocation_pools: field(t.Array(pool, { maxItems: 100 }), 'create update', 'pools'),
    ipv6_ra_mode: field(mode, 'create filter', 'raMode'),
    ipv6_address_mode: field(mode, 'create filter', 'addressMode'),
    subnetpool_id: field(nullable(t.String({ maxLength: 36 })), 'create filter', 'pool'),
    use_default_subnetpool: field(t.Boolean(), 'create hidden', 'usesDefaultPool'),
    prefixlen: field(t.Integer({ minimum: 0, maximum: 128 }), 'create hidden'),
    service_types: field(t.Array(t.String({ maxLength: 255 })), 'create update', 'serviceTypes'),
    segment_id: field(t.Null(), 'create hidden', 'segment'),
    dns_publish_fixed_ip: field(t.Literal(false), 'create update hidden', 'publish'),
  },
  filters: (_ctx, query) => tagFilters(query, sql`${subnet.tags}`),
  verbs: { create, update, remove },
})
