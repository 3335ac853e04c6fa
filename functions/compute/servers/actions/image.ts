import { Type as t } from 'typebox'
import { rotateBackups } from '../../../image/images/rotate.ts'
import { stageImage } from '../../../image/images/use.ts'
import type { Ctx } from '../../../kernel/ctx.ts'
import { start } from '../../../kernel/engine.ts'
import { forbidden, invalid } from '../../../kernel/fault.ts'
import { limitsOf, limitsQuery } from '../../quotas/limits.ts'
import { endpoint } from '../../service.ts'
import { action, closed, integer, metadata, name, whole } from '../../shapes.ts'
import { gripOf, gripReads, timeline } from '../grip.ts'
import imageSaga from '../image.saga.ts'
import { change, power, projectOf } from '../model.ts'
import { rootOnVolume } from '../spec.ts'

const path = '/servers/{server}/action'
/** Of an image's properties those that still hold for a copy of the disk. */
const inherited = (properties: Record<string, string>) => Object.fromEntries(Object.entries(properties).filter(([k]) => /^(hw_|os_(type|distro|version|shutdown)|img_|architecture)/.test(k)))

export async function captureServer(ctx: Ctx, id: string, what: { name: string; metadata: Record<string, string>; move: 'createImage' | 'backup'; properties?: Record<string, string> }): Promise<string> {
  const read = await ctx.read(...gripReads(ctx, id), limitsQuery(projectOf(id)))
  const g = gripOf(ctx, id, what.move, read), s = g.server, limits = limitsOf(read[3] as never)
  if (limits.metadata_items >= 0 && Object.keys(what.metadata).length > limits.metadata_items) throw forbidden(`Quota exceeded for metadata_items: at most ${limits.metadata_items} are allowed.`)
  if (rootOnVolume(g.held)) throw invalid(`Instance ${id} boots from a volume: make a snapshot or an image of volume ${g.held.find((v) => v.bootIndex === 0)!.volume} instead.`)
  const image = ctx.uuid()
  stageImage(ctx, {
    id: image, name: what.name, diskFormat: 'qcow2', owner: ctx.project, minDisk: s.shape.diskGb, minRam: 0,
    properties: { ...inherited(s.imageProperties), base_image_ref: s.image ?? '', image_type: 'snapshot', instance_uuid: id, user_id: ctx.caller.user.id, owner_id: s.project, image_location: 'snapshot', image_state: 'available', ...what.properties, ...what.metadata },
  })
  change(ctx, s, { task: what.move === 'backup' ? 'image_backup' : 'image_snapshot' })
  timeline(ctx, s, what.move, { image })
  await start(ctx, imageSaga, { server: id, host: s.host, image, running: s.power === power.running || s.power === power.paused, move: what.move }, { lane: id, project: s.project })
  ctx.headers.set('location', `${ctx.origin}/image/v2/images/${image}`)
  return image
}

export default [
  endpoint({
    id: 'servers.create_image', method: 'POST', path, key: 'createImage', status: 202, summary: "Make an image of a server's disk", policy: 'os_compute_api:servers:create_image',
    body: { '2.1': action('createImage', t.Object({ name, metadata: t.Optional(metadata) }, closed)) },
    async handle(ctx, { params, body }) {
      const image = await captureServer(ctx, params.server, { name: body.createImage.name, metadata: body.createImage.metadata ?? {}, move: 'createImage' })
      return ctx.version >= 2045 ? { image_id: image } : undefined
    },
  }),
  endpoint({
    id: 'servers.create_backup', method: 'POST', path, key: 'createBackup', status: 202, summary: "Make an image of a server's disk and keep the newest few", policy: 'os_compute_api:os-create-backup',
    body: { '2.1': action('createBackup', t.Object({ name, backup_type: t.String({ minLength: 0, maxLength: 255 }), rotation: integer(0), metadata: t.Optional(metadata) }, closed)) },
    async handle(ctx, { params, body: { createBackup: b } }) {
      const rotation = whole(b.rotation, 'rotation', 0)
      const image = await captureServer(ctx, params.server, { name: b.name, metadata: b.metadata ?? {}, move: 'backup', properties: { image_type: 'backup', backup_type: b.backup_type, instance_uuid: params.server } })
      await rotateBackups(ctx, params.server, b.backup_type, rotation - 1)
      return ctx.version >= 2045 ? { image_id: image } : undefined
    },
  }),
]
