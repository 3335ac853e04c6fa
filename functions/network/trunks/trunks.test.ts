import { beforeAll, expect, it } from 'vitest'
import Value from 'typebox/value'
import { cloud, type Cloud } from '../../../tests/harness/cloud.ts'
import type { TestHost } from '../../../tests/harness/host.ts'
import { desired as desiredSchema, type Desired } from '../../../schema/hosts.ts'

let c: Cloud, demo: string, admin: string, host: TestHost, other: TestHost, a: string, b: string
const net = (method: string, path: string, body?: unknown, token = demo) => c.call(method, `/network/v2.0${path}`, { token, body })
const make = async (path: string, name: string, values: object, token = demo) => {
  const r = await net('POST', path, { [name]: values }, token)
  expect(r.status, r.text).toBe(201)
  return r.body[name]
}
const desired = async (h = host): Promise<Desired> => {
  const d = (await h.signed('GET', '/desired')).body
  expect(Value.Check(desiredSchema, d), JSON.stringify([...Value.Errors(desiredSchema, d)][0])).toBe(true)
  return d
}
const type = (r: { status: number; body: any }) => [r.status, r.body.NeutronError?.type]
const port = (network: string, more: object = {}, token = demo) => make('/ports', 'port', { network_id: network, ...more }, token)
const vlan = (p: { id: string }, id: number) => ({ port_id: p.id, segmentation_type: 'vlan', segmentation_id: id })
const bind = (id: string, name: string | null, server = crypto.randomUUID()) => net('PUT', `/ports/${id}`, { port: { 'binding:host_id': name, ...(name ? { device_owner: 'compute:nova', device_id: server } : {}) } }, admin)
const show = async (id: string) => (await net('GET', `/trunks/${id}`)).body.trunk

beforeAll(async () => {
  c = await cloud()
  ;[demo, admin] = [await c.demo(), await c.admin()]
  ;[host, other] = [await c.host('one'), await c.host('two')]
  await c.tick()
  const subnet = async (cidr: string) => { const n = await make('/networks', 'network', {}); await make('/subnets', 'subnet', { network_id: n.id, ip_version: 4, cidr }); return n.id }
  ;[a, b] = [await subnet('10.7.0.0/24'), await subnet('10.8.0.0/24')]
})

it('a trunk takes, shows and gives back sub-ports', async () => {
  const [parent, one, two] = [await port(a), await port(b), await port(b)]
  const trunk = await make('/trunks', 'trunk', { name: 't', port_id: parent.id, sub_ports: [vlan(one, 100)] }), at = `/trunks/${trunk.id}`
  expect(trunk).toMatchObject({ name: 't', port_id: parent.id, status: 'DOWN', admin_state_up: true, sub_ports: [vlan(one, 100)] })
  expect(await show(trunk.id)).toEqual(trunk)
  expect((await net('GET', `/ports/${one.id}`)).body.port).toMatchObject({ device_owner: 'trunk:subport', device_id: trunk.id })
  const added = await net('PUT', `${at}/add_subports`, { sub_ports: [vlan(two, 200)] })
  expect([added.status, added.body.sub_ports]).toEqual([200, [vlan(one, 100), vlan(two, 200)]])
  expect(added.body.revision_number).toBeGreaterThan(trunk.revision_number)
  expect((await net('GET', `${at}/get_subports`)).body.sub_ports).toHaveLength(2)
  expect((await net('GET', `/ports/${parent.id}`)).body.port.trunk_details).toEqual({ trunk_id: trunk.id, sub_ports: [{ ...vlan(one, 100), mac_address: one.mac_address }, { ...vlan(two, 200), mac_address: two.mac_address }] })
  expect((await net('GET', `/ports/${one.id}`)).body.port).not.toHaveProperty('trunk_details')
  for (const p of [parent, one]) expect((await net('DELETE', `/ports/${p.id}`)).status).toBe(409)
  const removed = await net('PUT', `${at}/remove_subports`, { sub_ports: [{ port_id: one.id }] })
  expect([removed.status, removed.body.sub_ports]).toEqual([200, [vlan(two, 200)]])
  expect((await net('GET', `/ports/${one.id}`)).body.port).toMatchObject({ device_owner: '', device_id: '' })
  expect(type(await net('PUT', `${at}/remove_subports`, { sub_ports: [{ port_id: one.id }] }))).toEqual([404, 'SubPortNotFound'])
  expect((await net('PUT', at, { trunk: { admin_state_up: false, name: 'n' } })).body.trunk).toMatchObject({ admin_state_up: false, name: 'n', status: 'DOWN' })
  expect(type(await net('PUT', `${at}/add_subports`, { sub_ports: [vlan(one, 9)] }))).toEqual([409, 'TrunkDisabled'])
  expect((await net('PUT', `${at}/tags/red`)).status).toBe(201)
  expect((await net('GET', '/trunks?tags=red')).body.trunks.map((t: { id: string }) => t.id)).toEqual([trunk.id])
  expect((await net('DELETE', at)).status).toBe(204)
  expect((await net('GET', `/ports/${two.id}`)).body.port.device_owner).toBe('')
  for (const p of [parent, one, two]) expect((await net('DELETE', `/ports/${p.id}`)).status).toBe(204)
})

it('refuses what cannot be', async () => {
  const [parent, sub, free, busy] = [await port(a), await port(b), await port(b), await port(b, { device_id: 'x' })]
  const trunk = await make('/trunks', 'trunk', { port_id: parent.id, sub_ports: [vlan(sub, 100)] }), add = (...list: object[]) => net('PUT', `/trunks/${trunk.id}/add_subports`, { sub_ports: list })
  expect(type(await net('POST', '/trunks', { trunk: { port_id: parent.id } }))).toEqual([409, 'PortInUseAsTrunkParent'])
  expect(type(await net('POST', '/trunks', { trunk: { port_id: sub.id } }))).toEqual([409, 'PortInUseAsSubPort'])
  expect(type(await add(vlan(sub, 101)))).toEqual([409, 'PortInUseAsSubPort'])
  expect(type(await add(vlan(parent, 101)))).toEqual([409, 'DuplicateSubPort'])
  expect(type(await add(vlan(free, 100)))).toEqual([409, 'DuplicateSubPort'])
  expect(type(await add(vlan(busy, 101)))).toEqual([409, 'PortInUse'])
  expect(type(await add({ port_id: free.id }))).toEqual([400, 'InvalidInput'])
  expect(type(await add({ port_id: free.id, segmentation_type: 'inherit' }))).toEqual([400, 'TrunkInvalidSegmentation'])
  expect((await add(vlan(free, 4095))).status).toBe(400)
  const foreign = (await make('/networks', 'network', {}, admin)).id
  expect(type(await add(vlan(await port(foreign, {}, admin), 7)))).toEqual([404, 'PortNotFound'])
  expect((await net('GET', `/trunks/${crypto.randomUUID()}`)).status).toBe(404)
})

it('is where its port is, and as up as its host shows', async () => {
  const [parent, sub] = [await port(a), await port(b)], server = crypto.randomUUID()
  const trunk = await make('/trunks', 'trunk', { port_id: parent.id, sub_ports: [vlan(sub, 100)] })
  expect((await bind(parent.id, 'one', server)).status).toBe(200)
  const d = await desired()
  expect(d.ports.find((p) => p.id === sub.id)).toMatchObject({ server, trunk: { parent: parent.id, vlan: 100 }, up: true })
  expect(d.ports.find((p) => p.id === parent.id)!.trunk).toBeUndefined()
  await host.report({ ports: [parent.id], revision: d.revision })
  expect((await show(trunk.id)).status).toBe('DEGRADED')
  await host.report({ ports: [parent.id, sub.id], revision: d.revision })
  expect((await show(trunk.id)).status).toBe('ACTIVE')
  expect((await net('GET', '/trunks?status=ACTIVE')).body.trunks).toHaveLength(1)
  await bind(parent.id, 'two', server)
  const [left, came] = [await desired(), await desired(other)]
  expect(left.revision).toBeGreaterThan(d.revision)
  expect(left.ports.some((p) => p.id === sub.id)).toBe(false)
  expect(came.ports.find((p) => p.id === sub.id)!.trunk).toEqual({ parent: parent.id, vlan: 100 })
  expect((await show(trunk.id)).status).toBe('DOWN')
  const before = came.revision
  await net('PUT', `/trunks/${trunk.id}`, { trunk: { admin_state_up: false } })
  expect((await desired(other)).ports.find((p) => p.id === sub.id)!.up).toBe(false)
  expect((await net('DELETE', `/trunks/${trunk.id}`)).status).toBe(204)
  const end = await desired(other)
  expect(end.revision).toBeGreaterThan(before)
  expect(end.ports.some((p) => p.id === sub.id)).toBe(false)
})
