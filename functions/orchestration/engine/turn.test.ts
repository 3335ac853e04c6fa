import { eq } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { saga, sagaNode, type Sealed } from '../../../schema/kernel.ts'
import { stackResource, stackTemplate } from '../../../schema/orchestration.ts'
import { q } from '../../kernel/db.ts'
import { hot, stacks } from '../test-kit.ts'

const k = await stacks()
const test = (value: string, more: object = {}) => ({ type: 'OS::Heat::TestResource', properties: { value, ...more } })
const net = (name: string, more: object = {}) => ({ type: 'OS::Neutron::Net', properties: { name, ...more } })
const networks = async () => ((await k.c.call('GET', '/network/v2.0/networks', { token: k.demo })).body.networks as any[]).map((n) => n.name).filter((n) => !['public', 'demo'].includes(n)).sort()
/** Rows as they were written before anything in them was sealed. */
const plain = <T>(v: T) => JSON.stringify(v) as Sealed<T>
const rowsOf = async (id: string) => (await k.c.db().read([q.select().from(stackResource).where(eq(stackResource.stack, id))]))[0]
const events = async (s: any, name?: string) => ((await k.api('GET', `/stacks/${s.stack_name}/${s.id}/events`)).body.events as any[]).filter((e) => !name || e.resource_name === name).map((e) => e.resource_status)

describe('a turn', () => {
  it('makes what depends on others after them, and deletes in reverse', async () => {
    const s = await k.create(hot({ c: { ...test('c'), depends_on: 'b' }, a: test('a'), b: { ...test('b'), depends_on: ['a'] } }))
    expect(s.stack_status).toBe('CREATE_COMPLETE')
    await k.remove(s)
    const all = ((await k.api('GET', `/stacks/${s.stack_name}/${s.id}/events`)).body.events as any[]).filter((e) => /COMPLETE/.test(e.resource_status)).map((e) => `${e.resource_status[0]}${e.resource_name}`)
    expect(all.filter((x) => x.length === 2)).toEqual(['Ca', 'Cb', 'Cc', 'Dc', 'Db', 'Da'])
  })

  it('changes in place, replaces, adds and takes away; what is not touched stays as it is', async () => {
    const s = await k.create(hot({ one: net('u-one'), two: net('u-two'), keep: net('u-keep'), old: net('u-old') }))
    const before = await k.resources(s)
    const done = await k.update(s, hot({ one: net('u-one-renamed'), two: net('u-two', { availability_zone_hints: ['nova'] }), keep: net('u-keep'), fresh: net('u-fresh') }))
    expect([done.stack_status, done.stack_status_reason]).toEqual(['UPDATE_COMPLETE', 'Stack UPDATE completed successfully'])
    const after = await k.resources(s)
    expect(after.one.physical_resource_id).toBe(before.one.physical_resource_id)
    expect(after.two.physical_resource_id).not.toBe(before.two.physical_resource_id)
    expect(after.keep).toEqual(before.keep)
    expect(Object.keys(after).sort()).toEqual(['fresh', 'keep', 'one', 'two'])
    expect(await networks()).toEqual(['u-fresh', 'u-keep', 'u-one-renamed', 'u-two'])
    await k.remove(s)
    expect(await networks()).toEqual([])
  })

  it('that fails to create keeps what there is, or takes it all back', async () => {
    const bad = hot({ a: net('f-a'), b: { ...test('x', { fail: true }), depends_on: 'a' }, c: { ...net('f-c'), depends_on: 'b' } })
    const kept = await k.create(bad)
    expect([kept.stack_status, kept.stack_status_reason]).toEqual(['CREATE_FAILED', 'Resource CREATE failed: Conflict: resources.b: Test Resource failed b'])
    expect(await networks()).toEqual(['f-a'])
    const back = await k.create(bad, { disable_rollback: false })
    expect(back.stack_status).toBe('ROLLBACK_COMPLETE')
    expect(await networks()).toEqual(['f-a'])
    expect(await rowsOf(back.id)).toEqual([])
    expect((await k.remove(kept)).stack_status).toBe('DELETE_COMPLETE')
    await k.remove(back)
    expect(await networks()).toEqual([])
  })

  it('that fails to update goes back to exactly the state before', async () => {
    const s = await k.create(hot({ one: net('r-one'), two: net('r-two'), three: net('r-three'), t: test('fine') }), { disable_rollback: false })
    const before = await k.resources(s)
    const back = await k.update(s, hot({ one: net('r-one-new'), two: net('r-two', { availability_zone_hints: ['nova'] }), four: net('r-four'), t: { ...test('bad', { fail: true }), depends_on: ['one', 'two', 'four'] } }))
    expect(back.stack_status).toBe('ROLLBACK_COMPLETE')
    const after = await k.resources(s), ids = (x: any) => Object.fromEntries(Object.entries(x).map(([n, r]: any) => [n, r.physical_resource_id]))
    expect(ids(after)).toEqual(ids(before))
    expect(await networks()).toEqual(['r-one', 'r-three', 'r-two'])
    const template = (await k.api('GET', `/stacks/${s.stack_name}/${s.id}/template`)).body
    expect(Object.keys(template.resources).sort()).toEqual(['one', 't', 'three', 'two'])
    await k.remove(s)
    expect(await networks()).toEqual([])
  })

  it('that fails on a stack whose creation was rolled back leaves nothing again', async () => {
    const bad = hot({ a: net('e-a'), b: { ...test('x', { fail: true }), depends_on: 'a' } }), s = await k.create(bad, { disable_rollback: false })
    expect(s.stack_status).toBe('ROLLBACK_COMPLETE')
    expect((await k.update(s, hot({ c: net('e-c'), d: { ...test('x', { fail: true }), depends_on: 'c' } }))).stack_status).toBe('ROLLBACK_COMPLETE')
    expect([await networks(), await rowsOf(s.id)]).toEqual([[], []])
    expect((await k.update(s, hot({ c: net('e-c') }))).stack_status).toBe('UPDATE_COMPLETE')
    expect(await networks()).toEqual(['e-c'])
    await k.remove(s)
  })

  it('that is superseded by another goes on from where things stand', async () => {
    const slow = hot({ a: test('a', { action_wait_secs: { create: 300 } }), b: { ...net('s-b'), depends_on: 'a' } })
    const s = await k.create(slow)
    expect(s.stack_status).toBe('CREATE_IN_PROGRESS')
    // the same again without waiting: what is under way is waited for, then changed
    await k.c.db().write([q.update(stackResource).set({ data: plain({ until: 0, value: 'a', fails: false }) }).where(eq(stackResource.stack, s.id))])
    const done = await k.update(s, hot({ a: test('a2'), b: { ...net('s-b'), depends_on: 'a' } }))
    expect(done.stack_status).toBe('UPDATE_COMPLETE')
    expect(await networks()).toEqual(['s-b'])
    await k.remove(s)
  })

  it('can be cancelled: back, or no further', async () => {
    const s = await k.create(hot({ a: net('k-a'), t: test('one') }))
    await k.update(s, hot({ a: net('k-a2'), t: test('two', { action_wait_secs: { update: 300 } }) }))
    expect((await k.show(s.id)).stack_status).toBe('UPDATE_IN_PROGRESS')
    const cancel = async (how: string) => (await k.api('POST', `/stacks/${s.stack_name}/${s.id}/actions`, { [how]: null })).status
    await k.c.db().write([q.update(stackResource).set({ data: plain({ until: 0, value: 'two', fails: false }) }).where(eq(stackResource.name, 't'))])
    expect(await cancel('cancel_update')).toBe(200)
    await k.rest()
    expect((await k.show(s.id)).stack_status).toBe('ROLLBACK_COMPLETE')
    expect(await networks()).toEqual(['k-a'])
    expect(await cancel('cancel_update')).toBe(400)
    await k.update(s, hot({ a: net('k-a3'), t: test('three', { action_wait_secs: { update: 300 } }) }))
    expect(await cancel('cancel_without_rollback')).toBe(200)
    await k.rest()
    const stopped = await k.show(s.id)
    expect([stopped.stack_status, stopped.stack_status_reason]).toEqual(['UPDATE_FAILED', 'Stack UPDATE cancelled'])
    await k.remove(s)
    expect(await networks()).toEqual([])
  })

  it('is deleted in the middle of whatever it does, and nothing is left', async () => {
    const s = await k.create(hot({ a: net('d-a'), server: { type: 'OS::Nova::Server', properties: { image: 'tiny', flavor: 'm1.nano', networks: [{ network: 'demo' }] } }, t: { ...test('x', { action_wait_secs: { create: 600 } }), depends_on: 'a' } }))
    expect(s.stack_status).toBe('CREATE_IN_PROGRESS')
    const gone = await k.remove(s)
    expect(gone.stack_status).toBe('DELETE_COMPLETE')
    expect(await networks()).toEqual([])
    expect((await k.c.call('GET', '/compute/v2.1/servers', { token: k.demo })).body.servers).toEqual([])
    const [nodes, sagas] = await k.c.db().read([q.select().from(sagaNode), q.select().from(saga).where(eq(saga.state, 'open'))])
    expect([nodes, sagas]).toEqual([[], []])
  })

  it('suspends, resumes and checks; a resource that is gone is noticed, and made again by the next update', async () => {
    const template = hot({ a: net('c-a'), b: net('c-b') }), s = await k.create(template)
    const act = async (key: string) => { const r = await k.api('POST', `/stacks/${s.stack_name}/${s.id}/actions`, { [key]: null }); await k.rest(); return [r.status, (await k.show(s.id)).stack_status] }
    expect(await act('suspend')).toEqual([200, 'SUSPEND_COMPLETE'])
    expect(await act('resume')).toEqual([200, 'RESUME_COMPLETE'])
    expect(await act('check')).toEqual([200, 'CHECK_COMPLETE'])
    const { a } = await k.resources(s)
    expect((await k.c.call('DELETE', `/network/v2.0/networks/${a.physical_resource_id}`, { token: k.demo })).status).toBe(204)
    expect(await act('check')).toEqual([200, 'CHECK_FAILED'])
    expect((await k.resources(s)).a.resource_status).toBe('CHECK_FAILED')
    expect((await k.update(s, template)).stack_status).toBe('UPDATE_COMPLETE')
    expect(await networks()).toEqual(['c-a', 'c-b'])
    await k.remove(s)
  })

  it('leaves no templates behind, keeps snapshots, and restores them', async () => {
    const s = await k.create(hot({ a: net('p-a') }))
    const snap = (await k.api('POST', `/stacks/${s.stack_name}/${s.id}/snapshots`, { name: 'first' })).body
    await k.rest()
    expect((await k.api('GET', `/stacks/${s.stack_name}/${s.id}/snapshots/${snap.id}`)).body.snapshot).toMatchObject({ name: 'first', status: 'COMPLETE' })
    for (const name of ['p-b', 'p-c', 'p-d']) await k.update(s, hot({ a: net(name) }))
    const [kept] = await k.c.db().read([q.select().from(stackTemplate).where(eq(stackTemplate.stack, s.id))])
    expect(kept).toHaveLength(2)
    expect((await k.api('POST', `/stacks/${s.stack_name}/${s.id}/snapshots/${snap.id}/restore`)).status).toBe(202)
    await k.rest()
    expect([(await k.show(s.id)).stack_status, await networks()]).toEqual(['RESTORE_COMPLETE', ['p-a']])
    expect(await events(s, 'a')).toContain('RESTORE_COMPLETE')
    await k.remove(s)
  })

  it('is abandoned and adopted: its resources never notice', async () => {
    const s = await k.create(hot({ a: net('x-a') })), { a } = await k.resources(s)
    const data = (await k.api('DELETE', `/stacks/${s.stack_name}/${s.id}/abandon`)).body
    expect(data.resources.a).toMatchObject({ resource_id: a.physical_resource_id, type: 'OS::Neutron::Net' })
    expect(await networks()).toEqual(['x-a'])
    const r = await k.api('POST', '/stacks', { stack_name: s.stack_name, adopt_stack_data: JSON.stringify(data) })
    expect(r.status, r.text).toBe(201)
    await k.rest()
    const again = await k.show(r.body.stack.id)
    expect(again.stack_status).toBe('ADOPT_COMPLETE')
    expect((await k.resources(again)).a.physical_resource_id).toBe(a.physical_resource_id)
    await k.remove(again)
    expect(await networks()).toEqual([])
  })
})
