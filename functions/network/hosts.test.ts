import { beforeAll, expect, it } from 'vitest'
import { cloud, type Cloud } from '../../tests/harness/cloud.ts'
import type { TestHost } from '../../tests/harness/host.ts'
import type { Desired } from '../../schema/hosts.ts'
import { port } from '../../schema/network.ts'
import { host } from '../../schema/host.ts'
import { q } from '../kernel/db.ts'
import { eq } from 'drizzle-orm'

let c: Cloud, demo: string, admin: string, one: TestHost, two: TestHost
const net = (method: string, path: string, body?: unknown, token = demo) => c.call(method, `/network/v2.0${path}`, { token, body })
const desired = async (h: TestHost): Promise<Desired> => (await h.signed('GET', '/desired')).body
const address = (h: TestHost, at: string) => h.report({ hypervisor: { type: 'simulated', virtType: 'simulated', version: 1, hostname: h.name, address: at, cpuModel: 'test', arch: 'x86_64', uptimeSeconds: 1, load: [0, 0, 0] } })

beforeAll(async () => {
  c = await cloud()
  ;[demo, admin] = [await c.demo(), await c.admin()]
  ;[one, two] = [await c.host('one'), await c.host('two')]
  await address(one, '192.0.2.1')
  await address(two, '192.0.2.2')
  await c.tick()
})

it('a guest finds its router where that lives, and DHCP where the guest is', async () => {
  const [r] = (await net('GET', '/routers')).body.routers, n = (await net('GET', '/networks?name=demo')).body.networks[0]
  const [agent] = (await net('GET', `/routers/${r.id}/l3-agents`, undefined, admin)).body.agents
  const home = agent.host === 'one' ? one : two, away = home === one ? two : one
  const p = (await net('POST', '/ports', { port: { network_id: n.id, device_id: crypto.randomUUID(), device_owner: 'compute:nova', 'binding:host_id': away.name } }, admin)).body.port
  const here = await desired(away), there = await desired(home)
  const own = here.networks.find((x) => x.id === n.id)!
  expect(own.peers).toEqual([home === one ? '192.0.2.1' : '192.0.2.2'])
  expect(own.dhcp?.addresses).toEqual(['10.20.0.2'])
  expect(here.routers).toEqual([])
  const leg = there.routers[0].interfaces[0]
  expect(here.elsewhere).toContainEqual({ id: leg.port, network: n.id, mac: leg.mac, addresses: [expect.objectContaining({ address: '10.20.0.1' })], host: own.peers[0] })
  expect(there.elsewhere.find((e) => e.id === p.id)?.host).toBe(away === one ? '192.0.2.1' : '192.0.2.2')
  // Moved by hand, both learn of it.
  const agents = (await net('GET', '/agents?agent_type=L3 agent', undefined, admin)).body.agents
  const from = agents.find((a: { host: string }) => a.host === home.name), to = agents.find((a: { host: string }) => a.host === away.name)
  expect((await net('DELETE', `/agents/${from.id}/l3-routers/${r.id}`, undefined, admin)).status).toBe(204)
  expect((await net('POST', `/agents/${to.id}/l3-routers`, { router_id: r.id }, admin)).status).toBe(201)
  const [moved, left] = [await desired(away), await desired(home)]
  expect([moved.revision > here.revision, left.revision > there.revision]).toEqual([true, true])
  expect([moved.routers.length, left.routers.length]).toEqual([1, 0])
  expect(moved.networks.find((x) => x.id === n.id)!.peers).toEqual([])
})

it('an agent that is told to rest gets no new routers', async () => {
  const agents = (await net('GET', '/agents?agent_type=L3 agent', undefined, admin)).body.agents
  const resting = agents.find((a: { host: string }) => a.host === 'one')
  expect((await net('PUT', `/agents/${resting.id}`, { agent: { admin_state_up: false } }, admin)).body.agent.admin_state_up).toBe(false)
  const ext = (await net('GET', '/networks?name=public')).body.networks[0]
  for (let i = 0; i < 3; i++) {
    const r = (await net('POST', '/routers', { router: { external_gateway_info: { network_id: ext.id } } })).body.router
    expect((await net('GET', `/routers/${r.id}/l3-agents`, undefined, admin)).body.agents.map((a: { host: string }) => a.host)).toEqual(['two'])
  }
  expect((await net('GET', '/agents')).body.agents).toEqual([])
  expect((await net('GET', `/agents/${resting.id}`)).status).toBe(403)
})

it('a port in a network of thousands costs what the first one did', async () => {
  const n = (await net('GET', '/networks?name=demo')).body.networks[0], now = c.world.now(), many: Promise<unknown>[] = []
  const [[h]] = await c.db().read([q.select().from(host).where(eq(host.name, 'one'))])
  for (let i = 0; i < 4000; i += 200) {
    many.push(c.db().write([q.insert(port).values(Array.from({ length: 200 }, (_, k) => ({ id: crypto.randomUUID(), project: 'x', createdAt: now, updatedAt: now, network: n.id, mac: `fa:16:3f:00:${Math.floor((i + k) / 256).toString(16).padStart(2, '0')}:${((i + k) % 256).toString(16).padStart(2, '0')}`, host: h.id })))]))
  }
  await Promise.all(many)
  const times: number[] = []
  for (let i = 0; i < 40; i++) {
    await c.quiet(demo)
    const since = performance.now(), r = await net('POST', '/ports', { port: { network_id: n.id } })
    times.push(performance.now() - since)
    expect([r.status, r.trips.slice(0, 5)]).toEqual([201, '1r 1w'])
  }
  console.log(`port create beside 4,000: median ${times.sort((a, b) => a - b)[20].toFixed(1)} ms, worst ${times[39].toFixed(1)} ms`)
}, 60_000)
