import { and, eq, sql } from 'drizzle-orm'
import type { BackupRef, DiskRef } from '../../../schema/jobs.ts'
import { snapshot, volumeBackup } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { saga } from '../../kernel/saga.ts'
import { message, settleVolume } from '../volumes/use.ts'
import { dropObjects } from './model.ts'

export interface Create { backup: string; project: string; volume: string; snapshot?: string; host: string; server?: string; disk: DiskRef; parent?: BackupRef }

/** What was kept in this state while it was read is as it was before. */
export function letGo(ctx: Ctx, of: { volume: string; snapshot?: string | null }) {
  if (of.snapshot) ctx.stage(q.update(snapshot).set({ status: 'available', updatedAt: ctx.now() }).where(and(eq(snapshot.id, of.snapshot), eq(snapshot.status, 'backing-up'))))
  else settleVolume(ctx, of.volume, 'backing-up')
}

/** The host writes chunks and the list of them; only when they are all there is the backup. An hour or two without a step forward, and it has failed. */
export default saga<Create & Record<string, unknown>>('backup.create', { deadline: 7200 })
  .host('bytes', 'disk.backup', {
    on: ({ args }) => args.host,
    args: ({ args }) => ({ disk: args.disk, backup: args.backup, ...(args.parent ? { parent: args.parent } : {}), ...(args.server ? { server: args.server } : {}) }),
  })
  .local('ready', {
    run: ({ ctx, args, out }) => {
      const { manifest, objects, first } = out.bytes
      ctx.stage(q.update(volumeBackup).set({ status: 'available', manifest, stored: objects, updatedAt: ctx.now() }).where(and(eq(volumeBackup.id, args.backup), eq(volumeBackup.status, 'creating'))))
      // What attempts before the last one had written.
      dropObjects(ctx, { id: args.backup, store: args.backup }, first, true)
      letGo(ctx, args)
      ctx.event('backup.create.end', args.backup, { volume: args.volume }, args.project)
    },
  })
  .failed(({ ctx, args }, why) => {
    ctx.stage(q.update(volumeBackup).set({ status: 'error', failReason: why.slice(0, 255), updatedAt: ctx.now() }).where(and(eq(volumeBackup.id, args.backup), eq(volumeBackup.status, 'creating'))))
    dropObjects(ctx, { id: args.backup, store: args.backup }, sql`(select objects from ${volumeBackup} where id = ${args.backup})`, true)
    letGo(ctx, args)
    message(ctx, { project: args.project, resourceType: 'VOLUME_BACKUP', resource: args.backup, action: 'create backup', message: `The backup could not be made: ${why}` })
    ctx.event('backup.create.error', args.backup, { why }, args.project)
  })
