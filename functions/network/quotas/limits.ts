import { sql, type SQL } from 'drizzle-orm'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, run, type Query } from '../../kernel/db.ts'
import { overQuota } from '../../kernel/fault.ts'

/** What a project may have unless told otherwise; -1 is no limit. */
export const defaults: Record<string, number> = {
  network: 100, subnet: 100, port: 500, router: 10, floatingip: 50, security_group: 10, security_group_rule: 100, subnetpool: -1, rbac_policy: 10, address_group: 10, trunk: -1, bgpvpn: -1,
}
const tables: Record<string, string> = {
  network: 'network', subnet: 'subnet', port: 'port', router: 'router', floatingip: 'floating_ip', security_group: 'security_group',
  security_group_rule: 'security_group_rule', subnetpool: 'subnet_pool', rbac_policy: 'rbac', address_group: 'address_group', trunk: 'trunk', bgpvpn: 'bgpvpn',
}
export const counted = Object.keys(tables)

/** A project's limit, in SQL: its own or the default. */
export const limitOf = (project: string, resource: string): SQL => sql`coalesce((select limit_ from network_quota where project = ${project} and resource = ${resource}), ${defaults[resource]})`
export const usageOf = (project: string, resource: string): SQL => sql`(select count(*) from ${sql.identifier(tables[resource])} where project = ${project})`

/** Usage and limit of some resources, as one row each: {resource, used, limit_}. */
export const quotaQuery = (project: string, resources: string[]): Query =>
  q.all(sql.join(resources.map((r) => sql`select ${r} as resource, ${usageOf(project, r)} as used, ${limitOf(project, r)} as limit_`), sql` union all `)) as unknown as Query

/**
 * Refuses what would be more than the project may have: in the API's words when the read already shows it, by a guard in
 * the batch when a parallel request was faster (the unit then runs again and finds the words). Usage is a count of rows:
 * there is nothing that could drift. Staged after the inserts it judges.
 */
export function withinQuota(ctx: Ctx, project: string, read: unknown[], adds: Record<string, number>) {
  const over = Object.entries(adds).filter(([resource, n]) => {
    const row = (read as { resource: string; used: number; limit_: number }[]).find((r) => r.resource === resource)
    return n > 0 && row !== undefined && row.limit_ >= 0 && row.used + n > row.limit_
  })
  if (over.length) throw overQuota(`Quota exceeded for resources: [${over.map(([r]) => `'${r}'`).join(', ')}].`, { type: 'OverQuota', status: 409 })
  for (const resource of Object.keys(adds)) {
    ctx.stage(run(sql`insert into guard select 'quota', case when ${limitOf(project, resource)} < 0 or ${usageOf(project, resource)} <= ${limitOf(project, resource)} then 1 else 0 end`))
  }
}
