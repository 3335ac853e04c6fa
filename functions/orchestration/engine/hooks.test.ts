import { expect, it } from 'vitest'
import { hot, stacks } from '../test-kit.ts'

const k = await stacks()
const test = (value: string, more: object = {}) => ({ type: 'OS::Heat::TestResource', properties: { value, ...more } })
const registry = (resources: object) => ({ environment: { resource_registry: { resources } } })
type Stack = { id: string; stack_name: string }
const state = async (s: Stack) => (await k.show(s.id, s.stack_name)).stack_status as string
const clear = async (s: Stack, resource: string, hook: string) => { const r = await k.api('POST', `/stacks/${s.stack_name}/${s.id}/resources/${resource}/signal`, { unset_hook: hook }); await k.rest(); return r.status }
const reasons = async (s: Stack, resource: string) => ((await k.api('GET', `/stacks/${s.stack_name}/${s.id}/events`)).body.events as any[]).filter((e) => e.resource_name === resource).map((e) => `${e.resource_status}: ${e.resource_status_reason}`)

it('breakpoints hold a resource before and after it is made, changed and taken away, each until it is cleared', async () => {
  const all = registry({ a: { hooks: ['pre-create', 'post-create', 'pre-update', 'post-update', 'pre-delete', 'post-delete'] } })
  const s = await k.create(hot({ a: test('one'), b: { ...test('b'), depends_on: 'a' } }), all)
  const seen = async () => { const r = await k.resources(s); return [await state(s), r.a?.resource_status, r.b?.resource_status] }
  expect(await seen()).toEqual(['CREATE_IN_PROGRESS', 'INIT_COMPLETE', undefined])
  expect([await clear(s, 'a', 'post-create'), await clear(s, 'a', 'no-such')]).toEqual([400, 400])
  expect(await clear(s, 'a', 'pre-create')).toBe(200)
  expect(await seen()).toEqual(['CREATE_IN_PROGRESS', 'CREATE_COMPLETE', undefined])
  expect(await clear(s, 'a', 'post-create')).toBe(200)
  expect(await seen()).toEqual(['CREATE_COMPLETE', 'CREATE_COMPLETE', 'CREATE_COMPLETE'])
  expect(await clear(s, 'a', 'post-create')).toBe(400)
  expect(await reasons(s, 'a')).toEqual(['INIT_COMPLETE: CREATE paused until Hook pre-create is cleared', 'INIT_COMPLETE: Hook pre-create is cleared', 'CREATE_IN_PROGRESS: state changed', 'CREATE_COMPLETE: state changed', 'CREATE_COMPLETE: CREATE paused until Hook post-create is cleared', 'CREATE_COMPLETE: Hook post-create is cleared'])
  // What is new in an update is made at once; what is there holds, changed or not.
  const changed = hot({ a: test('two'), b: { ...test('b'), depends_on: 'a' }, c: test('c') })
  await k.update(s, changed, registry({ a: { hooks: ['pre-update', 'post-update', 'pre-delete', 'post-delete'] }, c: { hooks: 'pre-create' } }))
  expect([await state(s), (await k.resources(s)).c.resource_status]).toEqual(['UPDATE_IN_PROGRESS', 'CREATE_COMPLETE'])
  expect(await clear(s, 'a', 'pre-update')).toBe(200)
  expect([await state(s), (await k.resources(s)).a.resource_status]).toEqual(['UPDATE_IN_PROGRESS', 'UPDATE_COMPLETE'])
  expect(await clear(s, 'a', 'post-update')).toBe(200)
  expect(await state(s)).toBe('UPDATE_COMPLETE')
  // A resource that an update takes away goes at once; with its stack it holds.
  expect((await k.api('DELETE', `/stacks/${s.stack_name}/${s.id}`)).status).toBe(204)
  await k.rest()
  expect([await state(s), (await k.resources(s)).a.resource_status, (await k.resources(s)).b]).toEqual(['DELETE_IN_PROGRESS', 'UPDATE_COMPLETE', undefined])
  expect(await clear(s, 'a', 'pre-delete')).toBe(200)
  expect([await state(s), (await k.resources(s)).a.resource_status]).toEqual(['DELETE_IN_PROGRESS', 'DELETE_COMPLETE'])
  expect(await clear(s, 'a', 'post-delete')).toBe(200)
  expect(await state(s)).toBe('DELETE_COMPLETE')
  expect((await reasons(s, 'a')).slice(-6)).toEqual(['UPDATE_COMPLETE: DELETE paused until Hook pre-delete is cleared', 'UPDATE_COMPLETE: Hook pre-delete is cleared', 'DELETE_IN_PROGRESS: state changed', 'DELETE_COMPLETE: state changed', 'DELETE_COMPLETE: DELETE paused until Hook post-delete is cleared', 'DELETE_COMPLETE: Hook post-delete is cleared'])
}, 60_000)

it('a second delete, and an update, go on from what a breakpoint held', async () => {
  const s = await k.create(hot({ a: test('one') }), registry({ '*': { hooks: ['pre-create', 'post-delete'] } }))
  expect((await k.update(s, hot({ a: test('two') }), registry({ a: { hooks: ['post-delete'] } }))).stack_status).toBe('UPDATE_COMPLETE')
  await k.remove(s)
  expect((await k.resources(s)).a.resource_status).toBe('DELETE_COMPLETE')
  await k.remove(s)
  expect([await state(s), (await k.resources(s)).a.resource_status]).toEqual(['DELETE_IN_PROGRESS', 'DELETE_COMPLETE'])
  expect(await clear(s, 'a', 'post-delete')).toBe(200)
  expect(await state(s)).toBe('DELETE_COMPLETE')
}, 60_000)

it('breakpoints within a nested stack are cleared there', async () => {
  const files = { 'inner.yaml': JSON.stringify(hot({ deep: test('deep') })) }
  const s = await k.create(hot({ outer: { type: 'inner.yaml' } }), { files, ...registry({ outer: { deep: { hooks: ['post-create', 'pre-delete'] } } }) })
  const child = async () => { const [, x] = (await k.api('GET', '/stacks?show_nested=true')).body.stacks.sort((a: any, b: any) => a.creation_time.localeCompare(b.creation_time) || (a.parent ? 1 : -1)).filter((x: any) => x.id === s.id || x.parent === s.id); return x as Stack }
  const inner = await child()
  expect(await state(s)).toBe('CREATE_IN_PROGRESS')
  expect(await clear(inner, 'deep', 'post-create')).toBe(200)
  expect(await state(s)).toBe('CREATE_COMPLETE')
  await k.remove(s)
  expect(await clear(inner, 'deep', 'pre-delete')).toBe(200)
  expect(await state(s)).toBe('DELETE_COMPLETE')
}, 60_000)

it('what an environment forbids to do with a resource is not done, and what it is stays', async () => {
  const net = (name: string, more: object = {}) => ({ type: 'OS::Heat::TestResource', properties: { value: name, ...more } })
  const forbid = (...actions: string[]) => registry({ a: { restricted_actions: actions } })
  let s = await k.create(hot({ a: net('one') }), forbid('update'))
  s = await k.update(s, hot({ a: net('two') }), forbid('update'))
  expect([s.stack_status, s.stack_status_reason]).toEqual(['UPDATE_FAILED', 'Resource UPDATE failed: ResourceActionRestricted: resources.a: update is restricted for resource.'])
  expect([(await k.resources(s)).a.resource_status, (await reasons(s, 'a')).at(-1)]).toEqual(['CREATE_COMPLETE', expect.stringMatching(/^UPDATE_FAILED: ResourceActionRestricted/)])
  const before = (await k.resources(s)).a.physical_resource_id
  s = await k.update(s, hot({ a: net('two') }), forbid('replace'))
  expect([s.stack_status, (await k.resources(s)).a.physical_resource_id === before]).toEqual(['UPDATE_COMPLETE', true])
  s = await k.update(s, hot({ a: net('three', { update_replace: true }) }), forbid('replace'))
  expect([s.stack_status, s.stack_status_reason]).toEqual(['UPDATE_FAILED', 'Resource UPDATE failed: ResourceActionRestricted: resources.a: replace is restricted for resource.'])
  await k.remove(s)
}, 60_000)
