import { env as bindings } from 'cloudflare:workers'
import { AwsClient } from 'aws4fetch'
import { beforeAll, expect, inject, test, vi } from 'vitest'
import { Bytes } from './bytes.ts'
import { world, type Env } from './env.ts'

// What the functions need of an object store. `npm test -- --only stores` runs the same against another S3 (VIRGA_TEST_S3).
const env = { ...(bindings as object), S3_URL: inject('s3'), S3_ACCESS_KEY: 'test', S3_SECRET_KEY: 'test-secret', S3_BUCKET: 'bytes-test' } as Env
const store = new Bytes(env, world), raw = new AwsClient({ accessKeyId: 'test', secretAccessKey: 'test-secret', service: 's3', region: 'us-east-1', retries: 0 })
const MB = 2 ** 20
let n = 0
const run = crypto.randomUUID(), fresh = () => `test/${run}/${n++}`
const noise = (length: number) => { const out = new Uint8Array(length); for (let at = 0; at < length; at += 65536) crypto.getRandomValues(out.subarray(at, at + 65536)); return out }
const sum = async (bytes: BufferSource) => Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), (b) => b.toString(16).padStart(2, '0')).join('')
const read = async (key: string, range?: string) => new Uint8Array(await (await store.get(key, range)).arrayBuffer())
const text = async (key: string, range?: string) => new TextDecoder().decode(await read(key, range))
function streamed(bytes: Uint8Array, chunk = 100_000) {
  let at = 0
  return new ReadableStream({ pull(c) { if (at >= bytes.length) return c.close(); c.enqueue(bytes.slice(at, at += chunk)) } })
}
beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  await raw.fetch(`${env.S3_URL}/${env.S3_BUCKET}`, { method: 'PUT' })
})

test.each(['plain', 'with space', 'a+b', "o'hara(1)*!", 'ünï/çø∂é', '100%25', 'a=b&c?d#e', 'deep/er/still', '~tilde'])('the key %j is written, measured, read and removed', async (name) => {
  const key = `${fresh()}/${name}`
  await store.put(key, new TextEncoder().encode(`bytes of ${name}`))
  expect(await store.head(key)).toBe(new TextEncoder().encode(`bytes of ${name}`).length)
  expect(await text(key)).toBe(`bytes of ${name}`)
  await store.delete(key)
  expect(await store.head(key)).toBeUndefined()
})

test('what is absent: head knows, get says so, delete is content', async () => {
  const key = fresh()
  expect(await store.head(key)).toBeUndefined()
  await expect(store.get(key)).rejects.toMatchObject({ kind: 'notFound' })
  await store.delete(key)
})

test('nothing at all can be kept, and something else put over it', async () => {
  const key = fresh()
  await store.put(key, new Uint8Array(0), 0)
  expect(await store.head(key)).toBe(0)
  expect(await text(key)).toBe('')
  await store.put(key, 'something')
  expect(await text(key)).toBe('something')
})

test('parts of an object', async () => {
  const key = fresh()
  await store.put(key, '0123456789')
  expect(await text(key, 'bytes=2-4')).toBe('234')
  expect(await text(key, 'bytes=7-')).toBe('789')
  expect(await text(key, 'bytes=-2')).toBe('89')
  expect(await text(key, 'bytes=8-100')).toBe('89')
  const answer = await store.get(key, 'bytes=2-4')
  expect([answer.status, answer.headers.get('content-range'), answer.headers.get('content-length'), await answer.text()]).toEqual([206, 'bytes 2-4/10', '3', '234'])
  await expect(store.get(key, 'bytes=10-')).rejects.toMatchObject({ kind: 'invalid', detail: { status: 416 } })
})

test('a stream of known length goes as such; one that ends too soon leaves nothing', async () => {
  const key = fresh(), bytes = noise(3 * MB + 17)
  await store.put(key, streamed(bytes), bytes.length)
  expect(await store.head(key)).toBe(bytes.length)
  expect(await sum(await read(key))).toBe(await sum(bytes))
  const short = fresh()
  await expect(store.put(short, streamed(bytes), bytes.length + 1)).rejects.toMatchObject({ kind: 'unavailable' })
  expect(await store.head(short)).toBeUndefined()
})

test('several parts make one object, which is not there before they do', async () => {
  const key = fresh(), parts = [noise(5 * MB), noise(5 * MB), noise(1234)]
  const upload = await store.begin(key)
  // the second twice, as after a lost answer; and out of order
  const third = await store.part(key, upload, 3, parts[2])
  const first = await store.part(key, upload, 1, parts[0])
  await store.part(key, upload, 2, noise(5 * MB))
  const second = await store.part(key, upload, 2, parts[1])
  expect(await store.head(key)).toBeUndefined()
  await store.complete(key, upload, [first, second, third])
  expect(await sum(await read(key))).toBe(await sum(await new Blob(parts).arrayBuffer()))
  expect(await sum(await read(key, `bytes=${5 * MB - 2}-${5 * MB + 1}`))).toBe(await sum(await new Blob([parts[0].subarray(-2), parts[1].subarray(0, 2)]).arrayBuffer()))
})

test('an upload that is aborted leaves nothing, and cannot be completed', async () => {
  const key = fresh(), upload = await store.begin(key)
  const etag = await store.part(key, upload, 1, noise(1000))
  await store.abort(key, upload)
  await store.abort(key, upload)
  await expect(store.complete(key, upload, [etag])).rejects.toMatchObject({ kind: 'unavailable' })
  await expect(store.part(key, upload, 2, noise(10))).rejects.toMatchObject({ kind: 'unavailable' })
  expect(await store.head(key)).toBeUndefined()
  const left = await (await raw.fetch(`${env.S3_URL}/${env.S3_BUCKET}?uploads&prefix=${encodeURIComponent(key)}`)).text()
  expect(left).toContain('ListMultipartUploadsResult')
  expect(left).not.toContain('<UploadId>')
})

test('a part that was changed on the way, or a wrong list of them, is refused', async () => {
  const key = fresh(), upload = await store.begin(key)
  await store.part(key, upload, 1, noise(1000))
  await expect(store.complete(key, upload, ['"00000000000000000000000000000000"'])).rejects.toMatchObject({ kind: 'unavailable' })
  expect(await store.head(key)).toBeUndefined()
  await store.abort(key, upload)
})

test('a completion that failed after its 200 is a failure', async () => {
  const late = new Bytes(env, { ...world, fetch: async () => new Response('<?xml version="1.0"?>\n<Error><Code>InternalError</Code></Error>', { status: 200 }) })
  await expect(late.complete('k', 'u', ['"e"'])).rejects.toMatchObject({ kind: 'unavailable' })
})

test('a presigned URL lets its holder do that one thing, with that key, for that long', async () => {
  const key = `${fresh()}/a b+c`, bytes = noise(100_000)
  const put = await store.presign('PUT', key, 60), get = await store.presign('GET', key, 60)
  expect((await fetch(put, { method: 'PUT', body: bytes })).status).toBe(200)
  expect(await sum(await (await fetch(get)).arrayBuffer())).toBe(await sum(bytes))
  const part = await fetch(get, { headers: { range: 'bytes=0-9' } })
  expect([part.status, (await part.arrayBuffer()).byteLength]).toEqual([206, 10])
  const brief = await store.presign('GET', key, 1)
  await new Promise((later) => setTimeout(later, 2500))
  for (const [url, method] of [[get, 'PUT'], [put, 'GET'], [get, 'DELETE'], [get.replace('a%20b', 'other'), 'GET'], [get.replace('Expires=60', 'Expires=6000'), 'GET'], [brief, 'GET'], [get.split('?')[0], 'GET']]) {
    const r = await fetch(url, { method, ...(method === 'PUT' && { body: 'x' }) })
    expect(r.status, `${method} ${url}`).toBe(403)
    await r.arrayBuffer()
  }
  expect(await store.head(key)).toBe(bytes.length)
})

test('keys that are wrong, and a store that is not there, are told as a store that cannot be used now', async () => {
  const key = fresh()
  const wrong = new Bytes({ ...env, S3_SECRET_KEY: 'another' }, world), stranger = new Bytes({ ...env, S3_ACCESS_KEY: 'nobody' }, world), gone = new Bytes({ ...env, S3_URL: 'http://127.0.0.1:1' }, world)
  for (const s of [wrong, stranger, gone]) {
    for (const work of [() => s.put(key, 'x'), () => s.get(key), () => s.head(key), () => s.delete(key), () => s.begin(key), () => s.abort(key, 'u')]) {
      await expect(work()).rejects.toMatchObject({ kind: 'unavailable', detail: { retryAfter: expect.any(Number) } })
    }
  }
  expect(await store.head(key)).toBeUndefined()
})
