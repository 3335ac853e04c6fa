import { server, serverGuest } from '../../../schema/compute.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { start } from '../../kernel/engine.ts'
import { imageRefOf } from '../../image/images/use.ts'
import { planPorts } from '../../network/ports/plan.ts'
import { stageClaim } from '../../placement/claim.ts'
import { stillWithin } from '../../volume/volumes/use.ts'
import { shapeOf } from '../flavors/model.ts'
import { guardAffinity } from '../groups/model.ts'
import { limitsOf, withinQuota } from '../quotas/limits.ts'
import { pick } from '../schedule/pick.ts'
import { wishOf } from '../schedule/wish.ts'
import { endpoint } from '../service.ts'
import { truth } from '../shapes.ts'
import { askOf, type NewServers } from './ask.ts'
import { stageBlocks, storesOf } from './blocks.ts'
import boot from './boot.saga.ts'
import { createBody } from './create.body.ts'
import { faultOf, linksOf, type Server } from './model.ts'
import { hostnameOf, passwordOf, reservationId } from './names.ts'
import { seal } from './seal.ts'
import { domainSpec, nextDevice, ownDisks, volumeBusOf } from './spec.ts'
import { admit, look, propertiesOf, takeFrom, type World } from './world.ts'

export default endpoint({
  id: 'servers.create', method: 'POST', path: '/servers', status: 202, summary: 'Create servers',
  policy: 'os_compute_api:servers:create', body: createBody,
  async handle(ctx, { body }) {
    const { servers: [first], reservation, adminPass } = await createServers(ctx, askOf(ctx, body))
    ctx.headers.set('location', linksOf(ctx, first.id)[0].href)
    if (truth((body.server as { return_reservation_id?: unknown }).return_reservation_id)) return { reservation_id: reservation }
    return { server: { id: first.id, links: linksOf(ctx, first.id), 'OS-DCF:diskConfig': first.autoDisk ? 'AUTO' : 'MANUAL', security_groups: body.server.security_groups ?? [{ name: 'default' }], adminPass } }
  },
})

/** Reads all it takes to decide, decides, stages: server, ports, volumes, claim, boot saga with its first host job. */
export async function createServers(ctx: Ctx, ask: NewServers) {
  const world = await look(ctx, ask)
  const count = admit(ctx, ask, world)
  const reservation = reservationId(ctx.world.random(8)), adminPass = ask.adminPass ?? passwordOf(ctx.world.random(12))
  const servers: Server[] = []
  for (let n = 0; n < count; n++) servers.push(await place(ctx, ask, world, { n, count, reservation, adminPass }))
  withinQuota(ctx, ctx.project, limitsOf(world.limits), world.usage, { instances: count, cores: count * world.flavor.vcpus, ram: count * world.flavor.memoryMb })
  ctx.about(servers[0].id)
  return { servers, reservation, adminPass }
}

/** Where a host would have to lead to. */
const leading = (w: World) => {
  const names = [...new Set((w.ports[0] as { physicalNetwork: string | null }[]).flatMap((n) => n.physicalNetwork ?? []))]
  return names.length ? ` that lead to physical network ${names.join(', ')}` : ''
}

/** One server: on the host that suits it best, or in ERROR with the reason when none does. */
async function place(ctx: Ctx, ask: NewServers, w: World, made: { n: number; count: number; reservation: string; adminPass: string }): Promise<Server> {
  const id = ctx.uuid(), now = ctx.now(), shape = shapeOf(w.flavor), suffix = made.count > 1 ? `-${made.n + 1}` : ''
  const onVolume = ask.blocks.some((b) => b.boot === 0)
  const hostsOf = (ids?: string[]) => ids && w.hinted.filter((h) => ids.includes(h.id)).flatMap((h) => h.host ?? [])
  const { sameHost, differentHost } = ask.hints, storage = storesOf(ask.blocks, w), imageProperties = propertiesOf(w, ask)
  const wish = wishOf({ shape, imageProperties }, onVolume, w.group, w.members, { sameHost: hostsOf(sameHost), differentHost: hostsOf(differentHost), storage }), { need } = wish
  const host = pick(w.hosts, wish, ctx.world.random(1)[0] / 256)
  const s: Server = {
    id, project: ctx.project, user: ctx.caller.user.id, name: ask.name ? ask.name + suffix : hostnameOf('', id), hostname: ask.hostname || ask.name ? (ask.hostname ?? hostnameOf(ask.name, id)) + suffix : hostnameOf('', id), description: ask.description, state: 'building', task: 'spawning', power: 0, generation: 0,
    host: host?.id ?? null, otherHost: null, zone: ask.zone ?? null, group: w.group?.id ?? null, image: w.image?.id ?? null, imageProperties, shape, oldShape: null, vcpus: shape.vcpus, memoryMb: shape.memoryMb,
    keyName: w.key?.name ?? null, metadata: ask.metadata, tags: ask.tags, trustedCerts: ask.trustedCerts ?? null, hints: Object.keys(ask.hints.all).length ? ask.hints.all : null, accessIPv4: ask.accessIPv4 ?? null, accessIPv6: ask.accessIPv6 ?? null,
    autoDisk: ask.autoDisk, configDrive: ask.configDrive, lockedBy: null, lockedReason: null, reservation: made.reservation, launchIndex: made.n, rootDevice: '/dev/vda', fault: null, vncPort: null, launchedAt: null, createdAt: now, updatedAt: now,
  }
  ctx.event('compute.instance.create.start', id)
  const mark = ctx.mark()
  const ports = planPorts(ctx, ask.ports, w.ports, { server: id, hostname: s.hostname, host: host?.id, zone: host?.zone })
  if (!host) {
    // Judged all the same, so that a bad network is refused here as it is everywhere.
    ctx.cut(mark)
    Object.assign(s, { state: 'error', task: null, fault: faultOf(ctx, `No valid host was found. There are not enough hosts available${leading(w)}.`) } satisfies Partial<Server>)
    ctx.event('compute.instance.create.error', id, { why: 'no valid host' })
  }
  ctx.stage(q.insert(server).values(s))
  ctx.stage(q.insert(serverGuest).values({ server: id, userData: ask.userData, keys: w.key ? [{ name: w.key.name, type: w.key.type, data: w.key.publicKey }] : [], adminPass: await seal(ctx, id, made.adminPass), etag: ctx.uuid() }))
  if (!host) return s
  if (w.group) guardAffinity(ctx, w.group, host.id, id)
  stageClaim(ctx, { consumer: id, host: host.id, project: s.project, user: s.user, ...need })
  takeFrom(host, need, w)
  const { held, filled } = stageBlocks(ctx, ask.blocks, w, { server: id, project: s.project, user: s.user, host: host.id, zone: host.zone, storage: host.storage, devices: ownDisks(s, onVolume).map((d) => d.device), next: (taken) => nextDevice(taken, volumeBusOf(s.imageProperties)) ?? 'sdz' })
  if (filled.length) stillWithin(ctx, s.project, w.volumeQuota)
  const blank = (kind: 'ephemeral' | 'swap', sizeGb: number) => sizeGb ? { disk: { kind, id }, sizeGb, source: { blank: true as const, filesystem: kind === 'swap' ? 'swap' as const : 'ext4' as const } } : undefined
  await start(ctx, boot, {
    server: id, host: host.id, project: s.project, spec: domainSpec(s, ports, held, ctx.requestId), filled, volumes: held.map((v) => v.volume),
    root: w.image && !onVolume ? { disk: { kind: 'root', id }, sizeGb: shape.diskGb, source: { image: imageRefOf(w.image) } } : undefined,
    ephemeral: blank('ephemeral', shape.ephemeralGb), swap: blank('swap', Math.ceil(shape.swapMb / 1024)),
    // Who names the host means that one.
    elsewhere: ask.onHost ? undefined : { zone: ask.zone, storage, sameHost, differentHost, tried: [] },
  }, { lane: id })
  return s
}
