import { sql } from 'drizzle-orm'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { conflict } from '../../kernel/fault.ts'

/** A server that is on its way to another host; its volumes and their snapshots go along. */
const leaves = sql`s.other_host is not null and s.task is not null`
export const leavingWith = (server: unknown) => sql<number>`(select count(*) from server s where s.id = ${server} and ${leaves})`

/**
 * What is done to a disk where it is, is done while it stays there: refused when its server is on its way, and whoever
 * has read the server to move it reads again.
 */
export function stays(ctx: Ctx, server: string | null | undefined, leaving: number | undefined, what: string) {
  if (leaving) throw conflict(`${what} is on its way to another host with its server; try again when it has arrived.`)
  if (server) ctx.stage(q.run(sql`update server as s set generation = generation + 1 where s.id = ${server} and not (${leaves})`), 'stale')
}

/** The server that has the volume of this snapshot. */
export const serverBeside = (snapshot: string) => q.all<{ server: string; leaving: number }>(sql`select s.id as server, ${leaves} as leaving from snapshot n join attachment a on a.volume = n.volume join server s on s.id = a.server where n.id = ${snapshot} and a.compute`)

/** How much goes on with the volumes of a server, their snapshots and the backups that are being made of either. */
export const workOnDisks = (server: string): Query => q.all(sql`select count(*) as n from saga g where g.state in ('open', 'unwinding', 'stuck')
  and g.lane in (select a.volume from attachment a where a.server = ${server} union select n.id from snapshot n join attachment a on a.volume = n.volume where a.server = ${server}
    union select b.id from volume_backup b join attachment a on a.volume = b.volume where a.server = ${server})`) as unknown as Query
