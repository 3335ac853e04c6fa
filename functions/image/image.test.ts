import { AwsClient } from 'aws4fetch'
import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { cloud, type Cloud } from '../../tests/harness/cloud.ts'
import { qcow2 } from './inspect/samples.ts'

let c: Cloud, demo: string, admin: string
beforeAll(async () => { c = await cloud(); [demo, admin] = [await c.demo(), await c.admin()] })
const octets = { 'content-type': 'application/octet-stream' }
const make = async (body: object = {}, token = demo) => (await c.call('POST', '/image/v2/images', { token, body: { name: 'x', disk_format: 'qcow2', container_format: 'bare', ...body } })).body
const put = (id: string, raw: BodyInit, token = demo) => c.call('PUT', `/image/v2/images/${id}/file`, { token, raw, headers: octets })
const show = async (id: string, token = demo) => (await c.call('GET', `/image/v2/images/${id}`, { token })).body
const stored = async (id: string) => {
  const s3 = new AwsClient({ accessKeyId: 'test', secretAccessKey: 'test-secret', service: 's3', region: 'us-east-1' })
  const text = await (await s3.fetch(`${c.env.S3_URL}/virga?list-type=2&prefix=images/${id}`)).text()
  return [...text.matchAll(/<Key>([^<]+)<\/Key>/g)].length
}
/** Without a length: pieces as they come. */
const stream = (parts: Uint8Array[]) => new ReadableStream<Uint8Array>({ async start(s) { for (const p of parts) s.enqueue(p); s.close() } })

describe('data', () => {
  it('streams in and out with its digests', async () => {
    const image = await make(), bytes = qcow2()
    expect((await put(image.id, bytes)).status).toBe(204)
    const now = await show(image.id)
    expect(now).toMatchObject({ status: 'active', size: bytes.length, virtual_size: 1048576, checksum: createHash('md5').update(bytes).digest('hex'), os_hash_algo: 'sha512', os_hash_value: createHash('sha512').update(bytes).digest('hex') })
    const got = await c.call('GET', `/image/v2/images/${image.id}/file`, { token: demo })
    expect([got.status, got.headers.get('content-md5')]).toEqual([200, now.checksum])
    const part = await c.call('GET', `/image/v2/images/${image.id}/file`, { token: demo, headers: { range: 'bytes=0-2' } })
    expect([part.status, part.text, part.headers.get('content-range')]).toEqual([206, 'QFI', `bytes 0-2/${bytes.length}`])
    expect((await c.call('GET', `/image/v2/images/${image.id}/file`, { token: demo, headers: { range: 'bytes=999999999-' } })).status).toBe(416)
  })
  it('of unknown length beyond a part goes to the store in parts', async () => {
    const image = await make({ disk_format: 'raw' }), mega = new Uint8Array(1 << 20).fill(7), hash = createHash('md5')
    const parts = Array.from({ length: 19 }, () => mega)
    for (const p of parts) hash.update(p)
    expect((await put(image.id, stream([...parts, new Uint8Array([1, 2, 3])]))).status).toBe(204)
    expect(await show(image.id)).toMatchObject({ status: 'active', size: 19 * (1 << 20) + 3, checksum: hash.update(new Uint8Array([1, 2, 3])).digest('hex') })
  })
  it('that is refused leaves the image as it was and nothing in the store', async () => {
    for (const [more, bytes, why] of [[{}, qcow2({ backing: '/etc/passwd' }), /backing file/], [{ disk_format: 'raw' }, qcow2(), /content is qcow2/], [{}, qcow2({ incompatible: 4n }), /another file/]] as const) {
      const image = await make(more), r = await put(image.id, bytes)
      expect(r.status).toBe(400)
      expect(r.text).toMatch(why)
      expect((await show(image.id)).status).toBe('queued')
      expect(await stored(image.id)).toBe(0)
      // It may be tried again with something better.
      expect((await put(image.id, more.disk_format ? new Uint8Array(10) : qcow2())).status).toBe(204)
    }
  })
  it('never changes once active, nor does its format', async () => {
    const image = await make()
    await put(image.id, qcow2())
    expect((await put(image.id, qcow2())).status).toBe(409)
    const patch = (op: object) => c.call('PATCH', `/image/v2/images/${image.id}`, { token: demo, body: [op], headers: { 'content-type': 'application/openstack-images-v2.1-json-patch' } })
    expect((await patch({ op: 'replace', path: '/disk_format', value: 'raw' })).status).toBe(403)
    for (const name of ['status', 'checksum', 'size', 'os_hash_value', 'id', 'os_glance_x']) expect((await patch({ op: 'replace', path: `/${name}`, value: 'x' })).status).toBe(403)
    expect((await patch({ op: 'add', path: '/locations/-', value: { url: 'file:///etc/passwd', metadata: {} } })).status).toBe(403)
    expect((await show(image.id)).status).toBe('active')
  })
  it('must not go past what the project may keep', async () => {
    const db = c.db(), owner = (await make()).owner
    const { q } = await import('../kernel/db.ts'), { imageQuota } = await import('../../schema/image.ts')
    await db.write([q.insert(imageQuota).values({ project: owner, bytes: 30 << 20 })])
    const image = await make({ disk_format: 'raw' })
    const r = await put(image.id, stream(Array.from({ length: 40 }, () => new Uint8Array(1 << 20))))
    expect(r.status).toBe(413)
    expect([(await show(image.id)).status, await stored(image.id)]).toEqual(['queued', 0])
    await db.write([q.delete(imageQuota)])
  })
  it('of an image deleted while it comes in is dropped', async () => {
    const image = await make({ disk_format: 'raw' })
    let go = () => {}
    const wait = new Promise<void>((resolve) => { go = resolve })
    const body = new ReadableStream<Uint8Array>({ async start(s) { for (let i = 0; i < 9; i++) s.enqueue(new Uint8Array(1 << 20)); await wait; for (let i = 0; i < 9; i++) s.enqueue(new Uint8Array(1 << 20)); s.close() } })
    const up = put(image.id, body)
    while ((await show(image.id)).status !== 'saving') await new Promise((r) => setTimeout(r, 20))
    expect((await c.call('DELETE', `/image/v2/images/${image.id}`, { token: demo })).status).toBe(204)
    go()
    expect((await up).status).toBe(410)
    await c.settle()
    expect(await stored(image.id)).toBe(0)
  })
  it('goes when the image goes', async () => {
    const image = await make()
    await put(image.id, qcow2())
    expect(await stored(image.id)).toBe(1)
    expect((await c.call('DELETE', `/image/v2/images/${image.id}`, { token: demo })).status).toBe(204)
    await c.settle()
    expect(await stored(image.id)).toBe(0)
  })
  it('is staged, then imported', async () => {
    const image = await make(), at = `/image/v2/images/${image.id}`
    expect((await c.call('PUT', `${at}/stage`, { token: demo, raw: qcow2(), headers: octets })).status).toBe(204)
    expect(await show(image.id)).toMatchObject({ status: 'uploading', size: null })
    expect((await c.call('POST', `${at}/import`, { token: demo, body: { method: { name: 'web-download', uri: 'http://169.254.169.254/' } } })).status).toBe(400)
    expect((await c.call('POST', `${at}/import`, { token: demo, body: { method: { name: 'glance-direct' } } })).status).toBe(202)
    expect(await show(image.id)).toMatchObject({ status: 'active', virtual_size: 1048576 })
  })
})

describe('who may', () => {
  it('others see nothing of a private image, and a member what is shared', async () => {
    const image = await make({ visibility: 'shared' }, admin)
    expect((await c.call('GET', `/image/v2/images/${image.id}`, { token: demo })).status).toBe(404)
    const project = (await make()).owner
    expect((await c.call('POST', `/image/v2/images/${image.id}/members`, { token: admin, body: { member: project } })).status).toBe(200)
    expect((await show(image.id)).id).toBe(image.id)
    expect((await c.call('DELETE', `/image/v2/images/${image.id}`, { token: demo })).status).toBe(403)
    expect((await put(image.id, qcow2())).status).toBe(403)
  })
  it('only an administrator publishes, and protected images stay', async () => {
    expect((await c.call('POST', '/image/v2/images', { token: demo, body: { name: 'x', visibility: 'public' } })).status).toBe(403)
    const image = await make({ protected: true })
    expect((await c.call('DELETE', `/image/v2/images/${image.id}`, { token: demo })).status).toBe(403)
  })
  it('bad input is named', async () => {
    for (const [body, field] of [[{ disk_format: 'floppy' }, 'disk_format'], [{ name: 'x'.repeat(256) }, 'name'], [{ min_disk: -1 }, 'min_disk'], [{ purpose: 5 }, 'purpose'], [{ tags: 'a' }, 'tags']] as const) {
      const r = await c.call('POST', '/image/v2/images', { token: demo, body })
      expect([r.status, r.text.includes(field)]).toEqual([400, true])
    }
    expect((await c.call('GET', '/image/v2/images?limit=-1', { token: demo })).status).toBe(400)
    expect((await c.call('GET', '/image/v2/images?marker=nothing', { token: demo })).status).toBe(400)
  })
  it('a list is one round trip', async () => {
    await c.quiet(demo)
    expect((await c.call('GET', '/image/v2/images', { token: demo })).trips).toMatch(/^1r 0w/)
  })
})
