import { beforeAll, describe, expect, it } from 'vitest'
import Value from 'typebox/value'
import { cloud, type Cloud } from '../../tests/harness/cloud.ts'
import type { TestHost } from '../../tests/harness/host.ts'
import { desired as desiredSchema, type Desired } from '../../schema/hosts.ts'
import { port } from '../../schema/network.ts'
import { q } from '../kernel/db.ts'
import { eq } from 'drizzle-orm'

let c: Cloud, demo: string, admin: string, host: TestHost
const net = (method: string, path: string, body?: unknown, token = demo, headers?: Record<string, string>) => c.call(method, `/network/v2.0${path}`, { token, body, headers })
const make = async (path: string, name: string, values: object, token = demo) => {
  const r = await net('POST', path, { [name]: values }, token)
  expect(r.status, r.text).toBe(201)
  return r.body[name]
}
const desired = async (h = host): Promise<Desired> => {
  const r = await h.signed('GET', '/desired')
  expect(r.status, r.text).toBe(200)
  return r.body
}

beforeAll(async () => {
  c = await cloud()
  demo = await c.demo()
  admin = await c.admin()
  host = await c.host('one')
})

describe('the network a cloud starts with', () => {
  it('is listed with its subnet and its router', async () => {
    const names = (await net('GET', '/networks?fields=name')).body.networks.map((n: { name: string }) => n.name).sort()
    expect(names).toEqual(['demo', 'public'])
    expect((await net('GET', '/networks?router:external=True')).body.networks[0]).toMatchObject({ name: 'public', 'router:external': true })
    expect((await net('GET', '/routers')).body.routers[0].external_gateway_info.external_fixed_ips).toHaveLength(1)
  })
  it('gets a host for its router when the first one is up', async () => {
    await c.tick()
    const d = await desired()
    expect(Value.Check(desiredSchema, d), JSON.stringify([...Value.Errors(desiredSchema, d)][0])).toBe(true)
    expect(d.routers).toHaveLength(1)
    expect(d.routers[0].interfaces[0].addresses).toEqual([{ address: '10.20.0.1', prefix: 24 }])
    expect(d.routers[0].external?.addresses[0].address).toMatch(/^172\.24\.4\./)
  })
})

describe('a port', () => {
  it('costs one read and one write, and its host learns of it with its rules and floating address', async () => {
    const demoNet = (await net('GET', '/networks?name=demo')).body.networks[0], ext = (await net('GET', '/networks?name=public')).body.networks[0]
    await c.quiet(demo)
    const r = await net('POST', '/ports', { port: { network_id: demoNet.id, name: 'p1' } })
    expect(r.status, r.text).toBe(201)
    expect(r.trips).toMatch(/^1r 1w/)
    const p = r.body.port
    expect(p).toMatchObject({ status: 'DOWN', device_owner: '', port_security_enabled: true })
    expect(p.fixed_ips[0].ip_address).toMatch(/^10\.20\.0\./)
    expect(p.security_groups).toHaveLength(1)
    expect(p['binding:host_id']).toBeUndefined()
    const server = crypto.randomUUID()
    const bound = await net('PUT', `/ports/${p.id}`, { port: { device_id: server, device_owner: 'compute:nova', 'binding:host_id': 'one' } }, admin)
    expect(bound.status, bound.text).toBe(200)
    expect(bound.body.port).toMatchObject({ 'binding:host_id': 'one', 'binding:vif_type': 'bridge' })
    const fip = await make('/floatingips', 'floatingip', { floating_network_id: ext.id, port_id: p.id })
    expect(fip).toMatchObject({ status: 'ACTIVE', fixed_ip_address: p.fixed_ips[0].ip_address, port_details: { name: 'p1' } })
    expect((await net('GET', `/floatingips/${fip.id}`)).body.floatingip).toEqual(fip)
    await make('/security-group-rules', 'security_group_rule', { security_group_id: p.security_groups[0], direction: 'ingress', protocol: 'tcp', port_range_min: 22, port_range_max: 22, remote_ip_prefix: '0.0.0.0/0' })
    const d = await desired()
    expect(Value.Check(desiredSchema, d), JSON.stringify([...Value.Errors(desiredSchema, d)][0])).toBe(true)
    const there = d.ports.find((x) => x.id === p.id)!
    expect(there).toMatchObject({ server, mac: p.mac_address, up: true })
    expect(there.security!.ingress).toContainEqual({ family: 4, protocol: 6, min: 22, max: 22, remotes: ['0.0.0.0/0'] })
    expect(there.security!.ingress).toContainEqual({ family: 4, remotes: [`${p.fixed_ips[0].ip_address}/32`] })
    expect(d.networks.map((n) => n.id).sort()).toEqual([demoNet.id, ext.id].sort())
    expect(d.routers[0].floating).toEqual([{ id: fip.id, address: fip.floating_ip_address, fixed: p.fixed_ips[0].ip_address }])
  })
  it('that joins a group rings the hosts whose rules name that group, wherever they are', async () => {
    const other = await c.host('two')
    const mk = async (name: string) => { const n = await make('/networks', 'network', { name }); await make('/subnets', 'subnet', { network_id: n.id, ip_version: 4, cidr: '10.9.0.0/24' }); return n }
    const [a, b] = [await mk('a'), await mk('b')]
    const web = await make('/security-groups', 'security_group', { name: 'web' }), db = await make('/security-groups', 'security_group', { name: 'db' })
    await make('/security-group-rules', 'security_group_rule', { security_group_id: db.id, direction: 'ingress', protocol: 'tcp', port_range_min: 5432, port_range_max: 5432, remote_group_id: web.id })
    const dbPort = await make('/ports', 'port', { network_id: a.id, security_groups: [db.id], 'binding:host_id': 'two', device_owner: 'compute:nova', device_id: crypto.randomUUID() }, admin).catch(() => undefined)
    expect(dbPort).toBeDefined()
    const before = (await desired(other)).revision
    const webPort = await make('/ports', 'port', { network_id: b.id, security_groups: [web.id] })
    const after = await desired(other)
    expect(after.revision).toBeGreaterThan(before)
    expect(after.ports[0].security!.ingress).toEqual([{ family: 4, protocol: 6, min: 5432, max: 5432, remotes: [`${webPort.fixed_ips[0].ip_address}/32`] }])
    expect((await net('PUT', `/ports/${webPort.id}`, { port: { security_groups: [] } })).status).toBe(200)
    const left = await desired(other)
    expect(left.revision).toBeGreaterThan(after.revision)
    expect(left.ports[0].security!.ingress[0].remotes).toEqual([])
    // What is on another network and names no group of theirs leaves the host alone.
    await make('/ports', 'port', { network_id: b.id, security_groups: [] })
    expect((await desired(other)).revision).toBe(left.revision)
  })
  it('may not be given the names by which the cloud knows its own, nor taken from a server by them', async () => {
    const demoNet = (await net('GET', '/networks?name=demo')).body.networks[0]
    for (const device_owner of ['network:dhcp', 'network:router_interface', 'compute:nova']) expect((await net('POST', '/ports', { port: { network_id: demoNet.id, device_owner } })).status).toBe(403)
    const p = await make('/ports', 'port', { network_id: demoNet.id })
    expect((await net('PUT', `/ports/${p.id}`, { port: { device_owner: 'network:floatingip' } })).status).toBe(403)
    expect((await net('PUT', `/ports/${p.id}`, { port: { 'binding:host_id': 'one' } })).status).toBe(403)
    await c.db().write([q.update(port).set({ deviceOwner: 'compute:nova', device: 'x' }).where(eq(port.id, p.id))])
    expect((await net('PUT', `/ports/${p.id}`, { port: { device_id: '' } })).status).toBe(403)
    expect((await net('PUT', `/ports/${p.id}`, { port: { device_owner: '' } })).status).toBe(403)
  })
  it('refuses options and names that could end a line of some configuration', async () => {
    const demoNet = (await net('GET', '/networks?name=demo')).body.networks[0]
    for (const bad of [{ extra_dhcp_opts: [{ opt_name: 'bootfile-name', opt_value: 'a\ndhcp-script=/bin/sh' }] }, { extra_dhcp_opts: [{ opt_name: 'x\ny', opt_value: '1' }] }, { dns_name: 'a\nb' }, { mac_address: 'fa:16:3e:00:00:00\n' }]) {
      const r = await net('POST', '/ports', { port: { network_id: demoNet.id, ...bad } })
      expect([r.status, r.body.NeutronError?.message]).toEqual([400, expect.stringContaining(Object.keys(bad)[0])])
    }
  })
})

describe('a router', () => {
  it('carries, keeps and gives back a subnet', async () => {
    const n = await make('/networks', 'network', { name: 'r-net' }), s = await make('/subnets', 'subnet', { network_id: n.id, ip_version: 4, cidr: '10.77.0.0/24' })
    const ext = (await net('GET', '/networks?name=public')).body.networks[0]
    const r = await make('/routers', 'router', { name: 'r' })
    const at = `/routers/${r.id}`
    const added = await net('PUT', `${at}/add_router_interface`, { subnet_id: s.id })
    expect(added.status, added.text).toBe(200)
    expect((await net('PUT', `${at}/add_router_interface`, { subnet_id: s.id })).status).toBe(400)
    expect((await net('DELETE', `/ports/${added.body.port_id}`)).body.NeutronError.type).toBe('ServicePortInUse')
    expect((await net('DELETE', at)).body.NeutronError.type).toBe('RouterInUse')
    expect((await net('DELETE', `/subnets/${s.id}`)).status).toBe(409)
    expect((await net('DELETE', `/networks/${n.id}`)).status).toBe(409)
    const p = await make('/ports', 'port', { network_id: n.id })
    const fip = await make('/floatingips', 'floatingip', { floating_network_id: ext.id })
    expect((await net('PUT', `/floatingips/${fip.id}`, { floatingip: { port_id: p.id } })).body.NeutronError.type).toBe('ExternalGatewayForFloatingIPNotFound')
    const gw = await net('PUT', at, { router: { external_gateway_info: { network_id: ext.id } } })
    expect(gw.status, gw.text).toBe(200)
    expect((await net('PUT', `/floatingips/${fip.id}`, { floatingip: { port_id: p.id } })).body.floatingip).toMatchObject({ router_id: r.id, status: 'ACTIVE' })
    expect((await net('PUT', at, { router: { external_gateway_info: null } })).body.NeutronError.type).toBe('RouterExternalGatewayInUseByFloatingIp')
    expect((await net('PUT', `${at}/remove_router_interface`, { subnet_id: s.id })).body.NeutronError.type).toBe('RouterInterfaceInUseByFloatingIP')
    expect((await net('PUT', at, { router: { routes: [{ destination: '192.0.2.0/24', nexthop: '10.77.0.9' }] } })).body.router.routes).toHaveLength(1)
    expect((await net('PUT', at, { router: { routes: [{ destination: '192.0.2.0/24', nexthop: '10.78.0.9' }] } })).status).toBe(400)
    expect((await net('PUT', `/floatingips/${fip.id}`, { floatingip: { port_id: null } })).body.floatingip).toMatchObject({ port_id: null, status: 'DOWN' })
    expect((await net('PUT', `${at}/remove_router_interface`, { subnet_id: s.id })).body.NeutronError.type).toBe('RouterInterfaceInUseByRoute')
    expect((await net('PUT', `${at}/remove_extraroutes`, { router: { routes: [{ destination: '192.0.2.0/24', nexthop: '10.77.0.9' }] } })).body.router.routes).toEqual([])
    expect((await net('PUT', `${at}/remove_router_interface`, { subnet_id: s.id })).status).toBe(200)
    expect((await net('PUT', at, { router: { external_gateway_info: null } })).body.router.external_gateway_info).toBeNull()
    for (const gone of [at, `/floatingips/${fip.id}`, `/ports/${p.id}`, `/subnets/${s.id}`, `/networks/${n.id}`]) expect((await net('DELETE', gone)).status).toBe(204)
  })
})

describe('security group rules', () => {
  it('a hundred are one call and one write; three hundred from fifty clients meet no conflict', async () => {
    const { project_id: project } = (await net('GET', '/networks?name=demo')).body.networks[0]
    await net('PUT', `/quotas/${project}`, { quota: { security_group_rule: 1000 } }, admin)
    const g = await make('/security-groups', 'security_group', { name: 'many' })
    const rule = (n: number) => ({ security_group_id: g.id, direction: 'ingress', protocol: 'tcp', port_range_min: n, port_range_max: n })
    await c.quiet(demo)
    const since = performance.now()
    const bulk = await net('POST', '/security-group-rules', { security_group_rules: Array.from({ length: 100 }, (_, i) => rule(i + 1)) })
    expect(bulk.status, bulk.text).toBe(201)
    console.log(`100 rules in one call: ${(performance.now() - since).toFixed(0)} ms`)
    expect(bulk.trips).toMatch(/^1r 1w/)
    const left = Array.from({ length: 300 }, (_, i) => i + 1000), seen: number[] = []
    await Promise.all(Array.from({ length: 50 }, async () => {
      for (let n = left.pop(); n !== undefined; n = left.pop()) {
        const r = await net('POST', '/security-group-rules', { security_group_rule: rule(n) })
        seen.push(r.status)
        if (r.status === 201) seen.push((await net('GET', `/security-group-rules/${r.body.security_group_rule.id}`)).status)
      }
    }))
    expect(seen.filter((s) => s === 201)).toHaveLength(300)
    expect(seen.filter((s) => s === 200)).toHaveLength(300)
    expect((await net('GET', `/security-groups/${g.id}`)).body.security_group.security_group_rules).toHaveLength(402)
    expect((await net('POST', '/security-group-rules', { security_group_rule: rule(1) })).body.NeutronError.type).toBe('SecurityGroupRuleExists')
  }, 60_000)
})
