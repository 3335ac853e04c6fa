import { and, eq, sql } from 'drizzle-orm'
import { attachment, volume, volumeType } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { forbidden, notFound } from '../../kernel/fault.ts'
import { isoMicros, view } from '../../kernel/view.ts'
import { linksOf } from '../lists.ts'
import { POOL } from '../service.ts'
import type { AttachmentRow, VolumeRow } from './model.ts'
import { leavingWith } from './stays.ts'

/** A volume with what its picture needs. */
export interface Whole { volume: VolumeRow; attachment: AttachmentRow | null; typeName: string | null; hostName: string | null; placeName: string | null; leaving: number }
const hostName = (column: typeof volume.host | typeof attachment.host) => sql<string | null>`(select h.name from host h where h.id = ${column})`
export const wholes = () => q.select({ volume, attachment, typeName: volumeType.name, hostName: hostName(volume.host).as('host_name'), placeName: hostName(attachment.host).as('place_name'), leaving: leavingWith(attachment.server).as('leaving') })
  .from(volume).leftJoin(attachment, eq(attachment.volume, volume.id)).leftJoin(volumeType, eq(volumeType.id, volume.type)).$dynamic()

export const oneVolume = (ctx: Ctx, id: string) => wholes().where(and(eq(volume.id, id), ctx.caller.admin ? undefined : eq(volume.project, ctx.anyone?.project?.id ?? '')))
export function allowed(ctx: Ctx, rows: Whole[], id: string, rule: string): Whole {
  if (!rows.length) throw notFound('volume', id, `Volume ${id.slice(0, 64)} could not be found.`)
  if (!ctx.can(rule, { project: rows[0].volume.project })) throw forbidden(`Policy doesn't allow ${rule} to be performed.`)
  return rows[0]
}
export async function findVolume(ctx: Ctx, id: string, rule: string): Promise<Whole> {
  const [rows] = await ctx.read(oneVolume(ctx, id))
  return allowed(ctx, rows as Whole[], id, rule)
}

const attachments = ({ volume: v, attachment: a, placeName }: Whole, admin: boolean) => !a || a.status === 'reserved' || !a.attachedAt ? [] : [{
  id: v.id, attachment_id: a.id, volume_id: v.id, server_id: a.server, host_name: admin ? placeName : null, device: a.device, attached_at: isoMicros(a.attachedAt),
}]

/** `created`: as the answer to a create, which leaves some out. */
export function volumeView(ctx: Ctx, options: { created?: boolean } = {}) {
  const admin = ctx.caller.admin
  const shape = view<Whole>((w) => ({
    id: w.volume.id, status: w.volume.status, size: w.volume.sizeGb, availability_zone: w.volume.zone, created_at: isoMicros(w.volume.createdAt),
    updated_at: w.volume.updatedAt === w.volume.createdAt ? null : isoMicros(w.volume.updatedAt), name: w.volume.name, description: w.volume.description, volume_type: w.typeName,
    snapshot_id: w.volume.snapshot, source_volid: w.volume.source, metadata: w.volume.metadata, links: linksOf(ctx, 'volumes', w.volume.id), user_id: w.volume.user,
    bootable: String(w.volume.bootable), encrypted: false, replication_status: null, consistencygroup_id: null, multiattach: false, attachments: attachments(w, admin), migration_status: admin ? w.volume.migrationStatus : null,
    ...(options.created ? {} : {
      'os-vol-tenant-attr:tenant_id': w.volume.project,
      ...(w.volume.imageMeta && Object.keys(w.volume.imageMeta).length ? { volume_image_metadata: w.volume.imageMeta } : {}),
      ...(admin ? { 'os-vol-host-attr:host': w.hostName ? w.hostName + POOL : null, 'os-vol-mig-status-attr:migstat': w.volume.migrationStatus, 'os-vol-mig-status-attr:name_id': null } : {}),
    }),
  }))
    .since('3.13', (w) => ({ group_id: w.volume.group }))
    .since('3.21', () => (admin && !options.created ? { provider_id: null } : {}))
    .since('3.48', () => ({ service_uuid: null, shared_targets: false }))
    .since('3.61', () => (admin && !options.created ? { cluster_name: null } : {}))
    .since('3.63', (w) => ({ volume_type_id: w.volume.type }))
    .since('3.65', () => (options.created ? {} : { consumes_quota: true }))
    // No targets to share: a host opens the disk itself.
    .since('3.69', () => ({ shared_targets: null }))
  return shape.at(ctx.version)
}
