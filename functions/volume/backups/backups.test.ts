import { eq } from 'drizzle-orm'
import { beforeAll, describe, expect, it } from 'vitest'
import { discard, saga, sweep } from '../../../schema/kernel.ts'
import { volumeBackup } from '../../../schema/volume.ts'
import type { Job } from '../../../schema/jobs.ts'
import { cloud, type Cloud } from '../../../tests/harness/cloud.ts'
import type { TestHost } from '../../../tests/harness/host.ts'
import { Bytes } from '../../kernel/bytes.ts'
import { q } from '../../kernel/db.ts'
import { seconds } from '../../kernel/env.ts'

let c: Cloud, host: TestHost, demo: string, admin: string
beforeAll(async () => {
  c = await cloud(); [demo, admin] = [await c.demo(), await c.admin()]; host = await c.host()
  host.on['disk.backup'] = backs
})
const ask = (method: string, path: string, body?: unknown, token = demo, version = 'volume 3.70') => c.call(method, `/volume/v3${path}`, { token, body, version })
const rest = async () => { do { await c.settle() } while (await host.work() > 0); await c.settle() }
const volume = async (more: object = {}) => { const { volume: v } = (await ask('POST', '/volumes', { volume: { size: 1, ...more } })).body; await rest(); return v.id as string }
const volumeOf = async (id: string) => (await ask('GET', `/volumes/${id}`, undefined, admin)).body.volume
const begin = async (id: string, more: object = {}) => { const r = await ask('POST', '/backups', { backup: { volume_id: id, ...more } }); if (r.status !== 202) throw new Error(r.text); return r.body.backup.id as string }
const backup = async (id: string, more: object = {}) => { const b = await begin(id, more); await rest(); return b }
const show = async (id: string, version?: string, token = demo) => (await ask('GET', `/backups/${id}`, undefined, token, version)).body.backup
const act = (id: string, key: string, value: unknown = {}, token = admin) => ask('POST', `/backups/${id}/action`, { [key]: value }, token)
const restore = (id: string, to: object = {}) => ask('POST', `/backups/${id}/restore`, { restore: to })
const told = async (id: string) => (await ask('GET', `/messages?resource_uuid=${id}`)).body.messages.map((m: any) => m.user_message)
const refused = (r: { status: number; body: any }) => [r.status, r.body.badRequest?.message ?? r.body.overLimit?.message]
async function erase(...volumes: string[]) {
  for (const b of (await ask('GET', '/backups?sort=data_timestamp:desc')).body.backups) await act(b.id, 'os-force_delete')
  for (const v of volumes) await ask('POST', `/volumes/${v}/action`, { 'os-force_delete': {} }, admin)
  await rest()
  expect((await ask('GET', '/limits')).body.limits.absolute).toMatchObject({ totalBackupsUsed: 0, totalVolumesUsed: 0 })
}

const store = () => new Bytes(c.env, c.world)
const objects = (job: Job, body: object, as = host) => as.signed('POST', '/objects', { job: job.id, attempt: job.attempt, ...body })
const hex = async (bytes: Uint8Array) => [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as BufferSource))].map((b) => b.toString(16).padStart(2, '0')).join('')
/** Takes two numbers and writes both: one chunk, and the list of it. */
async function backs(job: Job) {
  const { first, urls } = (await objects(job, { take: 2 })).body, list = new TextEncoder().encode(`list of ${job.args && (job.args as { backup: string }).backup}`)
  for (const [i, body] of [new Uint8Array(100), list].entries()) if ((await fetch(urls[i], { method: 'PUT', body })).status !== 200) throw new Error('not stored')
  return { manifest: { number: first + 1, size: list.length, sha256: await hex(list) }, first, objects: 1, bytes: 100 }
}
/** How many of a backup's first objects are there. */
const there = async (id: string, n = 2) => (await Promise.all(Array.from({ length: n }, (_, i) => store().head(`backups/${id}/${i}`)))).filter((size) => size !== undefined).length
/** The sweep's time has come, and that until which bytes are kept. */
async function swept() {
  await c.db().write([q.update(discard).set({ until: 0 }), q.update(sweep).set({ nextAt: 0 }).where(eq(sweep.name, 'discard'))])
  await c.tick()
  await c.settle()
}
const row = async (id: string) => (await c.db().read([q.select().from(volumeBackup).where(eq(volumeBackup.id, id))]))[0][0]

describe('a backup', () => {
  it('is accepted with one read and one write, made by the host, seen, changed and deleted with its bytes', async () => {
    const v = await volume({ name: 'data', metadata: { a: '1' } })
    await c.quiet(demo)
    const r = await ask('POST', '/backups', { backup: { volume_id: v, name: 'b', description: 'd', container: 'box', metadata: { k: 'x' }, availability_zone: 'nova' } })
    expect([r.status, Object.keys(r.body.backup).sort(), r.trips.slice(0, 5)]).toEqual([202, ['id', 'links', 'name'], '1r 1w'])
    const { id } = r.body.backup
    expect([(await show(id)).status, (await volumeOf(v)).status, await show(id)]).toMatchObject(['creating', 'backing-up', { object_count: 0 }])
    expect((await ask('DELETE', `/backups/${id}`)).status).toBe(400)
    await rest()
    expect([await show(id), (await volumeOf(v)).status]).toMatchObject([{ status: 'available', size: 1, name: 'b', description: 'd', container: 'box', availability_zone: 'nova', volume_id: v, snapshot_id: null, object_count: 1, is_incremental: false, has_dependent_backups: false, fail_reason: null, metadata: { k: 'x' } }, 'available'])
    expect([await there(id), (await ask('GET', '/limits')).body.limits.absolute]).toMatchObject([2, { totalBackupsUsed: 1, totalBackupGigabytesUsed: 1 }])
    expect((await ask('PUT', `/backups/${id}`, { backup: { name: 'c', metadata: { k: 'y' } } })).body.backup.name).toBe('c')
    expect(await show(id)).toMatchObject({ name: 'c', description: 'd', metadata: { k: 'y' } })
    expect((await ask('PUT', `/backups/${id}`, { backup: {} })).status).toBe(400)
    expect((await ask('DELETE', `/backups/${id}`)).status).toBe(202)
    expect((await ask('GET', `/backups/${id}`)).status).toBe(404)
    await swept()
    expect(await there(id)).toBe(0)
    await erase(v)
  })
  it('says by version what it is', async () => {
    const v = await volume(), id = await backup(v)
    const keys = async (version: string, token = admin) => Object.keys(await show(id, `volume ${version}`, token))
    expect((await keys('3.17')).filter((k) => /metadata|user_id|project/.test(k))).toEqual([])
    expect((await keys('3.18')).filter((k) => /metadata|user_id|project/.test(k))).toEqual(['os-backup-project-attr:project_id'])
    expect((await keys('3.56')).filter((k) => /metadata|user_id|project/.test(k))).toEqual(['os-backup-project-attr:project_id', 'metadata', 'user_id'])
    expect((await keys('3.56', demo)).filter((k) => /metadata|user_id|project/.test(k))).toEqual(['metadata'])
    expect((await ask('PUT', `/backups/${id}`, { backup: { name: 'x' } }, demo, 'volume 3.8')).status).toBe(404)
    expect((await ask('POST', '/backups', { backup: { volume_id: v, metadata: {} } }, demo, 'volume 3.42')).status).toBe(400)
    expect((await ask('POST', '/backups', { backup: { volume_id: v, availability_zone: 'nova' } }, demo, 'volume 3.50')).status).toBe(400)
    await erase(v)
  })
  it('is listed with filters, pages, an order and a count', async () => {
    const [v, w] = [await volume(), await volume()]
    const ids = [await backup(v, { name: 'a' }), await backup(v, { name: 'b' }), await backup(w, { name: 'c' })]
    const list = async (query: string, what = '') => (await ask('GET', `/backups${what}?${query}`)).body
    expect((await list('')).backups.map((b: any) => Object.keys(b).sort().join())).toEqual(Array(3).fill('id,links,name'))
    expect([(await list('sort=name:asc')).backups.map((b: any) => b.id), (await list(`volume_id=${w}`)).backups.length, (await list('name=b', '/detail')).backups[0].status, (await list('status=error')).backups, (await list('name~=a')).backups.length]).toEqual([ids, 1, 'available', [], 1])
    const page = await list('sort=name:asc&limit=2&with_count=true')
    expect([page.count, page.backups.length, page.backups_links[0].rel]).toEqual([3, 2, 'next'])
    expect((await list(`sort=name:asc&limit=2&marker=${ids[1]}`)).backups.map((b: any) => b.id)).toEqual([ids[2]])
    expect([(await ask('GET', '/backups?sort=colour:asc')).status, (await ask('GET', `/backups?marker=${crypto.randomUUID()}`)).status]).toEqual([400, 404])
    expect([(await ask('GET', '/backups', undefined, admin)).body.backups.length, (await ask('GET', '/backups?all_tenants=1', undefined, admin)).body.backups.length]).toEqual([0, 3])
    await erase(v, w)
  })
  it('of a volume in use needs force, and of anything else is refused', async () => {
    const v = await volume(), none = crypto.randomUUID()
    const set = (status: string) => ask('POST', `/volumes/${v}/action`, { 'os-reset_status': { status } }, admin)
    await set('in-use')
    expect(refused(await ask('POST', '/backups', { backup: { volume_id: v } }))).toEqual([400, expect.stringContaining('must use the force flag')])
    await set('error')
    expect(refused(await ask('POST', '/backups', { backup: { volume_id: v, force: true } }))).toEqual([400, expect.stringContaining('must be available or in-use')])
    await set('available')
    expect(refused(await ask('POST', '/backups', { backup: { volume_id: v, incremental: true } }))).toEqual([400, expect.stringContaining('No backups available')])
    expect([(await ask('POST', '/backups', { backup: { volume_id: none } })).status, (await ask('POST', '/backups', { backup: { volume_id: v, snapshot_id: none } })).status, (await ask('POST', '/backups', { backup: { volume_id: v, availability_zone: 'nowhere' } })).status, (await ask('POST', '/backups', { backup: { volume_id: v } }, admin)).status]).toEqual([404, 404, 400, 202])
    await rest()
    await ask('POST', `/backups/${(await ask('GET', '/backups', undefined, admin)).body.backups[0].id}/action`, { 'os-force_delete': {} }, admin)
    await erase(v)
  })
  it('of a snapshot is of the snapshot\'s moment, and an incremental one builds on what was before it', async () => {
    const v = await volume(), early = await backup(v)
    const s = (await ask('POST', '/snapshots', { snapshot: { volume_id: v } })).body.snapshot.id
    await rest()
    const late = await backup(v)
    const of = await begin(v, { snapshot_id: s, incremental: true })
    expect([(await ask('GET', `/snapshots/${s}`)).body.snapshot.status, (await volumeOf(v)).status, (await ask('DELETE', `/snapshots/${s}`)).status]).toEqual(['backing-up', 'available', 400])
    await rest()
    const then = (await ask('GET', `/snapshots/${s}`)).body.snapshot
    expect([await show(of), then.status, (await row(of)).parent]).toMatchObject([{ status: 'available', is_incremental: true, snapshot_id: s, data_timestamp: then.created_at }, 'available', early])
    const job = host.log.findLast((j) => j.kind === 'disk.backup')!.args as any
    expect([job.disk, job.parent]).toEqual([{ kind: 'snapshot', id: s }, { store: early, ...(await row(early)).manifest }])
    expect((await row(await backup(v, { incremental: true }))).parent).toBe(late)
    expect(refused(await ask('DELETE', `/backups/${early}`))).toEqual([400, expect.stringContaining('Incremental backups exist')])
    expect([(await act(early, 'os-force_delete')).status, (await show(early)).has_dependent_backups]).toEqual([400, true])
    expect([(await ask('DELETE', `/backups/${of}`)).status, (await ask('DELETE', `/backups/${early}`)).status]).toEqual([202, 202])
    await ask('DELETE', `/snapshots/${s}`)
    await rest()
    await erase(v)
  })
})

describe('a restore', () => {
  it('makes a volume like the one that was, or writes over one that is there', async () => {
    const v = await volume({ name: 'data', metadata: { a: '1' } }), b = await backup(v)
    await ask('POST', `/volumes/${v}/action`, { 'os-set_bootable': { bootable: false } })
    const r = await restore(b)
    const made = r.body.restore
    expect([r.status, made.backup_id, made.volume_name, (await volumeOf(made.volume_id)).status, (await show(b)).status]).toEqual([202, b, `restore_backup_${b}`, 'restoring-backup', 'restoring'])
    expect([(await restore(b)).status, (await ask('DELETE', `/backups/${b}`)).status, (await ask('DELETE', `/volumes/${made.volume_id}`)).status]).toEqual([400, 400, 400])
    await rest()
    expect([await volumeOf(made.volume_id), (await show(b)).status]).toMatchObject([{ status: 'available', size: 1, metadata: { a: '1' }, volume_type: 'default' }, 'available'])
    expect((await restore(b, { volume_id: v, name: 'ignored' })).body.restore).toEqual({ backup_id: b, volume_id: v, volume_name: 'data' })
    expect((await volumeOf(v)).status).toBe('restoring-backup')
    await rest()
    expect((await volumeOf(v)).status).toBe('available')
    const grown = await ask('POST', '/volumes', { volume: { backup_id: b, size: 2, metadata: { b: '2' } } })
    expect([grown.status, grown.body.volume.status]).toEqual([202, 'creating'])
    await rest()
    expect(await volumeOf(grown.body.volume.id)).toMatchObject({ status: 'available', size: 2, metadata: { a: '1', b: '2' } })
    await erase(v, made.volume_id, grown.body.volume.id)
  })
  it('is refused where it does not fit, and where nothing is', async () => {
    const v = await volume({ size: 2 }), small = await volume(), b = await backup(v), none = crypto.randomUUID()
    expect(refused(await restore(b, { volume_id: small }))).toEqual([400, expect.stringContaining('volume size 1 is too small to restore backup of size 2')])
    expect([(await restore(b, { volume_id: none })).status, (await restore(none)).status, (await ask('POST', '/volumes', { volume: { backup_id: none } })).status, (await ask('POST', '/volumes', { volume: { backup_id: b, size: 1 } })).status]).toEqual([404, 404, 404, 400])
    await act(b, 'os-reset_status', { status: 'error' })
    expect(refused(await restore(b, { volume_id: v }))).toEqual([400, expect.stringContaining('must be available')])
    expect((await act(b, 'os-reset_status', { status: 'available' })).status).toBe(202)
    expect((await act(b, 'os-reset_status', { status: 'restoring' })).status).toBe(400)
    await erase(v, small)
  })
  it('that fails says so, and both can be deleted', async () => {
    const v = await volume(), b = await backup(v)
    host.on['disk.restore'] = () => { throw new Error('an object is not there') }
    const made = (await restore(b)).body.restore.volume_id
    await rest()
    delete host.on['disk.restore']
    expect([(await volumeOf(made)).status, (await show(b)).status, await told(b)]).toEqual(['error_restoring', 'available', [expect.stringContaining('an object is not there')]])
    expect([(await ask('DELETE', `/volumes/${made}`)).status, (await ask('DELETE', `/backups/${b}`)).status]).toEqual([202, 202])
    await rest()
    await erase(v)
  })
  it('ends when its volume or its backup is taken away by force', async () => {
    const v = await volume(), b = await backup(v)
    host.on['disk.restore'] = () => 'hold'
    const made = (await restore(b)).body.restore.volume_id
    await host.work()
    await ask('POST', `/volumes/${made}/action`, { 'os-force_delete': {} }, admin)
    await rest()
    expect([(await show(b)).status, (await ask('GET', `/volumes/${made}`)).status]).toEqual(['available', 404])
    await restore(b, { volume_id: v })
    await host.work()
    expect([(await act(b, 'os-force_delete')).status, (await volumeOf(v)).status]).toEqual([202, 'error_restoring'])
    delete host.on['disk.restore']
    await erase(v)
  })
})

describe('when it does not go well', () => {
  it('a host that fails leaves an error that says why, the volume as it was, and no bytes', async () => {
    const v = await volume()
    let job: Job
    host.on['disk.backup'] = async (j) => { job = j; await backs(j); throw new Error('the disk is full') }
    const b = await backup(v)
    host.on['disk.backup'] = backs
    expect([await show(b), (await volumeOf(v)).status, await told(b)]).toMatchObject([{ status: 'error', fail_reason: 'the disk is full' }, 'available', [expect.stringContaining('the disk is full')]])
    expect((await objects(job!, { take: 1 })).status).toBe(409)
    expect(await there(b)).toBe(2)
    await swept()
    expect(await there(b)).toBe(0)
    expect((await ask('DELETE', `/backups/${b}`)).status).toBe(202)
    await erase(v)
  })
  it('what an attempt before the last one wrote goes, and the rest stays', async () => {
    const v = await volume()
    host.on['disk.backup'] = async (j) => { await backs(j); return backs(j) }
    const b = await backup(v)
    host.on['disk.backup'] = backs
    expect(await there(b, 4)).toBe(4)
    await swept()
    expect([await there(b, 2), await there(b, 4), (await show(b)).status]).toEqual([0, 2, 'available'])
    await ask('DELETE', `/backups/${b}`)
    await swept()
    expect(await there(b, 4)).toBe(0)
    await erase(v)
  })
  it('a host that is lost midway: an error with the reason, once it has asked for nothing more for too long', async () => {
    const v = await volume()
    let job: Job
    host.on['disk.backup'] = async (j) => { job = j; return 'hold' as never }
    const b = await begin(v)
    await host.work()
    const late = (deadline: number) => c.db().write([q.update(saga).set({ deadline }).where(eq(saga.lane, b)), q.update(sweep).set({ nextAt: 0 }).where(eq(sweep.name, 'sagas'))])
    await late(c.world.now() - seconds(1))
    // Asking for more is being alive.
    expect((await objects(job!, { take: 1 })).status).toBe(200)
    await c.tick(); await c.settle()
    expect((await show(b)).status).toBe('creating')
    await late(c.world.now() - seconds(1))
    await c.tick(); await c.settle()
    expect([await show(b), (await volumeOf(v)).status]).toMatchObject([{ status: 'error', fail_reason: expect.stringContaining('it was not done in time') }, 'available'])
    host.on['disk.backup'] = backs
    await erase(v)
  })
  it('one that is being made is taken away by force, and the volume is free', async () => {
    const v = await volume()
    host.on['disk.backup'] = async (j) => { await backs(j); return 'hold' as never }
    const b = await begin(v)
    await host.work()
    expect((await ask('POST', `/backups/${b}/action`, { 'os-force_delete': {} })).status).toBe(403)
    expect([(await act(b, 'os-force_delete')).status, (await ask('GET', `/backups/${b}`)).status, (await volumeOf(v)).status]).toEqual([202, 404, 'available'])
    host.on['disk.backup'] = backs
    await swept()
    expect(await there(b)).toBe(0)
    await erase(v)
  })
})

describe('its objects', () => {
  it('are given to the host whose running job is about them, and only those it consists of', async () => {
    const other = await c.host()
    await c.call('PATCH', `/hosts/${other.id}`, { token: admin, body: { enabled: false } })
    const v = await volume(), full = await backup(v), foreign = await backup(await volume())
    const jobs: Job[] = []
    host.on['disk.backup'] = async (j) => { jobs.push(j); return 'hold' as never }
    host.on['disk.restore'] = async (j) => { jobs.push(j); return 'hold' as never }
    const next = await begin(v, { incremental: true })
    await host.work()
    const [making] = jobs, of = (store: string, number = 1) => ({ get: [{ store, number }] })
    const statuses = await Promise.all([objects(making, of(full)), objects(making, of(foreign)), objects(making, { take: 1 }, other), objects({ ...making, attempt: 2 }, { take: 1 }), objects(making, {}), objects(making, { take: 1, ...of(full) }), objects(making, { take: 65 })])
    expect(statuses.map((r) => r.status)).toEqual([200, 409, 409, 409, 400, 400, 400])
    const list = new TextDecoder().decode(await (await fetch(statuses[0].body.urls[0])).arrayBuffer())
    expect(list).toBe(`list of ${full}`)
    expect((await fetch(statuses[0].body.urls[0], { method: 'PUT', body: 'x' })).status).toBe(403)
    // However many ask at once, no number is given twice.
    const firsts = (await Promise.all(Array.from({ length: 4 }, () => objects(making, { take: 3 })))).map((r) => r.body.first as number).sort((a, b) => a - b)
    expect(firsts).toEqual([0, 3, 6, 9])
    await host.done(making, await backs(making))
    await c.settle()
    await restore(next)
    await host.work()
    const [, writing] = jobs
    expect((await Promise.all([objects(writing, of(full)), objects(writing, of(next)), objects(writing, of(foreign)), objects(writing, { take: 1 })])).map((r) => r.status)).toEqual([200, 200, 409, 400])
    await host.done(writing, { bytes: 1 })
    delete host.on['disk.restore']
    host.on['disk.backup'] = backs
    await c.settle()
    await erase(...(await ask('GET', '/volumes')).body.volumes.map((x: any) => x.id))
  })
  it('many of them go in slices, the last first', async () => {
    const v = await volume(), b = await backup(v)
    await store().put(`backups/${b}/900`, 'far')
    await c.db().write([q.update(volumeBackup).set({ objects: 901 }).where(eq(volumeBackup.id, b))])
    await ask('DELETE', `/backups/${b}`)
    const left = async () => (await c.db().read([q.select().from(discard).where(eq(discard.key, `backups/${b}`))]))[0][0]?.objects
    await swept()
    expect([await left(), await store().head(`backups/${b}/900`), await there(b)]).toEqual([601, undefined, 2])
    for (let i = 0; i < 3; i++) await swept()
    expect([await left(), await there(b)]).toEqual([undefined, 0])
    await erase(v)
  })
})

describe('a record', () => {
  it('brings a backup back that the database has lost, and shares its bytes with no harm', async () => {
    const v = await volume(), b = await backup(v, { name: 'kept' })
    const { 'backup-record': record } = (await ask('GET', `/backups/${b}/export_record`, undefined, admin)).body
    expect([(await ask('GET', `/backups/${b}/export_record`)).status, record.backup_service]).toEqual([403, 'cinder.backup.drivers.virga'])
    const bring = (change: object = {}, service = record.backup_service) => ask('POST', '/backups/import_record', { 'backup-record': { backup_service: service, backup_url: btoa(JSON.stringify({ ...JSON.parse(atob(record.backup_url)), ...change })) } }, admin)
    expect(refused(await bring())).toEqual([400, expect.stringContaining('already exists')])
    const id = crypto.randomUUID(), twin = await bring({ id })
    expect([twin.status, twin.body.backup.id, (await show(id, undefined, admin)).status]).toEqual([201, id, 'available'])
    expect((await ask('DELETE', `/backups/${b}`)).status).toBe(202)
    await swept()
    expect(await there(b)).toBe(2)
    const back = await bring()
    expect([back.status, (await show(b, undefined, admin)).name]).toEqual([201, 'kept'])
    for (const one of [id, b]) await ask('DELETE', `/backups/${one}`, undefined, admin)
    expect(refused(await bring())).toEqual([400, expect.stringContaining('not in the object store')])
    await swept()
    expect(await there(b)).toBe(0)
    for (const r of [await bring(), await bring({ parent_id: crypto.randomUUID() }), await bring({ store: '../x' }), await bring({}, 'cinder.backup.drivers.swift'), await ask('POST', '/backups/import_record', { 'backup-record': { backup_service: 'x', backup_url: '%%%' } }, admin)]) expect(r.status).toBe(400)
    await erase(v)
  })
})

describe('limits and services', () => {
  it('hold for many who ask at once, in number and in gigabytes', async () => {
    const project = (await volumeOf(await volume()))['os-vol-tenant-attr:tenant_id'], volumes = [await volume(), await volume(), await volume()]
    const limit = (set: object) => ask('PUT', `/os-quota-sets/${project}`, { quota_set: set }, admin)
    await limit({ backups: 2 })
    const all = await Promise.all(volumes.map((v) => ask('POST', '/backups', { backup: { volume_id: v } })))
    expect(all.map((r) => r.status).sort()).toEqual([202, 202, 413])
    expect(refused(all.find((r) => r.status === 413)!)).toEqual([413, 'Maximum number of backups allowed (2) exceeded'])
    await rest()
    await limit({ backups: 10, backup_gigabytes: 2 })
    expect(refused(await ask('POST', '/backups', { backup: { volume_id: volumes[0] } }))).toEqual([413, expect.stringContaining('exceeds allowed Backup gigabytes quota. Requested 1G, quota is 2G and 2G has been consumed')])
    expect((await ask('GET', `/os-quota-sets/${project}?usage=True`, undefined, admin)).body.quota_set).toMatchObject({ backups: { in_use: 2, limit: 10 }, backup_gigabytes: { in_use: 2, limit: 2 } })
    await ask('DELETE', `/os-quota-sets/${project}`, undefined, admin)
    await erase(...(await ask('GET', '/volumes')).body.volumes.map((x: any) => x.id))
  })
  it('the service is listed, and disabled takes no more', async () => {
    const service = async () => (await ask('GET', '/os-services?binary=cinder-backup', undefined, admin)).body.services
    expect(await service()).toMatchObject([{ binary: 'cinder-backup', state: 'up', status: 'enabled' }])
    const v = await volume(), turn = (word: string) => ask('PUT', `/os-services/${word}`, { host: 'virga', binary: 'cinder-backup' }, admin)
    await turn('disable')
    expect(refused(await ask('POST', '/backups', { backup: { volume_id: v } }))).toEqual([400, expect.stringContaining('disabled')])
    await turn('enable')
    expect((await ask('GET', '/extensions')).body.extensions.map((e: any) => e.alias)).toContain('backups')
    await erase(v)
  })
})
