import { eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { serverGuest } from '../../../../schema/compute.ts'
import { imageQuery, imageRefOf, usableImage } from '../../../image/images/use.ts'
import { q, type Query } from '../../../kernel/db.ts'
import { start } from '../../../kernel/engine.ts'
import { invalid } from '../../../kernel/fault.ts'
import { endpoint } from '../../service.ts'
import { action, adminPass, bare, closed } from '../../shapes.ts'
import { grip, gripOf, gripReads, timeline } from '../grip.ts'
import { change, findServer, power } from '../model.ts'
import { passwordOf } from '../names.ts'
import rescueSaga, { rescueDisk } from '../rescue.saga.ts'
import { seal } from '../seal.ts'
import { graceOf, rootOnVolume } from '../spec.ts'

const path = '/servers/{server}/action'

export default [
  endpoint({
    id: 'servers.rescue', method: 'POST', path, key: 'rescue', status: 200, summary: 'Boot a server from another disk', policy: 'os_compute_api:os-rescue',
    body: { '2.1': action('rescue', t.Union([t.Null(), t.Object({ adminPass: t.Optional(adminPass), rescue_image_ref: t.Optional(t.String({ minLength: 1, maxLength: 255 })) }, closed)])) },
    async handle(ctx, { params: { server: id }, body }) {
      const b = (body.rescue ?? {}) as { adminPass?: string; rescue_image_ref?: string }
      const ref = b.rescue_image_ref ?? (await findServer(ctx, id, 'os_compute_api:os-rescue')).image ?? ''
      const read = await ctx.read(...gripReads(ctx, id) as unknown as [Query], imageQuery(ctx, ref)) as unknown[][]
      const g = gripOf(ctx, id, 'rescue', read), s = g.server
      if (rootOnVolume(g.held) && ctx.version < 2087) throw invalid(`Cannot rescue a volume-backed instance ${id}`)
      if (!ref) throw invalid(`Instance ${id} has no image to rescue it with: name one as rescue_image_ref.`)
      const image = usableImage(read[3] as never, ref), password = b.adminPass ?? passwordOf(ctx.world.random(12))
      const disks = [{ ref: rescueDisk(id), device: 'vda', bus: 'virtio' as const, boot: 0 }, ...g.spec.disks.map((d, n) => ({ ref: d.ref, device: `vd${'bcdefghijklmnopqrstuvwxyz'[n]}`, bus: 'virtio' as const, serial: d.serial }))]
      change(ctx, s, { task: 'rescuing' })
      ctx.stage(q.update(serverGuest).set({ adminPass: await seal(ctx, id, password), etag: ctx.uuid() }).where(eq(serverGuest.server, id)))
      timeline(ctx, s, 'rescue')
      await start(ctx, rescueSaga, {
        server: id, host: s.host, spec: { ...g.spec, disks }, old: g.spec, back: false, wasOn: s.power === power.running, grace: graceOf(s.imageProperties),
        disk: { disk: rescueDisk(id), sizeGb: 0, source: { image: imageRefOf(image) } },
      }, { lane: id, project: s.project })
      return { adminPass: password }
    },
  }),
  endpoint({
    id: 'servers.unrescue', method: 'POST', path, key: 'unrescue', status: 202, summary: 'Boot a rescued server from its own disk again', policy: 'os_compute_api:os-unrescue', body: { '2.1': bare('unrescue') },
    async handle(ctx, { params: { server: id } }) {
      const g = await grip(ctx, id, 'unrescue'), s = g.server
      change(ctx, s, { task: 'unrescuing' })
      timeline(ctx, s, 'unrescue')
      await start(ctx, rescueSaga, { server: id, host: s.host, spec: g.spec, old: g.spec, back: true, wasOn: true }, { lane: id, project: s.project })
    },
  }),
]
