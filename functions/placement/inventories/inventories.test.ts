import { beforeAll, describe, expect, it } from 'vitest'
import { cloud, type Cloud } from '../../../tests/harness/cloud.ts'
import { error, must, operator } from '../test-kit.ts'

let c: Cloud, op: Awaited<ReturnType<typeof operator>>
beforeAll(async () => { c = await cloud(); op = await operator(c) })

describe('inventories', () => {
  it('are added, changed, replaced and removed, each from the newest generation', async () => {
    const id = await op.provider('inv'), path = `/resource_providers/${id}/inventories`
    const made = await op.ask('POST', path, { resource_class: 'VGPU', total: 10, reserved: 2 })
    expect(made.status).toBe(201)
    expect(made.body).toEqual({ total: 10, reserved: 2, min_unit: 1, max_unit: 2147483647, step_size: 1, allocation_ratio: 1, resource_provider_generation: 1 })
    expect(made.headers.get('location')).toBe(`http://cloud.test/placement${path}/VGPU`)
    expect((await op.ask('POST', path, { resource_class: 'VGPU', total: 10 })).status).toBe(409)
    const stale = await op.ask('PUT', `${path}/VGPU`, { total: 4, resource_provider_generation: 0 })
    expect([stale.status, error(stale).code]).toEqual([409, 'placement.concurrent_update'])
    expect((await op.ask('PUT', `${path}/VGPU`, { total: 4, allocation_ratio: 2.5, resource_provider_generation: 1 })).body).toMatchObject({ total: 4, reserved: 0, allocation_ratio: 2.5, resource_provider_generation: 2 })
    expect((await op.ask('PUT', `${path}/PGPU`, { total: 4, resource_provider_generation: 2 })).status).toBe(400)
    expect((await op.ask('PUT', path, { resource_provider_generation: 2, inventories: { PGPU: { total: 1 } } })).body.inventories).toEqual({ PGPU: { total: 1, reserved: 0, min_unit: 1, max_unit: 2147483647, step_size: 1, allocation_ratio: 1 } })
    expect((await op.ask('GET', `${path}/VGPU`)).status).toBe(404)
    expect((await op.ask('DELETE', path, undefined, '1.4')).status).toBe(405)
    expect((await op.ask('DELETE', path)).status).toBe(204)
    expect(await op.inventories(id)).toEqual({ resource_provider_generation: 4, inventories: {} })
  })
  it('refuse unknown classes, fields, and more reserve than there is', async () => {
    const id = await op.provider('inv-bad'), path = `/resource_providers/${id}/inventories`
    expect((await op.ask('POST', path, { resource_class: 'CUSTOM_WHAT', total: 1 })).status).toBe(400)
    expect(error(await op.ask('POST', path, { resource_class: 'VGPU', total: 1, wrong: 1 })).detail).toContain('wrong')
    expect((await op.ask('POST', path, { resource_class: 'VGPU', total: 1, reserved: 2 })).status).toBe(400)
    expect((await op.ask('POST', path, { resource_class: 'VGPU', total: 1, reserved: 1 }, '1.25')).status).toBe(400)
    expect((await op.ask('POST', path, { resource_class: 'VGPU', total: 1, reserved: 1 }, '1.26')).status).toBe(201)
  })
  it('stay while someone holds them', async () => {
    const id = await op.provider('inv-held', { VGPU: 4 }), path = `/resource_providers/${id}/inventories`
    await must(op.hold(crypto.randomUUID(), { [id]: { VGPU: 1 } }))
    for (const at of [path, `${path}/VGPU`]) {
      const r = await op.ask('DELETE', at)
      expect([r.status, error(r).code]).toEqual([409, 'placement.inventory.inuse'])
    }
    const { resource_provider_generation } = await op.inventories(id)
    expect((await op.ask('PUT', path, { resource_provider_generation, inventories: {} })).status).toBe(409)
    expect((await op.ask('GET', `/resource_providers/${id}/usages`)).body.usages).toEqual({ VGPU: 1 })
  })
})

describe("a host's inventories", () => {
  const set = async (id: string, change: Record<string, object>) => {
    const now = await op.inventories(id)
    return op.ask('PUT', `/resource_providers/${id}/inventories`, { resource_provider_generation: now.resource_provider_generation, inventories: { ...now.inventories, ...change } })
  }
  it('are what it reports, and ratio and reserve are kept by the host', async () => {
    const host = await c.host('inv-host', { vcpus: 8, memoryMb: 16384, diskGb: 100 }), now = await op.inventories(host.id)
    expect(now.inventories.VCPU).toMatchObject({ total: 8, allocation_ratio: 16, max_unit: 8 })
    expect(now.inventories.MEMORY_MB).toMatchObject({ total: 16384, reserved: 512 })
    const r = await set(host.id, { VCPU: { total: 8, allocation_ratio: 4, max_unit: 4 }, MEMORY_MB: { total: 16384, reserved: 1024 } })
    expect(r.status).toBe(200)
    expect(r.body.resource_provider_generation).toBe(now.resource_provider_generation + 1)
    await host.report()
    expect(await op.inventories(host.id)).toEqual(r.body)
    expect(r.body.inventories.VCPU).toMatchObject({ total: 8, allocation_ratio: 4, max_unit: 4 })
    expect(r.body.inventories.MEMORY_MB).toMatchObject({ total: 16384, reserved: 1024, allocation_ratio: 1.5 })
  })
  it('cannot be made up or taken away', async () => {
    const host = await c.host('inv-fixed'), path = `/resource_providers/${host.id}/inventories`
    expect((await set(host.id, { VCPU: { total: 9999 } })).status).toBe(409)
    expect((await op.ask('DELETE', path)).status).toBe(409)
    expect((await op.ask('DELETE', `${path}/VCPU`)).status).toBe(409)
    expect((await op.ask('PUT', path, { resource_provider_generation: (await op.inventories(host.id)).resource_provider_generation, inventories: {} })).status).toBe(409)
    expect((await set(host.id, { VGPU: { total: 2 } })).status).toBe(200)
    expect((await op.ask('DELETE', `${path}/VGPU`)).status).toBe(204)
  })
})
