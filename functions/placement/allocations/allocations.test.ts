import { beforeAll, describe, expect, it } from 'vitest'
import { cloud, type Cloud } from '../../../tests/harness/cloud.ts'
import { error, must, operator } from '../test-kit.ts'

let c: Cloud, op: Awaited<ReturnType<typeof operator>>
beforeAll(async () => { c = await cloud(); op = await operator(c) })
const id = () => crypto.randomUUID()

describe('allocations', () => {
  it('are said and shown as their version has it', async () => {
    const p = await op.provider('al', { VGPU: 10 }), who = id()
    expect((await op.ask('PUT', `/allocations/${who}`, { allocations: [{ resource_provider: { uuid: p }, resources: { VGPU: 1 } }] }, '1.7')).status).toBe(204)
    expect((await op.ask('GET', `/allocations/${who}`, undefined, '1.11')).body).toEqual({ allocations: { [p]: { generation: 2, resources: { VGPU: 1 } } } })
    expect((await op.ask('PUT', `/allocations/${who}`, { allocations: { [p]: { resources: { VGPU: 2 } } }, project_id: 'p', user_id: 'u' }, '1.12')).status).toBe(204)
    expect((await op.ask('GET', `/allocations/${who}`, undefined, '1.28')).body).toEqual({ allocations: { [p]: { generation: 3, resources: { VGPU: 2 } } }, project_id: 'p', user_id: 'u', consumer_generation: 2 })
    expect((await op.ask('GET', `/allocations/${who}`)).body.consumer_type).toBe('unknown')
    expect((await op.ask('GET', `/resource_providers/${p}/allocations`)).body).toEqual({ resource_provider_generation: 3, allocations: { [who]: { resources: { VGPU: 2 }, consumer_generation: 2 } } })
    expect((await op.ask('DELETE', `/allocations/${who}`)).status).toBe(204)
    expect((await op.ask('DELETE', `/allocations/${who}`)).status).toBe(404)
    expect((await op.ask('GET', `/allocations/${who}`)).body).toEqual({ allocations: {} })
  })
  it('demand the generation of the consumer from 1.28 on', async () => {
    const p = await op.provider('al-gen', { VGPU: 10 }), who = id()
    expect(error(await op.hold(who, { [p]: { VGPU: 1 } }, 1)).code).toBe('placement.concurrent_update')
    expect((await op.hold(who, { [p]: { VGPU: 1 } }, null)).status).toBe(204)
    expect((await op.hold(who, { [p]: { VGPU: 2 } }, null)).status).toBe(409)
    expect((await op.hold(who, { [p]: { VGPU: 2 } }, 1)).status).toBe(204)
    expect((await op.hold(who, {}, 2)).status).toBe(204)
    expect((await op.hold(who, { [p]: { VGPU: 2 } }, null)).status).toBe(204)
  })
  it('never exceed what there is, nor break its units', async () => {
    const p = await op.provider('al-room'), path = `/resource_providers/${p}/inventories`
    await must(op.ask('POST', path, { resource_class: 'VGPU', total: 10, reserved: 2, allocation_ratio: 1.5, min_unit: 2, max_unit: 8, step_size: 2 }))
    for (const n of [1, 3, 10]) expect((await op.hold(id(), { [p]: { VGPU: n } })).status).toBe(409)
    expect((await op.hold(id(), { [p]: { VGPU: 8 } })).status).toBe(204)
    expect(error(await op.hold(id(), { [p]: { VGPU: 6 } })).detail).toContain('capacity')
    expect((await op.hold(id(), { [p]: { VGPU: 4 } })).status).toBe(204)
    expect((await op.hold(id(), { [p]: { PGPU: 1 } })).status).toBe(409)
    expect((await op.hold(id(), { [p]: { CUSTOM_NONE: 1 } })).status).toBe(400)
    expect((await op.hold(id(), { [id()]: { VGPU: 2 } })).status).toBe(400)
    expect((await op.hold('no-uuid', { [p]: { VGPU: 2 } })).status).toBe(400)
  })
  it('by many at once go to as many as there is room for', async () => {
    const p = await op.provider('al-race', { VGPU: 5 })
    const all = await Promise.all(Array.from({ length: 12 }, () => op.hold(id(), { [p]: { VGPU: 1 } })))
    expect(all.map((r) => r.status).sort()).toEqual([...Array(5).fill(204), ...Array(7).fill(409)])
    expect((await op.ask('GET', `/resource_providers/${p}/usages`)).body.usages).toEqual({ VGPU: 5 })
  })
  it('can shrink where too much was promised', async () => {
    const p = await op.provider('al-over', { VGPU: 10 }), who = id()
    await must(op.hold(who, { [p]: { VGPU: 9 } }))
    await must(op.ask('PUT', `/resource_providers/${p}/inventories/VGPU`, { total: 10, allocation_ratio: 0.5, resource_provider_generation: (await op.show(p)).generation }))
    expect((await op.hold(who, { [p]: { VGPU: 10 } }, 1)).status).toBe(409)
    expect((await op.hold(who, { [p]: { VGPU: 8 } }, 1)).status).toBe(204)
    await must(op.hold(who, {}, 2))
  })
  it('of several consumers change at once or not at all', async () => {
    const [p, r] = [await op.provider('al-many-1', { VGPU: 2 }), await op.provider('al-many-2', { VGPU: 2 })], [a, b] = [id(), id()]
    const said = (provider: string | undefined, n: number, generation: number | null) => ({ allocations: provider ? { [provider]: { resources: { VGPU: n } } } : {}, project_id: 'p', user_id: 'u', consumer_generation: generation, consumer_type: 'MIGRATION' })
    await must(op.ask('POST', '/allocations', { [a]: said(p, 2, null) }))
    expect((await op.ask('POST', '/allocations', { [a]: said(r, 2, 1), [b]: said(p, 3, null) })).status).toBe(409)
    expect(Object.keys((await op.ask('GET', `/allocations/${a}`)).body.allocations)).toEqual([p])
    expect((await op.ask('POST', '/allocations', { [a]: said(r, 2, 1), [b]: said(p, 2, null) })).status).toBe(204)
    expect(Object.keys((await op.ask('GET', `/allocations/${a}`)).body.allocations)).toEqual([r])
    expect((await op.ask('POST', '/allocations', { [a]: said(undefined, 0, 2), [b]: said(undefined, 0, 1) })).status).toBe(204)
    expect((await op.ask('GET', `/allocations/${b}`)).body).toEqual({ allocations: {} })
  })
  it("of a server are its flavor's", async () => {
    const host = await c.host('al-host'), token = await c.demo()
    const flavor = (await c.call('GET', '/compute/v2.1/flavors', { token })).body.flavors[0].id
    const image = (await must(c.call('POST', '/image/v2/images', { token, body: { name: 'i', disk_format: 'raw', container_format: 'bare' } }))).body.id
    await must(c.call('PUT', `/image/v2/images/${image}/file`, { token, raw: new Uint8Array(512), headers: { 'content-type': 'application/octet-stream' } }))
    const { server } = (await must(c.call('POST', '/compute/v2.1/servers', { token, version: 'compute 2.90', body: { server: { name: 's', flavorRef: flavor, imageRef: image, networks: 'none' } } }))).body
    await host.work()
    const now = (await op.ask('GET', `/allocations/${server.id}`)).body
    expect(now.consumer_type).toBe('INSTANCE')
    const { [host.id]: own } = now.allocations, put = (allocations: object) => op.ask('PUT', `/allocations/${server.id}`, { ...now, allocations })
    expect(own.resources.VCPU).toBe(1)
    expect((await op.ask('DELETE', `/allocations/${server.id}`)).status).toBe(409)
    expect((await put({})).status).toBe(409)
    expect((await put({ [host.id]: { resources: { ...own.resources, VCPU: 2 } } })).status).toBe(409)
    await must(op.ask('POST', `/resource_providers/${host.id}/inventories`, { resource_class: 'VGPU', total: 2 }))
    expect((await put({ [host.id]: { resources: { ...own.resources, VGPU: 1 } } })).status).toBe(204)
    const { usages } = (await c.call('GET', `/placement/usages?project_id=${now.project_id}`, { token, version: 'placement 1.38' })).body
    expect(usages.INSTANCE).toMatchObject({ VCPU: 1, VGPU: 1, consumer_count: 1 })
    await must(c.call('DELETE', `/compute/v2.1/servers/${server.id}`, { token }))
    await host.work()
    expect((await op.ask('GET', `/allocations/${server.id}`)).body).toEqual({ allocations: {} })
  })
})

describe('usages', () => {
  it('of a project are its own to see, by consumer type from 1.38 on', async () => {
    const p = await op.provider('us', { VGPU: 10 })
    await must(op.hold(id(), { [p]: { VGPU: 1 } }, null, { project_id: 'us-p' }))
    await must(op.hold(id(), { [p]: { VGPU: 2 } }, null, { project_id: 'us-p', user_id: 'u2' }))
    await must(op.ask('PUT', `/allocations/${id()}`, { allocations: { [p]: { resources: { VGPU: 4 } } }, project_id: 'us-p', user_id: 'u2' }, '1.12'))
    const usages = async (query: string, version?: string) => (await op.ask('GET', `/usages?project_id=us-p${query}`, undefined, version)).body.usages
    expect(await usages('', '1.9')).toEqual({ VGPU: 7 })
    expect(await usages('&user_id=u2', '1.9')).toEqual({ VGPU: 6 })
    expect(await usages('')).toEqual({ TEST: { VGPU: 3, consumer_count: 2 }, unknown: { VGPU: 4, consumer_count: 1 } })
    expect(await usages('&consumer_type=all')).toEqual({ all: { VGPU: 7, consumer_count: 3 } })
    expect(await usages('&consumer_type=unknown')).toEqual({ unknown: { VGPU: 4, consumer_count: 1 } })
    expect((await op.ask('GET', '/usages')).status).toBe(400)
    const token = await c.demo()
    expect((await c.call('GET', '/placement/usages?project_id=us-p', { token, version: 'placement 1.9' })).status).toBe(403)
  })
})

describe('the reshaper', () => {
  it('moves inventory and what is held of it at once', async () => {
    const root = await op.provider('re-root', { VGPU: 4, PGPU: 1 }), child = await op.provider('re-child', {}, { parent: root }), who = id()
    await must(op.hold(who, { [root]: { VGPU: 3 } }))
    const generation = (await op.show(root)).generation
    const body = (consumers: object) => ({
      inventories: { [root]: { resource_provider_generation: generation, inventories: { PGPU: { total: 1 } } }, [child]: { resource_provider_generation: 0, inventories: { VGPU: { total: 4 } } } }, allocations: consumers,
    })
    const moved = { [who]: { allocations: { [child]: { resources: { VGPU: 3 } } }, project_id: 'p', user_id: 'u', consumer_generation: 1, consumer_type: 'TEST' } }
    const left = await op.ask('POST', '/reshaper', body({}))
    expect([left.status, error(left).code]).toEqual([409, 'placement.inventory.inuse'])
    expect((await op.ask('POST', '/reshaper', body(moved))).status).toBe(204)
    expect((await op.ask('GET', `/resource_providers/${child}/usages`)).body).toEqual({ resource_provider_generation: 1, usages: { VGPU: 3 } })
    expect(Object.keys((await op.inventories(root)).inventories)).toEqual(['PGPU'])
    expect((await op.ask('POST', '/reshaper', body(moved))).status).toBe(409)
    expect((await op.ask('POST', '/reshaper', body(moved), '1.29')).status).toBe(404)
  })
})
