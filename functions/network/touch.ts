import { sql, type SQL } from 'drizzle-orm'
import { host } from '../../schema/host.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { exchanging } from './bgpvpns/members.ts'
import type { Sweep } from '../kernel/sweep.ts'

/** Ids, as a subquery. */
export const listed = (ids: string[]) => sql`select value from json_each(${JSON.stringify(ids)})`

/** What changed, each a subquery of ids. What the first four say is told to hosts as news; the others have them ask for everything. */
export interface Touched {
  /** Ports, wherever they are now: hosts with their networks, and members of groups whose rules name groups they are in. */
  ports?: SQL
  /** Groups whose rules changed: their own members are concerned. */
  rules?: SQL
  /** Hosts where what a guest is told changed; by id, or as a query. */
  guests?: string[]
  guestsOf?: SQL
  networks?: SQL
  routers?: SQL
  /** A query for hosts, for what none of the others says. */
  hostsOf?: SQL
}

/**
 * The different hosts beside each of some keys, found by leaping through the index from one to the next: the cost is that
 * of the hosts, not of the ports on them.
 */
const beside = (table: 'port' | 'port_security_group', key: 'network' | 'security_group', keys: SQL) => {
  const first = (of: SQL, after: SQL) => sql`(select min(t.host) from ${sql.raw(table)} t where t.${sql.raw(key)} = ${of} and t.host is not null ${after})`
  return sql`select h from (with recursive k(id) as (${keys}), leap(id, h) as (select k.id, ${first(sql`k.id`, sql``)} from k union all
    select leap.id, ${first(sql`leap.id`, sql`and t.host > leap.h`)} from leap where leap.h is not null) select h from leap where h is not null)`
}

const legsBeside = (networks: SQL) => sql`select r.host from subnet s join router_interface i on i.subnet = s.id join router r on r.id = i.router where s.network in (${networks}) and r.host is not null`
const newest = sql<number>`(select max(seq) from network_change)`

/**
 * Notes what changed and tells the hosts concerned: those with guests on these networks or routers with legs there, and
 * those with members of groups whose rules name one of these groups. No read. What is about to vanish is touched before
 * it goes, and what moves on both sides of the move.
 */
export function touch(ctx: Ctx, what: Touched) {
  const log: SQL[] = [], news: SQL[] = [], whole: SQL[] = []
  if (what.ports) {
    const networks = sql`select network from port where id in (${what.ports})`, groups = sql`select security_group from port_security_group where port in (${what.ports})`
    log.push(sql`select network, id from port where id in (${what.ports})`, sql`select security_group, port from port_security_group where port in (${what.ports})`)
    // What routers and networks have of a port is theirs to tell: legs, gateways, DHCP, what outside addresses lead to.
    whole.push(sql`select r.host from router r where r.host is not null and (r.gateway_port in (${what.ports}) or r.id in (select router from router_interface where port in (${what.ports}) union select router from floating_ip where port in (${what.ports})
      union select f.router from port_forwarding x join floating_ip f on f.id = x.floating_ip where x.port in (${what.ports}))
      or r.id in (${exchanging(sql`select a.bgpvpn from bgpvpn_association a where a.port in (${what.ports})`)}))`,
      beside('port', 'network', sql`select network from port where id in (${what.ports}) and device_owner = 'network:dhcp'`))
    news.push(beside('port', 'network', networks), legsBeside(networks), beside('port_security_group', 'security_group', sql`select distinct g.security_group from security_group_rule g where g.remote_group in (${groups})`))
  }
  if (what.rules) {
    log.push(sql`select value, '' from (select distinct id as value from security_group where id in (${what.rules}))`)
    news.push(beside('port_security_group', 'security_group', what.rules))
  }
  if (what.guests?.length) news.push(listed(what.guests))
  if (what.guestsOf) news.push(what.guestsOf)
  if (what.networks) whole.push(beside('port', 'network', what.networks), legsBeside(what.networks))
  if (what.routers) whole.push(sql`select r.host from router r where r.id in (${what.routers}) and r.host is not null`)
  if (what.hostsOf) whole.push(what.hostsOf)
  if (!news.length && !whole.length) return
  // What is no port's and no group's business still gets a number.
  if (what.guests?.length || what.guestsOf || what.networks || what.routers || what.hostsOf) log.push(sql`select '', ''`)
  ctx.stage(q.run(sql`insert into network_change (scope, port) ${sql.join(log, sql` union `)}`))
  const tell = (hosts: SQL[], set: { revision: SQL<number>; whole?: SQL<number> }) => {
    if (hosts.length) ctx.stageAndRing(q.update(host).set(set as object).where(sql`${host.id} in (${sql.join(hosts, sql` union `)})`).returning({ id: host.id }))
  }
  tell(news, { revision: newest })
  tell(whole, { revision: newest, whole: newest })
}

/** A network or its subnets changed: routers with their gateway there are concerned too. */
export const touchNetworks = (ctx: Ctx, ids: string[]) => touch(ctx, { networks: listed(ids), routers: sql`select id from router where external_network in (${listed(ids)})` })
/** These ports and, of trunks, those that come and go with them. */
export const withSubPorts = (ports: SQL) => sql`${ports} union select s.port from trunk t join sub_port s on s.trunk = t.id where t.port in (${ports})`
/** These ports, and those that come and go with them. */
export const touchPorts = (ctx: Ctx, ids: string[]) => (ids.length ? touch(ctx, { ports: withSubPorts(listed(ids)) }) : undefined)

/** Hosts that are further behind than this ask for everything. */
const KEPT = 20_000
export const forgetChanges: Sweep = {
  name: 'changes', every: 600,
  async run(basis) { await basis.db.write([q.run(sql`delete from network_change where seq <= (select max(seq) from network_change) - ${KEPT}`)]) },
}
