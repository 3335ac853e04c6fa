import { beforeAll, describe, expect, it } from 'vitest'
import { cloud, type Cloud } from '../../tests/harness/cloud.ts'
import type { TestHost } from '../../tests/harness/host.ts'

let c: Cloud, host: TestHost, demo: string, admin: string
beforeAll(async () => { c = await cloud(); [demo, admin] = [await c.demo(), await c.admin()]; host = await c.host() })
const at = '/volume/v3'
const ask = (method: string, path: string, body?: unknown, token = demo, version = 'volume 3.70') => c.call(method, at + path, { token, body, version })
const create = async (more: object = {}, token = demo) => (await ask('POST', '/volumes', { volume: { size: 1, ...more } }, token)).body.volume
const show = async (id: string) => (await ask('GET', `/volumes/${id}`, undefined, admin)).body.volume
const act = (id: string, key: string, value: unknown = {}, token = demo) => ask('POST', `/volumes/${id}/action`, { [key]: value }, token)
/** Until nothing is left to do, on the host or after an answer. */
const rest = async () => { do { await c.settle() } while (await host.work() > 0); await c.settle() }
const ready = async (more: object = {}) => { const v = await create(more); await rest(); return v }
const gone = async (id: string) => (await ask('GET', `/volumes/${id}`)).status === 404 && !host.disks.has(`volume/${id}`)
const destroy = async (id: string) => { await act(id, 'os-force_delete', {}, admin); await rest(); expect(await gone(id)).toBe(true) }

describe('a volume', () => {
  it('is accepted with one read and one write, made by its host, and deleted', async () => {
    await c.quiet(demo)
    const r = await ask('POST', '/volumes', { volume: { size: 1, name: 'v' } })
    expect([r.status, r.body.volume.status, r.trips.slice(0, 5)]).toEqual([202, 'creating', '1r 1w'])
    const { id } = r.body.volume
    await rest()
    expect(await show(id)).toMatchObject({ status: 'available', size: 1, volume_type: 'default', 'os-vol-host-attr:host': `${host.name}@virga#virga` })
    expect(host.disks.has(`volume/${id}`)).toBe(true)
    expect((await ask('DELETE', `/volumes/${id}`)).status).toBe(202)
    expect((await show(id)).status).toBe('deleting')
    await rest()
    expect(await gone(id)).toBe(true)
  })
  it('grows, is snapshotted, copied and brought back', async () => {
    const v = await ready({ metadata: { a: '1' } })
    expect((await act(v.id, 'os-extend', { new_size: 1 })).status).toBe(400)
    expect((await act(v.id, 'os-extend', { new_size: 3 })).status).toBe(202)
    await rest()
    expect(await show(v.id)).toMatchObject({ status: 'available', size: 3 })
    const snap = (await ask('POST', '/snapshots', { snapshot: { volume_id: v.id, name: 's' } })).body.snapshot
    await rest()
    expect((await ask('GET', `/snapshots/${snap.id}`)).body.snapshot).toMatchObject({ status: 'available', size: 3, 'os-extended-snapshot-attributes:progress': '100%' })
    expect((await ask('DELETE', `/volumes/${v.id}`)).status).toBe(400)
    expect((await ask('POST', '/volumes', { volume: { size: 2, snapshot_id: snap.id } })).status).toBe(400)
    const [copy, clone] = [await create({ size: undefined, snapshot_id: snap.id }), await create({ size: 4, source_volid: v.id })]
    await rest()
    expect([await show(copy.id), await show(clone.id)]).toMatchObject([{ status: 'available', size: 3, snapshot_id: snap.id }, { status: 'available', size: 4, source_volid: v.id }])
    expect((await act(v.id, 'revert', { snapshot_id: snap.id })).status).toBe(202)
    await rest()
    expect((await show(v.id)).status).toBe('available')
    expect((await ask('DELETE', `/volumes/${v.id}?cascade=true`)).status).toBe(202)
    await rest()
    expect([await gone(v.id), host.disks.has(`snapshot/${snap.id}`)]).toEqual([true, false])
    for (const x of [copy, clone]) await destroy(x.id)
  })
  it('becomes an image', async () => {
    const v = await ready()
    const up = (await act(v.id, 'os-volume_upload_image', { image_name: 'i', disk_format: 'qcow2' })).body['os-volume_upload_image']
    expect((await show(v.id)).status).toBe('uploading')
    await rest()
    expect([(await show(v.id)).status, (await c.call('GET', `/image/v2/images/${up.image_id}`, { token: demo })).body]).toMatchObject(['available', { status: 'active', disk_format: 'qcow2' }])
    expect((await act(v.id, 'os-volume_upload_image', { image_name: 'i', disk_format: 'vmdk' })).status).toBe(400)
    await destroy(v.id)
  })
})

describe('when a host fails', () => {
  const failing = async (kind: 'disk.create' | 'disk.resize' | 'disk.snapshot' | 'disk.upload' | 'disk.delete', work: () => Promise<unknown>) => {
    host.on[kind] = () => { throw new Error('the disk is full') }
    try { await work(); await rest() } finally { delete host.on[kind] }
  }
  const told = async (id: string) => (await ask('GET', `/messages?resource_uuid=${id}`)).body.messages.map((m: any) => [m.message_level, /the disk is full/.test(m.user_message), /^req-/.test(m.request_id)])

  it('a create ends in error with a message, and the volume can be deleted', async () => {
    let v: any
    await failing('disk.create', async () => { v = await create() })
    expect([(await show(v.id)).status, await told(v.id)]).toEqual(['error', [['ERROR', true, true]]])
    expect(host.disks.has(`volume/${v.id}`)).toBe(false)
    expect((await ask('DELETE', `/volumes/${v.id}`)).status).toBe(202)
    await rest()
    expect(await gone(v.id)).toBe(true)
  })
  it('an extend gives the size back', async () => {
    const v = await ready()
    await failing('disk.resize', () => act(v.id, 'os-extend', { new_size: 5 }))
    expect([await show(v.id), await told(v.id)]).toMatchObject([{ status: 'error_extending', size: 1 }, [['ERROR', true, true]]])
    await destroy(v.id)
  })
  it('a snapshot is an error and the volume is not', async () => {
    const v = await ready()
    let s: any
    await failing('disk.snapshot', async () => { s = (await ask('POST', '/snapshots', { snapshot: { volume_id: v.id } })).body.snapshot })
    expect([(await ask('GET', `/snapshots/${s.id}`)).body.snapshot.status, (await show(v.id)).status, await told(s.id)]).toEqual(['error', 'available', [['ERROR', true, true]]])
    expect((await ask('DELETE', `/snapshots/${s.id}`)).status).toBe(202)
    await rest()
    await destroy(v.id)
  })
  it('an upload kills the image and frees the volume', async () => {
    const v = await ready()
    let up: any
    await failing('disk.upload', async () => { up = (await act(v.id, 'os-volume_upload_image', { image_name: 'i' })).body['os-volume_upload_image'] })
    expect([(await show(v.id)).status, (await c.call('GET', `/image/v2/images/${up.image_id}`, { token: demo })).body]).toMatchObject(['available', { status: 'killed', failure: 'the disk is full' }])
    await destroy(v.id)
  })
  it('a delete that failed can be asked for again', async () => {
    const v = await ready()
    await failing('disk.delete', () => ask('DELETE', `/volumes/${v.id}`))
    expect((await show(v.id)).status).toBe('error_deleting')
    expect((await ask('DELETE', `/volumes/${v.id}`)).status).toBe(202)
    await rest()
    expect(await gone(v.id)).toBe(true)
  })
  it('no host at all is an error that says so, at once', async () => {
    const type = (await ask('POST', '/types', { volume_type: { name: `t-${crypto.randomUUID()}`, extra_specs: { vendor_name: 'Nobody' } } }, admin)).body.volume_type
    const v = await create({ volume_type: type.id })
    expect([(await show(v.id)).status, (await ask('GET', `/messages?resource_uuid=${v.id}`)).body.messages[0].user_message]).toEqual(['error', expect.stringMatching(/No host offers vendor_name=Nobody/)])
    await ask('DELETE', `/volumes/${v.id}`)
    expect(await gone(v.id)).toBe(true)
  })
  it('whatever was under way, force deletes', async () => {
    host.on['disk.create'] = () => 'hold'
    const v = await create()
    await host.work()
    delete host.on['disk.create']
    expect((await ask('DELETE', `/volumes/${v.id}`)).status).toBe(400)
    await destroy(v.id)
  })
})

describe('limits', () => {
  it('hold for many who ask at once', async () => {
    const project = (await create()).id && (await c.db().read([(await import('../kernel/db.ts')).q.select().from((await import('../../schema/volume.ts')).volume)]))[0][0].project
    await rest()
    const now = (await ask('GET', '/limits')).body.limits.absolute.totalVolumesUsed
    expect((await ask('PUT', `/os-quota-sets/${project}`, { quota_set: { volumes: now + 2 } }, admin)).status).toBe(200)
    const all = await Promise.all(Array.from({ length: 6 }, () => ask('POST', '/volumes', { volume: { size: 1 } })))
    expect(all.map((r) => r.status).sort()).toEqual([202, 202, 413, 413, 413, 413])
    expect(all.find((r) => r.status === 413)!.body.overLimit.message).toMatch(/Maximum number of volumes/)
    await rest()
    expect((await ask('GET', '/limits')).body.limits.absolute.totalVolumesUsed).toBe(now + 2)
    for (const v of (await ask('GET', '/volumes')).body.volumes) await destroy(v.id)
    await ask('DELETE', `/os-quota-sets/${project}`, undefined, admin)
  })
})

describe('who may', () => {
  it('another project\'s volume, snapshot and image are not there', async () => {
    const v = await create({}, admin)
    await rest()
    for (const [method, path, body] of [['GET', `/volumes/${v.id}`], ['DELETE', `/volumes/${v.id}`], ['PUT', `/volumes/${v.id}`, { volume: { name: 'x' } }], ['POST', `/volumes/${v.id}/action`, { 'os-extend': { new_size: 2 } }], ['POST', '/volumes', { volume: { source_volid: v.id } }], ['POST', '/snapshots', { snapshot: { volume_id: v.id } }]] as const) {
      expect([path, (await ask(method, path, body)).status]).toEqual([path, 404])
    }
    const mine = await ready()
    for (const key of ['os-force_delete', 'os-reset_status', 'os-force_detach']) expect((await act(mine.id, key, key === 'os-reset_status' ? { status: 'error' } : {})).status).toBe(403)
    for (const x of [v, mine]) await destroy(x.id)
  })
  it('what a server holds is given back by the compute API only', async () => {
    const v = await ready(), server = crypto.randomUUID()
    const { q } = await import('../kernel/db.ts'), s = await import('../../schema/volume.ts'), { eq } = await import('drizzle-orm')
    const now = Date.now() * 1000, db = c.db()
    await db.write([q.insert(s.attachment).values({ id: crypto.randomUUID(), volume: v.id, project: v['os-vol-tenant-attr:tenant_id'] ?? 'x', server, status: 'attached', compute: true, attachedAt: now, createdAt: now, updatedAt: now }),
      q.update(s.volume).set({ status: 'in-use', attachStatus: 'attached' }).where(eq(s.volume.id, v.id))])
    for (const token of [demo, admin]) for (const key of ['os-detach', 'os-terminate_connection', 'os-begin_detaching']) expect([key, (await act(v.id, key, key === 'os-terminate_connection' ? { connector: {} } : {}, token)).status]).toEqual([key, 409])
    expect((await act(v.id, 'os-force_detach', {}, admin)).status).toBe(409)
    expect((await act(v.id, 'os-force_delete', {}, admin)).status).toBe(400)
    expect((await ask('DELETE', `/volumes/${v.id}`)).status).toBe(400)
    await db.write([q.delete(s.attachment), q.update(s.volume).set({ status: 'available', attachStatus: 'detached' }).where(eq(s.volume.id, v.id))])
    await destroy(v.id)
  })
  it('a transfer goes to who has its key, once', async () => {
    const v = await ready(), tr = (await ask('POST', '/volume-transfers', { transfer: { volume_id: v.id } })).body.transfer
    expect((await show(v.id)).status).toBe('awaiting-transfer')
    expect((await ask('POST', `/volume-transfers/${tr.id}/accept`, { accept: { auth_key: 'guess' } }, admin)).status).toBe(403)
    expect((await ask('POST', `/volume-transfers/${tr.id}/accept`, { accept: { auth_key: tr.auth_key } }, admin)).status).toBe(202)
    expect((await ask('POST', `/volume-transfers/${tr.id}/accept`, { accept: { auth_key: tr.auth_key } }, demo)).status).toBe(404)
    expect((await ask('GET', `/volumes/${v.id}`)).status).toBe(404)
    expect((await show(v.id)).status).toBe('available')
    const project = (await c.call('GET', '/identity/v3/auth/projects', { token: demo })).body.projects[0].id
    // Another test may have an offer out; this one's is none any more.
    const offers = async () => (await c.call('GET', `/identity/v3/projects/${project}/inventory?items`, { token: admin })).body.items.volume_transfer ?? []
    expect((await offers()).map((o: { id: string }) => o.id)).not.toContain(tr.id)
    await destroy(v.id)
  })
  it('bad input is named', async () => {
    for (const [body, word] of [[{ size: 0 }, 'size'], [{ size: 'x' }, 'size'], [{ size: 1, colour: 'red' }, 'colour'], [{ size: 1, name: 'x'.repeat(256) }, 'name'], [{ size: 1, multiattach: true }, 'Multi-attach'], [{ size: 1, availability_zone: 'nowhere' }, 'nowhere']] as const) {
      const r = await ask('POST', '/volumes', { volume: body })
      expect([word, r.status, JSON.stringify(r.body).includes(word)]).toEqual([word, 400, true])
    }
    expect((await ask('GET', '/volumes/')).status).toBe(404)
    expect((await c.call('GET', `${at}/volumes`, { token: demo, version: 'volume 3.99' })).status).toBe(406)
  })
})
