import { eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { volumeType } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { start } from '../../kernel/engine.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { closed, text } from '../lists.ts'
import { endpoint } from '../service.ts'
import { change as changeVolume } from '../volumes/actions/action.ts'
import { holding } from '../volumes/destroy.ts'
import { demand, hostForDisk, quotaQueries, stageVolume, stillWithin, volumesQuery, type VolumeRow } from '../volumes/use.ts'
import { allowed, change, oneBackup, refuse, type BackupRow, type Kept } from './model.ts'
import restoreSaga from './restore.saga.ts'

const volumeId = t.Union([t.String({ maxLength: 64 }), t.Null()])

export default endpoint({
  id: 'backups.restore', method: 'POST', path: '/backups/{id}/restore', status: 202, policy: 'backup:restore', summary: 'Restore a backup to a volume, or to a new one',
  body: { '3.0': t.Object({ restore: t.Union([t.Object({ volume_id: t.Optional(volumeId), name: t.Optional(text) }, closed), t.Null()]) }, closed) },
  async handle(ctx, { params, body }) {
    const to = body.restore?.volume_id
    const [rows, found, [at], [fresh], [type], usage, limits] = await ctx.read(oneBackup(ctx, params.id), volumesQuery(ctx, [to ?? '']), holding(ctx, to ?? ''),
      hostForDisk(ctx, { gb: sql`(select size_gb from volume_backup where id = ${params.id})` as unknown as number }),
      q.select().from(volumeType).where(eq(volumeType.id, sql`(select json_extract(facts, '$.type') from volume_backup where id = ${params.id})`)), ...quotaQueries(ctx.project))
    const { backup: b } = allowed(ctx, rows as Kept[], params.id, 'backup:restore')
    if (b.status !== 'available' || !b.manifest) throw refuse('Backup status must be available')
    let v: VolumeRow, place: string | null | undefined
    if (to) {
      v = existing(found[0]?.volume, to, b)
      place = at?.id ?? v.host
      changeVolume(ctx, v, { status: 'restoring-backup', previousStatus: v.status })
    } else {
      if (!fresh) throw invalid('Invalid volume: no host that could keep it is up, enabled and has room.')
      const quota = { usage, limits }
      demand(quota, { volumes: 1, gigabytes: b.sizeGb, largest: b.sizeGb, type: type?.name })
      v = stageVolume(ctx, {
        id: ctx.uuid(), name: body.restore?.name ?? `restore_backup_${b.id}`, description: 'auto-created_from_restore_from_backup', sizeGb: b.sizeGb, source: { backup: b.facts }, project: ctx.project, user: ctx.caller.user.id,
        type: type?.id, zone: fresh.zone, host: fresh.id, storage: fresh.storage, metadata: b.facts.metadata, status: 'restoring-backup',
      })
      stillWithin(ctx, ctx.project, quota)
      place = fresh.id
    }
    if (!place) throw invalid(`Invalid volume: Volume ${v.id} is kept by no host.`)
    await restoreTo(ctx, b, v, place)
    return { restore: { backup_id: b.id, volume_id: v.id, volume_name: v.name ?? '' } }
  },
})

/** What has been staged or read as the volume gets the backup's content; its status says so already. */
export async function restoreTo(ctx: Ctx, b: BackupRow, v: VolumeRow, host: string) {
  change(ctx, b, { status: 'restoring', target: v.id })
  ctx.event('backup.restore.start', b.id, { volume: v.id }, b.project)
  await start(ctx, restoreSaga, { backup: b.id, volume: v.id, project: v.project, host, sizeGb: v.sizeGb, manifest: { store: b.store, ...b.manifest! }, facts: b.facts }, { lane: v.id, project: v.project })
}

function existing(v: VolumeRow | undefined, id: string, b: BackupRow): VolumeRow {
  if (!v) throw notFound('volume', id, `Volume ${id} could not be found.`)
  if (v.status !== 'available') throw invalid('Invalid volume: Volume to be restored to must be available')
  if (b.sizeGb > v.sizeGb) throw invalid(`Invalid volume: volume size ${v.sizeGb} is too small to restore backup of size ${b.sizeGb}.`)
  return v
}
