import { and, eq, inArray, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { server, serverGuest } from '../../../../schema/compute.ts'
import { image } from '../../../../schema/image.ts'
import { saga } from '../../../../schema/kernel.ts'
import type { Ctx } from '../../../kernel/ctx.ts'
import { q, type Query } from '../../../kernel/db.ts'
import { LIVE, start, supersede } from '../../../kernel/engine.ts'
import { conflict, invalid } from '../../../kernel/fault.ts'
import { enqueue, fenceLane } from '../../../kernel/queue.ts'
import { imageRefOf } from '../../../image/images/use.ts'
import { releasePort } from '../../../network/ports/of-servers.ts'
import { bindPorts } from '../../../network/ports/plan.ts'
import { stageClaim, stageLeave } from '../../../placement/claim.ts'
import { completeAttach, releaseVolume } from '../../../volume/volumes/use.ts'
import { isUp } from '../../../hosts/up.ts'
import type { Candidate } from '../../schedule/hosts.ts'
import { endpoint } from '../../service.ts'
import { action, adminPass, bool, closed, fqdn, truth } from '../../shapes.ts'
import attach, { type Attach } from '../attach.saga.ts'
import type { DiskArgs } from '../boot.saga.ts'
import { timeline } from '../grip.ts'
import { change, needOf } from '../model.ts'
import { passwordOf } from '../names.ts'
import { seal } from '../seal.ts'
import { domainSpec, rootOnVolume } from '../spec.ts'
import evacuate from './evacuate.saga.ts'
import { abandon, unwritten } from '../unwritten.ts'
import { beginMove, cutMoves, sharesAll } from './model.ts'
import { choose, guardGroup, moveReads, movingOf, type Moving } from './where.ts'

/** The image a server was made from, whoever may see it now. */
export const imageOf = (id: string) => q.select().from(image).where(eq(image.id, sql`(select image from ${server} where id = ${id})`))
type ImageRow = Awaited<ReturnType<typeof imageOf>>[number]
/** Volumes and interfaces that are just joining it or leaving it. */
const joiningTo = (id: string) => q.select({ lane: saga.lane, args: saga.args }).from(saga)
  .where(and(eq(saga.kind, attach.kind), inArray(saga.state, [...LIVE]), sql`${saga.lane} in (select volume from attachment where server = ${id} union all select id from port where device = ${id})`))
type Joining = Awaited<ReturnType<typeof joiningTo>>

/**
 * A server of a dead host to another. What the dead host alone had is lost; a boot volume there cannot be done without,
 * other volumes stay behind and are free again. What was joining it comes up with it, what was leaving it has left: no
 * guest need be asked. Should the host come back, its first order is to end the guest it had:
 * no server runs twice.
 */
export async function evacuateServer(ctx: Ctx, m: Moving, source: ImageRow | undefined, joining: Joining, target: Candidate, ask: { password?: string; stopped?: boolean; named?: boolean } = {}) {
  const s = m.server, id = s.id, shared = sharesAll(m.from, target), reach = (v: { host: string | null; storage: string | null }) => (v.storage !== null && v.storage === target.storage) || v.host === target.id
  const attached = m.attached as { attachment: { bootIndex: number | null; volume: string }; volume: { id: string; host: string | null; storage: string | null; status: string } }[]
  const lost = attached.filter((a) => !reach(a.volume)), onVolume = rootOnVolume(m.grip.held)
  if (lost.some((a) => a.attachment.bootIndex === 0)) throw conflict(`Cannot 'evacuate' instance ${id}: its boot volume ${lost.find((a) => a.attachment.bootIndex === 0)!.volume.id} is kept by the host that is down.`)
  const leaving = new Set(joining.filter((j) => !(j.args as Attach).join).map((j) => j.lane)), ports = m.grip.ports.filter((p) => !leaving.has(p.id))
  const held = m.grip.held.filter((v) => !leaving.has(v.volume) && !lost.some((a) => a.volume.id === v.volume))
  const disks: DiskArgs[] = []
  if (!shared && !onVolume) {
    if (!source || source.status !== 'active' || !source.sha512) throw conflict(`Cannot 'evacuate' instance ${id}: the image it was made from, ${s.image ?? 'none'}, is not there any more.`)
    disks.push({ disk: { kind: 'root', id }, sizeGb: s.shape.diskGb, source: { image: imageRefOf(source as never) } })
  }
  if (!shared && s.shape.ephemeralGb) disks.push({ disk: { kind: 'ephemeral', id }, sizeGb: s.shape.ephemeralGb, source: { blank: true, filesystem: 'ext4' } })
  if (!shared && s.shape.swapMb) disks.push({ disk: { kind: 'swap', id }, sizeGb: Math.ceil(s.shape.swapMb / 1024), source: { blank: true, filesystem: 'swap' } })
  // Whatever was being done to it was being done by a host that is dead.
  abandon(ctx, (await ctx.read(unwritten(id)))[0], 'The host of the server died.')
  supersede(ctx, id)
  for (const j of joining) {
    supersede(ctx, j.lane, 'stale')
    if (held.some((v) => v.volume === j.lane)) completeAttach(ctx, j.lane, id, target.id)
    if (leaving.has(j.lane)) (j.args as Attach).disk ? releaseVolume(ctx, j.lane, id) : releasePort(ctx, id, j.lane)
  }
  cutMoves(ctx, id, 'error')
  const move = beginMove(ctx, { server: s, kind: 'evacuation', status: 'pre-migrating', from: m.from, to: target })
  change(ctx, s, { task: 'rebuilding', host: target.id, otherHost: null, fault: null })
  guardGroup(ctx, { ...m, s }, target.id)
  stageLeave(ctx, id, s.host)
  stageClaim(ctx, { consumer: id, host: target.id, project: s.project, user: s.user, ...needOf(s.shape, onVolume) })
  for (const { volume } of lost) releaseVolume(ctx, volume.id, id)
  bindPorts(ctx, ports.map((p) => p.id), target.id)
  enqueue(ctx, { host: s.host, lane: fenceLane(id), undo: true, kind: 'domain.destroy', args: { uuid: id, keepDisks: shared } })
  if (ask.password !== undefined) ctx.stage(q.update(serverGuest).set({ adminPass: await seal(ctx, id, ask.password), etag: ctx.uuid() }).where(eq(serverGuest.server, id)))
  timeline(ctx, s, 'evacuate', { host: s.host, target: target.id, ...(lost.length ? { left: lost.map((a) => a.volume.id) } : {}) })
  await start(ctx, evacuate, {
    server: id, target: target.id, move, spec: domainSpec(s, ports, held, ctx.requestId), disks, volumes: held.map((v) => v.volume), start: !ask.stopped && s.state !== 'stopped',
    from: m.from, shared, storage: attached.filter((a) => !lost.includes(a)).flatMap(({ volume: v }) => v.storage ?? v.host ?? []), tried: ask.named ? undefined : [],
  }, { lane: id, project: s.project })
}

const place = { host: t.Optional(fqdn), adminPass: t.Optional(adminPass) }

export default endpoint({
  id: 'servers.evacuate', method: 'POST', path: '/servers/{server}/action', key: 'evacuate', status: 200, summary: 'Bring a server of a dead host up on another', policy: 'os_compute_api:os-evacuate',
  body: {
    '2.1': action('evacuate', t.Object({ ...place, onSharedStorage: bool }, closed)) as never,
    '2.14': action('evacuate', t.Object(place, closed)) as never,
    '2.29': action('evacuate', t.Object({ ...place, force: t.Optional(bool) }, closed)) as never,
    '2.68': action('evacuate', t.Object(place, closed)) as never,
  },
  async handle(ctx, { params: { server: id }, body }) {
    const b = (body as { evacuate: { host?: string; adminPass?: string; force?: unknown; onSharedStorage?: unknown } }).evacuate, force = truth(b.force)
    if (truth(b.onSharedStorage) && b.adminPass) throw invalid("admin password can't be changed on existing disk")
    if (force && !b.host) throw invalid("Can't force to a non-provided destination")
    const m = movingOf(ctx, id, 'evacuate', await ctx.read(...moveReads(ctx, id, b.host) as unknown as [Query], imageOf(id), joiningTo(id)) as unknown[][])
    if (m.named?.id === m.server.host) throw invalid("The target host can't be the same one.")
    if (isUp(m.from, ctx.now())) throw invalid(`Compute service of ${m.from.name} is still in use.`)
    const target = choose(ctx, m, b.host, { force, dead: true, storage: m.attached.filter((a: any) => a.attachment.bootIndex === 0).flatMap((a: any) => a.volume.storage ?? []) })
    if (b.onSharedStorage !== undefined && truth(b.onSharedStorage) !== sharesAll(m.from, target) && !m.from.simulated) throw invalid(`Invalid state of instance files on shared storage: ${m.from.name} and ${target.name} ${sharesAll(m.from, target) ? 'share' : 'do not share'} one.`)
    const password = b.adminPass ?? passwordOf(ctx.world.random(12))
    await evacuateServer(ctx, m, (m.rest[0] as ImageRow[])[0], m.rest[1] as Joining, target, { password, stopped: ctx.version >= 2095, named: !!b.host })
    return ctx.version < 2014 ? { adminPass: password } : undefined
  },
})
