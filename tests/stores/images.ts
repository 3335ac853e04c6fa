import { createHash, randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import { AwsClient } from 'aws4fetch'
import type { Running } from '../harness/running.ts'
import type { Steps } from '../steps.ts'
import { until } from '../steps.ts'

export interface Bucket { url: string; accessKey: string; secretKey: string; bucket: string }
/** What was answered, without what is different each time: two stores behind the same functions must give the same. */
export type Answers = Record<string, unknown>

const MB = 2 ** 20
const digest = (bytes: Uint8Array, name = 'sha512') => createHash(name).update(bytes).digest('hex')
const equal = (what: string, is: unknown, wanted: unknown) => { if (!isDeepStrictEqual(is, wanted)) throw new Error(`${what}: ${JSON.stringify(is)}, not ${JSON.stringify(wanted)}`) }

/** An image's whole life through the APIs of a running cloud, and a look into its bucket afterwards. */
export async function images(steps: Steps, name: string, c: Running, at: Bucket): Promise<Answers> {
  const answers: Answers = {}, step = (what: string, work: () => Promise<unknown>) => steps.step(`${name}: ${what}`, work)
  const token = await c.token('demo'), before = await inside(at)
  const create = async (image: string): Promise<string> => (await c.call('demo', 'POST', '/image/v2/images', { name: image, disk_format: 'raw', container_format: 'bare' })).id
  const show = (id: string) => c.call('demo', 'GET', `/image/v2/images/${id}`)
  const get = async (id: string, range?: string) => {
    const r = await fetch(`${c.url}/image/v2/images/${id}/file`, { headers: { 'x-auth-token': token, ...(range && { range }) } })
    const bytes = new Uint8Array(await r.arrayBuffer())
    return { status: r.status, bytes, headers: Object.fromEntries(['content-type', 'content-length', 'content-range', 'accept-ranges', 'content-md5'].map((h) => [h, r.headers.get(h)])) }
  }
  const send = async (id: string, bytes: Buffer, chunked = false) => {
    const body = chunked ? new ReadableStream({ async start(s) { for (let i = 0; i < bytes.length; i += 300_000) s.enqueue(bytes.subarray(i, i + 300_000)); s.close() } }) : bytes
    const r = await fetch(`${c.url}/image/v2/images/${id}/file`, { method: 'PUT', headers: { 'x-auth-token': token, 'content-type': 'application/octet-stream' }, body, ...(chunked && { duplex: 'half' }) } as RequestInit)
    return { status: r.status, retryAfter: r.headers.get('retry-after'), text: await r.text() }
  }
  /** What the image says of itself and what comes back are what went in. */
  const whole = async (id: string, bytes: Buffer) => {
    const { status, size, checksum, os_hash_value } = await show(id)
    equal('the image', { status, size, checksum, os_hash_value }, { status: 'active', size: bytes.length, checksum: digest(bytes, 'md5'), os_hash_value: digest(bytes) })
    const back = await get(id)
    equal('what came back', [back.status, back.bytes.length, digest(back.bytes)], [200, bytes.length, digest(bytes)])
  }
  const upload = async (what: string, length: number, chunked = false) => {
    const bytes = Buffer.concat([randomBytes(Math.min(length, MB)), Buffer.alloc(Math.max(0, length - MB), what)]), id = await create(what)
    const r = await send(id, bytes, chunked)
    equal('the upload', r.status, 204)
    await whole(id, bytes)
    answers[what] = r.status
    return { id, bytes }
  }
  const made: string[] = []

  for (const [what, length, chunked] of [
    ['one byte', 1], ['1 MiB', MB], ['one part exactly', 8 * MB], ['20 MiB and a bit, in several parts', 20 * MB + 4711],
    ['1 MiB of unknown length', MB, true], ['20 MiB and a bit of unknown length', 20 * MB + 4711, true],
  ] as const) await step(`upload and download of ${what}`, async () => { made.push((await upload(what, length, chunked)).id) })

  await step('parts of an image', async () => {
    const { id, bytes } = await upload('of parts', 9 * MB)
    made.push(id)
    for (const range of ['bytes=0-0', `bytes=${8 * MB - 5}-${8 * MB + 5}`, 'bytes=-7', `bytes=${9 * MB - 3}-`, `bytes=${9 * MB}-`, 'bytes=9-2', 'lines=1-2']) {
      const r = await get(id, range)
      const [, from, to] = /^bytes (\d+)-(\d+)/.exec(r.headers['content-range'] ?? '') ?? []
      if (r.status === 206) equal(range, digest(r.bytes), digest(bytes.subarray(Number(from), Number(to) + 1)))
      answers[range] = [r.status, r.headers]
    }
  })

  await step('an upload that breaks off leaves the image as it was, and can be done again', async () => {
    const id = await create('broken'), bytes = randomBytes(10 * MB)
    const req = request(`${c.url}/image/v2/images/${id}/file`, { method: 'PUT', headers: { 'x-auth-token': token, 'content-type': 'application/octet-stream', 'content-length': 30 * MB } })
    req.on('error', () => {})
    req.write(randomBytes(18 * MB))
    // two parts are with the store by then
    await until('the upload to be under way', 20, async () => (await show(id)).status === 'saving' && (await inside(at)).uploads.length > 0)
    req.destroy()
    await until('the image to be queued again', 30, async () => (await show(id)).status === 'queued')
    await until('the parts to be removed', 30, async () => !(await inside(at)).uploads.length)
    equal('the second upload', (await send(id, bytes)).status, 204)
    await whole(id, bytes)
    made.push(id)
  })

  await step('a server from an image, and an image from the server: a host reads and writes by presigned URLs', async () => {
    const { id } = await upload('bootable', 3 * MB)
    made.push(id)
    const [{ flavors }, { networks }] = await Promise.all([c.call('demo', 'GET', '/compute/v2.1/flavors?limit=1'), c.call('demo', 'GET', '/network/v2.0/networks?name=demo')])
    const { server } = await c.call('demo', 'POST', '/compute/v2.1/servers', { server: { name: 'of-bytes', imageRef: id, flavorRef: flavors[0].id, networks: [{ uuid: networks[0].id }] } })
    const ready = async () => (await c.call('demo', 'GET', `/compute/v2.1/servers/${server.id}`)).server
    await until('the server', 60, async () => { const s = await ready(); if (s.status === 'ERROR') throw new Error(s.fault?.message); return s.status === 'ACTIVE' })
    const { image_id } = await c.call('demo', 'POST', `/compute/v2.1/servers/${server.id}/action`, { createImage: { name: 'snapshot' } })
    const snapshot = await until('the snapshot', 60, async () => { const i = await show(image_id); return i.status === 'active' && i })
    made.push(image_id)
    const { bytes, status } = await get(image_id)
    equal('the snapshot', [status, bytes.length, digest(bytes), digest(bytes, 'md5')], [200, snapshot.size, snapshot.os_hash_value, snapshot.checksum])
    if (snapshot.size < 1000) throw new Error(`a snapshot of ${snapshot.size} bytes`)
    await c.call('demo', 'DELETE', `/compute/v2.1/servers/${server.id}`)
    answers.snapshot = [snapshot.disk_format, snapshot.size]
  })

  await step('images that are deleted leave nothing in the bucket', async () => {
    for (const id of made) await c.call('demo', 'DELETE', `/image/v2/images/${id}`)
    answers.gone = (await get(made[0])).status
    await until('the bucket to be as before', 30, async () => {
      const now = await inside(at)
      if (!isDeepStrictEqual(now, before)) throw new Error(`there are still ${JSON.stringify({ uploads: now.uploads, keys: now.keys.filter((k) => !before.keys.includes(k)) })}`)
      return true
    })
  })
  return answers
}

/** Every key and every unfinished upload. */
async function inside({ url, accessKey, secretKey, bucket }: Bucket): Promise<{ keys: string[]; uploads: string[] }> {
  const s3 = new AwsClient({ accessKeyId: accessKey, secretAccessKey: secretKey, service: 's3', region: 'us-east-1', retries: 0 })
  const list = async (query: string, tag: string) => {
    const r = await s3.fetch(`${url}/${bucket}?${query}`), text = await r.text()
    if (!r.ok) throw new Error(`listing ${bucket}: ${r.status} ${text.slice(0, 200)}`)
    return [...text.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map((m) => m[1])
  }
  return { keys: await list('list-type=2', 'Key'), uploads: await list('uploads', 'UploadId') }
}
