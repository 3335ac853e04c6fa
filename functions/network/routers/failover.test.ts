import { beforeAll, expect, it } from 'vitest'
import { eq } from 'drizzle-orm'
import { cloud, type Cloud } from '../../../tests/harness/cloud.ts'
import type { TestHost } from '../../../tests/harness/host.ts'
import { host } from '../../../schema/host.ts'
import { sweep } from '../../../schema/kernel.ts'
import type { Desired } from '../../../schema/hosts.ts'
import { q } from '../../kernel/db.ts'

let c: Cloud, admin: string, hosts: TestHost[], id: string
const net = (method: string, path: string, body?: unknown) => c.call(method, `/network/v2.0${path}`, { token: admin, body })
const desired = async (h: TestHost): Promise<Desired> => (await h.signed('GET', '/desired')).body
const has = async (h: TestHost) => (await desired(h)).routers.find((r) => r.id === id)
const home = async () => { const [a] = (await net('GET', `/routers/${id}/l3-agents`)).body.agents; return hosts.find((h) => h.name === a?.host) }
const seconds = (n: number) => n * 1_000_000
/** As if so much time had passed since this host was last heard. */
const silent = (h: TestHost, n: number) => c.db().write([q.update(host).set({ seenAt: c.world.now() - seconds(n) }).where(eq(host.id, h.id))])
/** The sweep now, whenever it was last. */
const sweeps = async () => { await c.db().write([q.update(sweep).set({ nextAt: 0 }).where(eq(sweep.name, 'routers'))]); await c.tick(); await c.settle() }

beforeAll(async () => {
  c = await cloud()
  admin = await c.admin()
  hosts = [await c.host('one'), await c.host('two'), await c.host('three')]
  await c.tick()
  id = (await net('GET', '/routers')).body.routers[0].id
})

it('a router goes to another host when its own is silent, but not because the control plane itself was away', async () => {
  const was = (await home())!, others = hosts.filter((h) => h !== was)
  expect((await has(was))?.taken).toBeUndefined()
  // After an absence of the control plane everybody is silent, and is given time to say something.
  await silent(was, 3600)
  await sweeps()
  expect(await home()).toBe(was)
  await was.report()
  await sweeps()
  expect(await home()).toBe(was)
  await silent(was, 40)
  await sweeps()
  await c.db().write([q.update(host).set({ missedAt: c.world.now() - seconds(9) }).where(eq(host.id, was.id))])
  const before = (await desired(was)).revision
  await sweeps()
  const is = (await home())!
  expect(others).toContain(is)
  expect(await has(is)).toMatchObject({ taken: true })
  // The one that was silent is told as well, should it still listen.
  expect((await desired(was)).revision).toBeGreaterThan(before)
  expect(await has(was)).toBeUndefined()
  const [event] = await c.db().read([q.all<{ detail: string }>(`select detail from event where action = 'router.moved' and resource = '${id}'` as never)]).then(([rows]) => rows)
  expect(event).toBeDefined()
  await was.report()
})

it('from a host that is disabled it goes when that host has let go, and no sooner', async () => {
  const was = (await home())!
  await c.call('PATCH', `/hosts/${was.id}`, { token: admin, body: { enabled: false } })
  await sweeps()
  expect([await home(), await has(was)]).toEqual([undefined, undefined])
  const { revision } = await desired(was)
  await was.report({ revision: revision - 1 })
  await sweeps()
  expect(await home()).toBeUndefined()
  await was.report({ revision })
  await c.settle()
  const is = (await home())!
  expect(is && is !== was).toBe(true)
  // Nobody else can have it: it is answered for at once.
  expect((await has(is))?.taken).toBeUndefined()
  await c.call('PATCH', `/hosts/${was.id}`, { token: admin, body: { enabled: true } })
})

it('one that was disabled and then died is not waited for; one forced down not at all; the last host keeps what it has', async () => {
  const was = (await home())!
  await c.call('PATCH', `/hosts/${was.id}`, { token: admin, body: { enabled: false } })
  await sweeps()
  expect(await home()).toBeUndefined()
  await c.call('PATCH', `/hosts/${was.id}`, { token: admin, body: { forced_down: true } })
  await sweeps()
  const is = (await home())!
  expect(is && is !== was).toBe(true)
  expect(await has(is)).toMatchObject({ taken: true })
  const last = hosts.find((h) => h !== was && h !== is)!
  await c.call('PATCH', `/hosts/${is.id}`, { token: admin, body: { forced_down: true } })
  await sweeps()
  expect(await home()).toBe(last)
  await c.call('PATCH', `/hosts/${last.id}`, { token: admin, body: { forced_down: true } })
  await sweeps()
  expect(await home()).toBe(last)
})
