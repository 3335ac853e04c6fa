import { and, eq, inArray, or, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { address, network, port, routerInterface, subnet, subnetPool } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, run } from '../../kernel/db.ts'
import { conflict, forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { field, resource, rows, type Resource, type Row } from '../../kernel/resource.ts'
import { type Cidr, cidrOf, contains, defaultPools, newMac, offsetOf, overlaps, rangesOf, readAddress, readCidr, toAddress, toNumber } from '../addresses.ts'
import { networksOf, usableNetworks } from '../networks/visible.ts'
import { isAutomatic } from '../ports/allocate.ts'
import { quotaQuery, withinQuota } from '../quotas/limits.ts'
import { style } from '../service.ts'
import { visiblePools } from '../subnetpools/visible.ts'
import { touchNetworks } from '../touch.ts'
import { standardFields, standardRow, standardView, tagFilterNames, tagFilters } from '../standard.ts'

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

/** Any number of subnets: one read, one write. Each is decided with those before it in mind. */
async function createAll(ctx: Ctx, list: Row[]): Promise<Row[]> {
  const own = ctx.caller.project?.id ?? '', ids = [...new Set(list.map((v) => v.network as string))]
  const projects = [...new Set(list.map((v) => (v.project ?? own) as string))]
  const pooled = or(inArray(subnetPool.id, list.flatMap((v) => v.pool || [])), list.some((v) => v.usesDefaultPool) ? eq(subnetPool.isDefault, true) : undefined)!
  const [networks, siblings, dhcp, pools, inPools, ...quotas] = await ctx.read(
    q.select().from(network).where(and(inArray(network.id, ids), ctx.caller.admin ? undefined : networksOf(ctx.project))),
    q.select({ network: subnet.network, cidr: subnet.cidr, pool: subnet.pool }).from(subnet).where(inArray(subnet.network, ids)),
    q.select({ id: port.id, network: port.network }).from(port).where(and(inArray(port.network, ids), eq(port.deviceOwner, 'network:dhcp'))),
    q.select().from(subnetPool).where(and(pooled, visiblePools(ctx))),
    q.select({ cidr: subnet.cidr, project: subnet.project, pool: subnet.pool }).from(subnet).where(inArray(subnet.pool, q.select({ id: subnetPool.id }).from(subnetPool).where(pooled))),
    ...projects.map((p) => quotaQuery(p, ['subnet'])))
  const local = siblings.slice(), taken = inPools.slice(), dhcpPorts = new Map(dhcp.map((d) => [d.network, d.id])), used = new Map<string, PoolRow>()
  const made = list.map((values) => {
    const net = networks.find((n) => n.id === values.network)
    if (!net) throw notFound('network', values.network, undefined, { type: 'NetworkNotFound' })
    const { usesDefaultPool, prefixlen: _, ...plain } = values, base = standardRow(ctx, plain)
    if (net.project !== base.project && !ctx.caller.admin) throw forbidden('(rule:create_subnet and rule:create_subnet:network_id) is disallowed by policy', { type: 'PolicyNotAuthorized' })
    const from = usesDefaultPool ? pools.find((p) => p.isDefault && p.version === (values.version ?? 4)) : pools.find((p) => p.id === values.pool)
    if (usesDefaultPool && !from) throw notFound('subnetpool', 'default', `No default subnetpool found for IPv${values.version ?? 4}.`, { type: 'NoDefaultSubnetpoolFound' })
    const c = chooseCidr(values, base.project, from, taken.filter((t) => t.pool === from?.id))
    if (values.version !== undefined && values.version !== c.version) throw bad(`ip_version '${values.version}' does not match the cidr ${c.text}`)
    for (const s of local) if (s.network === net.id && overlaps(c, cidrOf(s.cidr))) throw bad(`Requested subnet with cidr: ${c.text} for network: ${net.id} overlaps with another subnet`)
    checkLists(values, c.version)
    checkV6(values, c)
    const gateway = gatewayOf(values, c), dhcpOn = values.dhcp ?? true
    const allocation = values.pools ? checkPools(c, values.pools, gateway) : defaultPools(c, gateway)
    const row = {
      dns: [], routes: [], serviceTypes: [], raMode: null, addressMode: null, ...base, network: net.id, version: c.version, cidr: c.text, gateway, dhcp: dhcpOn, pool: from?.id ?? null, pools: allocation,
    }
    const complete = { ...row, ranges: isAutomatic(row) ? [] : rangesOf(c, allocation) }
    ctx.stage(q.insert(subnet).values(complete))
    local.push({ network: net.id, cidr: c.text, pool: row.pool })
    if (from) { taken.push({ cidr: c.text, project: base.project, pool: from.id }); used.set(from.id, from) }
    if (dhcpOn && !net.external) dhcpPorts.set(net.id, stageDhcp(ctx, net.id, base.project, complete, dhcpPorts.get(net.id)))
    return complete
  })
  // What overlaps was decided on what was read: others that add to the same network or pool meanwhile are met here.
  for (const n of networks) ctx.stage(q.update(network).set({ revision: n.revision + 1 }).where(and(eq(network.id, n.id), eq(network.revision, n.revision))), 'stale')
  for (const p of used.values()) ctx.stage(q.update(subnetPool).set({ revision: p.revision + 1 }).where(and(eq(subnetPool.id, p.id), eq(subnetPool.revision, p.revision))), 'stale')
  projects.forEach((p, i) => withinQuota(ctx, p, quotas[i] as unknown as unknown[], { subnet: made.filter((m) => m.project === p).length }))
  touchNetworks(ctx, ids)
  return made
}
type PoolRow = typeof subnetPool.$inferSelect

function gatewayOf(values: Row, c: Cidr): string | null {
  if (values.gateway === null) return null
  if (values.gateway === undefined) return toAddress(c.first + (c.last > c.first ? 1n : 0n), c.version)
  const g = readAddress(values.gateway, 'gateway_ip')
  if (g.version !== c.version) throw bad(`gateway_ip '${g.text}' does not match the ip_version '${c.version}'`)
  if (contains(c, g.n) && c.version === 4 && c.prefix < 31 && (g.n === c.first || g.n === c.last)) throw bad(`Gateway is not valid on subnet: ${g.text}`)
  return g.text
}

/** The CIDR asked for, or the first free one of the pool. */
function chooseCidr(values: Row, project: string, from: typeof subnetPool.$inferSelect | undefined, taken: { cidr: string; project: string }[]): Cidr {
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
function stageDhcp(ctx: Ctx, net: string, project: string, s: Row, have: string | undefined): string {
  const now = ctx.now(), id = have ?? ctx.uuid(), c = cidrOf(s.cidr)
  const mac = newMac(ctx.world.random(3))
  if (!have) ctx.stage(q.insert(port).values({ id, project, name: '', revision: 1, createdAt: now, updatedAt: now, network: net, mac, deviceOwner: 'network:dhcp', device: `dhcp-${net}`, status: 'ACTIVE', portSecurity: false }))
  const first = s.pools[0]?.start
  if (first) ctx.stage(run(sql`insert into address (subnet, address, n, port, network) select ${s.id}, ${first}, ${offsetOf(c, toNumber(first))}, ${id}, ${net}
    where not exists (select 1 from address a where a.subnet = ${s.id} and a.address = ${first})`))
  return id
}

const plain = rows(subnet)
function update(ctx: Ctx, row: Row, change: Row, [legs, dhcp, outside]: any[]): Row {
  const c = cidrOf(row.cidr)
  checkLists(change, c.version)
  const gateway = change.gateway === undefined ? row.gateway : gatewayOf(change, c)
  if (change.gateway !== undefined && gateway !== row.gateway && legs.length) throw conflict(`Current gateway ip ${row.gateway} already in use by port ${legs[0].port}. Unable to update.`, { type: 'GatewayIpInUse' })
  const pools = change.pools ? checkPools(c, change.pools, gateway) : gateway !== row.gateway && gateway ? checkPools(c, row.pools, gateway) : row.pools
  if (change.dhcp === false && (row.raMode || row.addressMode)) throw bad('ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False')
  if (change.dhcp === true && !row.dhcp && !outside[0]?.external) stageDhcp(ctx, row.network, row.project, { ...row, pools }, dhcp[0]?.id)
  if (change.dhcp === false && row.dhcp) ctx.stage(q.delete(address).where(and(eq(address.subnet, row.id), inArray(address.port, q.select({ id: port.id }).from(port).where(eq(port.deviceOwner, 'network:dhcp'))))))
  touchNetworks(ctx, [row.network])
  return plain.update(ctx, row, { ...change, ...(change.gateway === undefined ? {} : { gateway }), ...(change.pools ? { pools, ranges: isAutomatic(row as never) ? [] : rangesOf(c, pools) } : {}) })
}
const netOf = (id: string) => sql`(select network from subnet where id = ${id})`
const updateReads = (_ctx: Ctx, id: string) => [
  q.select({ port: routerInterface.port }).from(routerInterface).innerJoin(address, and(eq(address.port, routerInterface.port), eq(address.subnet, routerInterface.subnet))).innerJoin(subnet, and(eq(subnet.id, routerInterface.subnet), eq(subnet.gateway, address.address))).where(eq(routerInterface.subnet, id)).limit(1),
  q.select({ id: port.id }).from(port).where(and(sql`${port.network} = ${netOf(id)}`, eq(port.deviceOwner, 'network:dhcp'))).limit(1),
  q.select({ external: network.external }).from(network).where(sql`${network.id} = ${netOf(id)}`),
]

/**
 * Ports of the network's own (DHCP) and addresses that guests made of their MAC go with the subnet; any other holder
 * keeps it: also one that came meanwhile, by the reference that its address makes.
 */
function remove(ctx: Ctx, row: Row, [[used]]: any[]) {
  if (used) throw conflict(`Unable to complete operation on subnet ${row.id}: One or more ports have an IP allocation from this subnet.`, { type: 'SubnetInUse' })
  touchNetworks(ctx, [row.network])
  ctx.stage(q.delete(address).where(and(eq(address.subnet, row.id), inArray(address.port, q.select({ id: port.id }).from(port).where(and(eq(port.network, row.network), isAutomatic(row as never) ? sql`${port.deviceOwner} not like 'network:router%'` : eq(port.deviceOwner, 'network:dhcp')))))))
  plain.remove(ctx, row)
  ctx.stage(q.delete(port).where(and(eq(port.network, row.network), eq(port.deviceOwner, 'network:dhcp'), sql`not exists (select 1 from address a where a.port = ${port.id})`)))
}
const removeReads = (_ctx: Ctx, id: string) => [q.select({ id: port.id }).from(address).innerJoin(port, eq(port.id, address.port)).innerJoin(subnet, eq(subnet.id, address.subnet)).where(and(eq(address.subnet, id),
  sql`${port.deviceOwner} <> 'network:dhcp' and (${port.deviceOwner} like 'network:router%' or not (${subnet.version} = 6 and (coalesce(${subnet.addressMode}, ${subnet.raMode}, '') in ('slaac', 'dhcpv6-stateless'))))`)).limit(1)]

export const subnetResource: Resource = {
  name: 'subnet', plural: 'subnets', path: '/subnets', table: subnet, view, sort: [['id', 'asc']],
  visible: (ctx) => (ctx.caller.admin ? undefined : sql`(${eq(subnet.project, ctx.project)} or ${inArray(subnet.network, q.select({ id: network.id }).from(network).where(usableNetworks(ctx.project)))})`),
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
  filterNames: tagFilterNames,
  filters: (_ctx, query) => tagFilters(query, sql`${subnet.tags}`),
  joins: { update: updateReads, remove: removeReads },
  verbs: { createAll, update, remove },
}
export const subnets = resource(style, subnetResource)
