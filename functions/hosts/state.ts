import { Buffer } from 'node:buffer'
import { and, eq, lt, sql } from 'drizzle-orm'
import { Picture, type Stated } from '../../schema/desired.ts'
import { host, hostImages } from '../../schema/host.ts'
import { blobRequest, inventory, objectsRequest, passageRequest, type Desired, type GuestData, type ObjectsAnswer, type PassageAnswer } from '../../schema/hosts.ts'
import { image } from '../../schema/image.ts'
import { job, saga } from '../../schema/kernel.ts'
import { Bytes } from '../kernel/bytes.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { seconds } from '../kernel/env.ts'
import { conflict, invalid, notFound } from '../kernel/fault.ts'
import { secretsOf } from '../kernel/secrets.ts'
import { isoSeconds } from '../kernel/view.ts'
import { bodyOf, hostQuery, signedBy } from './signed.ts'
import { endpoint } from './service.ts'

export const desired = endpoint({
  id: 'desired', method: 'GET', path: '/{host}/desired', status: 200, policy: 'public', raw: true, summary: 'What should be on this host, or what of it is new `since` a revision (signed by the host)',
  async handle(ctx, input): Promise<Desired | Stated> {
    const [{ newsFor }, { stateFor }] = await Promise.all([import('../network/desired/around.ts'), import('../network/desired/state.ts')])
    // A bridge of before does not ask so, and gets one whole document.
    const since = input.query.get('since')
    const { row, news } = await newsFor(ctx, input.params.host, since && /^\d{1,15}$/.test(since) ? Number(since) : undefined)
    await signedBy(ctx, input, row)
    const state = await stateFor(ctx, row!, news)
    if (since !== null) return state
    const picture = new Picture()
    picture.take(state)
    return picture.document()
  },
})

export const guest = endpoint({
  id: 'guest', method: 'GET', path: '/{host}/guests/{server}', status: 200, policy: 'public', raw: true, summary: 'What a guest on this host is told (signed by the host)',
  async handle(ctx, input): Promise<GuestData> {
    const { guestOn } = await import('../compute/servers/guest.ts')
    const [[row]] = await ctx.read(hostQuery(input.params.host))
    await signedBy(ctx, input, row)
    const data = await guestOn(ctx, row.id, input.params.server)
    if (!data) throw notFound('server', input.params.server, 'No such server on this host.')
    return data
  },
})

/** Only a host that has the job in hand is told what belongs to it. */
function held(row: typeof job.$inferSelect | undefined, host: string, ask: { job: string; attempt: number }): asserts row {
  if (!row || row.host !== host || row.state !== 'running' || row.attempt !== ask.attempt) throw conflict(`Job ${ask.job} is not yours any more.`)
}

export const blobs = endpoint({
  id: 'blobs', method: 'POST', path: '/{host}/blobs', status: 200, policy: 'public', raw: true, summary: 'A short-lived URL for the bytes a running job is about (signed by the host)',
  async handle(ctx, input) {
    const { host: id } = input.params
    const [hosts] = await ctx.read(hostQuery(id))
    const { text } = await signedBy(ctx, input, hosts[0])
    const ask = bodyOf(blobRequest, text)
    const [[row], [bytes]] = await ctx.read(q.select().from(job).where(eq(job.id, ask.job)), q.select({ blob: image.blob }).from(image).where(eq(image.id, ask.image)))
    held(row, id, ask)
    // Only the image the job itself names, read for making disks or to have it at hand, written for uploading them.
    const args = row.args as { image?: string | { id: string }; source?: { image?: { id: string } } }, about = row.kind === 'image.fetch' ? args.image : args.source?.image
    const allowed = ask.method === 'PUT' ? row.kind === 'disk.upload' && args.image === ask.image : ['disk.create', 'image.fetch'].includes(row.kind) && (about as { id?: string } | undefined)?.id === ask.image
    if (!allowed) throw conflict(`Job ${ask.job} is not about image ${ask.image}.`)
    const { imageKey } = await import('../image/keys.ts')
    const url = await new Bytes(ctx.env, ctx.world).presign(ask.method, (ask.method === 'GET' && bytes?.blob) || imageKey(ask.image), 3600)
    return { url, expires: isoSeconds(ctx.now() + seconds(3600)) }
  },
})

/** A backup takes as long as it has bytes: whoever asks for more of them is alive, and has this much longer. */
const PATIENCE = seconds(3600)
export const objects = endpoint({
  id: 'objects', method: 'POST', path: '/{host}/objects', status: 200, policy: 'public', raw: true, summary: 'Short-lived URLs for objects of the backup a running job is about (signed by the host)',
  async handle(ctx, input): Promise<ObjectsAnswer> {
    const { host: id } = input.params
    const [hosts] = await ctx.read(hostQuery(id))
    const { text } = await signedBy(ctx, input, hosts[0])
    const ask = bodyOf(objectsRequest, text)
    const [[row]] = await ctx.read(q.select().from(job).where(eq(job.id, ask.job)))
    held(row, id, ask)
    const writes = row.kind === 'disk.backup', backup = row.args.backup as string
    if (!writes && row.kind !== 'disk.restore') throw conflict(`Job ${ask.job} is not about a backup.`)
    if ((ask.take === undefined) === (ask.get === undefined) || (ask.take && !writes)) throw invalid('Either new objects are asked for, by a job that makes a backup, or those it consists of.')
    const { readObjects, takeObjects } = await import('../volume/backups/objects.ts'), { URL_LIFE } = await import('../volume/backups/model.ts')
    const { first, keys } = ask.take ? await takeObjects(ctx, backup, ask.take) : { first: 0, keys: await readObjects(ctx, backup, ask.get!) }
    const until = ctx.now() + PATIENCE
    ctx.stage(q.update(saga).set({ deadline: until }).where(and(eq(saga.id, row.saga ?? ''), eq(saga.state, 'open'), lt(saga.deadline, until - PATIENCE / 6))))
    const bytes = new Bytes(ctx.env, ctx.world)
    return { first, urls: await Promise.all(keys.map((key) => bytes.presign(ask.take ? 'PUT' : 'GET', key, URL_LIFE))) }
  },
})

export const passages = endpoint({
  id: 'passages', method: 'POST', path: '/{host}/passages', status: 200, policy: 'public', raw: true, summary: 'The key of the move a running job is about (signed by the host)',
  async handle(ctx, input): Promise<PassageAnswer> {
    const { host: id } = input.params
    const [hosts] = await ctx.read(hostQuery(id))
    const { text } = await signedBy(ctx, input, hosts[0])
    const ask = bodyOf(passageRequest, text)
    const [[row]] = await ctx.read(q.select().from(job).where(eq(job.id, ask.job)))
    held(row, id, ask)
    if (!['move.open', 'move.send', 'move.live'].includes(row.kind)) throw conflict(`Job ${ask.job} is not about a move.`)
    return { key: await passageKey(ctx, row.args.move as string) }
  },
})

/** One key a move, made from the master secret: both of its hosts get the same, and nothing keeps it. */
async function passageKey(ctx: Ctx, move: string): Promise<string> {
  const [secret] = await secretsOf(ctx.env, 'passage')
  const hmac = await crypto.subtle.importKey('raw', secret as BufferSource, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  return Buffer.from(await crypto.subtle.sign('HMAC', hmac, new TextEncoder().encode(move))).toString('base64url')
}

/** What it leads to has changed: its networks are carried in another way, and other hosts may be better for its routers. */
async function leadsElsewhere(ctx: Ctx, id: string) {
  const [{ touch, listed }, { resettle }] = await Promise.all([import('../network/touch.ts'), import('../network/routers/place.ts')])
  touch(ctx, { hostsOf: listed([id]) })
  resettle(ctx, sql`router.host = ${id}`)
}

export const report = endpoint({
  id: 'inventory', method: 'PUT', path: '/{host}/inventory', status: 204, policy: 'public', raw: true, summary: 'What is on this host now (signed by the host)',
  async handle(ctx, input) {
    const { observe } = await import('./observe.ts')
    const [[row], [kept]] = await ctx.read(hostQuery(input.params.host), q.select().from(hostImages).where(eq(hostImages.host, input.params.host)))
    const { text } = await signedBy(ctx, input, row)
    const seen = bodyOf(inventory, text), images = seen.images ?? [], now = ctx.now(), h = seen.hypervisor
    ctx.stage(q.update(host).set({
      seenAt: now, inventoryAt: now, hypervisor: h, capacity: seen.capacity, vcpus: seen.capacity.vcpus, memoryMb: seen.capacity.memoryMb, diskGb: seen.capacity.diskGb,
      storage: seen.storage, simulated: h.type === 'simulated', bootId: seen.bootId, version: seen.version, applied: seen.revision, physicalNetworks: seen.physicalNetworks ?? null,
    }).where(eq(host.id, row.id)))
    if (JSON.stringify(images) !== JSON.stringify(kept?.images ?? [])) ctx.stage(q.insert(hostImages).values({ host: row.id, images }).onConflictDoUpdate({ target: hostImages.host, set: { images } }))
    if (row.inventoryAt !== null && JSON.stringify(seen.physicalNetworks ?? null) !== JSON.stringify(row.physicalNetworks)) await leadsElsewhere(ctx, row.id)
    await observe(ctx, row, seen)
  },
})
