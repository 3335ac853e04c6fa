import { beforeAll, describe, expect, it } from 'vitest'
import { cloud } from '../../tests/harness/cloud.ts'
import { must, operator } from './test-kit.ts'

let op: Awaited<ReturnType<typeof operator>>
beforeAll(async () => { op = await operator(await cloud()) })

describe('resource classes', () => {
  it('are the standard ones and those made here', async () => {
    expect((await op.ask('PUT', '/resource_classes/CUSTOM_GOLD')).status).toBe(201)
    expect((await op.ask('PUT', '/resource_classes/CUSTOM_GOLD')).status).toBe(204)
    expect((await op.ask('PUT', '/resource_classes/GOLD')).status).toBe(400)
    const names = (await op.ask('GET', '/resource_classes')).body.resource_classes.map((c: { name: string }) => c.name)
    expect(names.slice(0, 3)).toEqual(['VCPU', 'MEMORY_MB', 'DISK_GB'])
    expect(names.at(-1)).toBe('CUSTOM_GOLD')
    expect((await op.ask('GET', '/resource_classes/CUSTOM_GOLD')).body).toEqual({ name: 'CUSTOM_GOLD', links: [{ rel: 'self', href: '/placement/resource_classes/CUSTOM_GOLD' }] })
    expect((await op.ask('GET', '/resource_classes', undefined, '1.1')).status).toBe(404)
  })
  it('are created once by POST, and renamed before 1.7, with what there is of them', async () => {
    const made = await op.ask('POST', '/resource_classes', { name: 'CUSTOM_OLD' })
    expect([made.status, made.headers.get('location')]).toEqual([201, 'http://cloud.test/placement/resource_classes/CUSTOM_OLD'])
    expect((await op.ask('POST', '/resource_classes', { name: 'CUSTOM_OLD' })).status).toBe(409)
    const p = await op.provider('cls', { CUSTOM_OLD: 3 })
    await must(op.hold(crypto.randomUUID(), { [p]: { CUSTOM_OLD: 1 } }))
    expect((await op.ask('PUT', '/resource_classes/CUSTOM_OLD', { name: 'CUSTOM_NEW' }, '1.6')).body.name).toBe('CUSTOM_NEW')
    expect((await op.ask('GET', `/resource_providers/${p}/usages`)).body.usages).toEqual({ CUSTOM_NEW: 1 })
    expect((await op.ask('DELETE', '/resource_classes/CUSTOM_NEW')).status).toBe(409)
    expect((await op.ask('PUT', '/resource_classes/VCPU', { name: 'CUSTOM_X' }, '1.6')).status).toBe(400)
  })
  it('go when nobody has any; the standard ones stay', async () => {
    await must(op.ask('PUT', '/resource_classes/CUSTOM_GO'))
    expect((await op.ask('DELETE', '/resource_classes/CUSTOM_GO')).status).toBe(204)
    expect((await op.ask('DELETE', '/resource_classes/CUSTOM_GO')).status).toBe(404)
    expect((await op.ask('DELETE', '/resource_classes/VCPU')).status).toBe(400)
  })
})

describe('traits', () => {
  it('are the standard ones and those made here', async () => {
    expect((await op.ask('PUT', '/traits/CUSTOM_RED')).status).toBe(201)
    expect((await op.ask('PUT', '/traits/CUSTOM_RED')).status).toBe(204)
    expect((await op.ask('PUT', '/traits/RED')).status).toBe(400)
    const list = async (query = '') => (await op.ask('GET', `/traits${query}`)).body.traits as string[]
    expect((await list()).length).toBeGreaterThan(300)
    expect(await list('?name=in:CUSTOM_RED,HW_CPU_X86_VMX,NONE')).toEqual(['HW_CPU_X86_VMX', 'CUSTOM_RED'])
    expect(await list('?name=startswith:CUSTOM_')).toEqual(['CUSTOM_RED'])
    for (const q of ['name=x', 'name=like:x', 'associated=maybe', 'wrong=1']) expect((await op.ask('GET', `/traits?${q}`)).status).toBe(400)
    expect((await op.ask('GET', '/traits/HW_CPU_X86_VMX')).status).toBe(204)
    expect((await op.ask('GET', '/traits/NONE')).status).toBe(404)
    expect((await op.ask('GET', '/traits', undefined, '1.5')).status).toBe(404)
  })
  it('are put on providers, and stay while one has them', async () => {
    await must(op.ask('PUT', '/traits/CUSTOM_BLUE'))
    const p = await op.provider('tr'), path = `/resource_providers/${p}/traits`
    expect((await op.ask('PUT', path, { traits: ['CUSTOM_BLUE', 'HW_CPU_X86_VMX'], resource_provider_generation: 0 })).body).toEqual({ traits: ['CUSTOM_BLUE', 'HW_CPU_X86_VMX'], resource_provider_generation: 1 })
    expect((await op.ask('PUT', path, { traits: [], resource_provider_generation: 0 })).status).toBe(409)
    expect((await op.ask('PUT', path, { traits: ['CUSTOM_NONE'], resource_provider_generation: 1 })).status).toBe(400)
    expect((await op.ask('GET', '/traits?associated=true')).body.traits).toEqual(['HW_CPU_X86_VMX', 'CUSTOM_BLUE'])
    expect((await op.ask('DELETE', '/traits/CUSTOM_BLUE')).status).toBe(409)
    expect((await op.ask('DELETE', '/traits/HW_CPU_X86_VMX')).status).toBe(400)
    expect((await op.ask('DELETE', path)).status).toBe(204)
    expect((await op.ask('GET', path)).body).toEqual({ traits: [], resource_provider_generation: 2 })
    expect((await op.ask('DELETE', '/traits/CUSTOM_BLUE')).status).toBe(204)
    expect((await op.ask('DELETE', '/traits/CUSTOM_BLUE')).status).toBe(404)
  })
})
