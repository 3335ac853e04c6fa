import { and, eq, inArray, sql } from 'drizzle-orm'
import type { BackupRef } from '../../../schema/jobs.ts'
import { volume, volumeBackup } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { saga } from '../../kernel/saga.ts'
import { message } from '../volumes/use.ts'
import type { BackupRow } from './model.ts'

export interface Restore { backup: string; volume: string; project: string; host: string; sizeGb: number; manifest: BackupRef; facts: BackupRow['facts'] }

/** Nothing is being restored to this volume any more. */
export const freeBackups = (ctx: Ctx, volumeId: string) => ctx.stage(q.update(volumeBackup).set({ status: 'available', target: null, updatedAt: ctx.now() }).where(and(eq(volumeBackup.target, volumeId), eq(volumeBackup.status, 'restoring'))))
/** It has not come to what was asked for; what it held before, it holds still. */
export const failRestore = (ctx: Ctx, volumeId: string) => ctx.stage(q.update(volume).set({ status: sql`case when ${volume.status} = 'creating' then 'error' else 'error_restoring' end` as never, updatedAt: ctx.now() }).where(and(eq(volume.id, volumeId), inArray(volume.status, ['creating', 'restoring-backup']))))

/** The host puts a disk together beside the volume's, if there is one, and lets it take its place when it is whole. */
export default saga<Restore & Record<string, unknown>>('backup.restore', { deadline: 7200 })
  .host('bytes', 'disk.restore', {
    on: ({ args }) => args.host,
    args: ({ args }) => ({ disk: { kind: 'volume', id: args.volume }, sizeGb: args.sizeGb, backup: args.backup, manifest: args.manifest }),
  })
  .local('ready', {
    run: ({ ctx, args }) => {
      const now = ctx.now(), { bootable, imageMeta } = args.facts
      ctx.stage(q.update(volume).set({ status: 'available', previousStatus: null, bootable, imageMeta, launchedAt: sql`coalesce(${volume.launchedAt}, ${now})` as never, updatedAt: now }).where(and(eq(volume.id, args.volume), inArray(volume.status, ['creating', 'restoring-backup']))))
      freeBackups(ctx, args.volume)
      ctx.event('backup.restore.end', args.backup, { volume: args.volume }, args.project)
    },
  })
  .failed(({ ctx, args }, why) => {
    failRestore(ctx, args.volume)
    freeBackups(ctx, args.volume)
    message(ctx, { project: args.project, resourceType: 'VOLUME_BACKUP', resource: args.backup, action: 'restore backup', message: `The backup could not be restored to volume ${args.volume}: ${why}` })
    ctx.event('backup.restore.error', args.backup, { volume: args.volume, why }, args.project)
  })
