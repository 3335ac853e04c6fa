import { and, eq, inArray, sql } from 'drizzle-orm'
import { address, floatingIp, network, port, router, routerInterface, subnet } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { conflict, forbidden, invalid, notFound } from '../../kernel/fault.ts'
import type { Row } from '../../kernel/resource.ts'
import { cidrOf, newMac, overlaps, readAddress } from '../addresses.ts'
import { networksOf } from '../networks/visible.ts'
import { policyQuery, useForAddress } from '../qos/use.ts'
import { chooseAddresses, freeQuery, readFree, type SubnetRow } from '../ports/allocate.ts'
import type { NetworkRow } from '../ports/plan.ts'

export interface Leg { port: string; network: string; subnet: SubnetRow; address: string }
export interface Around { networks: NetworkRow[]; subnets: SubnetRow[]; free: unknown[]; taken: { subnet: string; address: string }[]; floating: { id: string }[]; legs: Leg[]; outside: { subnet: SubnetRow; address: string }[]; policies: unknown[] }

export const legsOf = (id: string) => q.select({ port: routerInterface.port, network: subnet.network, subnet, address: address.address }).from(routerInterface)
  .innerJoin(subnet, eq(subnet.id, routerInterface.subnet)).innerJoin(address, and(eq(address.port, routerInterface.port), eq(address.subnet, routerInterface.subnet))).where(eq(routerInterface.router, id))
export const outsideOf = (id: string) => q.select({ subnet, address: address.address }).from(router).innerJoin(address, eq(address.port, router.gatewayPort)).innerJoin(subnet, eq(subnet.id, address.subnet)).where(eq(router.id, id))

/** All that deciding about a router's gateway and routes takes; the id of one that is being made matches nothing. */
export function aroundReads(ctx: Ctx, id: string, change: Row): Query[] {
  const net = change.gateway?.network_id ?? ''
  const asked = (change.gateway?.external_fixed_ips ?? []).flatMap((f: Row) => (f.ip_address === undefined ? [] : [readAddress(f.ip_address, 'external_fixed_ips').text]))
  return [
    q.select().from(network).where(and(eq(network.id, net), ctx.caller.admin ? undefined : networksOf(ctx.project))),
    q.select().from(subnet).where(eq(subnet.network, net)),
    freeQuery(ctx, sql`s.network = ${net}`, 6),
    q.select({ subnet: address.subnet, address: address.address }).from(address).where(and(eq(address.network, net), inArray(address.address, asked), sql`${address.port} not in (select coalesce(gateway_port, '') from router where id = ${id})`)),
    q.select({ id: floatingIp.id }).from(floatingIp).where(eq(floatingIp.router, id)).limit(1),
    legsOf(id), outsideOf(id), policyQuery(ctx, [change.gateway?.qos_policy_id]),
  ] as unknown as Query[]
}
export const readAround = (joined: any[]): Around => { const [networks, subnets, free, taken, floating, legs, outside, policies] = joined; return { networks, subnets, free, taken, floating, legs, outside, policies } }

/**
 * Decides about the gateway and stages its port. Gives what changes in the router's row and its `outside` addresses.
 * `info`: null or empty takes the gateway away.
 */
export function planGateway(ctx: Ctx, verb: 'create' | 'update', r: Row, info: Row | null, a: Around): Row {
  const disallowed = (what: string) => forbidden(`(rule:${verb}_router and rule:${verb}_router:external_gateway_info:${what}) is disallowed by policy`, { type: 'PolicyNotAuthorized' })
  if (!info?.network_id) {
    if (info && Object.keys(info).length) throw invalid("Invalid input for external_gateway_info. Reason: Validation of dictionary's keys failed. Expected keys: network_id.")
    if (r.externalNetwork && a.floating.length) throw needed(r)
    dropGateway(ctx, r)
    return { externalNetwork: null, gatewayPort: null, snat: true, qosPolicy: null, outside: [] }
  }
  if (info.enable_snat !== undefined && !ctx.caller.admin && info.enable_snat !== r.snat) throw disallowed('enable_snat')
  if (info.external_fixed_ips?.length && !ctx.caller.admin) throw disallowed('external_fixed_ips')
  const net = a.networks[0]
  if (!net) throw notFound('network', info.network_id, undefined, { type: 'NetworkNotFound' })
  if (!net.external) throw invalid(`Bad router request: Network ${net.id} is not an external network.`, { type: 'BadRequest' })
  for (const s of a.subnets) for (const l of a.legs) if (overlaps(cidrOf(s.cidr), cidrOf(l.subnet.cidr))) throw clash(s, l.subnet)
  const same = r.externalNetwork === net.id, snat = info.enable_snat ?? (same ? r.snat : true)
  if (info.qos_policy_id !== undefined && !ctx.caller.admin && info.qos_policy_id !== r.qosPolicy) throw disallowed('qos_policy_id')
  useForAddress(info.qos_policy_id, a.policies, `router ${r.id}`)
  const qosPolicy = info.qos_policy_id === undefined ? (same ? r.qosPolicy ?? null : null) : info.qos_policy_id
  if (same && !info.external_fixed_ips) return { snat, qosPolicy }
  if (r.externalNetwork && !same && a.floating.length) throw needed(r)
  const id = same ? r.gatewayPort as string : ctx.uuid(), now = ctx.now()
  const have = same ? a.outside.map((o) => ({ subnet: o.subnet.id, address: o.address })) : []
  const row = { id, project: '', name: '', revision: 1, createdAt: now, updatedAt: now, network: net.id, mac: newMac(ctx.world.random(3)), deviceOwner: 'network:router_gateway', device: r.id as string, status: 'ACTIVE' as const, portSecurity: false }
  const held = chooseAddresses(row, a.subnets, readFree(a.free), info.external_fixed_ips?.length ? info.external_fixed_ips : undefined, have)
  for (const h of held) if (a.taken.some((t) => t.subnet === h.subnet && t.address === h.address)) throw conflict(`IP address ${h.address} already allocated in subnet ${h.subnet}.`, { type: 'IpAddressAlreadyAllocated' })
  if (same) ctx.stage(q.delete(address).where(eq(address.port, id)))
  else {
    dropGateway(ctx, r)
    ctx.stage(q.insert(port).values(row))
  }
  if (held.length) ctx.stage(q.insert(address).values(held))
  return { externalNetwork: net.id, gatewayPort: id, snat, qosPolicy, outside: held.map((h) => ({ subnet_id: h.subnet, ip_address: h.address })) }
}

export function dropGateway(ctx: Ctx, r: Row) {
  if (r.gatewayPort) ctx.stage(q.delete(port).where(eq(port.id, r.gatewayPort)))
}
const needed = (r: Row) => conflict(`Gateway cannot be updated for router ${r.id}, since a gateway to external network ${r.externalNetwork} is required by one or more floating IPs.`, { type: 'RouterExternalGatewayInUseByFloatingIp' })
export const clash = (s: SubnetRow, other: SubnetRow) => invalid(`Bad router request: Cidr ${s.cidr} of subnet ${s.id} overlaps with cidr ${other.cidr} of subnet ${other.id}.`, { type: 'BadRequest' })
