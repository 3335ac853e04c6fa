import { beforeAll, expect, it } from 'vitest'
import Value from 'typebox/value'
import { cloud, type Cloud } from '../../../tests/harness/cloud.ts'
import type { TestHost } from '../../../tests/harness/host.ts'
import { desired as desiredSchema, type Desired } from '../../../schema/hosts.ts'

let c: Cloud, demo: string, host: TestHost, inner: { id: string }, ext: { id: string }
const net = (method: string, path: string, body?: unknown, token = demo) => c.call(method, `/network/v2.0${path}`, { token, body })
const make = async (path: string, name: string, values: object, token = demo) => {
  const r = await net('POST', path, { [name]: values }, token)
  expect(r.status, r.text).toBe(201)
  return r.body[name]
}
const desired = async (): Promise<Desired> => {
  const d = (await host.signed('GET', '/desired')).body
  expect(Value.Check(desiredSchema, d), JSON.stringify([...Value.Errors(desiredSchema, d)][0])).toBe(true)
  return d
}
const forwards = async () => (await desired()).routers.flatMap((r) => r.forwards ?? [])
const type = (r: { status: number; body: any }) => [r.status, r.body.NeutronError?.type]

beforeAll(async () => {
  c = await cloud()
  demo = await c.demo()
  host = await c.host('one')
  await c.tick()
  inner = (await net('GET', '/networks?name=demo')).body.networks[0]
  ext = (await net('GET', '/networks?name=public')).body.networks[0]
})

it('ports of one floating address lead to several guests', async () => {
  const [a, b] = [await make('/ports', 'port', { network_id: inner.id }), await make('/ports', 'port', { network_id: inner.id })]
  const fip = await make('/floatingips', 'floatingip', { floating_network_id: ext.id }), at = `/floatingips/${fip.id}/port_forwardings`
  const [ipA, ipB] = [a, b].map((p) => p.fixed_ips[0].ip_address)
  const ssh = await make(at, 'port_forwarding', { protocol: 'tcp', internal_port_id: a.id, internal_ip_address: ipA, internal_port: 22, external_port: 2222, description: 'ssh' })
  expect(ssh).toEqual({ id: ssh.id, protocol: 'tcp', internal_port_id: a.id, internal_ip_address: ipA, internal_port: 22, external_port: 2222, internal_port_range: '22:22', external_port_range: '2222:2222', description: 'ssh' })
  const many = await make(at, 'port_forwarding', { protocol: 'udp', internal_port_id: b.id, internal_ip_address: ipB, internal_port_range: '5000:5010', external_port_range: '5000:5010' })
  expect(many).not.toHaveProperty('internal_port')
  expect((await net('GET', at)).body.port_forwardings).toHaveLength(2)
  expect((await net('GET', `${at}?protocol=udp`)).body.port_forwardings).toEqual([many])
  expect((await net('GET', `${at}/${ssh.id}`)).body.port_forwarding).toEqual(ssh)
  const shown = (await net('GET', `/floatingips/${fip.id}`)).body.floatingip
  expect(shown).toMatchObject({ status: 'ACTIVE', port_id: null })
  expect(shown.router_id).toBeTruthy()
  expect(shown.port_forwardings).toHaveLength(2)
  const before = (await desired()).revision
  expect((await forwards()).sort((x, y) => x.protocol - y.protocol)).toEqual([
    { address: fip.floating_ip_address, protocol: 6, min: 2222, max: 2222, fixed: ipA, to: 22 }, { address: fip.floating_ip_address, protocol: 17, min: 5000, max: 5010, fixed: ipB, to: 5000 }])
  const moved = await net('PUT', `${at}/${ssh.id}`, { port_forwarding: { external_port: 2223, internal_port_id: b.id, internal_ip_address: ipB } })
  expect([moved.status, moved.body.port_forwarding]).toEqual([200, expect.objectContaining({ external_port: 2223, internal_port: 22, internal_port_id: b.id, internal_ip_address: ipB })])
  expect((await desired()).revision).toBeGreaterThan(before)
  expect(await forwards()).toContainEqual({ address: fip.floating_ip_address, protocol: 6, min: 2223, max: 2223, fixed: ipB, to: 22 })
  expect(type(await net('PUT', `/floatingips/${fip.id}`, { floatingip: { port_id: a.id } }))).toEqual([409, 'FipInUseByPortForwarding'])
  expect((await net('DELETE', `${at}/${ssh.id}`)).status).toBe(204)
  expect((await net('GET', `/floatingips/${fip.id}`)).body.floatingip.status).toBe('ACTIVE')
  // With its guest's port the last one goes, and the address is free.
  expect((await net('DELETE', `/ports/${b.id}`)).status).toBe(204)
  expect((await net('GET', `/floatingips/${fip.id}`)).body.floatingip).toMatchObject({ status: 'DOWN', router_id: null, port_forwardings: [] })
  expect(await forwards()).toEqual([])
  expect((await net('PUT', `/floatingips/${fip.id}`, { floatingip: { port_id: a.id } })).status).toBe(200)
  expect(type(await net('POST', at, { port_forwarding: { protocol: 'tcp', internal_port_id: a.id, internal_port: 22, external_port: 22 } }))).toEqual([409, 'FloatingIPPortAlreadyAssociated'])
})

it('refuses what overlaps, leads nowhere or says nothing', async () => {
  const p = await make('/ports', 'port', { network_id: inner.id }), fip = await make('/floatingips', 'floatingip', { floating_network_id: ext.id }), at = `/floatingips/${fip.id}/port_forwardings`
  const ask = (more: object) => net('POST', at, { port_forwarding: { protocol: 'tcp', internal_port_id: p.id, internal_port_range: '80:90', external_port_range: '80:90', ...more } })
  expect((await ask({})).status).toBe(201)
  expect((await ask({ internal_port_range: '180:181', external_port_range: '90:91' })).status).toBe(409)
  expect((await ask({ internal_port_range: '90:91', external_port_range: '190:191' })).status).toBe(409)
  expect((await ask({ protocol: 'udp' })).status).toBe(201)
  for (const wrong of [{ protocol: 'icmp' }, { external_port_range: '80:91' }, { external_port_range: '90:80' }, { internal_port_range: '1000:2000', external_port_range: '3000:4000' }, { internal_port: 5 }, { external_port_range: '70000:70010' }, { internal_ip_address: '10.20.0.253' }]) expect((await ask(wrong)).status, JSON.stringify(wrong)).toBe(400)
  const lone = await make('/networks', 'network', {})
  await make('/subnets', 'subnet', { network_id: lone.id, ip_version: 4, cidr: '10.61.0.0/24' })
  expect((await ask({ internal_port_id: (await make('/ports', 'port', { network_id: lone.id })).id, internal_port_range: '1:1', external_port_range: '1:1' })).status).toBe(404)
  expect((await net('GET', `${at}/${crypto.randomUUID()}`)).status).toBe(404)
  expect((await net('GET', `/floatingips/${crypto.randomUUID()}/port_forwardings`)).status).toBe(404)
  expect((await net('DELETE', `/floatingips/${fip.id}`)).status).toBe(204)
  expect(await forwards()).toEqual([])
})
