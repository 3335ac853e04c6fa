import { and, eq, sql } from 'drizzle-orm'
import { server, serverGroup } from '../../../schema/compute.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, run } from '../../kernel/db.ts'

export type Group = typeof serverGroup.$inferSelect
export const groupQuery = (ctx: Ctx, id: string) => q.select().from(serverGroup).where(and(eq(serverGroup.id, id), ctx.caller.admin ? undefined : eq(serverGroup.project, ctx.project)))
export const membersOf = (id: string) => q.select({ id: server.id, host: server.host, user: server.user }).from(server).where(eq(server.group, id))
export const maxPerHost = (g: Group) => g.maxPerHost ?? 1

/** Holds a hard rule for servers that are placed at the same time: judged on what is there when this batch commits. */
export function guardAffinity(ctx: Ctx, g: Group, host: string, id: string) {
  if (g.policy === 'anti-affinity') ctx.stage(run(sql`insert into guard select 'affinity', (select count(*) from ${server} where group_id = ${g.id} and host = ${host} and id <> ${id}) < ${maxPerHost(g)}`))
  if (g.policy === 'affinity') ctx.stage(run(sql`insert into guard select 'affinity', not exists (select 1 from ${server} where group_id = ${g.id} and host is not null and host <> ${host})`))
}
