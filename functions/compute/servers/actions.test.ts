import { beforeAll, describe, expect, it } from 'vitest'
import { eq, sql } from 'drizzle-orm'
import { cloud } from '../../../tests/harness/cloud.ts'
import { allocation, providerUsage } from '../../../schema/placement.ts'
import { flavor } from '../../../schema/compute.ts'
import { image } from '../../../schema/image.ts'
import { q } from '../../kernel/db.ts'

const c = await cloud(), V = 'compute 2.96', IMAGE = crypto.randomUUID()
const hosts = [await c.host('one', { vcpus: 2, memoryMb: 4096, diskGb: 60 }), await c.host('two', { vcpus: 2, memoryMb: 4096, diskGb: 60 }), await c.host('three', { vcpus: 2, memoryMb: 4096, diskGb: 60 })]
const token = await c.demo()
await c.db().write([
  q.insert(image).values({ id: IMAGE, name: 'tiny', status: 'active', visibility: 'public', diskFormat: 'qcow2', containerFormat: 'bare', size: 65536, virtualSize: 1 << 20, sha512: 'a'.repeat(128), properties: {}, createdAt: 1, updatedAt: 1 }),
  q.insert(flavor).values({ id: 'big', name: 'big', vcpus: 2, memoryMb: 2048, diskGb: 30, extraSpecs: {}, createdAt: 1 }),
])
const call = (method: string, path: string, body?: unknown, version = V) => c.call(method, `/compute/v2.1${path}`, { token, version, body })
const create = async (more: object = {}, hints?: object) => (await call('POST', '/servers', { server: { name: 's', flavorRef: '1', imageRef: IMAGE, networks: 'none', ...more }, ...(hints ? { 'os:scheduler_hints': hints } : {}) }))
const show = async (id: string) => (await call('GET', `/servers/${id}`)).body?.server
const work = async () => { for (let n = 1; n;) { n = 0; for (const h of hosts) n += await h.work(); await c.settle() } }
const act = async (id: string, body: object) => { const r = await call('POST', `/servers/${id}/action`, body); await work(); return r.status }
const clear = async () => { for (const s of (await call('GET', '/servers')).body.servers) await call('DELETE', `/servers/${s.id}`); await work() }

it('says of an image that its server was deleted before it was there', async () => {
  const { id } = (await create()).body.server
  await work()
  const made = await call('POST', `/servers/${id}/action`, { createImage: { name: 'cut short' } })
  await call('DELETE', `/servers/${id}`)
  await work()
  const [[row]] = await c.db().read([q.select().from(image).where(eq(image.id, made.body.image_id))])
  expect(row).toMatchObject({ status: 'killed', properties: { failure: 'The server was deleted.' } })
})

it('is asked to power itself off for as long as its image says, whatever it is stopped for', async () => {
  const graces = async (said: string, ...bodies: object[]) => {
    const id = crypto.randomUUID()
    await c.db().write([q.insert(image).values({ id, name: said, status: 'active', visibility: 'public', diskFormat: 'qcow2', containerFormat: 'bare', size: 65536, virtualSize: 1 << 20, sha512: 'a'.repeat(128), properties: { os_shutdown_timeout: said }, createdAt: 1, updatedAt: 1 })])
    const made = (await create({ imageRef: id })).body.server.id
    await work()
    for (const body of bodies) expect([body, await act(made, body)]).toEqual([body, expect.closeTo(202, -1)])
    return hosts.flatMap((h) => h.log).filter((j) => j.kind === 'domain.stop' && (j.args as { uuid: string }).uuid === made).map((j) => (j.args as { graceSeconds: number }).graceSeconds)
  }
  expect(await graces('7', { 'os-stop': null }, { 'os-start': null }, { resize: { flavorRef: 'big' } }, { confirmResize: null }, { rescue: {} }, { unrescue: null }, { shelve: null })).toEqual([7, 7, 7, 0, 7])
  for (const [said, meant] of [['0', 0], ['900', 300], ['soon', 60]] as const) expect(await graces(said, { 'os-stop': null })).toEqual([meant])
  await clear()
})

it('is not remade while an interface leaves it, however close the two requests are', async () => {
  const network = (await c.call('POST', '/network/v2.0/networks', { token, body: { network: { name: 'n' } } })).body.network.id
  await c.call('POST', '/network/v2.0/subnets', { token, body: { subnet: { network_id: network, ip_version: 4, cidr: '10.5.0.0/24' } } })
  const { id } = (await create({ networks: [{ uuid: network }, { uuid: network }] })).body.server
  await work()
  const [{ port_id: port }] = (await call('GET', `/servers/${id}/os-interface`)).body.interfaceAttachments
  expect((await call('DELETE', `/servers/${id}/os-interface/${port}`)).status).toBe(202)
  expect((await call('POST', `/servers/${id}/action`, { reboot: { type: 'HARD' } })).status).toBe(409)
  await work()
  const { interfaceAttachments: [{ port_id: last }] } = (await call('GET', `/servers/${id}/os-interface`)).body
  const both = await Promise.all([call('DELETE', `/servers/${id}/os-interface/${last}`), call('POST', `/servers/${id}/action`, { reboot: { type: 'HARD' } })])
  expect(both.map((r) => r.status).sort()).toEqual([202, 409])
  await work()
  expect(await act(id, { reboot: { type: 'HARD' } })).toBe(202)
  expect((await show(id)).status).toBe('ACTIVE')
  await call('DELETE', `/servers/${id}`)
  await work()
})

describe('actions', () => {
  let id = ''
  beforeAll(async () => { id = (await create()).body.server.id; await work() })
  it.each([
    [{ 'os-stop': null }, 202, 'SHUTOFF'], [{ 'os-stop': null }, 409, 'SHUTOFF'], [{ 'os-start': null }, 202, 'ACTIVE'], [{ pause: null }, 202, 'PAUSED'], [{ 'os-stop': null }, 409, 'PAUSED'], [{ unpause: null }, 202, 'ACTIVE'],
    [{ suspend: null }, 202, 'SUSPENDED'], [{ resume: null }, 202, 'ACTIVE'], [{ reboot: { type: 'SOFT' } }, 202, 'ACTIVE'], [{ reboot: { type: 'HARD' } }, 202, 'ACTIVE'], [{ rebuild: { imageRef: IMAGE } }, 202, 'ACTIVE'],
    [{ rescue: null }, 200, 'RESCUE'], [{ unrescue: null }, 202, 'ACTIVE'], [{ createImage: { name: 'copy' } }, 202, 'ACTIVE'], [{ resize: { flavorRef: '1' } }, 400, 'ACTIVE'], [{ resize: { flavorRef: 'big' } }, 202, 'VERIFY_RESIZE'], [{ revertResize: null }, 202, 'ACTIVE'],
    [{ resize: { flavorRef: 'big' } }, 202, 'VERIFY_RESIZE'], [{ confirmResize: null }, 204, 'ACTIVE'], [{ shelve: null }, 202, 'SHELVED_OFFLOADED'], [{ unshelve: null }, 202, 'ACTIVE'], [{ lock: null }, 202, 'ACTIVE'], [{ unlock: null }, 202, 'ACTIVE'], [{ 'no-such': null }, 400, 'ACTIVE'],
  ] as [object, number, string][])('%j answers %i and leaves it %s', async (body, status, then) => {
    expect(await act(id, body)).toBe(status)
    const s = await show(id)
    expect([s.status, s['OS-EXT-STS:task_state']]).toEqual([then, null])
  })
  it('hold on the host what its shape takes, no more and no less', async () => {
    const [rows] = await c.db().read([q.select().from(allocation).where(eq(allocation.consumer, id))])
    expect(Object.fromEntries(rows.map((r) => [r.class, r.used]))).toEqual({ VCPU: 2, MEMORY_MB: 2048, DISK_GB: 30 })
  })
  it('are told by its timeline, after it is gone too', async () => {
    await clear()
    const { body } = await call('GET', `/servers/${id}/os-instance-actions`)
    expect(body.instanceActions.map((a: any) => a.action)).toEqual(expect.arrayContaining(['create', 'stop', 'start', 'reboot', 'rebuild', 'resize', 'delete']))
    expect((await c.db().read([q.select().from(allocation)]))[0]).toEqual([])
    expect((await c.db().read([q.select({ n: sql<number>`sum(${providerUsage.used})` }).from(providerUsage)]))[0][0].n).toBe(0)
    for (const h of hosts) expect([...h.disks], h.name).toEqual([])
  })
})

describe('placing many at once', () => {
  it('never breaks an anti-affinity group, and says so to those it cannot place', async () => {
    const { body } = await call('POST', '/os-server-groups', { server_group: { name: 'apart', policy: 'anti-affinity' } })
    await c.call('PUT', `/compute/v2.1/os-quota-sets/${(await create()).body && (await show((await call('GET', '/servers')).body.servers[0].id)).tenant_id}`, { token: await c.admin(), body: { quota_set: { server_group_members: -1, instances: -1, cores: -1, ram: -1 } } })
    const answers = await Promise.all(Array.from({ length: 30 }, () => create({}, { group: body.server_group.id })))
    expect(new Set(answers.map((a) => a.status))).toEqual(new Set([202]))
    await work()
    const made = await Promise.all(answers.map((a) => show(a.body.server.id)))
    expect(made.filter((s) => s.status === 'ACTIVE').length).toBe(3)
    expect(new Set(made.filter((s) => s.status === 'ACTIVE').map((s) => s.hostId)).size).toBe(3)
    expect(made.filter((s) => s.status === 'ERROR').every((s) => /No valid host was found/.test(s.fault.message))).toBe(true)
    await clear()
  })
  it('never gives out more than hosts have', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => create({ flavorRef: 'big' })))
    expect(new Set(answers.map((a) => a.status))).toEqual(new Set([202]))
    await work()
    const made = await Promise.all(answers.map((a) => show(a.body.server.id)))
    // 60 GB of disk each: two of 30 GB fit on each of three hosts.
    expect(made.filter((s) => s.status === 'ACTIVE').length).toBe(6)
    const [rows] = await c.db().read([q.select().from(providerUsage).where(eq(providerUsage.class, 'DISK_GB'))])
    expect(rows.every((r) => r.used <= 60)).toBe(true)
    await clear()
  })
})
