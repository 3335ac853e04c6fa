import { beforeAll, expect, it } from 'vitest'
import { cloud, type Cloud } from '../../../tests/harness/cloud.ts'
import type { TestHost } from '../../../tests/harness/host.ts'
import type { Desired } from '../../../schema/hosts.ts'
import { meeting, nextHop } from './exchange.ts'

let c: Cloud, admin: string, demo: string, own: { admin: string; demo: string }, hosts: TestHost[]
const at = (token: string) => (method: string, path: string, body?: unknown) => c.call(method, `/network/v2.0${path}`, { token, body })
const made = async (token: string, path: string, name: string, body: object) => {
  const r = await at(token)('POST', path, { [name]: body })
  if (r.status !== 201) throw new Error(`${path}: ${r.status} ${r.text}`)
  return r.body[name]
}
const refused = async (status: number, words: string, token: string, method: string, path: string, body?: unknown) => {
  const r = await at(token)(method, path, body)
  expect([r.status, r.text]).toEqual([status, expect.stringContaining(words)])
}
let n = 0
/** A project's router with a network. */
async function place(token: string, cidr = `10.80.${++n}.0/24`) {
  const network = (await made(token, '/networks', 'network', {})).id, subnet = (await made(token, '/subnets', 'subnet', { network_id: network, ip_version: 4, cidr, allocation_pools: [{ start: cidr.replace('0/24', '100'), end: cidr.replace('0/24', '150') }] })).id, router = (await made(token, '/routers', 'router', {})).id
  expect((await at(token)('PUT', `/routers/${router}/add_router_interface`, { subnet_id: subnet })).status).toBe(200)
  return { router, network, subnet, cidr }
}
const vpn = (project: 'admin' | 'demo', targets: object) => made(admin, '/bgpvpn/bgpvpns', 'bgpvpn', { tenant_id: own[project], ...targets })
const associate = (token: string, of: { id: string }, kind: 'router' | 'network' | 'port', id: string, more = {}) => made(token, `/bgpvpn/bgpvpns/${of.id}/${kind}_associations`, `${kind}_association`, { [`${kind}_id`]: id, ...more })
const documents = () => Promise.all(hosts.map(async (h) => (await h.signed('GET', '/desired')).body as Desired))
const routerOf = (all: Desired[], id: string) => all.flatMap((d) => d.routers).find((r) => r.id === id)!
/** What a router learns of others, as `prefix router`. */
async function learns(id: string, others: { router: string }[]) {
  const r = routerOf(await documents(), id)
  return r.routes.filter((x) => x.leg).map((x) => { expect(x.leg).toBe(id); return `${x.destination} ${others.findIndex((o) => nextHop(o.router) === x.nexthop)}` })
}

beforeAll(async () => {
  c = await cloud()
  admin = await c.admin()
  demo = await c.login('demo', 'demo-secret')
  const [a, b] = await Promise.all([admin, demo].map(async (token) => (await at(token)('GET', '/quotas/project')).body.project.project_id))
  own = { admin: a, demo: b }
  hosts = [await c.host('one'), await c.host('two')]
  for (const [i, h] of hosts.entries()) await h.report({ hypervisor: { type: 'simulated', virtType: 'simulated', version: 1, hostname: h.name, address: `192.0.2.${i + 1}`, cpuModel: 'test', arch: 'x86_64', uptimeSeconds: 1, load: [0, 0, 0] } })
  await c.tick()
})

it('operators say who exchanges with whom; owners see what of theirs takes part', async () => {
  await refused(403, 'PolicyNotAuthorized', demo, 'POST', '/bgpvpn/bgpvpns', { bgpvpn: { route_targets: ['64512:1'] } })
  for (const odd of ['64512', '65536:65536', 'x:1', '1.2.3.256:1', '1.2.3.4:65536', '064512:1', '4294967296:1']) await refused(400, 'route_targets', admin, 'POST', '/bgpvpn/bgpvpns', { bgpvpn: { route_targets: [odd] } })
  await refused(400, 'BGPVPNTypeNotSupported', admin, 'POST', '/bgpvpn/bgpvpns', { bgpvpn: { type: 'l2' } })
  const v = await vpn('demo', { name: 'ours', route_targets: ['64512:1', '10.0.0.1:7', '4200000000:1', '64512:1'], import_targets: '64512:2', route_distinguishers: ['64512:9'], local_pref: 4294967295 })
  expect(v).toMatchObject({ type: 'l3', tenant_id: own.demo, export_targets: [], import_targets: ['64512:2'], route_distinguishers: ['64512:9'], local_pref: 4294967295, networks: [], routers: [], ports: [] })
  expect([...v.route_targets].sort()).toEqual(['10.0.0.1:7', '4200000000:1', '64512:1'])
  const mine = (await at(demo)('GET', '/bgpvpn/bgpvpns?name=ours')).body.bgpvpns[0]
  expect(mine).toMatchObject({ id: v.id, routers: [] })
  expect(Object.keys(mine).filter((k) => k.startsWith('route_') || k.endsWith('_targets'))).toEqual([])
  await refused(403, 'PolicyNotAuthorized', demo, 'PUT', `/bgpvpn/bgpvpns/${v.id}`, { bgpvpn: { export_targets: ['64512:3'] } })
  expect((await at(demo)('PUT', `/bgpvpn/bgpvpns/${v.id}`, { bgpvpn: { name: 'still ours' } })).body.bgpvpn.name).toBe('still ours')
  expect((await at(admin)('PUT', `/bgpvpn/bgpvpns/${v.id}`, { bgpvpn: { route_targets: ['64512:4'], import_targets: [] } })).body.bgpvpn).toMatchObject({ route_targets: ['64512:4'], import_targets: [], route_distinguishers: ['64512:9'] })
  const foreign = await vpn('admin', {})
  await refused(404, 'BGPVPNNotFound', demo, 'GET', `/bgpvpn/bgpvpns/${foreign.id}`)
  await refused(403, 'PolicyNotAuthorized', demo, 'DELETE', `/bgpvpn/bgpvpns/${v.id}`)
  await at(admin)('PUT', `/quotas/${own.demo}`, { quota: { bgpvpn: 1 } })
  await refused(409, 'OverQuota', admin, 'POST', '/bgpvpn/bgpvpns', { bgpvpn: { tenant_id: own.demo } })
  await at(admin)('DELETE', `/quotas/${own.demo}`)
  for (const x of [v, foreign]) expect((await at(admin)('DELETE', `/bgpvpn/bgpvpns/${x.id}`)).status).toBe(204)
})

it('what is associated is the owner\'s, once, and beside a router', async () => {
  const here = await place(demo), there = await place(admin), v = await vpn('demo', { route_targets: ['64512:10'] }), path = `/bgpvpn/bgpvpns/${v.id}`
  await refused(403, 'belong to the bgpvpn owner', admin, 'POST', `${path}/router_associations`, { router_association: { router_id: there.router, tenant_id: own.demo } })
  await refused(403, 'same tenant', admin, 'POST', `${path}/router_associations`, { router_association: { router_id: here.router } })
  await refused(404, 'RouterNotFound', demo, 'POST', `${path}/router_associations`, { router_association: { router_id: there.router } })
  await refused(404, 'BGPVPNNotFound', demo, 'POST', `/bgpvpn/bgpvpns/${crypto.randomUUID()}/router_associations`, { router_association: { router_id: here.router } })
  const a = await associate(demo, v, 'router', here.router)
  expect(a).toEqual({ id: a.id, tenant_id: own.demo, project_id: own.demo, bgpvpn_id: v.id, router_id: here.router, advertise_extra_routes: true })
  await refused(400, 'BGPVPNRouterAssocAlreadyExists', demo, 'POST', `${path}/router_associations`, { router_association: { router_id: here.router } })
  await refused(400, 'already associated', demo, 'POST', `${path}/network_associations`, { network_association: { network_id: here.network } })
  expect((await at(demo)('PUT', `${path}/router_associations/${a.id}`, { router_association: { advertise_extra_routes: false } })).body.router_association.advertise_extra_routes).toBe(false)
  expect((await at(demo)('GET', `${path}/router_associations?id=${a.id}`)).body.router_associations).toEqual([{ ...a, advertise_extra_routes: false }])
  expect((await at(admin)('GET', `/bgpvpn/bgpvpns/${crypto.randomUUID()}/router_associations`)).body).toEqual({ router_associations: [] })
  await refused(404, 'BGPVPNPortAssocNotFound', demo, 'GET', `${path}/port_associations/${a.id}`)
  expect((await at(demo)('GET', path)).body.bgpvpn).toMatchObject({ routers: [here.router], networks: [], ports: [] })
  expect((await at(demo)('GET', `/bgpvpn/bgpvpns?routers=${here.router}`)).body.bgpvpns.map((x: { id: string }) => x.id)).toEqual([v.id])
  expect((await at(demo)('GET', `/bgpvpn/bgpvpns?networks=${here.network}`)).body.bgpvpns).toEqual([])
  // Both at once is refused from the other side, too.
  const other = await place(demo)
  await associate(demo, v, 'network', other.network)
  const second = (await made(demo, '/subnets', 'subnet', { network_id: other.network, ip_version: 4, cidr: '10.81.0.0/24' })).id
  await refused(409, 'both the router and the network', demo, 'PUT', `/routers/${here.router}/add_router_interface`, { subnet_id: second })
  expect((await at(demo)('DELETE', `${path}/router_associations/${a.id}`)).status).toBe(204)
  await refused(404, 'BGPVPNRouterAssocNotFound', demo, 'DELETE', `${path}/router_associations/${a.id}`)
  await at(admin)('DELETE', path)
})

it('routers of different projects learn of each other what targets let in, as long as they do', async () => {
  const us = await place(demo), them = await place(admin), alone = await place(admin), all = [us, them, alone]
  const ours = await vpn('demo', { route_targets: ['64512:20'] }), theirs = await vpn('admin', { import_targets: ['64512:20'], export_targets: ['64512:20'] })
  const a = await associate(demo, ours, 'router', us.router)
  expect(await learns(us.router, all)).toEqual([])
  await associate(admin, theirs, 'router', them.router)
  expect(await learns(us.router, all)).toEqual([`${them.cidr} 1`])
  expect(await learns(them.router, all)).toEqual([`${us.cidr} 0`])
  const documentsNow = await documents()
  expect(routerOf(documentsNow, alone.router).interfaces.map((i) => i.network)).toEqual([alone.network])
  expect(routerOf(documentsNow, us.router).interfaces.map((i) => i.network).sort()).toEqual([meeting.id, us.network].sort())
  for (const d of documentsNow) {
    const mine = d.routers.filter((r) => [us.router, them.router].includes(r.id)).length, peers = documentsNow.filter((o) => o !== d && o.routers.some((r) => [us.router, them.router].includes(r.id))).map((o) => `192.0.2.${documentsNow.indexOf(o) + 1}`)
    expect(d.networks.filter((x) => x.id === meeting.id).map((x) => [x.vni, x.peers])).toEqual(mine ? [[0, peers]] : [])
    expect(d.elsewhere.filter((e) => e.network === meeting.id).length).toBe(mine ? 2 - mine : 0)
  }
  // Nobody sees where they meet.
  for (const what of ['networks', 'ports', 'subnets']) expect((await at(admin)('GET', `/${what}`)).text).not.toContain(meeting.id)

  // Extra routes, what a router is and what its association says.
  const set = (id: string, router: object) => at(id === us.router ? demo : admin)('PUT', `/routers/${id}`, { router })
  await set(them.router, { routes: [{ destination: '192.168.0.0/16', nexthop: them.cidr.replace('0/24', '99') }] })
  expect(await learns(us.router, all)).toEqual([`${them.cidr} 1`, '192.168.0.0/16 1'].sort())
  const [assoc] = (await at(admin)('GET', `/bgpvpn/bgpvpns/${theirs.id}/router_associations`)).body.router_associations
  await at(admin)('PUT', `/bgpvpn/bgpvpns/${theirs.id}/router_associations/${assoc.id}`, { router_association: { advertise_extra_routes: false } })
  expect(await learns(us.router, all)).toEqual([`${them.cidr} 1`])
  await set(them.router, { admin_state_up: false })
  expect(await learns(us.router, all)).toEqual([])
  await set(them.router, { admin_state_up: true })
  const more = (await made(admin, '/networks', 'network', {})).id, leg = (await made(admin, '/subnets', 'subnet', { network_id: more, ip_version: 6, cidr: 'fd00:81::/64' })).id
  await at(admin)('PUT', `/routers/${them.router}/add_router_interface`, { subnet_id: leg })
  expect(await learns(us.router, all)).toEqual([`${them.cidr} 1`, 'fd00:81::/64 1'])
  expect((await at(admin)('PUT', `/routers/${them.router}/remove_router_interface`, { subnet_id: leg })).status).toBe(200)
  // Targets: what is no longer let in is forgotten, on one side or on both.
  await at(admin)('PUT', `/bgpvpn/bgpvpns/${theirs.id}`, { bgpvpn: { import_targets: [] } })
  expect([await learns(us.router, all), await learns(them.router, all)]).toEqual([[`${them.cidr} 1`], []])
  await at(admin)('PUT', `/bgpvpn/bgpvpns/${theirs.id}`, { bgpvpn: { import_targets: ['64512:20'] } })
  expect((await at(demo)('DELETE', `/bgpvpn/bgpvpns/${ours.id}/router_associations/${a.id}`)).status).toBe(204)
  expect([await learns(us.router, all), await learns(them.router, all)]).toEqual([[], []])
  expect(routerOf(await documents(), us.router).interfaces.map((i) => i.network)).toEqual([us.network])
  // What is deleted takes its associations along.
  await associate(demo, ours, 'router', us.router)
  expect(await learns(them.router, all)).toEqual([`${us.cidr} 0`])
  expect((await at(demo)('PUT', `/routers/${us.router}/remove_router_interface`, { subnet_id: us.subnet })).status).toBe(200)
  expect((await at(demo)('DELETE', `/routers/${us.router}`)).status).toBe(204)
  expect((await at(demo)('GET', `/bgpvpn/bgpvpns/${ours.id}`)).body.bgpvpn.routers).toEqual([])
  expect((await at(admin)('DELETE', `/bgpvpn/bgpvpns/${theirs.id}`)).status).toBe(204)
  for (const d of await documents()) expect(d.networks.some((x) => x.id === meeting.id)).toBe(false)
})

it('a network tells its own subnets, a port its addresses and what it leads to', async () => {
  const us = await place(demo), them = await place(admin), all = [us, them]
  const ours = await vpn('demo', { route_targets: ['64512:30'], local_pref: 50 }), theirs = await vpn('admin', { route_targets: ['64512:30'] })
  await associate(admin, theirs, 'router', them.router)
  const beside = (await made(demo, '/networks', 'network', {})).id, leg = (await made(demo, '/subnets', 'subnet', { network_id: beside, ip_version: 4, cidr: '10.82.0.0/24', allocation_pools: [{ start: '10.82.0.100', end: '10.82.0.200' }] })).id
  await at(demo)('PUT', `/routers/${us.router}/add_router_interface`, { subnet_id: leg })
  const network = await associate(demo, ours, 'network', us.network)
  expect([await learns(them.router, all), await learns(us.router, all)]).toEqual([[`${us.cidr} 0`], [`${them.cidr} 1`]])
  await at(demo)('DELETE', `/bgpvpn/bgpvpns/${ours.id}/network_associations/${network.id}`)
  // Without a router beside it there is nothing to tell; with the next one there is.
  const late = (await made(demo, '/networks', 'network', {})).id, leaf = (await made(demo, '/subnets', 'subnet', { network_id: late, ip_version: 4, cidr: '10.83.0.0/24' })).id
  await associate(demo, ours, 'network', late)
  expect(await learns(them.router, all)).toEqual([])
  await at(demo)('PUT', `/routers/${us.router}/add_router_interface`, { subnet_id: leaf })
  expect([await learns(them.router, all), await learns(us.router, all)]).toEqual([['10.83.0.0/24 0'], [`${them.cidr} 1`]])
  await at(demo)('PUT', `/routers/${us.router}/remove_router_interface`, { subnet_id: leaf })
  expect([await learns(them.router, all), await learns(us.router, all)]).toEqual([[], []])
  expect((await at(demo)('DELETE', `/networks/${late}`)).status).toBe(204)
  expect((await at(demo)('GET', `/bgpvpn/bgpvpns/${ours.id}`)).body.bgpvpn.networks).toEqual([])
  const port = (await made(demo, '/ports', 'port', { network_id: beside, fixed_ips: [{ ip_address: '10.82.0.7' }] })).id, path = `/bgpvpn/bgpvpns/${ours.id}/port_associations`
  await refused(400, 'bgpvpn are not supported', demo, 'POST', path, { port_association: { port_id: port, routes: [{ type: 'bgpvpn', bgpvpn_id: theirs.id }] } })
  for (const prefix of ['10.0.0.0/33', '169.254.169.254/32', undefined]) await refused(400, 'routes', demo, 'POST', path, { port_association: { port_id: port, routes: [{ type: 'prefix', prefix }] } })
  const a = await associate(demo, ours, 'port', port, { routes: [{ type: 'prefix', prefix: '172.20.0.0/16', local_pref: 200 }] })
  expect(a).toMatchObject({ advertise_fixed_ips: true, routes: [{ type: 'prefix', prefix: '172.20.0.0/16', local_pref: 200 }] })
  expect(await learns(them.router, all)).toEqual(['10.82.0.7/32 0', '172.20.0.0/16 0'])
  expect(routerOf(await documents(), us.router).routes).toContainEqual({ destination: '172.20.0.0/16', nexthop: '10.82.0.7' })
  expect((await at(demo)('PUT', `${path}/${a.id}`, { port_association: { advertise_fixed_ips: false } })).body.port_association.routes).toHaveLength(1)
  expect(await learns(them.router, all)).toEqual(['172.20.0.0/16 0'])
  expect((await at(demo)('PUT', `${path}/${a.id}`, { port_association: { advertise_fixed_ips: true, routes: [] } })).status).toBe(200)
  await at(demo)('PUT', `/ports/${port}`, { port: { fixed_ips: [{ ip_address: '10.82.0.8' }] } })
  expect(await learns(them.router, all)).toEqual(['10.82.0.8/32 0'])
  expect((await at(demo)('DELETE', `/ports/${port}`)).status).toBe(204)
  expect([await learns(them.router, all), (await at(demo)('GET', path)).body.port_associations]).toEqual([[], []])
  for (const x of [ours, theirs]) expect((await at(admin)('DELETE', `/bgpvpn/bgpvpns/${x.id}`)).status).toBe(204)
})

it('the hosts of those who learn are told of what changes elsewhere, and of nothing else', async () => {
  const us = await place(demo), them = await place(admin), all = [us, them], [here, there] = hosts as [TestHost, TestHost]
  for (const [router, h] of [[us.router, here], [them.router, there]] as const) {
    const [now] = (await at(admin)('GET', `/routers/${router}/l3-agents`)).body.agents, l3 = (await at(admin)('GET', `/agents?agent_type=L3%20agent&host=${h.name}`)).body.agents[0]
    if (now.id === l3.id) continue
    await at(admin)('DELETE', `/agents/${now.id}/l3-routers/${router}`)
    expect((await at(admin)('POST', `/agents/${l3.id}/l3-routers`, { router_id: router })).status).toBe(201)
  }
  const ours = await vpn('demo', { route_targets: ['64512:50'] }), theirs = await vpn('admin', { route_targets: ['64512:50'] })
  await associate(admin, theirs, 'router', them.router)
  /** Whether the other side's host is told of its routers after this. */
  const heard = async (act: () => Promise<{ status: number }>) => {
    const since = (await there.signed('GET', '/desired')).body.revision
    expect((await act()).status).toBeLessThan(300)
    return (await there.signed('GET', `/desired?since=${since}`)).body.routers !== undefined
  }
  const [port, other] = [await made(demo, '/ports', 'port', { network_id: us.network }), await made(demo, '/ports', 'port', { network_id: us.network })].map((p) => p.id) as [string, string]
  const change = (id: string, host: number) => () => at(demo)('PUT', `/ports/${id}`, { port: { fixed_ips: [{ subnet_id: us.subnet, ip_address: us.cidr.replace('0/24', String(host)) }] } })
  const path = `/bgpvpn/bgpvpns/${ours.id}/port_associations`
  expect(await heard(() => at(demo)('POST', path, { port_association: { port_id: port } }))).toBe(true)
  expect([await heard(change(port, 200)), await heard(change(other, 201))]).toEqual([true, false])
  expect(await learns(them.router, all)).toEqual([us.cidr.replace('0/24', '200/32 0')])
  expect(await heard(() => at(demo)('DELETE', `/ports/${port}`))).toBe(true)
  expect(await heard(() => at(demo)('POST', `/bgpvpn/bgpvpns/${ours.id}/router_associations`, { router_association: { router_id: us.router } }))).toBe(true)
  expect(await heard(() => at(demo)('PUT', `/routers/${us.router}`, { router: { routes: [{ destination: '172.21.0.0/16', nexthop: us.cidr.replace('0/24', '9') }] } }))).toBe(true)
  expect(await heard(() => at(admin)('PUT', `/bgpvpn/bgpvpns/${theirs.id}`, { bgpvpn: { name: 'renamed' } }))).toBe(false)
  expect(await heard(() => at(admin)('PUT', `/bgpvpn/bgpvpns/${ours.id}`, { bgpvpn: { local_pref: 7 } }))).toBe(true)
  const [l3] = (await at(admin)('GET', `/routers/${us.router}/l3-agents`)).body.agents
  expect(await heard(() => at(admin)('DELETE', `/agents/${l3.id}/l3-routers/${us.router}`))).toBe(true)
  expect(await learns(them.router, all)).toEqual([])
  expect(await heard(() => at(admin)('POST', `/agents/${l3.id}/l3-routers`, { router_id: us.router }))).toBe(true)
  expect(await learns(them.router, all)).toEqual([us.cidr, '172.21.0.0/16'].sort().map((x) => `${x} 0`))
  expect(await heard(() => at(admin)('DELETE', `/bgpvpn/bgpvpns/${ours.id}`))).toBe(true)
  expect(await learns(them.router, all)).toEqual([])
})

it('a request is one read and one write', async () => {
  const us = await place(demo), v = await vpn('demo', { route_targets: ['64512:40'] })
  const r = await at(demo)('POST', `/bgpvpn/bgpvpns/${v.id}/router_associations`, { router_association: { router_id: us.router } })
  expect([r.status, r.trips]).toEqual([201, expect.stringMatching(/^1r 1w /)])
  const gone = await at(admin)('DELETE', `/bgpvpn/bgpvpns/${v.id}`)
  expect([gone.status, gone.trips]).toEqual([204, expect.stringMatching(/^1r 1w /)])
})
