import { and, eq, sql } from 'drizzle-orm'
import { Type as t, type Static } from 'typebox'
import { host } from '../../../schema/host.ts'
import { volume, volumeGroup, volumeType } from '../../../schema/volume.ts'
import { imageGb, imageQuery, usableImage } from '../../image/images/use.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { start } from '../../kernel/engine.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { closed, text, truth, isTrue, whole, words } from '../lists.ts'
import { endpoint } from '../service.ts'
import { unmet } from '../types/capable.ts'
import { allowed as allowedBackup, noBackup, oneBackup, refuse, type Kept } from '../backups/model.ts'
import { restoreTo } from '../backups/restore.ts'
import create from './create.saga.ts'
import { volumeView } from './view.ts'
import { beside, demand, failVolume, hostForDisk, quotaQueries, snapshotsQuery, sourceOf, stageVolume, stillWithin, typeQuery, volumesQuery, type NewVolume, type VolumeRow } from './use.ts'

const id = t.Union([t.String({ maxLength: 64 }), t.Null()])
const fields = {
  name: t.Optional(text), description: t.Optional(text), display_name: t.Optional(text), display_description: t.Optional(text), size: t.Optional(t.Union([whole, t.Null()])),
  volume_type: t.Optional(text), metadata: t.Optional(t.Union([words, t.Null()])), snapshot_id: t.Optional(id), source_volid: t.Optional(id), imageRef: t.Optional(id), image_id: t.Optional(id), availability_zone: t.Optional(text),
  multiattach: t.Optional(truth), consistencygroup_id: t.Optional(id),
  // Old clients send these; they say nothing.
  status: t.Optional(t.Unknown()), user_id: t.Optional(t.Unknown()), project_id: t.Optional(t.Unknown()), attach_status: t.Optional(t.Unknown()), source_replica: t.Optional(t.Null()), backup_id: t.Optional(id),
}
const hints = t.Optional(t.Union([t.Object({}), t.Null()]))
const body = (more: object) => t.Object({ volume: t.Object({ ...fields, ...more }, closed), 'OS-SCH-HNT:scheduler_hints': hints }, closed)
const group = { group_id: t.Optional(id) }

export default endpoint({
  id: 'volumes.create', method: 'POST', path: '/volumes', status: 202, policy: 'volume:create', summary: 'Create a volume',
  body: { '3.0': body({}), '3.13': body(group) },
  async handle(ctx, { body }) { return { volume: await createVolume(ctx, (body as { volume: Ask }).volume) } },
})
type Ask = Partial<Static<ReturnType<typeof t.Object<typeof fields>>>> & { group_id?: string | null }

async function createVolume(ctx: Ctx, ask: Ask) {
  const project = ctx.project, imageId = ask.imageRef ?? ask.image_id
  const sources = [ask.snapshot_id, ask.source_volid, imageId, ask.backup_id].filter(Boolean)
  if (sources.length > 1) throw invalid('A volume is made from one of snapshot_id, source_volid, imageRef and backup_id, not from several.')
  if (isTrue(ask.multiattach)) throw invalid('Multi-attach volumes are not offered by any host here.')
  if (ask.consistencygroup_id) throw notFound('consistencygroup', ask.consistencygroup_id, `ConsistencyGroup ${ask.consistencygroup_id} could not be found.`)
  const near = ask.snapshot_id ? beside('snapshot', ask.snapshot_id) : ask.source_volid ? beside('volume', ask.source_volid) : undefined
  const [images, snaps, ofSnap, volumes, types, [standard], hosts, zones, usage, limits, groups, backups] = await ctx.read(
    imageQuery(ctx, imageId ?? ''), snapshotsQuery(ctx, [ask.snapshot_id ?? '']),
    q.select().from(volume).where(sql`${volume.id} = (select volume from snapshot where id = ${ask.snapshot_id ?? ''})`),
    volumesQuery(ctx, [ask.source_volid ?? '']), typeQuery(ctx, ask.volume_type ?? ''),
    q.select().from(volumeType).where(sql`${volumeType.id} = coalesce((select t.id from volume_type t, volume_backup b where b.id = ${ask.backup_id ?? ''} and t.id = json_extract(b.facts, '$.type')), (select type from volume_default_type where project = ${project}), (select type from volume_default_type where project = ''))`),
    hostForDisk(ctx, { gb: Number(ask.size ?? 1), zone: ask.availability_zone ?? undefined, near }),
    q.selectDistinct({ zone: host.zone }).from(host), ...quotaQueries(project),
    q.select().from(volumeGroup).where(and(eq(volumeGroup.id, ask.group_id ?? ''), eq(volumeGroup.project, project))), oneBackup(ctx, ask.backup_id ?? ''))
  const kept = ask.backup_id ? usableBackup(ctx, backups as Kept[], ask.backup_id) : undefined
  const source = kept ? { backup: kept.facts } : sourceFor(ask, imageId, { images, snap: snaps[0], of: ofSnap[0], from: volumes[0]?.volume })
  const least = 'image' in source ? imageGb(source.image) : 'snapshot' in source ? source.snapshot.sizeGb : 'volume' in source ? source.volume.sizeGb : kept?.sizeGb ?? 0
  const sizeGb = ask.size ? Number(ask.size) : 'blank' in source || 'image' in source ? 0 : least
  if (!sizeGb) throw invalid('Invalid input received: Invalid volume size provided for create request: None (size argument must be an integer (or string representation of an integer) and greater than zero).')
  if (sizeGb < least) throw invalid(`Invalid input received: Volume size ${sizeGb}GB cannot be smaller than ${'image' in source ? `the image (minDisk or content) of ${least}GB` : `the original ${'snapshot' in source ? 'snapshot' : kept ? 'backup' : 'volume'} size ${least}GB`}. They must be >= that size.`)
  if (ask.volume_type && !types.length) throw notFound('volume type', ask.volume_type, `Volume type ${ask.volume_type} could not be found.`)
  const type = types[0] ?? standard
  if (type?.encryption) throw invalid(`Volume type ${type.name} asks for encryption, which no host here offers.`)
  if (ask.availability_zone && !zones.some((z) => z.zone === ask.availability_zone)) throw invalid(`Invalid input received: Availability zone '${ask.availability_zone}' is invalid.`)
  if (ask.group_id) checkGroup(groups[0], ask.group_id, type?.id)
  const rows = { usage, limits }
  demand(rows, { volumes: 1, gigabytes: sizeGb, largest: sizeGb, type: type?.name })

  const lacking = unmet(type?.extraSpecs ?? {}), chosen = lacking ? undefined : hosts[0]
  const row = stageVolume(ctx, {
    id: ctx.uuid(), name: ask.name ?? ask.display_name, description: ask.description ?? ask.display_description, sizeGb, source, project, user: ctx.caller.user.id, type: type?.id,
    zone: chosen?.zone ?? ask.availability_zone ?? 'nova', host: (chosen?.id ?? null) as string, storage: chosen?.storage ?? null, metadata: { ...kept?.facts.metadata, ...ask.metadata }, group: ask.group_id,
  })
  stillWithin(ctx, project, rows)
  ctx.about(row.id)
  if (chosen && 'backup' in source) await restoreTo(ctx, kept!, row, chosen.id)
  else if (chosen && !('backup' in source)) await start(ctx, create, { volume: row.id, project, host: chosen.id, sizeGb, source: sourceOf(source), zone: ask.availability_zone ?? undefined, tried: [] }, { lane: row.id })
  else failVolume(ctx, row, `schedule allocate volume:Could not find any available weighted backend. ${lacking ? `No host offers ${lacking}.` : 'No host that could keep it is up, enabled and has room.'}`, 'schedule allocate volume')
  // The answer is the volume as it was accepted; what became of it is seen by asking again.
  return volumeView(ctx, { created: true })({ volume: row, attachment: null, typeName: type?.name ?? null, hostName: null, placeName: null, leaving: 0 })
}

function usableBackup(ctx: Ctx, rows: Kept[], id: string) {
  if (!rows.length) throw noBackup(id)
  const { backup } = allowedBackup(ctx, rows, id, 'backup:restore')
  if (backup.status !== 'available' || !backup.manifest) throw refuse('Backup status must be available')
  return backup
}

interface Found { images: Parameters<typeof usableImage>[0]; snap?: Extract<NewVolume['source'], { snapshot: unknown }>['snapshot']; of?: VolumeRow; from?: VolumeRow }
function sourceFor(ask: Ask, imageId: string | null | undefined, found: Found): NewVolume['source'] {
  if (imageId) return { image: usableImage(found.images, imageId) }
  if (ask.snapshot_id) {
    if (!found.snap) throw notFound('snapshot', ask.snapshot_id, `Snapshot ${ask.snapshot_id} could not be found.`)
    if (found.snap.status !== 'available') throw invalid(`Invalid snapshot: Originating snapshot status must be one of 'available' values, but it is ${found.snap.status}.`)
    return { snapshot: found.snap, of: found.of }
  }
  if (ask.source_volid) {
    if (!found.from) throw notFound('volume', ask.source_volid, `Volume ${ask.source_volid} could not be found.`)
    if (!['available', 'in-use'].includes(found.from.status)) throw invalid(`Invalid volume: Originating volume status must be one of 'available, in-use' values, but it is ${found.from.status}.`)
    return { volume: found.from }
  }
  return { blank: true }
}

function checkGroup(g: typeof volumeGroup.$inferSelect | undefined, id: string, type: string | undefined) {
  if (!g) throw notFound('group', id, `Group ${id} could not be found.`)
  if (!type || !g.volumeTypes.includes(type)) throw invalid(`Invalid input received: Volume type must be one of the group's: ${g.volumeTypes.join(', ')}.`)
}
