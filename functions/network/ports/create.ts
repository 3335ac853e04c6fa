import { and, inArray, sql } from 'drizzle-orm'
import { host } from '../../../schema/host.ts'
import { address, network, port, portSecurityGroup, subnet } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q, type Query } from '../../kernel/db.ts'
import { conflict, forbidden, notFound, Stale } from '../../kernel/fault.ts'
import type { Row } from '../../kernel/resource.ts'
import { newMac, readAddress } from '../addresses.ts'
import { networksOf, usable } from '../networks/visible.ts'
import { policyQuery, usePolicy } from '../qos/use.ts'
import { leadsTo } from '../networks/physical.ts'
import { quotaQuery, withinQuota } from '../quotas/limits.ts'
import { defaultGroupQuery, ensureDefaultGroup, type GroupRow, visibleGroups } from '../security/groups.ts'
import { standardRow } from '../standard.ts'
import { touchPorts } from '../touch.ts'
import { type AddressRow, chooseAddresses, freeQuery, readFree, type SubnetRow } from './allocate.ts'
import { checkMay, checkSecurity, mergeOptions, readMac, readPairs } from './check.ts'
import type { NetworkRow, PortRow } from './plan.ts'

// A random MAC met another: the unit runs again and takes a new one. One that was asked for is found taken by its read.
onDuplicate('port.network, port.mac', () => new Stale('mac'))

/** Any number of ports: one read, one write. */
export async function createPorts(ctx: Ctx, list: Row[]): Promise<Row[]> {
  const nets = [...new Set(list.map((v) => v.network as string))], own = ctx.caller.project?.id ?? ''
  const projects = [...new Set(list.map((v) => (v.project ?? own) as string))]
  const asked = list.flatMap((v) => (v.fixedIps ?? []).flatMap((f: Row) => (f.ip_address === undefined ? [] : [readAddress(f.ip_address, 'fixed_ips').text])))
  const macs = list.flatMap((v) => (v.mac ? [readMac(v.mac, 'mac_address')] : []))
  const groupIds = list.flatMap((v) => (v.groups ?? []) as string[]), hosts = list.flatMap((v) => v.hostId || [])
  const [networks, subnets, free, groups, named, taken, usedMacs, policies, ...perProject] = await ctx.read(
    q.select({ network, usable: usable(own).as('usable') }).from(network).where(and(inArray(network.id, nets), ctx.caller.admin ? undefined : networksOf(own))),
    q.select().from(subnet).where(inArray(subnet.network, nets)),
    freeQuery(ctx, sql`s.network in (select value from json_each(${JSON.stringify(nets)}))`, Math.max(4, list.length * 2)),
    q.select({ id: visibleGroups.table.id }).from(visibleGroups.table).where(and(inArray(visibleGroups.table.id, groupIds), visibleGroups.where(ctx))),
    q.select({ id: host.id, name: host.name, physicalNetworks: host.physicalNetworks }).from(host).where(inArray(host.name, hosts)),
    q.select({ network: address.network, address: address.address }).from(address).where(and(inArray(address.network, nets), inArray(address.address, asked))),
    q.select({ network: port.network, mac: port.mac }).from(port).where(and(inArray(port.network, nets), inArray(port.mac, macs))),
    policyQuery(ctx, list.map((v) => v.qosPolicy)),
    ...projects.flatMap((p) => [defaultGroupQuery(p) as Query, quotaQuery(p, ['port'])]),
  ) as unknown as [{ network: NetworkRow; usable: number }[], SubnetRow[], unknown[], { id: string }[], { id: string; name: string; physicalNetworks: string[] | null }[], { network: string; address: string }[], { network: string; mac: string }[], unknown[], ...unknown[][]]
  const open = readFree(free), defaults = new Map(projects.map((p, i) => [p, perProject[i * 2] as GroupRow[]]))
  const made: PortRow[] = [], held: AddressRow[] = [], memberships: { port: string; securityGroup: string }[] = []
  const shown = list.map((values) => {
    const found = networks.find((n) => n.network.id === values.network)
    if (!found) throw notFound('network', values.network, undefined, { type: 'NetworkNotFound' })
    const net = found.network
    if (!found.usable && !ctx.caller.admin) throw forbidden('(rule:create_port and rule:create_port:network_id) is disallowed by policy', { type: 'PolicyNotAuthorized' })
    checkMay(ctx, 'create', values, net)
    const { fixedIps, groups: wanted, hostId, ...given } = values
    const plain = Object.fromEntries(Object.entries(given).filter(([, v]) => v !== null)) as Row
    const mac = plain.mac ? readMac(plain.mac, 'mac_address') : newMac(ctx.world.random(3))
    if (plain.mac && (usedMacs.some((u) => u.network === net.id && u.mac === mac) || made.some((p) => p.network === net.id && p.mac === mac))) throw conflict(`Unable to complete operation for network ${net.id}. The mac address ${mac} is in use.`, { type: 'MacAddressInUse' })
    const on = hostId ? named.find((h) => h.name === hostId && leadsTo(h, net)) : undefined
    const row = {
      adminUp: true, device: '', deviceOwner: '', vnicType: 'normal', profile: {}, dnsName: '', portSecurity: net.portSecurity, qosPolicy: null,
      ...standardRow(ctx, plain), network: net.id, mac, host: on?.id ?? null, bindingHost: on ? '' : hostId ?? '', ownedByServer: false,
      status: (plain.deviceOwner ?? '').startsWith('network:') ? 'ACTIVE' as const : 'DOWN' as const,
      pairs: readPairs(plain.pairs ?? [], mac), dhcpOptions: mergeOptions([], plain.dhcpOptions ?? []),
    } as PortRow
    const mine = chooseAddresses(row, subnets.filter((s) => s.network === net.id), open, fixedIps ?? (fixedIps === null ? [] : undefined))
    for (const a of mine) if (taken.some((t) => t.network === net.id && t.address === a.address) || held.some((h) => h.subnet === a.subnet && h.address === a.address)) throw conflict(`IP address ${a.address} already allocated in subnet ${a.subnet}.`, { type: 'IpAddressAlreadyAllocated' })
    for (const id of wanted ?? []) if (!groups.some((g) => g.id === id)) throw notFound('security group', id, `Security group ${id} does not exist`, { type: 'SecurityGroupNotFound' })
    const member: string[] = wanted ? [...new Set<string>(wanted)] : row.portSecurity && !row.deviceOwner.startsWith('network:') ? [ensureDefaultGroup(ctx, row.project, defaults.get(row.project)!).id] : []
    checkSecurity(row, member)
    usePolicy(row.qosPolicy, policies, `port ${row.id}`)
    made.push(row)
    held.push(...mine)
    memberships.push(...member.map((securityGroup) => ({ port: row.id, securityGroup })))
    return { ...row, fixed: mine.map((a) => ({ subnet_id: a.subnet, ip_address: a.address })), groups: member, hostName: on?.name ?? null, netDomain: net.dnsDomain, networkPolicy: net.qosPolicy }
  })
  ctx.stage(q.insert(port).values(made))
  if (held.length) ctx.stage(q.insert(address).values(held))
  if (memberships.length) ctx.stage(q.insert(portSecurityGroup).values(memberships))
  projects.forEach((p, i) => withinQuota(ctx, p, perProject[i * 2 + 1], { port: made.filter((m) => m.project === p).length }))
  touchPorts(ctx, made.map((p) => p.id))
  return shown
}
