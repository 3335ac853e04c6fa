import { and, eq, inArray, isNotNull, or, sql, type SQL } from 'drizzle-orm'
import { host } from '../../../schema/host.ts'
import { networkChange, port, portSecurityGroup, router, securityGroupRule } from '../../../schema/network.ts'
import { q } from '../../kernel/db.ts'
import { hostQuery, type HostRow } from '../../hosts/signed.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { meeting } from '../bgpvpns/exchange.ts'
import { membersAt } from '../bgpvpns/members.ts'
import { listed } from '../touch.ts'

/** Bound to the host, or of a guest that is moving to it. */
export const isHere = (id: string) => or(eq(port.host, id), eq(port.arriving, id))

/** What concerns a host, each a subquery. Networks: those with a guest here, or with a leg or the gateway of a router that lives here. */
export function around(id: string) {
  const routers = q.select({ id: router.id }).from(router).where(and(eq(router.host, id), eq(router.adminUp, true)))
  const ports = q.select({ id: port.id }).from(port).where(isHere(id))
  const groups = q.select({ id: portSecurityGroup.securityGroup }).from(portSecurityGroup).where(inArray(portSecurityGroup.port, ports))
  const remoteGroups = q.select({ id: sql<string>`${securityGroupRule.remoteGroup}` }).from(securityGroupRule).where(and(inArray(securityGroupRule.securityGroup, groups), isNotNull(securityGroupRule.remoteGroup)))
  const legNetworks = sql`select p.network from router r join router_interface i on i.router = r.id join port p on p.id = i.port where r.host = ${id} and r.admin_up
    union select p.network from router r join port p on p.id = r.gateway_port where r.host = ${id} and r.admin_up
    union select ${meeting.id} where exists (${membersAt(sql`select id from router where host = ${id} and admin_up`)})`
  const networks = sql`(select network from port where host = ${id} union select network from port where arriving = ${id} union ${legNetworks})`
  return { routers, groups, remoteGroups, legNetworks, networks }
}

/** More changed ports than this are told as a whole document. */
const MANY = 2000

/** What is to be told: everything, or these ports, and what is new to the host because of them. */
export interface News { base: number; have: string[]; changed: string[]; networks: string[]; anew: string[]; groups: string[] }

/** The host, and what happened since: one snapshot, which costs what happened and what is here, not what is elsewhere. */
export async function newsFor(ctx: Ctx, id: string, since: number | undefined): Promise<{ row: HostRow | undefined; news?: News }> {
  if (!since) return { row: (await ctx.read(hostQuery(id)))[0][0] }
  const a = around(id)
  const [[row], [{ oldest }], changes, own, memberships, names, legs, [coming]] = await ctx.read(
    hostQuery(id),
    q.select({ oldest: sql<number>`coalesce(min(${networkChange.seq}), 1)` }).from(networkChange),
    q.selectDistinct({ scope: networkChange.scope, port: networkChange.port }).from(networkChange)
      .where(sql`${networkChange.scope} in (select network from port where host = ${id} union ${a.legNetworks} union select * from ${a.groups} union select * from ${a.remoteGroups}) and ${networkChange.seq} > ${since}`).limit(2 * MANY),
    q.select({ id: port.id, network: port.network }).from(port).where(eq(port.host, id)),
    q.select({ port: portSecurityGroup.port, group: portSecurityGroup.securityGroup }).from(portSecurityGroup).where(inArray(portSecurityGroup.port, q.select({ id: port.id }).from(port).where(eq(port.host, id)))),
    q.selectDistinct({ group: securityGroupRule.securityGroup, remote: securityGroupRule.remoteGroup }).from(securityGroupRule).where(and(inArray(securityGroupRule.securityGroup, a.groups), isNotNull(securityGroupRule.remoteGroup))),
    q.all(sql`select network from (${a.legNetworks})`),
    q.select({ n: sql<number>`count(*)` }).from(port).where(eq(port.arriving, id)),
  ) as unknown as [[HostRow | undefined], [{ oldest: number }], { scope: string; port: string }[], { id: string; network: string }[], { port: string; group: string }[], { group: string; remote: string }[], { network: string }[], [{ n: number }]]
  // What a guest brings along is new to the host it comes to; that is seldom and short.
  if (coming.n) return { row }
  if (!row || since < row.whole || since > row.revision || since < oldest - 1) return { row }
  const ruled = new Set(changes.filter((c) => !c.port).map((c) => c.scope))
  const changed = new Set([...changes.flatMap((c) => c.port || []), ...memberships.filter((m) => ruled.has(m.group)).map((m) => m.port)])
  if (changed.size >= MANY || changes.length >= 2 * MANY) return { row }
  // A network or a group is known already when something here that did not change has to do with it.
  const have = new Set([...own, ...legs].map((x) => x.network))
  const known = new Set([...own.filter((p) => !changed.has(p.id)), ...legs].map((x) => x.network))
  const remotes = (of: typeof memberships) => new Set(names.filter((n) => of.some((m) => m.group === n.group)).map((n) => n.remote))
  const heard = remotes(memberships.filter((m) => !changed.has(m.port)))
  return { row, news: {
    base: since, have: [...have], changed: [...changed], networks: [...have].filter((n) => changes.some((c) => c.scope === n)),
    anew: [...have].filter((n) => !known.has(n)), groups: [...remotes(memberships.filter((m) => changed.has(m.port)))].filter((g) => !heard.has(g)),
  } }
}

/** The hosts of ports and of router legs on networks, leaping from one to the next: other hosts look for them there. */
export const peersOf = (networks: SQL) => q.all<{ network: string; host: string; address: string }>(sql`
  with recursive k(id) as (${networks}), leap(id, h) as (select k.id, (select min(t.host) from port t where t.network = k.id and t.host is not null) from k
    union all select leap.id, (select min(t.host) from port t where t.network = leap.id and t.host is not null and t.host > leap.h) from leap where leap.h is not null),
  at(network, host) as (select id, h from leap where h is not null
    union select s.network, r.host from subnet s join router_interface i on i.subnet = s.id join router r on r.id = i.router where s.network in (select id from k) and r.host is not null and r.admin_up
    union select p.network, p.arriving from port p where p.arriving is not null and p.network in (select id from k))
  select at.network as network, at.host as host, json_extract(h.hypervisor, '$.address') as address from at join host h on h.id = at.host where json_extract(h.hypervisor, '$.address') is not null`)

export const hostsOf = (ids: SQL) => q.select({ id: host.id, address: sql<string | null>`json_extract(${host.hypervisor}, '$.address')` }).from(host).where(sql`${host.id} in (${ids})`)
export { listed }
