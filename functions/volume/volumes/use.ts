import { and, eq, inArray, notInArray, sql, type SQLWrapper } from 'drizzle-orm'
import { host } from '../../../schema/host.ts'
import type { DiskRef, JobArgs } from '../../../schema/jobs.ts'
import { attachment, snapshot, volume, volumeDefaultType, volumeMessage, volumeService, volumeType } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { seconds } from '../../kernel/env.ts'
import { invalid } from '../../kernel/fault.ts'
import { SILENCE } from '../../hosts/up.ts'
import { imageRefOf, type UsableImage } from '../../image/images/use.ts'
import { limitsQuery, usageQuery } from '../quotas/limits.ts'
import type { SnapshotRow, VolumeRow } from './model.ts'

/** What other services do with volumes. Rules belong to the calling service; whose volume it is is decided here. */
export type { AttachmentRow, SnapshotRow, VolumeRow } from './model.ts'
export { destroyVolume, holding, snapshotsOf } from './destroy.ts'
export { workOnDisks } from './stays.ts'
export { demand, stillWithin } from '../quotas/limits.ts'

/** Of these volumes those the caller owns (an admin: all), each with its attachment. */
export const volumesQuery = (ctx: Ctx, ids: string[]) => q.select().from(volume).leftJoin(attachment, eq(attachment.volume, volume.id))
  .where(and(inArray(volume.id, ids), ctx.anyone && !ctx.anyone.admin ? eq(volume.project, ctx.project) : undefined))
export const snapshotsQuery = (ctx: Ctx, ids: string[]) => q.select().from(snapshot)
  .where(and(inArray(snapshot.id, ids), ctx.anyone && !ctx.anyone.admin ? eq(snapshot.project, ctx.project) : undefined))
/** `servers`: ids, or a query for them. */
export const attachmentsOf = (servers: string[] | SQLWrapper) => q.select().from(attachment).innerJoin(volume, eq(volume.id, attachment.volume))
  .where(inArray(attachment.server, servers)).orderBy(attachment.createdAt)

/** Where these volumes are. */
export const placesOf = (volumes: string[]) => q.select().from(attachment).where(inArray(attachment.volume, volumes))

/** The two queries `demand` and `stillWithin` want: `[usage, limits]`. */
export const quotaQueries = (project: string) => [usageQuery(project), limitsQuery(project)] as const

/** Where a source is kept, looked up where it is needed: what is made of it is made by a host that opens it. */
export const beside = (kind: 'volume' | 'snapshot', id: string) => {
  const of = (column: string) => sql`(select ${sql.raw(column)} from ${sql.raw(kind)} where id = ${id})` as never
  return { storage: of('storage'), host: of('host') }
}

/** The best host for a new disk of `gb`: up, enabled, with room, the least promised. `near`: one that can open what is kept in this storage. */
export function hostForDisk(ctx: Ctx, want: { gb: number; zone?: string; near?: { storage: string | null; host: string | null }; avoid?: string[] }) {
  const room = sql`json_extract(${host.capacity}, '$.freeDiskGb')`
  const promised = sql`(select coalesce(sum(${volume.sizeGb}), 0) from ${volume} where ${volume.host} = ${host.id})`
  const near = want.near && (want.near.storage ? sql`(${host.id} = ${want.near.host} or ${host.storage} = ${want.near.storage})` : eq(host.id, want.near.host ?? ''))
  return q.select().from(host).where(and(eq(host.enabled, true), eq(host.forcedDown, false), sql`${host.seenAt} >= ${ctx.now() - SILENCE}`, sql`${host.capacity} is not null`,
    want.zone ? eq(host.zone, want.zone) : undefined, want.avoid ? notInArray(host.id, want.avoid) : undefined, near, sql`${room} >= 1`,
    sql`not exists (select 1 from ${volumeService} s where s.host = ${host.name} and s.binary = 'cinder-volume' and s.disabled = 1)`))
    .orderBy(sql`${room} < ${want.gb}`, want.near ? sql`${host.id} <> ${want.near.host}` : sql`null`, sql`${promised} - ${host.diskGb}`, host.id).limit(1)
}

export type Source = { blank: true } | { image: UsableImage } | { snapshot: Pick<SnapshotRow, 'id'> } | { volume: Pick<VolumeRow, 'id'> }
/** The source of a disk as its job names it. */
export const sourceOf = (s: Source): JobArgs<'disk.create'>['source'] =>
  'image' in s ? { image: imageRefOf(s.image) } : 'snapshot' in s ? { disk: { kind: 'snapshot', id: s.snapshot.id } } : 'volume' in s ? { disk: { kind: 'volume', id: s.volume.id } } : { blank: true }

export interface NewVolume {
  id: string; name?: string | null; description?: string | null; sizeGb: number
  source: { blank: true } | { image: UsableImage } | { snapshot: SnapshotRow; of?: VolumeRow } | { volume: VolumeRow } | { backup: Pick<VolumeRow, 'bootable' | 'imageMeta'> }
  project: string; user: string; zone: string; host: string; storage: string | null
  type?: string | null; metadata?: Record<string, string>; status?: string; group?: string | null; groupSnapshot?: string | null
}

/**
 * A volume in state `creating`. The caller sees to its disk: with `volume.create` (lane: the volume's id), or, in a saga of
 * its own, with a `disk.create` job and then `completeVolume` or `failVolume`.
 */
export function stageVolume(ctx: Ctx, v: NewVolume): VolumeRow {
  const now = ctx.now(), s = v.source
  const parent = 'volume' in s ? s.volume : 'snapshot' in s ? s.of : 'backup' in s ? s.backup : undefined
  const row: VolumeRow = {
    id: v.id, project: v.project, user: v.user, name: v.name ?? null, description: v.description ?? null, sizeGb: v.sizeGb, status: v.status ?? 'creating', previousStatus: null,
    attachStatus: 'detached', migrationStatus: null, bootable: 'image' in s || (parent?.bootable ?? false), readonly: false, metadata: v.metadata ?? {},
    imageMeta: 'image' in s ? imageMeta(s.image) : parent?.imageMeta ?? null, zone: v.zone, host: v.host, storage: v.storage,
    type: v.type ?? null,
    snapshot: 'snapshot' in s ? s.snapshot.id : null, source: 'volume' in s ? s.volume.id : null, image: 'image' in s ? s.image.id : null,
    group: v.group ?? null, groupSnapshot: v.groupSnapshot ?? null, launchedAt: null, createdAt: now, updatedAt: now,
  }
  // The default type when none is named: of the project, else of the cloud.
  const standard = sql`coalesce((select type from ${volumeDefaultType} where project = ${v.project}), (select type from ${volumeDefaultType} where project = ''))`
  ctx.stage(q.insert(volume).values({ ...row, type: v.type ?? (standard as unknown as string) }))
  ctx.event('volume.create.start', v.id, { size: v.sizeGb }, v.project)
  return row
}

export const imageMeta = (i: UsableImage): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(i.properties).filter(([k, x]) => typeof x === 'string' && !k.startsWith('os_glance_'))) as Record<string, string>,
  image_id: i.id, image_name: i.name ?? '', checksum: i.md5 ?? '', container_format: i.containerFormat ?? '', disk_format: i.diskFormat, min_disk: String(i.minDisk), min_ram: String(i.minRam), size: String(i.size),
})

/** The disk is there. What became of the volume meanwhile (deleted, or already reserved for a server) is left as it is. */
export function completeVolume(ctx: Ctx, id: string) {
  const now = ctx.now()
  ctx.stage(q.update(volume).set({ status: 'available', launchedAt: now, updatedAt: now }).where(and(eq(volume.id, id), inArray(volume.status, ['creating', 'downloading']))))
  ctx.event('volume.create.end', id)
}

/** What was done to it while it said so has ended: it is in use still, or to be had, whatever became of its server meanwhile. */
export const settleVolume = (ctx: Ctx, id: string, during: string) => ctx.stage(q.update(volume)
  .set({ status: sql`case when ${volume.attachStatus} = 'attached' then 'in-use' else 'available' end` as never, previousStatus: null, updatedAt: ctx.now() }).where(and(eq(volume.id, id), eq(volume.status, during))))

/** The disk will not come: `error`, and a message that says why. */
export function failVolume(ctx: Ctx, v: { id: string; project: string }, why: string, action = 'create') {
  ctx.stage(q.update(volume).set({ status: 'error', updatedAt: ctx.now() }).where(eq(volume.id, v.id)))
  message(ctx, { project: v.project, resourceType: 'VOLUME', resource: v.id, action, message: why })
  ctx.event(`volume.${action}.error`, v.id, { why }, v.project)
}

export function message(ctx: Ctx, m: { project: string; resourceType: string; resource: string; action: string; message: string; detail?: string }) {
  const now = ctx.now()
  ctx.stage(q.insert(volumeMessage).values({ id: ctx.uuid(), detail: '001', ...m, message: m.message.slice(0, 1000), level: 'ERROR', requestId: ctx.requestId, createdAt: now, expiresAt: now + seconds(30 * 86400) }))
}

export interface Place { attachment?: string; server: string; device?: string | null; deleteOnTermination?: boolean; tag?: string | null; bootIndex?: number | null; host?: string | null }

/** Takes an available volume for a server: 400 in nova's words when it is not to be had. A volume just staged in this unit may be `creating`. */
export function reserveVolume(ctx: Ctx, v: VolumeRow, p: Place, options: { fresh?: boolean } = {}): string {
  if (!options.fresh && v.status !== 'available') {
    throw invalid(`Invalid volume: Volume ${v.id} status must be available ${v.status === 'in-use' || v.status === 'reserved' ? 'to reserve, but it is' : 'or downloading to reserve, but the current status is'} ${v.status}.`, { type: 'InvalidVolume', noun: 'volume', id: v.id })
  }
  const id = p.attachment ?? ctx.uuid(), now = ctx.now()
  if (!options.fresh) ctx.stage(q.update(volume).set({ status: 'reserved', previousStatus: 'available', updatedAt: now }).where(and(eq(volume.id, v.id), eq(volume.status, 'available'))), 'stale')
  ctx.stage(q.insert(attachment).values({
    id, volume: v.id, project: v.project, server: p.server, status: 'reserved', device: p.device ?? null, mode: v.readonly ? 'ro' : 'rw', host: p.host ?? null, compute: true,
    deleteOnTermination: p.deleteOnTermination ?? false, tag: p.tag ?? null, bootIndex: p.bootIndex ?? null, createdAt: now, updatedAt: now,
  }))
  return id
}

const placed = (volumeId: string, server: string) => and(eq(attachment.volume, volumeId), eq(attachment.server, server))
const statusWhere = (ctx: Ctx, volumeId: string, server: string, set: Partial<VolumeRow>): Query => q.update(volume).set({ ...set, updatedAt: ctx.now() })
  .where(and(eq(volume.id, volumeId), sql`exists (select 1 from ${attachment} a where a.volume = ${volumeId} and a.server = ${server})`))

/** The guest has it. Nothing happens when the volume was taken away meanwhile. */
export function completeAttach(ctx: Ctx, volumeId: string, server: string, hostId: string, device?: string) {
  const now = ctx.now()
  ctx.stage(statusWhere(ctx, volumeId, server, { status: 'in-use', attachStatus: 'attached', previousStatus: null }))
  ctx.stage(q.update(attachment).set({ status: 'attached', host: hostId, attachedAt: now, updatedAt: now, ...(device ? { device } : {}) }).where(placed(volumeId, server)))
  ctx.event('volume.attach.end', volumeId, { server })
}

/** A detach has begun: 400 when the volume is not in use by this server. */
export function beginDetach(ctx: Ctx, v: VolumeRow, server: string) {
  if (v.status !== 'in-use') throw invalid(`Invalid volume: Volume ${v.id} status must be in-use to detach, but it is ${v.status}.`, { type: 'InvalidVolume', noun: 'volume', id: v.id })
  ctx.stage(q.update(volume).set({ status: 'detaching', previousStatus: 'in-use', updatedAt: ctx.now() })
    .where(and(eq(volume.id, v.id), eq(volume.status, 'in-use'), sql`exists (select 1 from ${attachment} a where a.volume = ${v.id} and a.server = ${server})`)), 'stale')
}
/** The guest kept it after all. */
export function rollDetach(ctx: Ctx, volumeId: string, server: string) {
  ctx.stage(q.update(volume).set({ status: 'in-use', previousStatus: null, updatedAt: ctx.now() })
    .where(and(eq(volume.id, volumeId), eq(volume.status, 'detaching'), sql`exists (select 1 from ${attachment} a where a.volume = ${volumeId} and a.server = ${server})`)))
}

/** No server has it any more: content when that is so already. */
export function releaseVolume(ctx: Ctx, volumeId: string, server: string) {
  ctx.stage(statusWhere(ctx, volumeId, server, { status: sql`case when ${volume.status} in ('reserved', 'attaching', 'detaching', 'in-use') then 'available' else ${volume.status} end` as never, attachStatus: 'detached', previousStatus: null }))
  ctx.stage(q.delete(attachment).where(placed(volumeId, server)))
  ctx.event('volume.detach.end', volumeId, { server })
}

/** A volume type by id or name, if the caller's project may use it. */
export const typeQuery = (ctx: Ctx, idOrName: string) => q.select().from(volumeType).where(and(sql`(${volumeType.id} = ${idOrName} or ${volumeType.name} = ${idOrName})`,
  ctx.anyone && !ctx.anyone.admin ? sql`(${volumeType.public} = 1 or exists (select 1 from volume_type_access a where a.type = ${volumeType.id} and a.project = ${ctx.anyone.project?.id ?? ''}))` : undefined))

/** Two attaches at once may not take the same device of a server: staged after `reserveVolume`. */
export const onlyDevice = (ctx: Ctx, server: string, device: string) =>
  ctx.stage(q.run(sql`insert into guard select 'stale', (select count(*) from ${attachment} where server = ${server} and device = ${device}) = 1`))
/** Volumes and snapshots whose disks are on another host now. */
export function relocate(ctx: Ctx, disks: DiskRef[], to: { host: string; storage: string | null }, server: string) {
  const ids = (kind: DiskRef['kind']) => disks.filter((d) => d.kind === kind).map((d) => d.id), now = ctx.now(), here = { host: to.host, storage: to.storage, updatedAt: now }
  if (ids('volume').length) ctx.stage(q.update(volume).set(here).where(inArray(volume.id, ids('volume'))))
  if (ids('snapshot').length) ctx.stage(q.update(snapshot).set(here).where(inArray(snapshot.id, ids('snapshot'))))
  ctx.stage(q.update(attachment).set({ host: to.host }).where(eq(attachment.server, server)))
}
/** Snapshots of a server's volumes: they are kept where the volumes are. */
export const snapshotsBeside = (server: string) => q.select({ id: snapshot.id, volume: snapshot.volume, host: snapshot.host, storage: snapshot.storage, status: snapshot.status }).from(snapshot).innerJoin(attachment, eq(attachment.volume, snapshot.volume)).where(eq(attachment.server, server))
export const updateAttachment = (ctx: Ctx, id: string, set: { deleteOnTermination: boolean }) =>
  ctx.stage(q.update(attachment).set({ ...set, updatedAt: ctx.now() }).where(eq(attachment.id, id)), 'stale')
