import { eq, sql } from 'drizzle-orm'
import { Type as t, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { discard } from '../../../schema/kernel.ts'
import { volumeBackup } from '../../../schema/volume.ts'
import { uuid } from '../../../schema/domain.ts'
import { Bytes } from '../../kernel/bytes.ts'
import { q } from '../../kernel/db.ts'
import { invalid } from '../../kernel/fault.ts'
import { closed, text, words } from '../lists.ts'
import { endpoint } from '../service.ts'
import { demand, quotaQueries, stillWithin } from '../volumes/use.ts'
import { brief, findBackup, objectKey, refuse, type BackupRow } from './model.ts'

/** What clients look at to see whose record it is. */
const SERVICE = 'cinder.backup.drivers.virga'

/** A backup's row as it is written out, for a database that has lost it. Its bytes are where they were. */
const record = t.Object({
  id: uuid, volume_id: uuid, snapshot_id: t.Union([uuid, t.Null()]), display_name: text, display_description: text, size: t.Integer({ minimum: 1, maximum: 65536 }), container: text, availability_zone: text,
  parent_id: t.Union([uuid, t.Null()]), metadata: words, store: uuid, objects: t.Integer({ minimum: 1 }), object_count: t.Integer({ minimum: 0 }), manifest: t.Object({ number: t.Integer({ minimum: 0 }), size: t.Integer({ minimum: 0 }), sha256: t.String({ pattern: '^[0-9a-f]{64}$' }) }),
  volume: t.Object({ bootable: t.Boolean(), imageMeta: t.Union([t.Record(t.String(), t.String()), t.Null()]), metadata: words, type: text }), data_timestamp: t.Integer(), created_at: t.Integer(),
})
type Record_ = Static<typeof record>

const written = (b: BackupRow): Record_ => ({
  id: b.id, volume_id: b.volume, snapshot_id: b.snapshot, display_name: b.name, display_description: b.description, size: b.sizeGb, container: b.container, availability_zone: b.zone, parent_id: b.parent, metadata: b.metadata,
  store: b.store, objects: b.objects, object_count: b.stored, manifest: b.manifest!, volume: b.facts, data_timestamp: b.dataAt, created_at: b.createdAt,
})
const encode = (value: unknown) => btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value))))
function decode(url: string): Record_ {
  let value: unknown
  try { value = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(url), (c) => c.charCodeAt(0)))) } catch { throw invalid('Invalid input received: Can\'t parse backup record.') }
  if (!Value.Check(record, value)) throw invalid(`Invalid input received: the backup record is not one of this service: ${[...Value.Errors(record, value)][0]?.instancePath || 'it'} is wrong.`)
  return value
}

export const exportRecord = endpoint({
  id: 'backups.export', method: 'GET', path: '/backups/{id}/export_record', status: 200, policy: 'backup:export-import', summary: 'Write a backup\'s row out, to be imported again',
  async handle(ctx, { params }) {
    const { backup: b } = await findBackup(ctx, params.id, 'backup:export-import')
    if (b.status !== 'available' || !b.manifest) throw refuse(`Backup status must be available and not ${b.status}.`)
    return { 'backup-record': { backup_service: SERVICE, backup_url: encode(written(b)) } }
  },
})

export const importRecord = endpoint({
  id: 'backups.import', method: 'POST', path: '/backups/import_record', status: 201, policy: 'backup:backup-import', summary: 'Make a backup\'s row of what was exported',
  body: { '3.0': t.Object({ 'backup-record': t.Object({ backup_service: t.String({ minLength: 1, maxLength: 255 }), backup_url: t.String({ minLength: 1, maxLength: 200_000 }) }, closed) }, closed) },
  async handle(ctx, { body }) {
    const ask = body['backup-record'], r = decode(ask.backup_url)
    if (ask.backup_service !== SERVICE) throw refuse(`records of ${ask.backup_service} cannot be imported here.`)
    const [known, parents, leaving, usage, limits] = await ctx.read(q.select({ id: volumeBackup.id }).from(volumeBackup).where(eq(volumeBackup.id, r.id)), q.select({ id: volumeBackup.id }).from(volumeBackup).where(eq(volumeBackup.id, r.parent_id ?? '')),
      q.select({ objects: discard.objects }).from(discard).where(sql`${discard.key} = ${`backups/${r.store}`} and ${discard.objects} > ${r.manifest.number}`), ...quotaQueries(ctx.project))
    if (known.length) throw refuse(`Backup ${r.id} already exists in database.`)
    if (r.parent_id && !parents.length) throw refuse(`it holds differences to backup ${r.parent_id}; import that first.`)
    const there = leaving.length ? undefined : await new Bytes(ctx.env, ctx.world).head(objectKey(r.store, r.manifest.number))
    if (there !== r.manifest.size) throw refuse('its bytes are not in the object store.')
    const quota = { usage, limits }, now = ctx.now()
    demand(quota, { backups: 1, backupGigabytes: r.size })
    const row: BackupRow = {
      id: r.id, project: ctx.project, user: ctx.caller.user.id, volume: r.volume_id, snapshot: r.snapshot_id, name: r.display_name, description: r.display_description, sizeGb: r.size, status: 'available', failReason: null, container: r.container,
      zone: r.availability_zone, parent: r.parent_id, metadata: r.metadata, facts: r.volume, store: r.store, objects: r.objects, stored: r.object_count, manifest: { number: r.manifest.number, size: r.manifest.size, sha256: r.manifest.sha256 }, target: null,
      dataAt: r.data_timestamp, createdAt: r.created_at, updatedAt: now,
    }
    ctx.stage(q.insert(volumeBackup).values(row))
    // Whatever removes these bytes has looked for rows that name them before, or will find this one.
    ctx.stage(q.run(sql`insert into guard select 'stale', not exists (select 1 from ${discard} where key = ${`backups/${r.store}`} and objects > ${r.manifest.number})`))
    stillWithin(ctx, ctx.project, quota, 'backups')
    ctx.about(r.id)
    ctx.event('backup.import.end', r.id, undefined, ctx.project)
    return { backup: brief(ctx)(row) }
  },
})
