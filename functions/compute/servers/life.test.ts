import { eq } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { allocation } from '../../../schema/placement.ts'
import { server, flavor } from '../../../schema/compute.ts'
import { image } from '../../../schema/image.ts'
import { cloud } from '../../../tests/harness/cloud.ts'
import { q } from '../../kernel/db.ts'

const c = await cloud()
const host = await c.host()
const demo = await c.demo(), V = 'compute 2.96'
const IMAGE = crypto.randomUUID()
await c.db().write([q.insert(image).values({ id: IMAGE, name: 'tiny', status: 'active', visibility: 'public', diskFormat: 'qcow2', containerFormat: 'bare', size: 65536, virtualSize: 1 << 20, sha512: 'a'.repeat(128), properties: {}, createdAt: 1, updatedAt: 1 })])
const create = (more: object = {}, headers = V) => c.call('POST', '/compute/v2.1/servers', { token: demo, version: headers, body: { server: { name: 'one', flavorRef: '1', imageRef: IMAGE, networks: 'none', ...more } } })
const show = async (id: string) => (await c.call('GET', `/compute/v2.1/servers/${id}`, { token: demo, version: V })).body.server

describe('a server', () => {
  it('is created with one read and one write, boots, and is deleted without a trace', async () => {
    // The service is loaded by its first request, which may take longer than what was just looked at counts as such.
    await show(IMAGE)
    await c.quiet(demo)
    const r = await create()
    expect(r.text).toContain('adminPass')
    expect([r.status, r.trips.split(' ').slice(0, 2).join(' ')]).toEqual([202, '1r 1w'])
    const id = r.body.server.id
    expect((await show(id)).status).toBe('BUILD')
    await host.work()
    expect(host.log.map((j) => j.kind)).toEqual(['disk.create', 'domain.start'])
    expect(await show(id)).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:power_state': 1, name: 'one' })
    await c.quiet(demo)
    const list = await c.call('GET', '/compute/v2.1/servers/detail', { token: demo, version: V })
    expect([list.status, list.trips.split(' ').slice(0, 2).join(' ')]).toEqual([200, '1r 0w'])
    expect((await c.call('DELETE', `/compute/v2.1/servers/${id}`, { token: demo })).status).toBe(204)
    expect((await show(id))['OS-EXT-STS:task_state']).toBe('deleting')
    await host.work()
    expect(await show(id)).toBeUndefined()
    const [rows, held] = await c.db().read([q.select().from(server), q.select().from(allocation)])
    expect([rows.length, held.length]).toEqual([0, 0])
  })

  it('shows what it was given to an admin, alone and in lists, and in lists to nobody else', async () => {
    const { id } = (await create({ user_data: 'aGVsbG8=' })).body.server, admin = await c.admin()
    const all = async (token: string, version: string) => (await c.call('GET', '/compute/v2.1/servers/detail?all_tenants=1'.replace(token === admin ? '' : '?all_tenants=1', ''), { token, version })).body.servers.find((s: { id: string }) => s.id === id)
    expect((await c.call('GET', `/compute/v2.1/servers/${id}`, { token: admin, version: V })).body.server['OS-EXT-SRV-ATTR:user_data']).toBe('aGVsbG8=')
    expect([(await all(admin, V))['OS-EXT-SRV-ATTR:user_data'], 'OS-EXT-SRV-ATTR:user_data' in await all(admin, 'compute 2.2'), 'OS-EXT-SRV-ATTR:user_data' in await all(demo, V)]).toEqual(['aGVsbG8=', false, false])
    await host.work()
    await c.call('DELETE', `/compute/v2.1/servers/${id}`, { token: demo })
    await host.work()
  })

  it('goes to the host an admin names; others may not choose', async () => {
    const { name } = host
    const ask = async (token: string, named: string) => c.call('POST', '/compute/v2.1/servers', { token, version: V, body: { server: { name: 'placed', flavorRef: '1', imageRef: IMAGE, networks: 'none', host: named } } })
    expect((await ask(demo, name)).status).toBe(403)
    const r = await ask(await c.admin(), name)
    expect(r.status, r.text).toBe(202)
    await host.work()
    const { server: made } = (await c.call('GET', `/compute/v2.1/servers/${r.body.server.id}`, { token: await c.admin(), version: V })).body
    expect(made).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': name })
    await c.call('DELETE', `/compute/v2.1/servers/${made.id}`, { token: await c.admin() })
    await host.work()
  })

  it('that no host can take is in ERROR with a fault, and can be deleted', async () => {
    await c.db().write([q.insert(flavor).values({ id: 'huge', name: 'huge', vcpus: 1, memoryMb: 1 << 15, diskGb: 5000, extraSpecs: {}, createdAt: 1 })])
    const r = await create({ flavorRef: 'huge' })
    expect([r.status, r.text]).toEqual([202, expect.any(String)])
    const s = await show(r.body.server.id)
    expect(s).toMatchObject({ status: 'ERROR', fault: { code: 500, message: expect.stringMatching(/^No valid host was found\..*req-/) } })
    expect((await c.call('DELETE', `/compute/v2.1/servers/${s.id}`, { token: demo })).status).toBe(204)
    expect(await show(s.id)).toBeUndefined()
  })

  it('whose host fails is in ERROR, says why, and leaves nothing on the host', async () => {
    host.on['domain.start'] = () => { throw new Error('out of taps') }
    const { body: { server: { id } } } = await create()
    await host.work()
    delete host.on['domain.start']
    expect(await show(id)).toMatchObject({ status: 'ERROR', fault: { message: expect.stringContaining('out of taps') } })
    expect(host.disks.size).toBe(0)
    await c.call('DELETE', `/compute/v2.1/servers/${id}`, { token: demo })
    await host.work()
    expect(await show(id)).toBeUndefined()
    expect((await c.db().read([q.select().from(allocation).where(eq(allocation.consumer, id))]))[0]).toEqual([])
  })
})
