import { Type as t } from 'typebox'
import type { Query } from '../../../kernel/db.ts'
import { start } from '../../../kernel/engine.ts'
import { invalid } from '../../../kernel/fault.ts'
import { stageClaim } from '../../../placement/claim.ts'
import { flavorQuery, shapeOf, type Flavor } from '../../flavors/model.ts'
import { limitsOf, limitsQuery, usageQuery, withinQuota, type Usage } from '../../quotas/limits.ts'
import { roomOn } from '../../schedule/hosts.ts'
import { endpoint } from '../../service.ts'
import { action, bare, closed, diskConfig } from '../../shapes.ts'
import type { DiskArgs } from '../boot.saga.ts'
import { grip, gripOf, gripReads, timeline } from '../grip.ts'
import { change, needOf, power, projectOf, type Shape } from '../model.ts'
import resizeSaga, { settleClaim } from '../resize.saga.ts'
import { domainSpec, rootOnVolume } from '../spec.ts'

const path = '/servers/{server}/action'
const most = (a: Shape, b: Shape): Shape => ({ ...b, vcpus: Math.max(a.vcpus, b.vcpus), memoryMb: Math.max(a.memoryMb, b.memoryMb), diskGb: Math.max(a.diskGb, b.diskGb), ephemeralGb: Math.max(a.ephemeralGb, b.ephemeralGb), swapMb: Math.max(a.swapMb, b.swapMb) })

export const resize = endpoint({
  id: 'servers.resize', method: 'POST', path, key: 'resize', status: 202, summary: 'Give a server another flavor', policy: 'os_compute_api:servers:resize',
  body: { '2.1': action('resize', t.Object({ flavorRef: t.Union([t.String({ minLength: 1, maxLength: 255 }), t.Integer()]), 'OS-DCF:diskConfig': t.Optional(diskConfig) }, closed)) },
  async handle(ctx, { params: { server: id }, body }) {
    const ref = String(body.resize.flavorRef).replace(/\/+$/, '').split('/').at(-1)!
    const read = await ctx.read(...gripReads(ctx, id) as unknown as [Query], flavorQuery(ctx, ref), usageQuery(projectOf(id)), limitsQuery(projectOf(id)), roomOn(id)) as unknown[][]
    const g = gripOf(ctx, id, 'resize', read), s = g.server, [flavor] = read[3] as Flavor[], [usage] = read[4] as Usage[], [room] = read[6] as { vcpus: number; memoryMb: number; diskGb: number }[]
    if (!flavor) throw invalid(`Flavor ${ref} could not be found.`)
    if (flavor.id === s.shape.id) throw invalid('When resizing, instances must change flavor!')
    const to = shapeOf(flavor), both = most(s.shape, to), onVolume = rootOnVolume(g.held)
    if (!onVolume && to.diskGb < s.shape.diskGb) throw invalid(`Resize to flavor ${flavor.name} would shrink the root disk from ${s.shape.diskGb} to ${to.diskGb} GB, which cannot be done.`)
    if (to.ephemeralGb < s.shape.ephemeralGb) throw invalid('The ephemeral disk cannot be made smaller.')
    const more = needOf(both, onVolume), has = needOf(s.shape, onVolume)
    if (!room || more.vcpus - has.vcpus > room.vcpus || more.memoryMb - has.memoryMb > room.memoryMb || more.diskGb - has.diskGb > room.diskGb) throw invalid('No valid host was found. The host of this server has not enough room for the flavor.')
    withinQuota(ctx, s.project, limitsOf(read[5] as never), usage, { instances: 0, cores: both.vcpus - s.shape.vcpus, ram: both.memoryMb - s.shape.memoryMb })
    change(ctx, s, { task: 'resize_prep', vcpus: both.vcpus, memoryMb: both.memoryMb, ...(body.resize['OS-DCF:diskConfig'] ? { autoDisk: body.resize['OS-DCF:diskConfig'] === 'AUTO' } : {}) })
    stageClaim(ctx, { consumer: id, host: s.host, project: s.project, user: s.user, ...more })
    timeline(ctx, s, 'resize', { from: s.shape.id, to: to.id, host: s.host })
    const made: DiskArgs[] = []
    if (to.ephemeralGb && !s.shape.ephemeralGb) made.push({ disk: { kind: 'ephemeral', id }, sizeGb: to.ephemeralGb, source: { blank: true, filesystem: 'ext4' } })
    if (to.swapMb && !s.shape.swapMb) made.push({ disk: { kind: 'swap', id }, sizeGb: Math.ceil(to.swapMb / 1024), source: { blank: true, filesystem: 'swap' } })
    await start(ctx, resizeSaga, {
      server: id, host: s.host, project: s.project, user: s.user, from: s.shape, to, old: g.spec, spec: domainSpec(s, g.ports, g.held, ctx.requestId, to), wasOn: s.power === power.running,
      revert: false, growGb: !onVolume && to.diskGb > s.shape.diskGb ? to.diskGb : undefined, made, rootOnVolume: onVolume,
    }, { lane: id, project: s.project })
  },
})

export const confirm = endpoint({
  id: 'servers.confirm_resize', method: 'POST', path, key: 'confirmResize', status: 204, summary: 'Keep the new flavor', policy: 'os_compute_api:servers:confirm_resize', body: { '2.1': bare('confirmResize') },
  async handle(ctx, { params: { server: id } }) {
    const g = await grip(ctx, id, 'confirmResize'), s = g.server
    change(ctx, s, { state: s.power === power.running ? 'active' : 'stopped', oldShape: null, vcpus: s.shape.vcpus, memoryMb: s.shape.memoryMb })
    settleClaim({ server: id, host: s.host, project: s.project, user: s.user, rootOnVolume: rootOnVolume(g.held) }, ctx, s.shape)
    timeline(ctx, s, 'confirmResize')
    ctx.event('compute.instance.confirmResize.end', id, undefined, s.project)
  },
})

export const revert = endpoint({
  id: 'servers.revert_resize', method: 'POST', path, key: 'revertResize', status: 202, summary: 'Go back to the flavor before', policy: 'os_compute_api:servers:revert_resize', body: { '2.1': bare('revertResize') },
  async handle(ctx, { params: { server: id } }) {
    const g = await grip(ctx, id, 'revertResize'), s = g.server, to = s.oldShape ?? s.shape
    change(ctx, s, { task: 'resize_reverting' })
    timeline(ctx, s, 'revertResize')
    await start(ctx, resizeSaga, {
      server: id, host: s.host, project: s.project, user: s.user, from: s.shape, to, old: g.spec, spec: domainSpec(s, g.ports, g.held, ctx.requestId, to), wasOn: s.power === power.running,
      revert: true, made: [], rootOnVolume: rootOnVolume(g.held),
    }, { lane: id, project: s.project })
  },
})
export default [resize, confirm, revert]
