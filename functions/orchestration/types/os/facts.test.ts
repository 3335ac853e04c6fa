import { describe, expect, it } from 'vitest'
import { types, typeNamed } from '../index.ts'
import type { Property } from '../provider.ts'
import { factsOf, type Facts } from './table-kit.ts'
import facts from './facts.json'

/** What the public reference of resource types says, beside what ours say of themselves. */
const KIND: Record<string, Property['type'][]> = { str: ['string'], int: ['integer'], num: ['number'], bool: ['boolean'], list: ['list'], map: ['map'] }
const mine = Object.keys(types).filter((t) => /^OS::(Neutron|Nova|Cinder|Glance|Keystone)::/.test(t))
const shown = ([, p]: [string, Property]) => p.support?.status !== 'HIDDEN' && !p.instead
/** Where the real service changes a thing in place and ours replaces it, or the other way round, and why. */
const different: Record<string, string[]> = {}

describe.each(mine)('%s', (name) => {
  it('says of itself what the reference says', async () => {
    const type = (await typeNamed(name))!, f: Facts | undefined = factsOf(name)
    expect(type.name).toBe(name)
    expect(f, 'in the reference').toBeDefined()
    const own = Object.entries(type.properties).filter(shown)
    expect(Object.fromEntries(own.map(([k, p]) => [k, KIND[f.properties[k] ?? '']?.includes(p.type) ? f.properties[k] : `${p.type}, not ${f.properties[k]}`]))).toEqual(f.properties)
    expect(own.filter(([, p]) => p.required).map(([k]) => k).sort()).toEqual([...f.required].sort())
    expect(own.filter(([, p]) => p.update === 'in-place').map(([k]) => k).filter((k) => !different[name]?.includes(k)).sort()).toEqual([...f.updatable].filter((k) => !different[name]?.includes(k)).sort())
    for (const a of f.attributes) expect(Object.keys(type.attributes)).toContain(a)
    for (const [k, p] of own) expect(p.description === undefined || p.description.length > 3, k).toBe(true)
  })
})
it('says what is lacking for a type of a service that is not there', async () => {
  const { k } = await import('./table-kit.ts').then((m) => m.table())
  const template = { heat_template_version: '2021-04-16', resources: { fw: { type: 'OS::Neutron::Firewall', properties: { firewall_policy_id: 'x' } } } }
  const made = await k.api('POST', '/stacks', { stack_name: 'fw', template })
  expect([made.status, made.body.error]).toMatchObject([400, { type: 'ResourceTypeUnavailable', message: expect.stringContaining('the network service has no firewalls') }])
  expect((await k.api('GET', '/resource_types/OS::Neutron::Firewall')).text).toContain('the network service has no firewalls')
})
it('nothing of the reference is without a type or a reason', async () => {
  const { absent } = await import('../absent.ts')
  expect(Object.keys(facts).filter((t) => !types[t] && !absent(t))).toEqual([])
})
