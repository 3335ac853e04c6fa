import { and, desc, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { host } from '../../../schema/host.ts'
import type { DiskRef } from '../../../schema/jobs.ts'
import { snapshot, volumeBackup, volumeService } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { start } from '../../kernel/engine.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { closed, isTrue, text, truth, words } from '../lists.ts'
import { SCHEDULER } from '../operate/hosts.ts'
import { endpoint } from '../service.ts'
import { change as changeVolume } from '../volumes/actions/action.ts'
import { placeOf } from '../volumes/actions/grow.ts'
import { holding } from '../volumes/destroy.ts'
import type { SnapshotRow } from '../volumes/model.ts'
import { serverBeside, stays } from '../volumes/stays.ts'
import { demand, quotaQueries, snapshotsQuery, stillWithin } from '../volumes/use.ts'
import { allowed, oneVolume, type Whole } from '../volumes/view.ts'
import createSaga from './create.saga.ts'
import { brief, refuse, type BackupRow } from './model.ts'

const id = t.Union([t.String({ maxLength: 64 }), t.Null()])
const fields = { volume_id: t.String({ maxLength: 64 }), container: t.Optional(text), name: t.Optional(text), description: t.Optional(text), incremental: t.Optional(truth), force: t.Optional(truth), snapshot_id: t.Optional(id) }
const body = (more: object) => t.Object({ backup: t.Object({ ...fields, ...more }, closed) }, closed)
const metadata = { metadata: t.Optional(t.Union([words, t.Null()])) }

export default endpoint({
  id: 'backups.create', method: 'POST', path: '/backups', status: 202, policy: 'backup:create', summary: 'Back a volume up',
  body: { '3.0': body({}), '3.43': body(metadata), '3.51': body({ ...metadata, availability_zone: t.Optional(text) }) },
  async handle(ctx, { body }) { return { backup: brief(ctx)(await createBackup(ctx, (body as { backup: Ask }).backup)) } },
})
interface Ask { volume_id: string; container?: string | null; name?: string | null; description?: string | null; incremental?: unknown; force?: unknown; snapshot_id?: string | null; metadata?: Record<string, string> | null; availability_zone?: string | null }

/** The newest backup of the same project that holds what the volume was before this one will: what that has need not be kept again. */
const parentQuery = (ctx: Ctx, ask: Ask) => q.select().from(volumeBackup)
  .where(and(eq(volumeBackup.volume, ask.volume_id), eq(volumeBackup.project, ctx.project), sql`${volumeBackup.status} in ('available', 'restoring')`, sql`${volumeBackup.manifest} is not null`,
    ask.snapshot_id ? sql`${volumeBackup.dataAt} < (select created_at from ${snapshot} where id = ${ask.snapshot_id})` : undefined)).orderBy(desc(volumeBackup.dataAt)).limit(1)

async function createBackup(ctx: Ctx, ask: Ask): Promise<BackupRow> {
  const snap = ask.snapshot_id ?? ''
  const [rows, [at], [taken], [snapAt], [beside], [parent], zones, [service], usage, limits] = await ctx.read(
    oneVolume(ctx, ask.volume_id), holding(ctx, ask.volume_id), snapshotsQuery(ctx, [snap]), holding(ctx, snap, 'snapshot'), serverBeside(snap), parentQuery(ctx, ask), q.selectDistinct({ zone: host.zone }).from(host),
    q.select({ disabled: volumeService.disabled }).from(volumeService).where(and(eq(volumeService.host, SCHEDULER), eq(volumeService.binary, 'cinder-backup'))), ...quotaQueries(ctx.project))
  const found = allowed(ctx, rows as Whole[], ask.volume_id, 'backup:create'), v = found.volume
  if (ask.snapshot_id) usableSnapshot(taken, ask.snapshot_id, v.id)
  else if (v.status !== 'available' && v.status !== 'in-use') throw invalid(`Invalid volume: Volume to be backed up must be available or in-use, but the current status is "${v.status}".`)
  else if (v.status === 'in-use' && !isTrue(ask.force)) throw invalid('Invalid volume: Backing up an in-use volume must use the force flag.')
  if (isTrue(ask.incremental) && !parent) throw refuse('No backups available to do an incremental backup.')
  if (service?.disabled) throw refuse('the backup service is disabled.')
  if (ask.availability_zone && !zones.some((z) => z.zone === ask.availability_zone)) throw invalid(`Invalid input received: Availability zone '${ask.availability_zone}' is invalid.`)
  const sizeGb = taken?.sizeGb ?? v.sizeGb, quota = { usage, limits }, now = ctx.now(), base = isTrue(ask.incremental) ? parent : undefined
  demand(quota, { backups: 1, backupGigabytes: sizeGb })

  const backup = ctx.uuid()
  const row: BackupRow = {
    id: backup, project: ctx.project, user: ctx.caller.user.id, volume: v.id, snapshot: taken?.id ?? null, name: ask.name ?? null, description: ask.description ?? null, sizeGb, status: 'creating', failReason: null, container: ask.container ?? null,
    zone: ask.availability_zone ?? v.zone, parent: base?.id ?? null, metadata: ask.metadata ?? {}, facts: { bootable: v.bootable, imageMeta: v.imageMeta, metadata: v.metadata, type: v.type }, store: backup, objects: 0, stored: 0, manifest: null, target: null,
    dataAt: taken?.createdAt ?? now, createdAt: now, updatedAt: now,
  }
  ctx.stage(q.insert(volumeBackup).values(row))
  // It must not go at the same moment; its bytes are half of this one's.
  if (base) ctx.stage(q.run(sql`insert into guard select 'stale', exists (select 1 from ${volumeBackup} where id = ${base.id})`))
  stillWithin(ctx, ctx.project, quota, 'backups')
  ctx.about(backup)
  ctx.event('backup.create.start', backup, { volume: v.id }, row.project)
  const place = taken ? placeOfSnapshot(ctx, taken, snapAt?.id ?? taken.host, beside) : placeOf(ctx, found, at)
  if (taken) ctx.stage(q.update(snapshot).set({ status: 'backing-up', updatedAt: now }).where(and(eq(snapshot.id, taken.id), eq(snapshot.status, 'available'))), 'stale')
  else changeVolume(ctx, v, { status: 'backing-up', previousStatus: v.status })
  const disk: DiskRef = taken ? { kind: 'snapshot', id: taken.id } : { kind: 'volume', id: v.id }
  await start(ctx, createSaga, { backup, project: row.project, volume: v.id, ...(taken ? { snapshot: taken.id } : {}), disk, ...place, ...(base ? { parent: { store: base.store, ...base.manifest! } } : {}) }, { lane: backup, project: row.project })
  return row
}

function usableSnapshot(s: SnapshotRow | undefined, id: string, volume: string) {
  if (!s) throw notFound('snapshot', id, `Snapshot ${id} could not be found.`)
  if (s.volume !== volume) throw invalid(`Invalid volume: Volume ${volume} does not match with snapshot.volume_id ${s.volume}.`)
  if (s.status !== 'available') throw invalid(`Invalid snapshot: Snapshot to be backed up must be available, but the current status is "${s.status}".`)
}

/** A snapshot goes along when its volume's server moves: not while it is read. */
function placeOfSnapshot(ctx: Ctx, s: SnapshotRow, at: string, beside: { server: string; leaving: number } | undefined): { host: string; server?: string } {
  stays(ctx, beside?.server, beside?.leaving, `The volume of snapshot ${s.id}`)
  return { host: at }
}
