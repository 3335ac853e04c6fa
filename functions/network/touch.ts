import { sql, type SQL } from 'drizzle-orm'
import { host } from '../../schema/host.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'

/** Ids, as a subquery. */
export const listed = (ids: string[]) => sql`select value from json_each(${JSON.stringify(ids)})`

/** What changed: networks (as a subquery of ids), and security groups whose members changed. */
export interface Touched { networks?: SQL; groups?: SQL; /** Of groups whose rules changed: hosts of their own members. */ members?: SQL; hosts?: string[] }

/**
 * Tells the hosts concerned that what should be on them changed: those with guests or routers on these networks, and those
 * with members of groups whose rules name one of these groups remotely. One statement, no read. What is about to vanish
 * is touched before it goes.
 */
export function touch(ctx: Ctx, what: Touched) {
  const parts: SQL[] = []
  if (what.networks) {
    parts.push(sql`select p.host from port p where p.network in (${what.networks}) and p.host is not null`,
      sql`select r.host from router r where r.external_network in (${what.networks}) and r.host is not null`,
      sql`select r.host from router r join router_interface i on i.router = r.id join port p on p.id = i.port where p.network in (${what.networks}) and r.host is not null`)
  }
  if (what.groups) {
    parts.push(sql`select p.host from port p join port_security_group m on m.port = p.id where p.host is not null and m.security_group in (
      select g.security_group from security_group_rule g where g.remote_group in (${what.groups}))`)
  }
  if (what.members) parts.push(sql`select p.host from port p join port_security_group m on m.port = p.id where p.host is not null and m.security_group in (${what.members})`)
  if (what.hosts?.length) parts.push(listed(what.hosts))
  if (parts.length) ctx.stageAndRing(q.update(host).set({ revision: sql`${host.revision} + 1` }).where(sql`${host.id} in (${sql.join(parts, sql` union `)})`).returning({ id: host.id }))
}

export const touchNetworks = (ctx: Ctx, ids: string[]) => touch(ctx, { networks: listed(ids) })
/** Hosts that see these ports, or name a group they are in. */
export const touchPorts = (ctx: Ctx, ids: string[]) => (ids.length ? touch(ctx, {
  networks: sql`select network from port where id in (${listed(ids)})`, groups: sql`select security_group from port_security_group where port in (${listed(ids)})`,
}) : undefined)

/** A port joined or left these groups: hosts of their members, and of members of groups that name them. */
export const touchGroups = (ctx: Ctx, ids: string[]) => touch(ctx, { members: listed(ids), groups: listed(ids) })
