import { and, eq, inArray, ne, sql } from 'drizzle-orm'
import { host } from '../../../schema/host.ts'
import { address, floatingIp, network, port, portSecurityGroup, routerInterface, subnet } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { rows, type Row } from '../../kernel/resource.ts'
import { newMac, readAddress } from '../addresses.ts'
import { policyQuery, usePolicy } from '../qos/use.ts'
import { visibleGroups } from '../security/groups.ts'
import { leadsTo } from '../networks/physical.ts'
import { listed, touch, withSubPorts } from '../touch.ts'
import { chooseAddresses, freeQuery, readFree, type SubnetRow } from './allocate.ts'
import { checkMay, checkSecurity, mergeOptions, readMac, readPairs } from './check.ts'
import type { NetworkRow, PortRow } from './plan.ts'
import { type FixedIp, parsed } from './view.ts'

const netOf = (id: string) => sql`(select network from port where id = ${id})`

/** What deciding about a change takes besides the port. */
export function updateReads(ctx: Ctx, id: string, change: Row): Query[] {
  const asked = (change.fixedIps ?? []).flatMap((f: Row) => (f.ip_address === undefined ? [] : [readAddress(f.ip_address, 'fixed_ips').text]))
  return [
    q.select().from(network).where(sql`${network.id} = ${netOf(id)}`),
    q.select().from(subnet).where(sql`${subnet.network} = ${netOf(id)}`),
    freeQuery(ctx, sql`s.network = ${netOf(id)}`, 6),
    q.select({ id: visibleGroups.table.id }).from(visibleGroups.table).where(and(inArray(visibleGroups.table.id, change.groups ?? []), visibleGroups.where(ctx))),
    q.select({ id: host.id, physicalNetworks: host.physicalNetworks }).from(host).where(eq(host.name, change.hostId ?? '')),
    q.select({ subnet: address.subnet, address: address.address }).from(address).where(and(sql`${address.network} = ${netOf(id)}`, inArray(address.address, asked), ne(address.port, id))),
    q.select({ id: port.id }).from(port).where(and(sql`${port.network} = ${netOf(id)}`, eq(port.mac, change.mac ? readMac(change.mac, 'mac_address') : ''), ne(port.id, id))),
    q.select().from(routerInterface).where(eq(routerInterface.port, id)),
    policyQuery(ctx, [change.qosPolicy]),
  ] as unknown as Query[]
}

export async function updatePort(ctx: Ctx, row: Row, change: Row, joined: any[]): Promise<Row> {
  const [[net], subnets, free, groups, [named], taken, sameMac, legs, policies] = joined as [NetworkRow[], SubnetRow[], unknown[], { id: string }[], { id: string; physicalNetworks: string[] | null }[], { subnet: string; address: string }[], unknown[], { subnet: string }[], unknown[]]
  const now = row as PortRow & Row
  // Where its network does not get to it is not bound: that shows as a binding that failed.
  const on = named && leadsTo(named, net) ? named : undefined
  checkMay(ctx, 'update', change, net, now)
  const { fixedIps, groups: wanted, hostId, ...set } = change
  usePolicy(set.qosPolicy, policies, `port ${now.id}`)
  if (set.mac === null) set.mac = newMac(ctx.world.random(3))
  if (set.mac) {
    set.mac = readMac(set.mac, 'mac_address')
    if (set.mac !== now.mac && now.host) throw conflict(`Unable to complete operation on port ${now.id}, port is already bound, port type: bridge, old_mac ${now.mac}, new_mac ${set.mac}.`, { type: 'PortBound' })
    if (sameMac.length) throw conflict(`Unable to complete operation for network ${now.network}. The mac address ${set.mac} is in use.`, { type: 'MacAddressInUse' })
  }
  if (set.pairs !== undefined) set.pairs = readPairs(set.pairs ?? [], set.mac ?? now.mac)
  if (set.dhcpOptions !== undefined) set.dhcpOptions = mergeOptions(now.dhcpOptions, set.dhcpOptions ?? [])
  if (hostId !== undefined) Object.assign(set, { host: on?.id ?? null, bindingHost: on ? '' : hostId ?? '', ...(on?.id === now.host ? {} : { status: 'DOWN' }) })
  if (set.profile === null) set.profile = {}
  for (const name of ['device', 'deviceOwner', 'name', 'description', 'dnsName']) if (set[name] === null) set[name] = ''
  const next = { ...now, ...set }

  const have = parsed<FixedIp>(now.fixed), haveGroups = parsed<string>(now.groups)
  const member: string[] = wanted === undefined ? haveGroups : [...new Set<string>(wanted ?? [])]
  for (const id of member) if (!haveGroups.includes(id) && !groups.some((g) => g.id === id)) throw notFound('security group', id, `Security group ${id} does not exist`, { type: 'SecurityGroupNotFound' })
  checkSecurity(next, member)

  const changesAddresses = fixedIps !== undefined || (set.mac !== undefined && set.mac !== now.mac)
  const asked = fixedIps === undefined ? have : fixedIps ?? []
  const kept = have.map((f) => ({ subnet: f.subnet_id, address: f.ip_address }))
  const held = changesAddresses ? chooseAddresses(next, subnets, readFree(free), regenerated(asked, set.mac, subnets), kept) : []
  for (const a of held) if (taken.some((t) => t.subnet === a.subnet && t.address === a.address)) throw conflict(`IP address ${a.address} already allocated in subnet ${a.subnet}.`, { type: 'IpAddressAlreadyAllocated' })
  if (changesAddresses && legs.some((l) => !held.some((a) => a.subnet === l.subnet))) throw invalid(`Bad port request: Subnets of router interface port ${now.id} cannot be changed; remove the interface instead.`, { type: 'BadRequest' })

  const around = () => touch(ctx, { ports: withSubPorts(listed([now.id])), guests: now.host ? [now.host] : [] })
  const joins = member.filter((g) => !haveGroups.includes(g)), leaves = haveGroups.filter((g) => !member.includes(g))
  if (leaves.length || changesAddresses) around()
  const out = rows(port).update(ctx, row, set)
  if (changesAddresses) {
    const gone = kept.filter((k) => !held.some((a) => a.subnet === k.subnet && a.address === k.address)), fresh = held.filter((a) => !kept.some((k) => k.subnet === a.subnet && k.address === a.address))
    if (gone.length) {
      ctx.stage(q.delete(address).where(and(eq(address.port, now.id), inArray(address.address, gone.map((g) => g.address)))))
      ctx.stage(q.update(floatingIp).set({ port: null, fixedAddress: null, router: null, status: 'DOWN', updatedAt: ctx.now() }).where(and(eq(floatingIp.port, now.id), inArray(floatingIp.fixedAddress, gone.map((g) => g.address)))))
    }
    if (fresh.length) ctx.stage(q.insert(address).values(fresh))
  }
  if (leaves.length) ctx.stage(q.delete(portSecurityGroup).where(and(eq(portSecurityGroup.port, now.id), inArray(portSecurityGroup.securityGroup, leaves))))
  if (joins.length) ctx.stage(q.insert(portSecurityGroup).values(joins.map((securityGroup) => ({ port: now.id, securityGroup }))).onConflictDoNothing())
  around()
  return { ...out, groups: member, ...(hostId === undefined ? {} : { hostName: on ? hostId : null }), ...(changesAddresses ? { fixed: held.map((a) => ({ subnet_id: a.subnet, ip_address: a.address })) } : {}) }
}

/** With a new MAC, addresses made of the old one are asked for by their subnet alone. */
const regenerated = (asked: FixedIp[], mac: string | undefined, subnets: SubnetRow[]) => (mac === undefined ? asked
  : asked.map((f) => (subnets.some((s) => s.id === f.subnet_id && s.version === 6 && /slaac|stateless/.test(s.addressMode ?? s.raMode ?? '')) ? { subnet_id: f.subnet_id } : f)))
