import { createHash } from 'node:crypto'
import { link, mkdtemp, readdir, rm, stat, utimes } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { Terminal } from '../drivers.ts'
import { libvirtImages, type CacheOptions } from './images.ts'
import { Store } from './store.ts'

const sha = (bytes: Buffer) => createHash('sha512').update(bytes).digest('hex')
const imageOf = (bytes: Buffer) => ({ id: crypto.randomUUID(), format: 'raw' as const, size: bytes.length, sha512: sha(bytes) })
const day = 86400_000

async function cache(options: CacheOptions = {}) {
  const root = await mkdtemp(join(tmpdir(), 'virga-images-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  const store = new Store(root)
  await store.prepare()
  let asked = 0
  const served = new Map<string, () => Buffer>()
  const download = (async (url: string) => { asked++; await new Promise((go) => setTimeout(go, 50)); return new Response(served.get(url)!() as BodyInit) }) as typeof fetch
  const images = libvirtImages(store, { download, ...options })
  return {
    store, images, asked: () => asked,
    fetch(bytes: Buffer, given = bytes) { const image = imageOf(bytes); served.set(image.id, () => given); return images.fetch(image, async () => image.id, () => {}) },
    names: async () => (await readdir(store.images())).length,
    age: (path: string, ms: number) => utimes(path, new Date(Date.now() - ms), new Date(Date.now() - ms)),
  }
}

test('what is kept is listed with the disks that stand on it, and let go of without them', async () => {
  const c = await cache(), bytes = Buffer.alloc(5000, 'kept'), path = await c.fetch(bytes), digest = sha(bytes).slice(0, 64), disk = join(c.store.root, 'a-disk')
  await link(path, disk)
  const [{ since, usedAt, ...kept }] = await c.images.list()
  expect(kept).toEqual({ digest, format: 'raw', size: 5000, disks: 1 })
  for (const at of [since, usedAt]) expect(Math.abs(at - Date.now() / 1000)).toBeLessThan(60)
  await c.images.forget({ digest, format: 'raw' })
  await c.images.forget({ digest, format: 'raw' })
  expect([await c.images.list(), (await stat(disk)).size]).toEqual([[], 5000])
})

test('fifty that boot from one image at once fetch it once', async () => {
  const c = await cache(), bytes = Buffer.alloc(300_000, 'image'), image = imageOf(bytes)
  let urls = 0
  const told: string[] = []
  const one = libvirtImages(c.store, { download: (async () => { urls++; await new Promise((go) => setTimeout(go, 100)); return new Response(bytes as BodyInit) }) as typeof fetch })
  const paths = await Promise.all(Array.from({ length: 50 }, () => one.fetch(image, async () => 'there', (text) => told.push(text))))
  expect([new Set(paths).size, urls, told.filter((t) => t.endsWith('100%')).length]).toEqual([1, 1, 50])
  expect(await one.fetch(image, async () => { throw new Error('asked again') }, () => {})).toBe(paths[0])
})

test('bytes that are not the image\'s are fetched once more, and then refused; nothing stays', async () => {
  const c = await cache(), bytes = Buffer.alloc(1000, 1)
  await expect(c.fetch(bytes, Buffer.alloc(1000, 2))).rejects.toThrow(Terminal)
  await expect(c.fetch(bytes, Buffer.alloc(1001, 1))).rejects.toThrow(/checksum/)
  expect([c.asked(), await c.names(), (await readdir(join(c.store.root, 'disks', 'tmp'))).length]).toEqual([4, 0, 0])
  expect((await stat(await c.fetch(bytes))).size).toBe(1000)
})

test('what nobody used for long goes; what a disk stands on stays', async () => {
  const c = await cache({ maxAgeMs: 10 * day })
  const [old, used, young] = await Promise.all([1, 2, 3].map((n) => c.fetch(Buffer.alloc(5000, n))))
  await link(used, c.store.base({ kind: 'root', id: crypto.randomUUID() }, 'raw'))
  for (const path of [old, used]) await c.age(path, 11 * day)
  await c.age(young, 9 * day)
  await c.images.prune()
  expect(await readdir(c.store.images())).toHaveLength(2)
  await expect(stat(old)).rejects.toThrow()
  expect((await stat(used)).size).toBe(5000)
})

test('over its size, the cache forgets the oldest until the new one fits; what was just used stays', async () => {
  const mb = 1 << 20, c = await cache({ maxBytes: 4 * mb })
  const made = []
  for (const n of [1, 2, 3]) made.push(await c.fetch(Buffer.alloc(mb, n)))
  await c.age(made[0], 3 * day)
  await c.age(made[1], 2 * day)
  await c.fetch(Buffer.alloc(2 * mb, 9))
  expect(await Promise.all(made.map((path) => stat(path).then(() => true, () => false)))).toEqual([false, true, true])
  await c.fetch(Buffer.alloc(3 * mb, 8))
  expect(await Promise.all(made.map((path) => stat(path).then(() => true, () => false)))).toEqual([false, false, true])
})

/** IMAGE_GB=10 for as much as that; what it takes of memory does not depend on it. */
const gb = Number(process.env.IMAGE_GB ?? 0.5)
test(`an image of ${gb} GB passes through without being held`, async () => {
  const size = Math.round(gb * 2 ** 30), chunk = Buffer.alloc(1 << 16), hash = createHash('sha512')
  const zeros = function* () { for (let left = size; left > 0; left -= chunk.length) yield chunk.subarray(0, Math.min(left, chunk.length)) }
  for (const part of zeros()) hash.update(part)
  const server = createServer((_, answer) => { answer.writeHead(200, { 'content-length': size }); Readable.from(zeros()).pipe(answer) }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  const c = await cache({ download: fetch })
  globalThis.gc?.()
  const before = process.memoryUsage().rss
  let peak = before
  const watch = setInterval(() => { peak = Math.max(peak, process.memoryUsage().rss) }, 20)
  const since = performance.now()
  const path = await c.images.fetch({ id: crypto.randomUUID(), format: 'raw', size, sha512: hash.digest('hex') }, async () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, () => {})
  clearInterval(watch)
  const { size: there, blocks } = await stat(path)
  console.log(`${gb} GB in ${((performance.now() - since) / 1000).toFixed(1)} s, ${Math.round((peak - before) / 2 ** 20)} MB more memory at most, ${blocks * 512} bytes on disk`)
  expect(there).toBe(size)
  expect(peak - before).toBeLessThan(200 << 20)
  expect(blocks * 512).toBeLessThan(1 << 20)
}, 600_000)
