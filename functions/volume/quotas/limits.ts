import { inArray, sql, type SQL } from 'drizzle-orm'
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import { snapshot, volume, volumeBackup, volumeGroup, volumeQuota, volumeType } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { overQuota } from '../../kernel/fault.ts'

/** What a project may have unless said otherwise; -1 is no limit. */
export const builtIn = { volumes: 10, snapshots: 10, gigabytes: 1000, per_volume_gigabytes: -1, backups: 10, backup_gigabytes: 1000, groups: 10 }
export type Resource = keyof typeof builtIn
export type Limits = Record<Resource, number>
export const CLASS = 'class:default'

/** One row: what a project uses now, counted and not kept, so that it cannot drift. Snapshots count as gigabytes too. */
export type Usage = Record<Resource, number> & { types: string }
export const usageQuery = (project: string) => q.get<Usage>(sql`select
  (select json_group_object(name, json_object('volumes', volumes, 'snapshots', snapshots, 'gigabytes', gigabytes)) from (select t.name,
    (select count(*) from ${volume} where project = ${project} and type = t.id) as volumes,
    (select count(*) from ${snapshot} s join ${volume} v on v.id = s.volume where s.project = ${project} and v.type = t.id) as snapshots,
    (select coalesce(sum(size_gb), 0) from ${volume} where project = ${project} and type = t.id) + (select coalesce(sum(s.size_gb), 0) from ${snapshot} s join ${volume} v on v.id = s.volume where s.project = ${project} and v.type = t.id) as gigabytes
    from ${volumeType} t)) as types,
  (select count(*) from ${volume} where project = ${project}) as volumes,
  (select count(*) from ${snapshot} where project = ${project}) as snapshots,
  (select coalesce(sum(size_gb), 0) from ${volume} where project = ${project}) + (select coalesce(sum(size_gb), 0) from ${snapshot} where project = ${project}) as gigabytes,
  (select count(*) from ${volumeBackup} where project = ${project}) as backups,
  (select coalesce(sum(size_gb), 0) from ${volumeBackup} where project = ${project}) as backup_gigabytes,
  (select count(*) from ${volumeGroup} where project = ${project}) as groups`)

export const limitsQuery = (project: string) => q.select().from(volumeQuota).where(inArray(volumeQuota.project, [project, CLASS]))

export function limitsOf(rows: (typeof volumeQuota.$inferSelect)[]): Limits {
  const limits = { ...builtIn }
  for (const project of [true, false]) {
    for (const r of rows) if ((r.project === CLASS) === project && r.resource in limits) limits[r.resource as Resource] = r.limit
  }
  return limits
}

/** Limits of one type, `volumes_NAME` and so on, are there for every type: none unless said otherwise. */
const ofType = /^(volumes|snapshots|gigabytes)_(.+)$/s
export type TypeUsage = Record<string, Record<'volumes' | 'snapshots' | 'gigabytes', number>>
export function typeLimits(rows: (typeof volumeQuota.$inferSelect)[], usage: Usage | undefined): Record<string, number> {
  const names = Object.keys(JSON.parse(usage?.types ?? '{}') as TypeUsage)
  const limits = Object.fromEntries(names.flatMap((n) => ['volumes', 'snapshots', 'gigabytes'].map((r) => [`${r}_${n}`, -1])))
  for (const own of [false, true]) for (const r of rows) if ((r.project !== CLASS) === own && r.resource in limits) limits[r.resource] = r.limit
  return limits
}
export const isTypeLimit = (name: string) => ofType.test(name)

export interface QuotaRows { usage: Usage | undefined; limits: (typeof volumeQuota.$inferSelect)[] }

/** 413 in cinder's words when `more` does not fit. `stillWithin`, staged after the inserts, holds it for those who ask at the same time. */
export function demand(rows: QuotaRows, more: { volumes?: number; snapshots?: number; gigabytes?: number; groups?: number; backups?: number; backupGigabytes?: number; largest?: number; type?: string | null }) {
  const limits = limitsOf(rows.limits)
  const over = (r: Resource, n: number) => limits[r] >= 0 && (rows.usage?.[r] ?? 0) + n > limits[r]
  if (more.largest && limits.per_volume_gigabytes >= 0 && more.largest > limits.per_volume_gigabytes) {
    throw overQuota(`Requested volume size ${more.largest}GB is larger than maximum allowed limit ${limits.per_volume_gigabytes}GB.`, { type: 'VolumeSizeExceedsLimit' })
  }
  if (more.gigabytes && over('gigabytes', more.gigabytes)) {
    throw overQuota(`Requested volume or snapshot exceeds allowed gigabytes quota. Requested ${more.gigabytes}G, quota is ${limits.gigabytes}G and ${rows.usage?.gigabytes ?? 0}G has been consumed.`, { type: 'VolumeSizeExceedsAvailableQuota' })
  }
  if (more.type) typed(rows, more.type, more)
  if (more.volumes && over('volumes', more.volumes)) throw overQuota(`Maximum number of volumes allowed (${limits.volumes}) exceeded for quota 'volumes'.`, { type: 'VolumeLimitExceeded' })
  if (more.snapshots && over('snapshots', more.snapshots)) throw overQuota(`Maximum number of snapshots allowed (${limits.snapshots}) exceeded.`, { type: 'SnapshotLimitExceeded' })
  if (more.backupGigabytes && over('backup_gigabytes', more.backupGigabytes)) {
    throw overQuota(`Requested backup exceeds allowed Backup gigabytes quota. Requested ${more.backupGigabytes}G, quota is ${limits.backup_gigabytes}G and ${rows.usage?.backup_gigabytes ?? 0}G has been consumed.`, { type: 'VolumeBackupSizeExceedsAvailableQuota' })
  }
  if (more.backups && over('backups', more.backups)) throw overQuota(`Maximum number of backups allowed (${limits.backups}) exceeded`, { type: 'BackupLimitExceeded' })
  if (more.groups && over('groups', more.groups)) throw overQuota(`Maximum number of groups allowed (${limits.groups}) exceeded.`, { type: 'GroupLimitExceeded' })
}

function typed(rows: QuotaRows, type: string, more: { volumes?: number; snapshots?: number; gigabytes?: number }) {
  const limits = typeLimits(rows.limits, rows.usage), used = (JSON.parse(rows.usage?.types ?? '{}') as TypeUsage)[type]
  for (const r of ['volumes', 'snapshots', 'gigabytes'] as const) {
    const limit = limits[`${r}_${type}`] ?? -1
    if (more[r] && limit >= 0 && (used?.[r] ?? 0) + more[r] > limit) throw overQuota(`Quota exceeded for ${r}_${type}: requested ${more[r]}, limit ${limit}, ${used?.[r] ?? 0} in use.`, { type: 'VolumeLimitExceeded' })
  }
}

/** After the inserts of the same batch: still within limits, or all of it is refused and decided anew. */
export function stillWithin(ctx: Ctx, project: string, rows: QuotaRows, what: 'volumes' | 'backups' = 'volumes') {
  const limits = limitsOf(rows.limits)
  const within = (limit: number, ...parts: SQL[]) => limit < 0 ? sql`1` : sql`${sql.join(parts, sql` + `)} <= ${limit}`
  const count = (table: SQLiteTable) => sql`(select count(*) from ${table} where project = ${project})`, size = (table: SQLiteTable) => sql`(select coalesce(sum(size_gb), 0) from ${table} where project = ${project})`
  const so = what === 'backups' ? [within(limits.backups, count(volumeBackup)), within(limits.backup_gigabytes, size(volumeBackup))]
    : [within(limits.volumes, count(volume)), within(limits.snapshots, count(snapshot)), within(limits.gigabytes, size(volume), size(snapshot))]
  ctx.stage(q.run(sql`insert into guard select 'quota', ${sql.join(so, sql` and `)}`))
}
