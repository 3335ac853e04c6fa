import { beforeAll, describe, expect, it } from 'vitest'
import { cloud, type Cloud } from '../../../tests/harness/cloud.ts'
import { error, must, operator } from '../test-kit.ts'

let c: Cloud, op: Awaited<ReturnType<typeof operator>>
beforeAll(async () => { c = await cloud(); op = await operator(c) })

describe('the service', () => {
  it('says its versions to anyone, with and without a slash', async () => {
    for (const path of ['/placement', '/placement/']) {
      const r = await c.call('GET', path)
      expect(r.status).toBe(200)
      expect(r.body.versions[0]).toMatchObject({ id: 'v1.0', min_version: '1.0', max_version: '1.39', status: 'CURRENT' })
    }
  })
  it('refuses versions it does not have, and names its range', async () => {
    const r = await op.ask('GET', '/resource_providers', undefined, '1.40')
    expect(r.status).toBe(406)
    expect(error(r)).toMatchObject({ status: 406, max_version: '1.39', min_version: '1.0' })
  })
  it('tells failures with a code from 1.23 on', async () => {
    const path = `/resource_providers/${crypto.randomUUID()}`
    const old = error(await op.ask('GET', path, undefined, '1.22')), now = await op.ask('GET', path)
    expect(old).not.toHaveProperty('code')
    expect(error(now)).toMatchObject({ status: 404, title: 'Not Found', code: 'placement.undefined_code', request_id: now.headers.get('x-openstack-request-id') })
    expect(now.headers.get('openstack-api-version')).toBe('placement 1.39')
  })
  it('is for operators and services', async () => {
    expect((await c.call('GET', '/placement/resource_providers', { token: await c.demo() })).status).toBe(403)
  })
})

describe('providers', () => {
  it('are created in the ways of their versions', async () => {
    const old = await op.ask('POST', '/resource_providers', { name: 'old' }, '1.19')
    expect([old.status, old.text]).toEqual([201, ''])
    const id = /resource_providers\/([0-9a-f-]{36})$/.exec(old.headers.get('location')!)![1]
    const r = await op.ask('GET', `/resource_providers/${id}`, undefined, '1.0')
    expect(Object.keys(r.body).sort()).toEqual(['generation', 'links', 'name', 'uuid'])
    expect(r.body.links.map((l: { rel: string }) => l.rel)).toEqual(['self', 'inventories', 'usages'])
    expect(r.headers.get('last-modified')).toBeNull()
    const now = await op.ask('POST', '/resource_providers', { name: 'now', uuid: 'ABCDEF00aaaa4000800000000000000f' })
    expect(now.status).toBe(200)
    expect(now.body).toMatchObject({ uuid: 'abcdef00-aaaa-4000-8000-00000000000f', generation: 0, parent_provider_uuid: null, root_provider_uuid: 'abcdef00-aaaa-4000-8000-00000000000f' })
    expect(now.body.links).toHaveLength(6)
    expect(now.headers.get('cache-control')).toBe('no-cache')
  })
  it('have names and ids of their own', async () => {
    const id = await op.provider('twice')
    for (const body of [{ name: 'twice' }, { name: 'other', uuid: id }]) {
      const r = await op.ask('POST', '/resource_providers', body)
      expect(r.status).toBe(409)
      expect(error(r).code).toBe('placement.duplicate_name')
    }
  })
  it('refuse what their version does not know, by name', async () => {
    const r = await op.ask('POST', '/resource_providers', { name: 'x', parent_provider_uuid: null }, '1.13')
    expect(r.status).toBe(400)
    expect(error(r).detail).toContain('parent_provider_uuid')
    expect(error(await op.ask('GET', '/resource_providers?required=HW_CPU_X86_VMX', undefined, '1.17')).detail).toContain('required')
  })
  it('form trees that move as a whole, without loops', async () => {
    const [a, b] = [await op.provider('tree-a'), await op.provider('tree-b')]
    const child = await op.provider('tree-a-child', {}, { parent: a }), leaf = await op.provider('tree-a-leaf', {}, { parent: child })
    expect((await op.show(leaf)).root_provider_uuid).toBe(a)
    const move = (id: string, name: string, to: string | null, version?: string) => op.ask('PUT', `/resource_providers/${id}`, { name, parent_provider_uuid: to }, version)
    expect((await move(child, 'tree-a-child', b, '1.36')).status).toBe(400)
    expect((await move(a, 'tree-a', leaf)).status).toBe(400)
    expect((await move(a, 'tree-a', a)).status).toBe(400)
    expect((await move(a, 'tree-a', crypto.randomUUID())).status).toBe(400)
    expect((await move(child, 'tree-b-child', b)).body).toMatchObject({ name: 'tree-b-child', parent_provider_uuid: b, root_provider_uuid: b })
    expect((await op.show(leaf)).root_provider_uuid).toBe(b)
    expect((await op.ask('GET', `/resource_providers?in_tree=${leaf}`)).body.resource_providers.map((p: { name: string }) => p.name)).toEqual(['tree-b', 'tree-b-child', 'tree-a-leaf'])
    const busy = await op.ask('DELETE', `/resource_providers/${child}`)
    expect([busy.status, error(busy).code]).toEqual([409, 'placement.resource_provider.cannot_delete_parent'])
    expect((await move(leaf, 'tree-a-leaf', null)).body.root_provider_uuid).toBe(leaf)
    expect((await op.ask('DELETE', `/resource_providers/${child}`)).status).toBe(204)
    expect((await op.ask('DELETE', `/resource_providers/${child}`)).status).toBe(404)
  })
  it('are found by name, room, traits and aggregates', async () => {
    const g = crypto.randomUUID(), h = crypto.randomUUID()
    const one = await op.provider('find-1', { VGPU: 4 }, { traits: ['HW_CPU_X86_VMX'], aggregates: [g] }), two = await op.provider('find-2', { VGPU: 8 }, { traits: ['STORAGE_DISK_SSD'], aggregates: [g, h] })
    const find = async (query: string, version?: string) => { const r = await op.ask('GET', `/resource_providers?${query}`, undefined, version); return r.status === 200 ? r.body.resource_providers.map((p: { uuid: string }) => p.uuid) : r.status }
    expect(await find('name=find-1')).toEqual([one])
    expect(await find(`uuid=${two}`)).toEqual([two])
    expect(await find('resources=VGPU:4')).toEqual([one, two])
    expect(await find('resources=VGPU:5')).toEqual([two])
    expect(await find('resources=CUSTOM_NONE:1')).toBe(400)
    expect(await find('resources=VGPU:0')).toBe(400)
    expect(await find('required=HW_CPU_X86_VMX')).toEqual([one])
    expect(await find('required=!HW_CPU_X86_VMX&resources=VGPU:1')).toEqual([two])
    expect(await find('required=in:HW_CPU_X86_VMX,STORAGE_DISK_SSD')).toEqual([one, two])
    expect(await find('required=in:HW_CPU_X86_VMX,STORAGE_DISK_SSD', '1.38')).toBe(400)
    expect(await find('required=NO_SUCH')).toBe(400)
    expect(await find(`member_of=${g}&member_of=${h}`)).toEqual([two])
    expect(await find(`member_of=${g}&member_of=${h}`, '1.23')).toBe(400)
    expect(await find(`member_of=in:${g},${h}`)).toEqual([one, two])
    expect(await find(`member_of=${g}&member_of=!${h}`)).toEqual([one])
    expect(await find('member_of=nonsense')).toBe(400)
  })
  it('answer aggregates as their version says', async () => {
    const id = await op.provider('agg'), g = crypto.randomUUID(), path = `/resource_providers/${id}/aggregates`
    expect((await op.ask('PUT', path, [g], '1.18')).body).toEqual({ aggregates: [g] })
    expect((await op.ask('GET', path)).body).toEqual({ aggregates: [g], resource_provider_generation: 0 })
    expect((await must(op.ask('PUT', path, { aggregates: [], resource_provider_generation: 0 }))).body).toEqual({ aggregates: [], resource_provider_generation: 1 })
    expect((await op.ask('PUT', path, { aggregates: [], resource_provider_generation: 0 })).status).toBe(409)
    expect((await op.ask('GET', path, undefined, '1.0')).status).toBe(404)
  })
})

describe('a host', () => {
  it('is a provider by its id and name, and neither is to be changed or deleted', async () => {
    const host = await c.host('rp-host')
    expect(await op.show(host.id)).toMatchObject({ uuid: host.id, name: 'rp-host', parent_provider_uuid: null })
    expect((await op.ask('PUT', `/resource_providers/${host.id}`, { name: 'rp-host' })).status).toBe(200)
    expect((await op.ask('PUT', `/resource_providers/${host.id}`, { name: 'other' })).status).toBe(409)
    expect((await op.ask('DELETE', `/resource_providers/${host.id}`)).status).toBe(409)
  })
  it('takes what is nested under it along when it goes', async () => {
    const host = await c.host('rp-gone'), nested = await op.provider('rp-gone-part', { VGPU: 2 }, { parent: host.id }), other = await op.provider('rp-stays', { VGPU: 2 })
    const only = crypto.randomUUID(), both = crypto.randomUUID()
    await must(op.hold(only, { [nested]: { VGPU: 1 } }))
    await must(op.hold(both, { [nested]: { VGPU: 1 }, [other]: { VGPU: 1 } }))
    const token = await c.admin(), services = (await c.call('GET', '/compute/v2.1/os-services?host=rp-gone', { token, version: 'compute 2.53' })).body.services
    expect((await c.call('DELETE', `/compute/v2.1/os-services/${services[0].id}`, { token, version: 'compute 2.53' })).status).toBe(204)
    expect((await op.ask('GET', `/resource_providers/${nested}`)).status).toBe(404)
    expect((await op.ask('GET', `/allocations/${only}`)).body).toEqual({ allocations: {} })
    expect(Object.keys((await op.ask('GET', `/allocations/${both}`)).body.allocations)).toEqual([other])
  })
})
