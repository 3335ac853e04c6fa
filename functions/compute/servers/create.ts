import { inArray } from 'drizzle-orm'
import { server, serverGuest } from '../../../schema/compute.ts'
import { host as hostTable } from '../../../schema/host.ts'
import { type Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { start } from '../../kernel/engine.ts'
import { forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { imageQuery, imageRefOf, usableImage, type ImageRow, type UsableImage } from '../../image/images/use.ts'
import { planPorts, portReads } from '../../network/ports/plan.ts'
import { stageClaim, type Need } from '../../placement/claim.ts'
import { demand, quotaQueries, snapshotsQuery, stillWithin, volumesQuery, type SnapshotRow, type VolumeRow } from '../../volume/volumes/use.ts'
import { flavorQuery, shapeOf, type Flavor } from '../flavors/model.ts'
import { groupQuery, guardAffinity, maxPerHost, membersOf, type Group } from '../groups/model.ts'
import { keypairQuery, type Keypair } from '../keypairs/model.ts'
import { limitsOf, limitsQuery, usageQuery, withinQuota, type Usage } from '../quotas/limits.ts'
import { candidate, hostsQuery, needFrom, zoneOf, type Candidate, type HostRowRead } from '../schedule/hosts.ts'
import { pick } from '../schedule/pick.ts'
import { endpoint } from '../service.ts'
import { truth } from '../shapes.ts'
import { askOf, type NewServers } from './ask.ts'
import { checkBlocks, stageBlocks, storesOf, type Sources } from './blocks.ts'
import boot from './boot.saga.ts'
import { createBody } from './create.body.ts'
import { faultOf, linksOf, needOf, type Server } from './model.ts'
import { hostnameOf, passwordOf, reservationId } from './names.ts'
import { seal } from './seal.ts'
import { domainSpec, nextDevice, ownDisks } from './spec.ts'

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

interface World extends Sources {
  flavor: Flavor; image?: UsableImage; hosts: Candidate[]; usage: Usage; limits: Parameters<typeof limitsOf>[0]; zones: string[]
  group?: Group; members: { id: string; host: string | null }[]; hinted: { id: string; host: string | null }[]
  key?: Keypair; ports: unknown[]; volumeQuota: { usage: never; limits: never }
}

/** Everything about the world that matters, in one round trip. */
async function look(ctx: Ctx, ask: NewServers): Promise<World> {
  const of = (source: string) => ask.blocks.flatMap((b) => (b.source === source && b.id ? [b.id] : []))
  const images = [...new Set([...(ask.image ? [ask.image] : []), ...of('image')])]
  const need = needFrom(ask.flavor, ask.blocks.some((b) => b.boot === 0))
  const group = ask.hints.group ?? ''
  const fixed = [
    flavorQuery(ctx, ask.flavor), hostsQuery(ctx.now(), need, { zone: ask.zone, group: ask.hints.group, only: ask.onHost }), usageQuery(ctx.project), limitsQuery(ctx.project, ctx.caller.user.id),
    q.selectDistinct({ zone: zoneOf }).from(hostTable), groupQuery(ctx, group), membersOf(group),
    q.select({ id: server.id, host: server.host }).from(server).where(inArray(server.id, [...(ask.hints.sameHost ?? []), ...(ask.hints.differentHost ?? [])])),
    keypairQuery(ctx.caller.user.id, ask.keyName ?? ''), volumesQuery(ctx, of('volume')), snapshotsQuery(ctx, of('snapshot')), ...quotaQueries(ctx.project),
  ] as const
  const rows = await ctx.read(...fixed as unknown as [Query], ...images.map((id) => imageQuery(ctx, id)), ...portReads(ctx, ask.ports)) as unknown[][]
  const imageRows = rows.slice(fixed.length, fixed.length + images.length).flat() as ImageRow[]
  const [[flavor], hosts, [usage], limits, zones, [groupRow], members, hinted, [key], volumes, snapshots, volumeUsage, volumeLimits] = rows as [Flavor[], HostRowRead[], Usage[], never[], { zone: string }[], Group[], World['members'], World['hinted'], Keypair[], { volume: VolumeRow }[], SnapshotRow[], never, never]
  if (!flavor) throw invalid(`Flavor ${ask.flavor} could not be found.`)
  return {
    flavor, image: ask.image ? usableImage(imageRows, ask.image) : undefined, hosts: hosts.map(candidate), usage, limits, zones: zones.map((z) => z.zone), group: groupRow, members, hinted, key,
    images: imageRows, volumes: volumes.map((v) => v.volume), snapshots, ports: rows.slice(fixed.length + images.length), volumeQuota: { usage: volumeUsage, limits: volumeLimits },
  }
}

/** Refuses what cannot be, whatever the host; says how many servers it may be. */
function admit(ctx: Ctx, ask: NewServers, w: World): number {
  const limits = limitsOf(w.limits)
  if (ask.keyName && !w.key) throw invalid('Invalid key_name provided.')
  if (ask.zone && !w.zones.includes(ask.zone)) throw invalid(`The requested availability zone is not available: ${ask.zone}`)
  if (ask.hints.group && !w.group) throw invalid(`ServerGroup ${ask.hints.group} could not be found.`)
  if (w.group && limits.server_group_members >= 0 && w.members.length + ask.min > limits.server_group_members) throw forbidden('Quota exceeded, too many servers in group')
  if (limits.metadata_items >= 0 && Object.keys(ask.metadata).length > limits.metadata_items) throw forbidden(`Quota exceeded for metadata_items: at most ${limits.metadata_items} are allowed.`)
  for (const id of [...(ask.hints.sameHost ?? []), ...(ask.hints.differentHost ?? [])]) if (!w.hinted.some((h) => h.id === id)) throw notFound('instance', id, `Instance ${id} could not be found.`, { status: 400 })
  checkBlocks(ask.blocks, w)
  const made = ask.blocks.filter((b) => b.source !== 'volume')
  if (made.length > 4) throw invalid('At most four volumes can be made together with a server.')
  // An image named beside a boot volume is remembered, not copied.
  if (w.image && !ask.blocks.some((b) => b.boot === 0)) fits(w.image, w.flavor)
  const room = Math.min(...([['instances', 1], ['cores', w.flavor.vcpus], ['ram', w.flavor.memoryMb]] as const).map(([r, each]) => (limits[r] < 0 || each === 0 ? Infinity : Math.floor((limits[r] - w.usage[r]) / each))))
  const count = Math.max(ask.min, Math.min(ask.max, room))
  if (made.length) demand(w.volumeQuota, { volumes: made.length * count, gigabytes: count * made.reduce((n, b) => n + (b.sizeGb ?? 1), 0) })
  return count
}

export function fits(i: UsableImage, f: { memoryMb: number; diskGb: number }) {
  if (f.memoryMb < i.minRam) throw invalid("Flavor's memory is too small for requested image.")
  const bytes = f.diskGb * 2 ** 30, least = Math.max(i.minDisk * 2 ** 30, i.virtualSize)
  if (f.diskGb > 0 && bytes < least) throw invalid(`Flavor's disk is too small for requested image. Flavor disk is ${bytes} bytes, image is ${least} bytes.`)
}

/** One server: on the host that suits it best, or in ERROR with the reason when none does. */
async function place(ctx: Ctx, ask: NewServers, w: World, made: { n: number; count: number; reservation: string; adminPass: string }): Promise<Server> {
  const id = ctx.uuid(), now = ctx.now(), shape = shapeOf(w.flavor), suffix = made.count > 1 ? `-${made.n + 1}` : ''
  const onVolume = ask.blocks.some((b) => b.boot === 0)
  const hostsOf = (ids?: string[]) => ids && w.hinted.filter((h) => ids.includes(h.id)).flatMap((h) => h.host ?? [])
  const need = needOf(shape, onVolume)
  const host = pick(w.hosts, {
    need, extraSpecs: shape.extraSpecs, image: (w.image?.properties ?? {}) as Record<string, string>, group: w.group && { policy: w.group.policy, maxPerHost: maxPerHost(w.group) },
    sameHost: hostsOf(ask.hints.sameHost), differentHost: hostsOf(ask.hints.differentHost), storage: storesOf(ask.blocks, w), groupHosts: w.members.flatMap((m) => m.host ?? []),
  }, ctx.world.random(1)[0] / 256)
  const s: Server = {
    id, project: ctx.project, user: ctx.caller.user.id, name: ask.name + suffix, hostname: (ask.hostname ?? hostnameOf(ask.name, id)) + suffix, description: ask.description, state: 'building', task: 'spawning', power: 0, generation: 0,
    host: host?.id ?? null, zone: ask.zone ?? null, group: w.group?.id ?? null, image: w.image?.id ?? null, imageProperties: propertiesOf(w, ask), shape, oldShape: null, vcpus: shape.vcpus, memoryMb: shape.memoryMb,
    keyName: w.key?.name ?? null, metadata: ask.metadata, tags: ask.tags, trustedCerts: ask.trustedCerts ?? null, hints: Object.keys(ask.hints.all).length ? ask.hints.all : null, accessIPv4: ask.accessIPv4 ?? null, accessIPv6: ask.accessIPv6 ?? null,
    autoDisk: ask.autoDisk, configDrive: ask.configDrive, lockedBy: null, lockedReason: null, reservation: made.reservation, launchIndex: made.n, rootDevice: '/dev/vda', fault: null, vncPort: null, launchedAt: null, createdAt: now, updatedAt: now,
  }
  ctx.event('compute.instance.create.start', id)
  const mark = ctx.mark()
  const ports = planPorts(ctx, ask.ports, w.ports, { server: id, hostname: s.hostname, host: host?.id, zone: host?.zone })
  if (!host) {
    // Judged all the same, so that a bad network is refused here as it is everywhere.
    ctx.cut(mark)
    Object.assign(s, { state: 'error', task: null, fault: faultOf(ctx, 'No valid host was found. There are not enough hosts available.') } satisfies Partial<Server>)
    ctx.event('compute.instance.create.error', id, { why: 'no valid host' })
  }
  ctx.stage(q.insert(server).values(s))
  ctx.stage(q.insert(serverGuest).values({ server: id, userData: ask.userData, keys: w.key ? [{ name: w.key.name, type: w.key.type, data: w.key.publicKey }] : [], adminPass: await seal(ctx, id, made.adminPass), etag: ctx.uuid() }))
  if (!host) return s
  if (w.group) guardAffinity(ctx, w.group, host.id, id)
  stageClaim(ctx, { consumer: id, host: host.id, project: s.project, user: s.user, ...need })
  takeFrom(host, need, w)
  const { held, filled } = stageBlocks(ctx, ask.blocks, w, { server: id, project: s.project, user: s.user, host: host.id, zone: host.zone, storage: host.storage, devices: ownDisks(s, onVolume).map((d) => d.device), next: (taken) => nextDevice(taken, 'virtio') ?? 'vdz' })
  if (filled.length) stillWithin(ctx, s.project, w.volumeQuota)
  const blank = (kind: 'ephemeral' | 'swap', sizeGb: number) => sizeGb ? { disk: { kind, id }, sizeGb, source: { blank: true as const, filesystem: kind === 'swap' ? 'swap' as const : 'ext4' as const } } : undefined
  await start(ctx, boot, {
    server: id, host: host.id, project: s.project, spec: domainSpec(s, ports, held, ctx.requestId), filled, volumes: held.map((v) => v.volume),
    root: w.image && !onVolume ? { disk: { kind: 'root', id }, sizeGb: shape.diskGb, source: { image: imageRefOf(w.image) } } : undefined,
    ephemeral: blank('ephemeral', shape.ephemeralGb), swap: blank('swap', Math.ceil(shape.swapMb / 1024)),
  }, { lane: id })
  return s
}

/** The next server of the same request sees this one's share as taken. */
function takeFrom(h: Candidate, need: Need, w: World) {
  h.freeVcpus -= need.vcpus
  h.freeMemoryMb -= need.memoryMb
  h.freeDiskGb -= need.diskGb
  h.groupMembers++
  w.members.push({ id: '', host: h.id })
}

/** What the image says about the machine; for a boot volume, what the image it was made from said. */
function propertiesOf(w: World, ask: NewServers): Record<string, string> {
  const root = ask.blocks.find((b) => b.boot === 0)
  const from = w.image?.properties ?? (root?.source === 'image' ? w.images.find((i) => i.id === root.id)?.properties : w.volumes.find((v) => v.id === root?.id)?.imageMeta) ?? {}
  return Object.fromEntries(Object.entries(from).filter(([, v]) => typeof v === 'string' && v.length <= 255)) as Record<string, string>
}
