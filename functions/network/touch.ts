import { sql, type SQL } from 'drizzle-orm'
import { host } from '../../schema/host.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'

/** Ids, as a subquery. */
export const listed = (ids: string[]) => sql`select value from json_each(${JSON.stringify(ids)})`

/** What changed, each a subquery of ids. */
export interface Touched {
  networks?: SQL
  /** Groups whose members changed: members of groups whose rules name them are concerned. */
  groups?: SQL
  /** Groups whose rules changed: their own members are concerned. */
  members?: SQL
  routers?: SQL
  hosts?: string[]
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

/**
 * Tells the hosts concerned that what should be on them changed: those with guests on these networks or routers with legs
 * there, and those with members of groups whose rules name one of these groups. One statement, no read. What is about to
 * vanish is touched before it goes.
 */
export function touch(ctx: Ctx, what: Touched) {
  const parts: SQL[] = []
  if (what.networks) {
    parts.push(beside('port', 'network', what.networks),
      sql`select r.host from subnet s join router_interface i on i.subnet = s.id join router r on r.id = i.router where s.network in (${what.networks}) and r.host is not null`)
  }
  if (what.groups) parts.push(beside('port_security_group', 'security_group', sql`select distinct g.security_group from security_group_rule g where g.remote_group in (${what.groups})`))
  if (what.members) parts.push(beside('port_security_group', 'security_group', what.members))
  if (what.routers) parts.push(sql`select r.host from router r where r.id in (${what.routers}) and r.host is not null`)
  if (what.hostsOf) parts.push(what.hostsOf)
  if (what.hosts?.length) parts.push(listed(what.hosts))
  if (parts.length) ctx.stageAndRing(q.update(host).set({ revision: sql`${host.revision} + 1` }).where(sql`${host.id} in (${sql.join(parts, sql` union `)})`).returning({ id: host.id }))
}

/** A network or its subnets changed: routers with their gateway there are concerned too. */
export const touchNetworks = (ctx: Ctx, ids: string[]) => touch(ctx, { networks: listed(ids), routers: sql`select id from router where external_network in (${listed(ids)})` })
/** These ports and, of trunks, those that come and go with them. */
export const withSubPorts = (ports: SQL) => sql`${ports} union select s.port from trunk t join sub_port s on s.trunk = t.id where t.port in (${ports})`
/** Hosts that see these ports, or name a group they are in. */
export const touchPorts = (ctx: Ctx, ids: string[]) => (ids.length ? touch(ctx, {
  networks: sql`select network from port where id in (${withSubPorts(listed(ids))})`, groups: sql`select security_group from port_security_group where port in (${withSubPorts(listed(ids))})`,
}) : undefined)

/** A port joined or left these groups: hosts of their members, and of members of groups that name them. */
export const touchGroups = (ctx: Ctx, ids: string[]) => touch(ctx, { members: listed(ids), groups: listed(ids) })
