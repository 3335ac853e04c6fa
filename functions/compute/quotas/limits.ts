import { and, inArray, sql, type SQL } from 'drizzle-orm'
import { computeQuota, server, serverGroup } from '../../../schema/compute.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, run } from '../../kernel/db.ts'
import { forbidden } from '../../kernel/fault.ts'

/** What a project may have unless told otherwise; -1 is no limit. */
export const builtIn = {
  instances: 10, cores: 20, ram: 51200, metadata_items: 128, injected_files: 5, injected_file_content_bytes: 10240, injected_file_path_bytes: 255,
  key_pairs: 100, server_groups: 10, server_group_members: 10,
  // Networks' own quotas count; these are kept for clients that still ask here.
  fixed_ips: -1, floating_ips: -1, security_groups: -1, security_group_rules: -1,
}
export type Resource = keyof typeof builtIn
export type Limits = Record<Resource, number>
export const CLASS = ':default'

export const limitsQuery = (project: string | SQL, user = '') => q.select().from(computeQuota).where(and(sql`${computeQuota.project} in (${project}, ${CLASS})`, inArray(computeQuota.user, ['', user])))
type LimitRow = typeof computeQuota.$inferSelect
/** The class's, then the project's, then the user's own. */
export function limitsOf(rows: LimitRow[]): Limits {
  const limits = { ...builtIn }
  const rank = (r: LimitRow) => (r.project === CLASS ? 0 : r.user === '' ? 1 : 2)
  for (const r of [...rows].sort((a, b) => rank(a) - rank(b))) if (r.resource in limits) limits[r.resource as Resource] = r.limit
  return limits
}

/** Counted, never kept: there is nothing that could drift. One index answers it. */
export const usageQuery = (project: string | SQL) => q.select({
  instances: sql<number>`count(*)`, cores: sql<number>`coalesce(sum(${server.vcpus}), 0)`, ram: sql<number>`coalesce(sum(${server.memoryMb}), 0)`,
  groups: sql<number>`(select count(*) from ${serverGroup} g where g.project = ${project})`,
}).from(server).where(sql`${server.project} = ${project}`)
export type Usage = Awaited<ReturnType<typeof usageQuery>>[number]

/** 403 in nova's words when `more` does not fit; the guard holds it for those who ask at the same time. Staged after the inserts it judges. */
export function withinQuota(ctx: Ctx, project: string, limits: Limits, used: Usage, more: { instances: number; cores: number; ram: number }) {
  const over = (['instances', 'cores', 'ram'] as const).filter((r) => more[r] > 0 && limits[r] >= 0 && used[r] + more[r] > limits[r])
  if (over.length) {
    throw forbidden(`Quota exceeded for ${over.join(', ')}: Requested ${over.map((r) => more[r]).join(', ')}, but already used ${over.map((r) => used[r]).join(', ')} of ${over.map((r) => limits[r]).join(', ')} ${over.join(', ')}`)
  }
  const bounds = ([['count(*)', limits.instances], ['coalesce(sum(vcpus), 0)', limits.cores], ['coalesce(sum(memory_mb), 0)', limits.ram]] as const).filter(([, limit]) => limit >= 0)
  if (bounds.length) ctx.stage(run(sql`insert into guard select 'quota', ${sql.join(bounds.map(([sum, limit]) => sql`${sql.raw(sum)} <= ${limit}`), sql` and `)} from ${server} where project = ${project}`))
}
