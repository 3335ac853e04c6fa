import { desc, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { snapshot } from '../../../../schema/volume.ts'
import { CONTAINER_FORMATS, DISK_FORMATS } from '../../../image/images/model.ts'
import { imageGb, imageQuery, stageImage, usableImage } from '../../../image/images/use.ts'
import { q } from '../../../kernel/db.ts'
import { start } from '../../../kernel/engine.ts'
import { invalid } from '../../../kernel/fault.ts'
import { isoMicros } from '../../../kernel/view.ts'
import { closed, isTrue, truth } from '../../lists.ts'
import { endpoint } from '../../service.ts'
import { holding } from '../destroy.ts'
import rewrite from '../rewrite.saga.ts'
import upload from '../upload.saga.ts'
import { imageMeta, sourceOf } from '../use.ts'
import { allowed, oneVolume, type Whole } from '../view.ts'
import { change, demandStatus } from './action.ts'
import { placeOf } from './grow.ts'

const at = { method: 'POST', path: '/volumes/{id}/action', status: 202 } as const
const image = { image_name: t.String({ minLength: 1, maxLength: 255 }), force: t.Optional(truth), disk_format: t.Optional(t.Union([t.Enum(DISK_FORMATS), t.Null()])), container_format: t.Optional(t.Union([t.Enum(CONTAINER_FORMATS), t.Null()])) }
const later = { ...image, visibility: t.Optional(t.Enum(['community', 'public', 'private', 'shared'])), protected: t.Optional(truth) }

export const uploadImage = endpoint({
  ...at, id: 'volumes.upload-image', key: 'os-volume_upload_image', policy: 'volume_extension:volume_actions:upload_image', summary: 'Make an image of a volume',
  body: { '3.0': t.Object({ 'os-volume_upload_image': t.Object(image, closed) }, closed), '3.1': t.Object({ 'os-volume_upload_image': t.Object(later, closed) }, closed) },
  async handle(ctx, { params, body }) {
    const ask = (body as Record<string, any>)['os-volume_upload_image']
    const [rows, [host]] = await ctx.read(oneVolume(ctx, params.id), holding(ctx, params.id))
    const found = allowed(ctx, rows as Whole[], params.id, 'volume_extension:volume_actions:upload_image'), v = found.volume
    const format = ask.disk_format ?? 'raw', container = ask.container_format ?? 'bare'
    if ((format !== 'raw' && format !== 'qcow2') || container !== 'bare') throw invalid(`Invalid input received: a volume becomes a raw or qcow2 image in container bare, not ${format} in ${container}.`)
    if (ask.visibility === 'public' && !ctx.caller.admin) throw invalid('Invalid input received: only an administrator makes public images.', { status: 403 })
    demandStatus(v, isTrue(ask.force) ? ['available', 'in-use'] : ['available'], 'be uploaded')
    const place = placeOf(ctx, found, host), now = ctx.now(), id = ctx.uuid()
    const kept = Object.fromEntries(Object.entries(v.imageMeta ?? {}).filter(([k]) => !['image_id', 'image_name', 'checksum', 'container_format', 'disk_format', 'min_disk', 'min_ram', 'size'].includes(k)))
    stageImage(ctx, { id, name: ask.image_name, diskFormat: format, containerFormat: container, minDisk: format === 'raw' ? v.sizeGb : 0, properties: kept, owner: ctx.project, visibility: ask.visibility ?? 'private' })
    change(ctx, v, { status: 'uploading', previousStatus: v.status })
    await start(ctx, upload, { volume: v.id, project: v.project, image: id, format, ...place }, { lane: v.id, project: v.project })
    return {
      'os-volume_upload_image': {
        id: v.id, updated_at: isoMicros(now), status: 'uploading', display_description: v.description, size: v.sizeGb, volume_type: found.typeName ? { id: v.type, name: found.typeName } : null, image_id: id,
        container_format: container, disk_format: format, image_name: ask.image_name, ...(ctx.version >= 3001 ? { protected: false, visibility: ask.visibility ?? 'private' } : {}),
      },
    }
  },
})

export const revert = endpoint({
  ...at, id: 'volumes.revert', key: 'revert', since: '3.40', policy: 'volume:revert_to_snapshot', summary: 'Bring a volume back to its latest snapshot',
  body: { '3.40': t.Object({ revert: t.Object({ snapshot_id: t.String({ maxLength: 64 }) }, closed) }, closed) },
  async handle(ctx, { params, body }) {
    const [rows, [host], [latest]] = await ctx.read(oneVolume(ctx, params.id), holding(ctx, params.id), q.select().from(snapshot).where(eq(snapshot.volume, params.id)).orderBy(desc(snapshot.createdAt)).limit(1))
    const found = allowed(ctx, rows as Whole[], params.id, 'volume:revert_to_snapshot'), v = found.volume
    if (latest?.id !== body.revert.snapshot_id) throw invalid(`Invalid input received: Specified snapshot ${body.revert.snapshot_id} is not the latest one of volume ${v.id}.`)
    demandStatus(v, ['available'], 'revert')
    if (latest.status !== 'available') throw invalid(`Invalid snapshot: snapshot ${latest.id} is ${latest.status}.`)
    change(ctx, v, { status: 'reverting', previousStatus: v.status })
    await start(ctx, rewrite, { volume: v.id, project: v.project, host: placeOf(ctx, found, host).host, sizeGb: v.sizeGb, source: sourceOf({ snapshot: latest }), during: 'reverting', back: 'available' }, { lane: v.id, project: v.project })
  },
})

export const reimage = endpoint({
  ...at, id: 'volumes.reimage', key: 'os-reimage', since: '3.68', policy: 'volume:reimage', summary: 'Write an image over a volume',
  body: { '3.68': t.Object({ 'os-reimage': t.Object({ image_id: t.String({ maxLength: 64 }), reimage_reserved: t.Optional(truth) }, closed) }, closed) },
  async handle(ctx, { params, body }) {
    const ask = body['os-reimage']
    const [rows, [host], images] = await ctx.read(oneVolume(ctx, params.id), holding(ctx, params.id), imageQuery(ctx, ask.image_id))
    const found = allowed(ctx, rows as Whole[], params.id, 'volume:reimage'), v = found.volume
    const wanted = usableImage(images, ask.image_id)
    if (v.status === 'reserved' && !isTrue(ask.reimage_reserved)) throw invalid('Invalid volume: a reserved volume is written over only with reimage_reserved.', { status: 409 })
    demandStatus(v, ['available', 'error', 'reserved'], 'be written over')
    if (imageGb(wanted) > v.sizeGb) throw invalid(`Invalid input received: the image needs ${imageGb(wanted)}GB, the volume has ${v.sizeGb}GB.`)
    change(ctx, v, { status: 'downloading', previousStatus: v.status })
    const back = v.status === 'reserved' ? 'reserved' : 'available'
    await start(ctx, rewrite, { volume: v.id, project: v.project, host: placeOf(ctx, found, host).host, sizeGb: v.sizeGb, source: sourceOf({ image: wanted }), during: 'downloading', back, imageMeta: imageMeta(wanted) }, { lane: v.id, project: v.project })
  },
})
