import { beforeAll, expect, it } from 'vitest'
import { cloud, type Cloud } from '../../tests/harness/cloud.ts'
import type { TestHost } from '../../tests/harness/host.ts'
import type { Desired } from '../../schema/hosts.ts'
import { image as imageTable } from '../../schema/image.ts'
import { q } from '../kernel/db.ts'

/** Two hosts that lead to different physical networks, and one whose bridge does not say where to. */
let c: Cloud, demo: string, admin: string, one: TestHost, two: TestHost
const net = (method: string, path: string, body?: unknown, token = admin) => c.call(method, `/network/v2.0${path}`, { token, body })
const compute = (method: string, path: string, body?: unknown, token = demo) => c.call(method, `/compute/v2.1${path}`, { token, body })
const desired = async (h: TestHost): Promise<Desired> => (await h.signed('GET', '/desired')).body
const leads = async (h: TestHost, ...to: string[]) => { h.physical = to; expect((await h.report()).status).toBe(204) }
const provider = (type: string, physical?: string, segment?: number, more = {}) => net('POST', '/networks', { network: { 'provider:network_type': type, 'provider:physical_network': physical, 'provider:segmentation_id': segment, shared: true, ...more } })
let octet = 40
const made = async (type: string, physical: string, segment?: number, more = {}) => {
  const { network } = (await provider(type, physical, segment, more)).body, cidr = `10.${octet++}.0.0/24`
  expect(network).toMatchObject({ 'provider:network_type': type, 'provider:physical_network': physical, mtu: 1500 })
  const { subnet } = (await net('POST', '/subnets', { subnet: { network_id: network.id, ip_version: 4, cidr } })).body
  return { ...network, subnet } as { id: string; subnet: { id: string } }
}
let image: string, flavor: string
const boot = async (nics: object[], more = {}, token = demo) => {
  const r = await compute('POST', '/servers', { server: { name: 's', imageRef: image, flavorRef: flavor, networks: nics, ...more } }, token)
  return r.status === 202 ? (await compute('GET', `/servers/${r.body.server.id}`, undefined, admin)).body.server : r
}
const hostOf = (s: { 'OS-EXT-SRV-ATTR:host': string }) => s['OS-EXT-SRV-ATTR:host']

beforeAll(async () => {
  c = await cloud()
  ;[demo, admin] = [await c.demo(), await c.admin()]
  ;[one, two] = [await c.host('one'), await c.host('two')]
  await leads(one, 'external', 'physnet1')
  await leads(two, 'physnet1', 'physnet2')
  await c.tick()
  image = crypto.randomUUID()
  await c.db().write([q.insert(imageTable).values({ id: image, name: 'tiny', status: 'active', visibility: 'public', diskFormat: 'qcow2', containerFormat: 'bare', size: 65536, virtualSize: 1 << 20, md5: '0'.repeat(32), sha512: 'a'.repeat(128), properties: {}, createdAt: 1, updatedAt: 1 })])
  flavor = (await compute('GET', '/flavors')).body.flavors.find((f: { name: string }) => f.name === 'm1.nano').id
})

it('a network on a physical one that no host leads to is refused, as is what makes no sense', async () => {
  const refused = async (why: string, ...of: Parameters<typeof provider>) => {
    const r = await provider(...of)
    expect([r.status, r.body.NeutronError]).toMatchObject([400, { type: 'InvalidInput', message: `Invalid input for operation: ${why}.` }])
  }
  await refused("physical_network 'physnet9' unknown for flat provider network", 'flat', 'physnet9')
  await refused("physical_network 'physnet9' unknown for VLAN provider network", 'vlan', 'physnet9', 7)
  await refused('Physical network physnet1 requires segmentation_id to be specified when creating a provider network', 'vlan', 'physnet1')
  await refused('segmentation_id requires physical_network for VLAN provider network', 'vlan', undefined, 7)
  await refused('segmentation_id out of range (1 through 4094)', 'vlan', 'physnet1', 4095)
  await refused('provider:physical_network specified for vxlan network', 'vxlan', 'physnet1')
  expect((await net('POST', '/networks', { network: { 'provider:physical_network': 'physnet1' } })).body.NeutronError.message).toBe('Invalid input for operation: network_type required.')
  await refused('segmentation_id out of range (1 through 16777215)', 'vxlan', undefined, '99999999' as never)
  expect((await provider('vlan')).status).toBe(503)
  // Numbers an operator has set aside are of a network that hosts may lead to later, and are drawn with its name.
  const range = (await net('POST', '/network_segment_ranges', { network_segment_range: { network_type: 'vlan', physical_network: 'physnet9', minimum: 70, maximum: 70 } })).body.network_segment_range
  const drawn = (await provider('vlan')).body.network
  expect([drawn['provider:physical_network'], drawn['provider:segmentation_id']]).toEqual(['physnet9', 70])
  expect((await provider('vlan', 'physnet9', 71)).status).toBe(201)
  await net('DELETE', `/networks/${drawn.id}`)
  expect((await net('DELETE', `/network_segment_ranges/${range.id}`)).status).toBe(204)
})

it('hosts are told how networks are carried, in so far as they lead there; the rest goes by tunnel as ever', async () => {
  // As the command line client says it.
  const vlan = await made('vlan', 'physnet1', '101' as never), flat = await made('flat', 'physnet2')
  const bind = async (n: { id: string }, h: TestHost) => (await net('POST', '/ports', { port: { network_id: n.id, device_id: crypto.randomUUID(), device_owner: 'compute:nova', 'binding:host_id': h.name } })).body.port
  const p = await bind(vlan, one), there = await bind(flat, two), odd = await bind(flat, one)
  expect([p, there, odd].map((x) => x['binding:vif_type'])).toEqual(['bridge', 'bridge', 'binding_failed'])
  expect((await net('PUT', `/ports/${there.id}`, { port: { 'binding:host_id': 'one' } })).body.port['binding:vif_type']).toBe('binding_failed')
  expect((await net('PUT', `/ports/${there.id}`, { port: { 'binding:host_id': 'two' } })).body.port['binding:vif_type']).toBe('bridge')
  expect((await net('POST', `/ports/${there.id}/bindings`, { binding: { host: 'one' } })).body.NeutronError).toMatchObject({ type: 'PortBindingError', message: expect.stringContaining('does not lead to physical network physnet2') })
  const carried = async (h: TestHost, id: string) => (await desired(h)).networks.find((n) => n.id === id)?.physical
  expect([await carried(one, vlan.id), await carried(two, flat.id)]).toEqual([{ network: 'physnet1', vlan: 101 }, { network: 'physnet2' }])
  expect((await desired(one)).networks.some((n) => n.id === flat.id)).toBe(false)
  // What a host leads to changes: it is told anew, and everything.
  const before = await desired(one)
  await leads(one, 'external')
  const after = await desired(one)
  expect([after.revision > before.revision, after.networks.find((n) => n.id === vlan.id)?.physical]).toEqual([true, undefined])
  one.physical = undefined
  await one.report()
  expect(await carried(one, vlan.id)).toBeUndefined()
  await leads(one, 'external', 'physnet1')
  const again = (await desired(one)).revision
  await one.report()
  expect([await carried(one, vlan.id), (await desired(one)).revision]).toEqual([{ network: 'physnet1', vlan: 101 }, again])
  for (const x of [p, there, odd]) await net('DELETE', `/ports/${x.id}`)
  for (const n of [vlan, flat]) await net('DELETE', `/networks/${n.id}`)
  const seen = (await c.call('GET', '/hosts', { token: admin })).body.hosts.map((h: { name: string; physical_networks: string[] }) => [h.name, h.physical_networks])
  expect(seen).toEqual([['one', ['external', 'physnet1']], ['two', ['physnet1', 'physnet2']]])
})

it('a server goes where its networks are, or is refused in the words for it', async () => {
  const both = await made('vlan', 'physnet1', 201), left = await made('vlan', 'physnet2', 202)
  const outside = (await net('GET', '/networks?name=public')).body.networks[0]
  expect(hostOf(await boot([{ uuid: left.id }]))).toBe('two')
  expect(hostOf(await boot([{ uuid: both.id }, { uuid: left.id }]))).toBe('two')
  expect(hostOf(await boot([{ uuid: outside.id }], {}, admin))).toBe('one')
  // A port of a trunk brings the networks of those that come with it.
  const port = async (n: { id: string }) => (await net('POST', '/ports', { port: { network_id: n.id } }, demo)).body.port
  const parent = await port(both), sub = await port(left), spare = await port(left)
  const { trunk } = (await net('POST', '/trunks', { trunk: { port_id: parent.id, sub_ports: [{ port_id: sub.id, segmentation_type: 'vlan', segmentation_id: 5 }] } }, demo)).body
  expect(trunk.sub_ports.length).toBe(1)
  for (let i = 0; i < 3; i++) {
    const s = await boot([{ port: parent.id }])
    expect(hostOf(s)).toBe('two')
    await compute('DELETE', `/servers/${s.id}`)
    await Promise.all([one.work(), two.work()])
    await c.tick()
  }
  // Both at once are nowhere.
  const nowhere = await boot([{ uuid: left.id }, { uuid: outside.id }], {}, admin)
  expect([nowhere.status, nowhere.fault.message, hostOf(nowhere)]).toEqual(['ERROR', expect.stringMatching(/^No valid host was found. There are not enough hosts available that lead to physical network (physnet2, external|external, physnet2)\./), null])
  // One that is somewhere already gets no interface that could not be there.
  const here = await boot([{ uuid: outside.id }], {}, admin)
  await Promise.all([one.work(), two.work()])
  const attach = await compute('POST', `/servers/${here.id}/os-interface`, { interfaceAttachment: { net_id: left.id } }, admin)
  expect([attach.status, attach.body.badRequest.message]).toEqual([400, expect.stringMatching(/^Binding failed for port [0-9a-f-]{36}: its host does not lead to physical network physnet2\.$/)])
  expect((await compute('POST', `/servers/${here.id}/os-interface`, { interfaceAttachment: { net_id: both.id } }, admin)).status).toBe(200)
  const upper = (await net('POST', '/ports', { port: { network_id: both.id, device_id: crypto.randomUUID(), device_owner: 'compute:nova', 'binding:host_id': 'one' } })).body.port
  const full = (await net('POST', '/trunks', { trunk: { port_id: upper.id } })).body.trunk
  expect((await net('PUT', `/trunks/${full.id}/add_subports`, { sub_ports: [{ port_id: spare.id, segmentation_type: 'vlan', segmentation_id: 6 }] })).body.NeutronError).toMatchObject({ type: 'PortBindingError', message: expect.stringContaining('physnet2') })
})

it('a server moves only to where its networks are', async () => {
  const only = await made('vlan', 'physnet2', 301), s = await boot([{ uuid: only.id }])
  await Promise.all([one.work(), two.work()])
  await two.report()
  const moved = await compute('POST', `/servers/${s.id}/action`, { migrate: null }, admin)
  expect([moved.status, moved.body.badRequest.message]).toEqual([400, expect.stringContaining('No valid host was found')])
  const named = await compute('POST', `/servers/${s.id}/action`, { 'os-migrateLive': { host: 'one', block_migration: false, disk_over_commit: false } }, admin)
  expect([named.status, JSON.stringify(named.body)]).toEqual([400, expect.stringContaining('physical networks')])
})

it('a router lives where its networks are, and goes there when it gets one', async () => {
  const street = await made('vlan', 'physnet2', 401, { 'router:external': true })
  const inside = await made('vlan', 'physnet1', 402)
  const at = async (id: string) => (await net('GET', `/routers/${id}/l3-agents`)).body.agents.map((a: { host: string }) => a.host)
  for (let i = 0; i < 3; i++) {
    const r = (await net('POST', '/routers', { router: { external_gateway_info: { network_id: street.id } } })).body.router
    expect(await at(r.id)).toEqual(['two'])
  }
  const outside = (await net('GET', '/networks?name=public')).body.networks[0]
  const r = (await net('POST', '/routers', { router: { external_gateway_info: { network_id: outside.id } } })).body.router
  expect(await at(r.id)).toEqual(['one'])
  expect((await net('PUT', `/routers/${r.id}/add_router_interface`, { subnet_id: inside.subnet.id })).status).toBe(200)
  expect(await at(r.id)).toEqual(['one'])
  expect((await net('PUT', `/routers/${r.id}`, { router: { external_gateway_info: { network_id: street.id } } })).status).toBe(200)
  expect(await at(r.id)).toEqual([])
  one.revision = (await desired(one)).revision
  await one.report()
  expect(await at(r.id)).toEqual(['two'])
  const told = (await desired(two)).networks
  expect([street.id, inside.id].map((id) => told.find((n) => n.id === id)?.physical)).toEqual([{ network: 'physnet2', vlan: 401 }, { network: 'physnet1', vlan: 402 }])
  // When no host leads to all, it stays where it is and carries what it can.
  await leads(two, 'physnet1')
  expect(await at(r.id)).toEqual(['two'])
})
