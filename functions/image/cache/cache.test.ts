import { eq } from 'drizzle-orm'
import { beforeEach, expect, it } from 'vitest'
import { image } from '../../../schema/image.ts'
import { host as hostTable } from '../../../schema/host.ts'
import { job } from '../../../schema/kernel.ts'
import { cloud, type Cloud } from '../../../tests/harness/cloud.ts'
import type { TestHost } from '../../../tests/harness/host.ts'
import { q } from '../../kernel/db.ts'

let c: Cloud, admin: string, one: TestHost, two: TestHost
const A = '11111111-1111-4111-8111-111111111111', B = '22222222-2222-4222-8222-222222222222', EMPTY = '33333333-3333-4333-8333-333333333333'
beforeEach(async () => {
  c = await cloud()
  ;[one, two] = [await c.host('one'), await c.host('two')]
  admin = await c.admin()
  const row = { status: 'active' as const, visibility: 'public' as const, diskFormat: 'qcow2', containerFormat: 'bare', size: 65536, virtualSize: 1 << 20, properties: {}, createdAt: 1, updatedAt: 1 }
  await c.db().write([q.insert(image).values([{ ...row, id: A, name: 'a', sha512: 'a'.repeat(128) }, { ...row, id: B, name: 'b', sha512: 'b'.repeat(128) }, { ...row, id: EMPTY, name: 'none', status: 'queued', size: null, sha512: null }])])
}, 30_000)

const ask = (method: string, path = '', more: { token?: string; headers?: Record<string, string> } = {}) => c.call(method, `/image/v2/cache${path}`, { token: admin, ...more })
const shown = async () => (await ask('GET')).body
const work = async () => { for (const h of [one, two]) { await h.work(); await h.report() } }

it('every host fetches what is asked for, once; what they have is listed with the disks on it; they let go of it', async () => {
  expect(await shown()).toEqual({ cached_images: [], queued_images: [] })
  for (let twice = 0; twice < 2; twice++) expect((await ask('PUT', `/${A}`)).status).toBe(202)
  expect(await shown()).toEqual({ cached_images: [], queued_images: [A] })
  await work()
  expect([one, two].map((h) => h.log.map((j) => j.kind))).toEqual([['image.fetch'], ['image.fetch']])
  for (const h of [one, two]) h.images.set('a'.repeat(64), { ...h.images.get('a'.repeat(64))!, disks: 2 })
  await work()
  expect(await shown()).toEqual({ cached_images: [{ image_id: A, hits: 4, last_accessed: 1_700_000_060, last_modified: 1_700_000_000, size: 65536 }], queued_images: [] })
  expect((await ask('DELETE', `/${A}`)).status).toBe(204)
  await work()
  expect([await shown(), one.images.size, two.images.size]).toEqual([{ cached_images: [], queued_images: [] }, 0, 0])
})

it('a host that is down is not asked; a host may have the bytes of the image it fetches, and no others', async () => {
  await c.db().write([q.update(hostTable).set({ seenAt: 0 }).where(eq(hostTable.id, two.id))])
  await ask('PUT', `/${A}`)
  const jobs = await c.db().read([q.select().from(job)])
  expect(jobs[0].map((j) => j.host)).toEqual([one.id])
  const [held] = (await one.claim()).body.jobs
  const url = (of: string) => one.signed('POST', '/blobs', { job: held.id, attempt: held.attempt, image: of, method: 'GET' })
  expect([(await url(A)).status, (await url(B)).status]).toEqual([200, 409])
})

it('is emptied: of what waits, of what is there, or both', async () => {
  await ask('PUT', `/${A}`)
  await work()
  await ask('PUT', `/${B}`)
  expect((await ask('DELETE', '', { headers: { 'x-image-cache-clear-target': 'everything' } })).status).toBe(400)
  expect((await ask('DELETE', '', { headers: { 'x-image-cache-clear-target': 'queue' } })).status).toBe(204)
  expect(await shown()).toMatchObject({ cached_images: [{ image_id: A }], queued_images: [] })
  await ask('PUT', `/${B}`)
  expect((await ask('DELETE', '', { headers: { 'x-image-cache-clear-target': 'cache' } })).status).toBe(204)
  expect((await shown()).queued_images).toEqual([B])
  await work()
  expect(await shown()).toMatchObject({ cached_images: [{ image_id: B }], queued_images: [] })
  expect((await ask('DELETE')).status).toBe(204)
  await work()
  expect(await shown()).toEqual({ cached_images: [], queued_images: [] })
})

it('refuses what cannot be fetched, and everybody but admins', async () => {
  expect((await ask('PUT', `/${EMPTY}`)).status).toBe(400)
  for (const method of ['PUT', 'DELETE']) expect((await ask(method, `/${crypto.randomUUID()}`)).status).toBe(404)
  const token = await c.demo()
  expect(await Promise.all([ask('GET', '', { token }), ask('PUT', `/${A}`, { token }), ask('DELETE', `/${A}`, { token }), ask('DELETE', '', { token })].map(async (r) => (await r).status))).toEqual([403, 403, 403, 403])
})

it('the hosts of an aggregate fetch images', async () => {
  const compute = (method: string, path: string, body: unknown) => c.call(method, `/compute/v2.1/os-aggregates${path}`, { token: admin, body, version: 'compute 2.81' })
  const { id } = (await compute('POST', '', { aggregate: { name: 'fast' } })).body.aggregate
  await compute('POST', `/${id}/action`, { add_host: { host: 'two' } })
  expect((await compute('POST', `/${id}/images`, { cache: [{ id: A }, { id: B }] })).status).toBe(202)
  await work()
  expect([one.log.length, two.log.map((j) => (j.args as { image: { id: string } }).image.id).sort()]).toEqual([0, [A, B]])
  expect([(await compute('POST', `/${id}/images`, { cache: [{ id: A }, { id: A }] })).status, (await compute('POST', `/${id}/images`, { cache: [{ id: crypto.randomUUID() }] })).status]).toEqual([400, 400])
})
