import { Type as t } from 'typebox'
import type { DiskRef } from '../../../../schema/jobs.ts'
import type { Query } from '../../../kernel/db.ts'
import { start } from '../../../kernel/engine.ts'
import { conflict, invalid } from '../../../kernel/fault.ts'
import { stageClaim, stageLeave } from '../../../placement/claim.ts'
import { snapshotsBeside, workOnDisks } from '../../../volume/volumes/use.ts'
import { flavorQuery, shapeOf, type Flavor } from '../../flavors/model.ts'
import { limitsOf, limitsQuery, usageQuery, withinQuota, type Usage } from '../../quotas/limits.ts'
import { needFrom, roomOn } from '../../schedule/hosts.ts'
import { endpoint } from '../../service.ts'
import { action, bare, closed, diskConfig } from '../../shapes.ts'
import type { DiskArgs } from '../boot.saga.ts'
import { gripOf, gripReads, timeline } from '../grip.ts'
import { change, needOf, power, projectOf, type Shape } from '../model.ts'
import resizeSaga, { settleClaim } from '../resize.saga.ts'
import { moveCold } from '../moves/migrate.ts'
import backSaga from '../moves/back.saga.ts'
import { beginMove, clearAway, lastMove, leftBehind, luggage, markMove, placesOf, settleMove, sharesAll, type Move, type Place } from '../moves/model.ts'
import { choose, moveReads, movingOf, noHost } from '../moves/where.ts'
import { domainSpec, graceOf, rootOnVolume } from '../spec.ts'
import { undisturbed } from '../verbs.ts'

const path = '/servers/{server}/action'
const same = (a: DiskRef) => (b: DiskRef) => a.kind === b.kind && a.id === b.id
const most = (a: Shape, b: Shape): Shape => ({ ...b, vcpus: Math.max(a.vcpus, b.vcpus), memoryMb: Math.max(a.memoryMb, b.memoryMb), diskGb: Math.max(a.diskGb, b.diskGb), ephemeralGb: Math.max(a.ephemeralGb, b.ephemeralGb), swapMb: Math.max(a.swapMb, b.swapMb) })

export const resize = endpoint({
  id: 'servers.resize', method: 'POST', path, key: 'resize', status: 202, summary: 'Give a server another flavor', policy: 'os_compute_api:servers:resize',
  body: { '2.1': action('resize', t.Object({ flavorRef: t.Union([t.String({ minLength: 1, maxLength: 255 }), t.Integer()]), 'OS-DCF:diskConfig': t.Optional(diskConfig) }, closed)) },
  async handle(ctx, { params: { server: id }, body }) {
    const ref = String(body.resize.flavorRef).replace(/\/+$/, '').split('/').at(-1)!
    const m = movingOf(ctx, id, 'resize', await ctx.read(...moveReads(ctx, id, undefined, needFrom(ref, false)) as unknown as [Query], flavorQuery(ctx, ref), usageQuery(projectOf(id)), limitsQuery(projectOf(id)), roomOn(id)) as unknown[][])
    const g = m.grip, s = g.server, [flavors, usages, limits, rooms] = m.rest as [Flavor[], Usage[], never, { vcpus: number; memoryMb: number; diskGb: number }[]], [flavor] = flavors, [usage] = usages, [room] = rooms
    if (!flavor) throw invalid(`Flavor ${ref} could not be found.`)
    if (flavor.id === s.shape.id) throw invalid('When resizing, instances must change flavor!')
    const to = shapeOf(flavor), both = most(s.shape, to), onVolume = rootOnVolume(g.held)
    if (!onVolume && to.diskGb < s.shape.diskGb) throw invalid(`Resize to flavor ${flavor.name} would shrink the root disk from ${s.shape.diskGb} to ${to.diskGb} GB, which cannot be done.`)
    if (to.ephemeralGb < s.shape.ephemeralGb) throw invalid('The ephemeral disk cannot be made smaller.')
    const more = needOf(both, onVolume), has = needOf(s.shape, onVolume)
    const stays = room && m.from.enabled && more.vcpus - has.vcpus <= room.vcpus && more.memoryMb - has.memoryMb <= room.memoryMb && more.diskGb - has.diskGb <= room.diskGb
    withinQuota(ctx, s.project, limitsOf(limits), usage, { instances: 0, cores: both.vcpus - s.shape.vcpus, ram: both.memoryMb - s.shape.memoryMb })
    const made: DiskArgs[] = []
    if (to.ephemeralGb && !s.shape.ephemeralGb) made.push({ disk: { kind: 'ephemeral', id }, sizeGb: to.ephemeralGb, source: { blank: true, filesystem: 'ext4' } })
    if (to.swapMb && !s.shape.swapMb) made.push({ disk: { kind: 'swap', id }, sizeGb: Math.ceil(to.swapMb / 1024), source: { blank: true, filesystem: 'swap' } })
    const growGb = !onVolume && to.diskGb > s.shape.diskGb ? to.diskGb : undefined, autoDisk = body.resize['OS-DCF:diskConfig'] ? { autoDisk: body.resize['OS-DCF:diskConfig'] === 'AUTO' } : {}
    // Its own host, when that has room; a group's rule holds there already.
    if (!stays) {
      if (!m.hosts.length) throw noHost('Neither the host of this server nor another has enough room for the flavor.')
      return moveCold(ctx, m, choose(ctx, m, undefined, { shape: to }), { action: 'resize', to, growGb, made, set: { vcpus: both.vcpus, memoryMb: both.memoryMb, ...autoDisk } })
    }
    beginMove(ctx, { server: s, kind: 'resize', status: 'migrating', from: m.from, to: m.from, flavor: to.id })
    change(ctx, s, { task: 'resize_prep', vcpus: both.vcpus, memoryMb: both.memoryMb, ...autoDisk })
    stageClaim(ctx, { consumer: id, host: s.host, project: s.project, user: s.user, ...more })
    timeline(ctx, s, 'resize', { from: s.shape.id, to: to.id, host: s.host })
    await start(ctx, resizeSaga, {
      server: id, host: s.host, project: s.project, user: s.user, from: s.shape, to, old: g.spec, spec: domainSpec(s, g.ports, g.held, ctx.requestId, to), wasOn: s.power === power.running, grace: graceOf(s.imageProperties),
      revert: false, growGb, made, rootOnVolume: onVolume,
    }, { lane: id, project: s.project })
  },
})

export const confirm = endpoint({
  id: 'servers.confirm_resize', method: 'POST', path, key: 'confirmResize', status: 204, summary: 'Keep the new flavor', policy: 'os_compute_api:servers:confirm_resize', body: { '2.1': bare('confirmResize') },
  async handle(ctx, { params: { server: id } }) {
    const read = await ctx.read(...gripReads(ctx, id) as unknown as [Query], placesOf(id), lastMove(id)) as unknown[][], g = gripOf(ctx, id, 'confirmResize', read), s = g.server, places = read[3] as Place[], [move] = read[4] as Move[]
    change(ctx, s, { state: s.power === power.running ? 'active' : 'stopped', oldShape: null, otherHost: null, vcpus: s.shape.vcpus, memoryMb: s.shape.memoryMb })
    settleClaim({ server: id, host: s.host, project: s.project, user: s.user, rootOnVolume: rootOnVolume(g.held) }, ctx, s.shape)
    timeline(ctx, s, 'confirmResize')
    settleMove(ctx, id, 'confirmed')
    const left = places.find((p) => p.id === s.otherHost), now = places.find((p) => p.id === s.host)
    if (left && now && move) {
      stageLeave(ctx, id, left.id)
      clearAway(ctx, { server: id, host: left.id, move: move.uuid, ...leftBehind(id, sharesAll(left, now), move.disks) })
    }
    ctx.event('compute.instance.confirmResize.end', id, undefined, s.project)
  },
})

export const revert = endpoint({
  id: 'servers.revert_resize', method: 'POST', path, key: 'revertResize', status: 202, summary: 'Go back to the flavor before', policy: 'os_compute_api:servers:revert_resize', body: { '2.1': bare('revertResize') },
  async handle(ctx, { params: { server: id } }) {
    const read = await ctx.read(...gripReads(ctx, id) as unknown as [Query], placesOf(id), lastMove(id), snapshotsBeside(id), workOnDisks(id)) as unknown[][], g = gripOf(ctx, id, 'revertResize', read), s = g.server, to = s.oldShape ?? s.shape
    const places = read[3] as Place[], [move] = read[4] as Move[], left = places.find((p) => p.id === s.otherHost), now = places.find((p) => p.id === s.host)
    change(ctx, s, { task: 'resize_reverting' })
    timeline(ctx, s, 'revertResize')
    if (left && now && move) {
      undisturbed(id, 'revertResize', read[6])
      if (!left.address) throw conflict(`Cannot 'revertResize' instance ${id}: host ${left.name} has no address that others reach.`)
      markMove(ctx, move.uuid, 'reverting')
      const goes = luggage(s, read[2] as never, read[5] as never, now, left), back = move.disks.filter((d) => goes.along.some(same(d)))
      await start(ctx, backSaga, {
        server: id, host: s.host, back: left.id, address: left.address, move: move.uuid, storage: [now.storage, left.storage], to, spec: domainSpec(s, g.ports, g.held, ctx.requestId, to), current: g.spec, wasOn: s.power === power.running, grace: graceOf(s.imageProperties),
        own: leftBehind(id, goes.shared, []).disks, along: [...back, ...goes.along.filter((d) => !back.some(same(d)))], stale: move.disks.filter((d) => !back.some(same(d))), shared: goes.shared, ports: g.ports.map((p) => p.id),
      }, { lane: id, project: s.project })
      return
    }
    await start(ctx, resizeSaga, {
      server: id, host: s.host, project: s.project, user: s.user, from: s.shape, to, old: g.spec, spec: domainSpec(s, g.ports, g.held, ctx.requestId, to), wasOn: s.power === power.running, grace: graceOf(s.imageProperties),
      revert: true, made: [], rootOnVolume: rootOnVolume(g.held),
    }, { lane: id, project: s.project })
  },
})
export default [resize, confirm, revert]
