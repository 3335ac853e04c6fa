import { and, eq, inArray, isNotNull, or, sql } from 'drizzle-orm'
import { address, floatingIp, network, port, portSecurityGroup, subnet } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { newMac } from '../addresses.ts'
import { usableNetworks } from '../networks/visible.ts'
import { quotaQuery, withinQuota } from '../quotas/limits.ts'
import { defaultGroupQuery, ensureDefaultGroup, groupsQuery, type GroupRow } from '../security/groups.ts'
import { listed, touch, touchPorts, withSubPorts } from '../touch.ts'
import { type AddressRow, chooseAddresses, freeQuery, readFree, type SubnetRow } from './allocate.ts'

export type PortRow = typeof port.$inferSelect
export type NetworkRow = typeof network.$inferSelect
export interface PortRequest {
  /** Of a new port: its subnet, its own groups, and whether it stays when the server goes. */
  nics: { network?: string; port?: string; fixedIp?: string; tag?: string; subnet?: string; securityGroups?: string[]; keep?: boolean }[] | 'auto' | 'none'
  /** Ids or names. */
  securityGroups?: string[]
  /** How many servers are going to be planned from one read, when more than one. */
  servers?: number
}
export interface PlannedPort {
  id: string; network: string; networkName: string; mac: string; mtu: number
  addresses: { address: string; version: 4 | 6; subnet: string }[]
  created: boolean
}

/** Networks a request names, as far as the caller may use them. */
function chosenBy(ctx: Ctx, request: PortRequest) {
  const project = ctx.project
  const nics = Array.isArray(request.nics) ? request.nics : []
  const nets = nics.flatMap((n) => n.network ?? []), ports = nics.flatMap((n) => n.port ?? [])
  const usable = ctx.caller.admin ? undefined : usableNetworks(project)
  const which = request.nics === 'auto' ? and(usableNetworks(project), eq(network.external, false))
    : or(inArray(network.id, nets.length ? nets : ['']), inArray(network.id, q.select({ id: port.network }).from(port).where(inArray(port.id, ports.length ? ports : ['']))))
  return q.select({ id: network.id }).from(network).where(request.nics === 'none' ? sql`0` : request.nics === 'auto' || !usable ? which : and(which, or(usable, inArray(network.id, q.select({ id: port.network }).from(port).where(and(inArray(port.id, ports.length ? ports : ['']), eq(port.project, project)))))))
}
/** The networks of a server's ports, those of its trunks included. */
export const networksOf = (server: string) => sql`select network from port where id in (${withSubPorts(sql`select id from port where device = ${server}`)})`
/** The networks a request leads to. */
export const networksAsked = (ctx: Ctx, request: PortRequest) => sql`select id from network where id in ${chosenBy(ctx, request)}
  union select network from port where id in (${withSubPorts(listed(Array.isArray(request.nics) ? request.nics.flatMap((n) => n.port ?? []) : []))})`

/** What `planPorts` must know, to be joined with the caller's own read batch: eight queries, in this order. */
export function portReads(ctx: Ctx, request: PortRequest): Query[] {
  const project = ctx.project, chosen = chosenBy(ctx, request)
  const nics = Array.isArray(request.nics) ? request.nics : [], ports = nics.flatMap((n) => n.port ?? [])
  return [
    q.select().from(network).where(inArray(network.id, chosen)).limit(request.nics === 'auto' ? 3 : 100),
    q.select().from(subnet).where(inArray(subnet.network, chosen)),
    freeQuery(ctx, sql`s.network in ${chosen}`, Math.max(4, nics.length * 2) * (request.servers ?? 1)),
    q.select().from(port).where(and(inArray(port.id, ports.length ? ports : ['']), ctx.caller.admin ? undefined : eq(port.project, project))),
    q.select().from(address).where(inArray(address.port, ports.length ? ports : [''])),
    defaultGroupQuery(project),
    groupsQuery(project, [...new Set([...request.securityGroups ?? [], ...nics.flatMap((n) => n.securityGroups ?? [])])]),
    quotaQuery(project, ['port']),
  ] as unknown as Query[]
}

/**
 * Decides and stages the ports of a new server (or of an interface added to one). `rows` is what `portReads` gave.
 * The ports are bound to `host` when it is known already.
 */
export function planPorts(ctx: Ctx, request: PortRequest, rows: unknown[], server: { server: string; hostname: string; host?: string | null; zone?: string }): PlannedPort[] {
  const [networks, subnets, free, ports, addresses, defaults, groups, quota] = rows as [NetworkRow[], SubnetRow[], unknown[], PortRow[], (typeof address.$inferSelect)[], GroupRow[], GroupRow[], unknown[]]
  if (request.nics === 'none') return []
  const nics: Exclude<PortRequest['nics'], string> = request.nics === 'auto' ? automatic(networks) : request.nics
  if (!nics.length) return []
  const open = readFree(free), project = ctx.project, now = ctx.now()
  const wanted = request.securityGroups
  const groupIds = wanted ? wanted.map((name) => oneGroup(groups, name)) : undefined
  const planned: PlannedPort[] = []
  const made: PortRow[] = [], held: AddressRow[] = [], memberships: { port: string; securityGroup: string }[] = []
  for (const nic of nics) {
    if (nic.port) {
      planned.push(adopt(ctx, nic.port, ports, networks, addresses, server, nic.fixedIp))
      continue
    }
    const net = networks.find((n) => n.id === nic.network)
    if (!net) throw invalid(`Network ${nic.network} could not be found.`)
    const own = subnets.filter((s) => s.network === net.id && (!nic.subnet || s.id === nic.subnet))
    if (!own.length && request.nics !== 'auto') throw invalid(`Network ${net.id} requires a subnet in order to boot instances on.`)
    const row: PortRow = {
      id: ctx.uuid(), project, name: '', description: '', tags: [], revision: 1, createdAt: now + made.length, updatedAt: now, network: net.id, mac: newMac(ctx.world.random(3)), adminUp: true,
      status: 'DOWN', device: server.server, deviceOwner: `compute:${server.zone ?? 'nova'}`, host: server.host ?? null, arriving: null, bindingHost: '', vnicType: 'normal', profile: {},
      portSecurity: net.portSecurity, pairs: [], dhcpOptions: [], dnsName: dnsLabel(server.hostname), ownedByServer: !nic.keep, qosPolicy: null,
    }
    const mine = chooseAddresses(row, own, open, nic.fixedIp ? [{ ip_address: nic.fixedIp }] : undefined)
    made.push(row)
    held.push(...mine)
    if (net.portSecurity) memberships.push(...(nic.securityGroups?.map((name) => oneGroup(groups, name)) ?? groupIds ?? [ensureDefaultGroup(ctx, project, defaults).id]).map((securityGroup) => ({ port: row.id, securityGroup })))
    planned.push({ ...shape(row, net), addresses: mine.map((a) => ({ address: a.address, version: a.address.includes(':') ? 6 : 4, subnet: a.subnet })), created: true })
  }
  if (made.length) {
    ctx.stage(q.insert(port).values(made))
    if (held.length) ctx.stage(q.insert(address).values(held))
    if (memberships.length) ctx.stage(q.insert(portSecurityGroup).values(memberships))
    withinQuota(ctx, project, quota, { port: made.length })
  }
  touchPorts(ctx, planned.map((p) => p.id))
  return planned
}

function automatic(networks: NetworkRow[]): Exclude<PortRequest['nics'], string> {
  if (networks.length > 1) throw conflict('Multiple possible networks found, use a Network ID to be more specific.')
  return networks.map((n) => ({ network: n.id }))
}

function oneGroup(groups: GroupRow[], name: string): string {
  const found = groups.filter((g) => g.id === name)
  const named = found.length ? found : groups.filter((g) => g.name === name)
  if (!named.length) throw invalid(`Security group ${name} not found.`)
  if (named.length > 1) throw conflict(`Multiple security groups found matching '${name}'. Use an ID to be more specific.`)
  return named[0].id
}

function adopt(ctx: Ctx, id: string, ports: PortRow[], networks: NetworkRow[], addresses: (typeof address.$inferSelect)[], server: { server: string; hostname: string; host?: string | null; zone?: string }, fixedIp?: string): PlannedPort {
  const row = ports.find((p) => p.id === id)
  if (!row) throw notFound('port', id, `Port ${id} could not be found.`, { status: 400 })
  if (row.device) throw conflict(`Port ${id} is still in use.`)
  const mine = addresses.filter((a) => a.port === id)
  if (fixedIp) throw invalid(`Fixed IP ${fixedIp} cannot be specified together with port ${id}.`)
  if (!mine.length) throw invalid(`Port ${id} requires a FixedIP in order to be used.`)
  const net = networks.find((n) => n.id === row.network)
  if (!net) throw invalid(`Network ${row.network} could not be found.`)
  ctx.stage(q.update(port).set({ device: server.server, deviceOwner: `compute:${server.zone ?? 'nova'}`, host: server.host ?? null, dnsName: row.dnsName || dnsLabel(server.hostname), revision: row.revision + 1, updatedAt: ctx.now() })
    .where(and(eq(port.id, id), eq(port.device, ''))), 'stale')
  return { ...shape(row, net), addresses: mine.map((a) => ({ address: a.address, version: a.address.includes(':') ? 6 : 4, subnet: a.subnet })), created: false }
}

const shape = (row: PortRow, net: NetworkRow) => ({ id: row.id, network: net.id, networkName: net.name, mac: row.mac, mtu: net.mtu })
/** A name as DNS has it, cut and cleaned; empty when nothing is left. */
export const dnsLabel = (name: string) => name.toLowerCase().replace(/[^a-z0-9-]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 63).replace(/-+$/, '')

/** Ports of a server that is going to run on this host. */
export function bindPorts(ctx: Ctx, ids: string[], hostId: string) {
  if (!ids.length) return
  touchPorts(ctx, ids)
  ctx.stage(q.update(port).set({ host: hostId, updatedAt: ctx.now(), revision: sql`${port.revision} + 1` }).where(inArray(port.id, ids)))
  comeTo(ctx, ids, null)
  touchPorts(ctx, ids)
}
/** Ports of a guest that is on its way to a host while it runs: connected there as well, until they are bound there or awaited no more. */
export function expectPorts(ctx: Ctx, ids: string[], hostId: string) {
  if (!ids.length) return
  comeTo(ctx, ids, hostId)
  touchPorts(ctx, ids)
  touch(ctx, { hostsOf: listed([hostId]) })
}
export function awaitPortsNoMore(ctx: Ctx, ids: string[], hostId: string) {
  if (!ids.length) return
  touch(ctx, { hostsOf: listed([hostId]) })
  comeTo(ctx, ids, null)
  touchPorts(ctx, ids)
}
const comeTo = (ctx: Ctx, ids: string[], hostId: string | null) =>
  ctx.stage(q.update(port).set({ arriving: hostId }).where(and(sql`${port.id} in (${withSubPorts(listed(ids))})`, hostId ? undefined : isNotNull(port.arriving))))

export function activatePorts(ctx: Ctx, server: string) {
  ctx.stage(q.update(port).set({ status: 'ACTIVE', updatedAt: ctx.now() }).where(and(eq(port.device, server), eq(port.adminUp, true))))
}

/** Lets go of a server's ports: those made for it vanish with their addresses, the others are free again. */
export function releasePorts(ctx: Ctx, server: string) {
  const mine = and(eq(port.device, server), sql`${port.deviceOwner} like 'compute:%'`)
  const all = withSubPorts(sql`select id from port where device = ${server}`)
  touch(ctx, { hostsOf: sql`select arriving from port where device = ${server} and arriving is not null` })
  ctx.stage(q.update(port).set({ arriving: null }).where(sql`${port.id} in (${all}) and ${port.arriving} is not null`))
  touch(ctx, { ports: all })
  ctx.stage(q.update(floatingIp).set({ port: null, fixedAddress: null, router: null, status: 'DOWN', updatedAt: ctx.now() })
    .where(inArray(floatingIp.port, q.select({ id: port.id }).from(port).where(and(mine, eq(port.ownedByServer, true))))))
  ctx.stage(q.delete(port).where(and(mine, eq(port.ownedByServer, true))))
  ctx.stage(q.update(port).set({ device: '', deviceOwner: '', host: null, status: 'DOWN', updatedAt: ctx.now(), revision: sql`${port.revision} + 1` }).where(mine))
}

export interface ServerAddress { server: string; port: string; network: string; networkName: string; mac: string; address: string; floating: string | null }
/** Every address of these servers, with the floating one on top of it where there is one. */
export const portsOf = (servers: string[]): Query => q.all(sql`
  select p.device as server, p.id as port, p.network as network, n.name as networkName, p.mac as mac, a.address as address, f.address as floating
  from port p join network n on n.id = p.network join address a on a.port = p.id left join floating_ip f on f.port = p.id and f.fixed_address = a.address
  where p.device in (select value from json_each(${JSON.stringify(servers)})) and p.device_owner like 'compute:%' order by p.created_at, p.id, a.address`) as unknown as Query

/** The compute API's `addresses`: by network name, floating ones after the fixed one they stand for. */
export function addressesView(rows: ServerAddress[]): Record<string, Record<string, unknown>[]> {
  const out: Record<string, Record<string, unknown>[]> = {}
  for (const r of rows) {
    const one = (addr: string, type: string) => ({ version: addr.includes(':') ? 6 : 4, addr, 'OS-EXT-IPS:type': type, 'OS-EXT-IPS-MAC:mac_addr': r.mac })
    ;(out[r.networkName] ??= []).push(one(r.address, 'fixed'), ...(r.floating ? [one(r.floating, 'floating')] : []))
  }
  return out
}
