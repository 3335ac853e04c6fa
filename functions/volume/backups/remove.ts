import { and, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { volumeBackup } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { supersede } from '../../kernel/engine.ts'
import { closed } from '../lists.ts'
import { endpoint } from '../service.ts'
import { letGo } from './create.saga.ts'
import { allowed, change, dropObjects, findBackup, oneBackup, refuse, type Kept } from './model.ts'
import { failRestore } from './restore.saga.ts'

/** The row goes at once, and what was done with it ends; a sweep takes the bytes away. */
function destroy(ctx: Ctx, { backup: b, needed }: Kept, force: boolean) {
  if (!force && b.status !== 'available' && b.status !== 'error') throw refuse('Backup status must be available or error')
  if (needed) throw refuse('Incremental backups exist for this backup.')
  if (b.status === 'creating') { supersede(ctx, b.id); letGo(ctx, b) }
  if (b.status === 'restoring' && b.target) { supersede(ctx, b.target); failRestore(ctx, b.target) }
  // As many as were handed out by then.
  dropObjects(ctx, b, sql`(select objects from ${volumeBackup} where id = ${b.id})`, b.status !== 'available')
  ctx.stage(q.delete(volumeBackup).where(and(eq(volumeBackup.id, b.id), eq(volumeBackup.status, b.status), eq(volumeBackup.updatedAt, b.updatedAt))), 'stale')
  ctx.stage(q.run(sql`insert into guard select 'stale', not exists (select 1 from ${volumeBackup} where parent = ${b.id})`))
  ctx.event('backup.delete.end', b.id, undefined, b.project)
}

export const remove = endpoint({
  id: 'backups.delete', method: 'DELETE', path: '/backups/{id}', status: 202, policy: 'backup:delete', summary: 'Delete a backup',
  async handle(ctx, { params }) { const [rows] = await ctx.read(oneBackup(ctx, params.id)); destroy(ctx, allowed(ctx, rows as Kept[], params.id, 'backup:delete'), false) },
})

const action = { method: 'POST', path: '/backups/{id}/action', status: 202 } as const
export const actions = [
  endpoint({
    ...action, id: 'backups.force-delete', key: 'os-force_delete', policy: 'volume_extension:backup_admin_actions:force_delete', summary: 'Delete a backup whatever its state',
    async handle(ctx, { params }) { destroy(ctx, await findBackup(ctx, params.id, 'volume_extension:backup_admin_actions:force_delete'), true) },
  }),
  endpoint({
    ...action, id: 'backups.reset-status', key: 'os-reset_status', policy: 'volume_extension:backup_admin_actions:reset_status', summary: 'Write a backup\'s status',
    body: { '3.0': t.Object({ 'os-reset_status': t.Object({ status: t.Enum(['available', 'error']) }, closed) }, closed) },
    async handle(ctx, { params, body }) {
      const { backup: b } = await findBackup(ctx, params.id, 'volume_extension:backup_admin_actions:reset_status'), { status } = body['os-reset_status']
      if (status === 'available' && !b.manifest) throw refuse('its bytes are not there; it can only be deleted.')
      change(ctx, b, { status, ...(b.status === 'restoring' ? { target: null } : {}) })
      ctx.event('backup.reset_status', b.id, { status }, b.project)
    },
  }),
]
