import { and, eq, sql } from 'drizzle-orm'
import { volumeBackup } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { full, q } from '../../kernel/db.ts'
import { dropNumbered } from '../../kernel/discard.ts'
import { seconds } from '../../kernel/env.ts'
import { forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { isoMicros, view } from '../../kernel/view.ts'
import { linksOf } from '../lists.ts'

export type BackupRow = typeof volumeBackup.$inferSelect
/** A backup, and whether others hold only their differences to it. */
export interface Kept { backup: BackupRow; needed: number }

/** Seconds a URL for one of its objects is good for. */
export const URL_LIFE = 900
export const objectKey = (store: string, number: number) => `backups/${store}/${number}`

export const kepts = () => q.select({ backup: volumeBackup, needed: sql<number>`exists (select 1 from volume_backup c where c.parent = ${full(volumeBackup.id)})`.as('needed') }).from(volumeBackup).$dynamic()
export const oneBackup = (ctx: Ctx, id: string) => kepts().where(and(eq(volumeBackup.id, id), ctx.caller.admin ? undefined : eq(volumeBackup.project, ctx.anyone?.project?.id ?? '')))
export const noBackup = (id: string) => notFound('backup', id, `Backup ${id.slice(0, 64)} could not be found.`)
export function allowed(ctx: Ctx, rows: Kept[], id: string, rule: string): Kept {
  if (!rows.length) throw noBackup(id)
  if (!ctx.can(rule, { project: rows[0].backup.project })) throw forbidden(`Policy doesn't allow ${rule} to be performed.`)
  return rows[0]
}
export const findBackup = async (ctx: Ctx, id: string, rule: string) => allowed(ctx, (await ctx.read(oneBackup(ctx, id)))[0], id, rule)

export const refuse = (why: string) => invalid(`Invalid backup: ${why}`, { type: 'InvalidBackup' })
/** Changes the row as it was read: its state is part of the condition. */
export function change(ctx: Ctx, b: BackupRow, set: Partial<BackupRow>) {
  ctx.stage(q.update(volumeBackup).set({ ...set, updatedAt: ctx.now() }).where(and(eq(volumeBackup.id, b.id), eq(volumeBackup.status, b.status), eq(volumeBackup.updatedAt, b.updatedAt))), 'stale')
}

/** Its objects go, unless another backup lies in the same store; staged after what makes that so. `late`: they may still be written through a URL that was given out. */
export const dropObjects = (ctx: Ctx, b: Pick<BackupRow, 'id' | 'store'>, objects: unknown, late: boolean) =>
  ctx.stage(dropNumbered(`backups/${b.store}`, ctx.now() + (late ? seconds(URL_LIFE) : 0), objects, sql`exists (select 1 from ${volumeBackup} where store = ${b.store} and id <> ${b.id})`))

export const brief = (ctx: Ctx) => (b: BackupRow) => ({ id: b.id, name: b.name, links: linksOf(ctx, 'backups', b.id) })
export const detailed = (ctx: Ctx) => {
  const attributes = ctx.can('backup:backup_project_attribute')
  return view<Kept>(({ backup: b, needed }) => ({
    id: b.id, status: b.status, size: b.sizeGb, object_count: b.stored, availability_zone: b.zone, container: b.container, created_at: isoMicros(b.createdAt), updated_at: b.updatedAt === b.createdAt ? null : isoMicros(b.updatedAt),
    name: b.name, description: b.description, fail_reason: b.failReason, volume_id: b.volume, links: linksOf(ctx, 'backups', b.id), is_incremental: b.parent !== null, has_dependent_backups: Boolean(needed), snapshot_id: b.snapshot, data_timestamp: isoMicros(b.dataAt),
  }))
    .since('3.18', ({ backup: b }) => (attributes ? { 'os-backup-project-attr:project_id': b.project } : {}))
    .since('3.43', ({ backup: b }) => ({ metadata: b.metadata }))
    .since('3.56', ({ backup: b }) => (attributes ? { user_id: b.user } : {}))
    .at(ctx.version)
}
