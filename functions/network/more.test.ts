import { beforeAll, expect, it } from 'vitest'
import { cloud, type Cloud } from '../../tests/harness/cloud.ts'
import type { TestHost } from '../../tests/harness/host.ts'
import type { Desired } from '../../schema/hosts.ts'

let c: Cloud, admin: string, demo: string, one: TestHost, two: TestHost, external: string, project: string
const net = (method: string, path: string, body?: unknown, token = admin) => c.call(method, `/network/v2.0${path}`, { token, body })
const made = async (path: string, name: string, body: object, token = admin) => {
  const r = await net('POST', path, { [name]: body }, token)
  if (r.status !== 201) throw new Error(`${path}: ${r.status} ${r.text}`)
  return r.body[name]
}
const refused = async (expected: [number, string], method: string, path: string, body?: unknown, token = admin) => { const r = await net(method, path, body, token); expect([r.status, r.body?.NeutronError?.type]).toEqual(expected) }
const desired = async (h: TestHost): Promise<Desired> => (await h.signed('GET', '/desired')).body

beforeAll(async () => {
  c = await cloud()
  ;[admin, demo] = [await c.admin(), await c.demo()]
  ;[one, two] = [await c.host('one'), await c.host('two')]
  await c.tick()
  external = (await net('GET', '/networks?router%3Aexternal=true')).body.networks[0].id
  project = (await net('GET', '/networks?name=demo', undefined, demo)).body.networks[0].project_id
})
const routerHost = async (id: string) => ((await net('GET', `/routers/${id}/l3-agents`)).body.agents[0].host === 'one' ? one : two)

it('metering: labels and rules reach the host, what it counts is summed, also when its counters begin anew', async () => {
  const [r] = (await net('GET', '/routers', undefined, demo)).body.routers, host = await routerHost(r.id)
  await refused([403, 'PolicyNotAuthorized'], 'POST', '/metering/metering-labels', { metering_label: { name: 'mine' } }, demo)
  const label = await made('/metering/metering-labels', 'metering_label', { name: 'all', project_id: project })
  const rule = await made('/metering/metering-label-rules', 'metering_label_rule', { metering_label_id: label.id, direction: 'egress', remote_ip_prefix: '10.20.0.0/24' })
  await made('/metering/metering-label-rules', 'metering_label_rule', { metering_label_id: label.id, direction: 'ingress', source_ip_prefix: '192.0.2.0/24', destination_ip_prefix: '10.20.0.5', excluded: true })
  await refused([409, 'MeteringLabelRuleOverlaps'], 'POST', '/metering/metering-label-rules', { metering_label_rule: { metering_label_id: label.id, direction: 'egress', remote_ip_prefix: '10.20.0.128/25' } })
  await refused([400, 'Invalid'], 'POST', '/metering/metering-label-rules', { metering_label_rule: { metering_label_id: label.id } })
  expect((await desired(host)).routers.find((x) => x.id === r.id)?.meters).toEqual([{ label: label.id, rules: expect.arrayContaining([
    { direction: 'egress', source: '10.20.0.0/24', excluded: false }, { direction: 'ingress', source: '192.0.2.0/24', destination: '10.20.0.5/32', excluded: true }]) }])
  const counts = async (packets: number, bytes: number, h = host) => { await h.report({ meters: [{ label: label.id, router: r.id, packets, bytes }] }); const { metering_label: l } = (await net('GET', `/metering/metering-labels/${label.id}`, undefined, demo)).body; return [l.packets, l.bytes] }
  expect(await counts(10, 1000)).toEqual([10, 1000])
  expect(await counts(15, 1500)).toEqual([15, 1500])
  expect(await counts(15, 1500)).toEqual([15, 1500])
  expect(await counts(2, 200)).toEqual([17, 1700])
  // Whoever does not have the router has counted nothing.
  expect(await counts(900, 90_000, host === one ? two : one)).toEqual([17, 1700])
  expect((await net('DELETE', `/metering/metering-label-rules/${rule.id}`)).status).toBe(204)
  expect((await net('DELETE', `/metering/metering-labels/${label.id}`)).status).toBe(204)
  expect((await desired(host)).routers.find((x) => x.id === r.id)?.meters).toBeUndefined()
})

it('conntrack helpers follow their router', async () => {
  const [r] = (await net('GET', '/routers', undefined, demo)).body.routers, at = `/routers/${r.id}/conntrack_helpers`
  const h = await made(at, 'conntrack_helper', { protocol: 'tcp', port: 21, helper: 'ftp' }, demo)
  await refused([400, 'BadRequest'], 'POST', at, { conntrack_helper: { protocol: 'tcp', port: 21, helper: 'ftp' } }, demo)
  await refused([400, 'InvalidProtocolForHelper'], 'POST', at, { conntrack_helper: { protocol: 'udp', port: 21, helper: 'ftp' } }, demo)
  await refused([400, 'InvalidInput'], 'POST', at, { conntrack_helper: { protocol: 'udp', port: 21, helper: 'quake\n' } }, demo)
  expect((await net('PUT', `${at}/${h.id}`, { conntrack_helper: { port: 2121 } }, demo)).body.conntrack_helper).toEqual({ id: h.id, protocol: 'tcp', port: 2121, helper: 'ftp' })
  expect((await desired(await routerHost(r.id))).routers.find((x) => x.id === r.id)?.helpers).toEqual([{ helper: 'ftp', protocol: 'tcp', port: 2121 }])
  expect((await net('GET', at, undefined, demo)).body.conntrack_helpers).toHaveLength(1)
  expect((await net('DELETE', `${at}/${h.id}`, undefined, demo)).status).toBe(204)
  await refused([404, 'ConntrackHelperNotFound'], 'GET', `${at}/${h.id}`, undefined, demo)
})

it('an address of IPv6 inside is answered for outside by its router', async () => {
  const out = await made('/networks', 'network', { 'router:external': true })
  await made('/subnets', 'subnet', { network_id: out.id, ip_version: 6, cidr: '2001:db8:1::/64', enable_dhcp: false })
  const n = await made('/networks', 'network', {}), s = await made('/subnets', 'subnet', { network_id: n.id, ip_version: 6, cidr: '2001:db8:2::/64' })
  const r = await made('/routers', 'router', { external_gateway_info: { network_id: out.id } }), p = await made('/ports', 'port', { network_id: n.id }), address = p.fixed_ips[0].ip_address
  const ask = { router_id: r.id, port_id: p.id }
  await refused([409, 'RouterNDPProxyNotEnable'], 'POST', '/ndp_proxies', { ndp_proxy: ask })
  expect((await net('PUT', `/routers/${r.id}`, { router: { enable_ndp_proxy: true } })).body.router.enable_ndp_proxy).toBe(true)
  await refused([409, 'PortUnreachableRouter'], 'POST', '/ndp_proxies', { ndp_proxy: ask })
  expect((await net('PUT', `/routers/${r.id}/add_router_interface`, { subnet_id: s.id })).status).toBe(200)
  const x = await made('/ndp_proxies', 'ndp_proxy', ask)
  expect(x).toMatchObject({ ip_address: address, router_id: r.id, port_id: p.id })
  expect((await desired(await routerHost(r.id))).routers.find((y) => y.id === r.id)?.proxies).toEqual([address])
  await refused([409, 'RouterInUseByNDPProxy'], 'PUT', `/routers/${r.id}`, { router: { enable_ndp_proxy: false } })
  expect((await net('DELETE', `/ndp_proxies/${x.id}`)).status).toBe(204)
  expect((await desired(await routerHost(r.id))).routers.find((y) => y.id === r.id)?.proxies).toBeUndefined()
})

it('networks are numbered from ranges: the project’s own before shared ones, and none is given twice', async () => {
  const range = await made('/network_segment_ranges', 'network_segment_range', { name: 'few', network_type: 'vxlan', minimum: 500, maximum: 501, shared: false, project_id: project })
  await refused([409, 'NetworkSegmentRangeOverlaps'], 'POST', '/network_segment_ranges', { network_segment_range: { network_type: 'vxlan', minimum: 400, maximum: 500 } })
  await refused([400, 'InvalidInput'], 'POST', '/network_segment_ranges', { network_segment_range: { network_type: 'vlan', minimum: 1, maximum: 9 } })
  const nets = [await made('/networks', 'network', { project_id: project }), await made('/networks', 'network', { project_id: project })]
  expect(nets.map((n) => n['provider:segmentation_id']).sort()).toEqual([500, 501])
  expect((await net('POST', '/networks', { network: { project_id: project } })).status).toBe(503)
  const shown = (await net('GET', `/network_segment_ranges/${range.id}`)).body.network_segment_range
  expect([shown.used, shown.available]).toEqual([{ 500: project, 501: project }, []])
  await refused([409, 'NetworkSegmentRangeReferencedByProject'], 'DELETE', `/network_segment_ranges/${range.id}`)
  for (const n of nets) await net('DELETE', `/networks/${n.id}`)
  expect((await net('PUT', `/network_segment_ranges/${range.id}/tags`, { tags: ['x'] })).body.tags).toEqual(['x'])
  expect((await net('DELETE', `/network_segment_ranges/${range.id}`)).status).toBe(204)
})

it('each network is one segment', async () => {
  const n = await made('/networks', 'network', {}), [s] = (await net('GET', `/segments?network_id=${n.id}`)).body.segments
  expect(s).toMatchObject({ network_id: n.id, network_type: 'vxlan', segmentation_id: n['provider:segmentation_id'] })
  expect((await net('PUT', `/segments/${s.id}`, { segment: { name: 'rack 1' } })).body.segment.name).toBe('rack 1')
  expect((await net('GET', `/segments/${s.id}`)).body.segment.name).toBe('rack 1')
  await refused([409, 'SegmentInUse'], 'DELETE', `/segments/${s.id}`)
  await refused([409, 'SegmentInUse'], 'POST', '/segments', { segment: { network_id: n.id, network_type: 'vxlan' } })
  expect((await net('DELETE', `/networks/${n.id}`)).status).toBe(204)
})

it('new groups begin with the rules of the templates', async () => {
  const before = (await net('GET', '/default-security-group-rules')).body.default_security_group_rules
  expect(before).toHaveLength(4)
  const ssh = await made('/default-security-group-rules', 'default_security_group_rule', { direction: 'ingress', protocol: 'tcp', port_range_min: 22, port_range_max: 22, used_in_default_sg: true })
  await refused([409, 'DefaultSecurityGroupRuleExists'], 'POST', '/default-security-group-rules', { default_security_group_rule: { direction: 'ingress', protocol: 'tcp', port_range_min: 22, port_range_max: 22 } })
  await refused([403, 'PolicyNotAuthorized'], 'DELETE', `/default-security-group-rules/${ssh.id}`, undefined, demo)
  const g = await made('/security-groups', 'security_group', { name: 'with ssh' }, demo)
  expect(g.security_group_rules.map((r: any) => [r.direction, r.ethertype, r.port_range_min]).sort()).toEqual([['egress', 'IPv4', null], ['egress', 'IPv6', null], ['ingress', 'IPv4', 22]])
  // Written in SQL for groups made unasked, the fingerprint is the same: a second one of the same is refused.
  const fresh = (await c.call('POST', '/identity/v3/projects', { token: admin, body: { project: { name: 'fresh' } } })).body.project.id
  const n = await made('/networks', 'network', { project_id: fresh })
  await made('/ports', 'port', { network_id: n.id, project_id: fresh })
  const [d] = (await net('GET', `/security-groups?project_id=${fresh}`)).body.security_groups
  expect(d.security_group_rules).toHaveLength(5)
  await refused([409, 'SecurityGroupRuleExists'], 'POST', '/security-group-rules', { security_group_rule: { security_group_id: d.id, direction: 'ingress', protocol: 'tcp', port_range_min: 22, port_range_max: 22, project_id: fresh } })
  await refused([409, 'SecurityGroupRuleExists'], 'POST', '/security-group-rules', { security_group_rule: { security_group_id: d.id, direction: 'ingress', ethertype: 'IPv4', remote_group_id: d.id, project_id: fresh } })
  expect((await net('DELETE', `/default-security-group-rules/${ssh.id}`)).status).toBe(204)
  expect((await made('/security-groups', 'security_group', { name: 'without' }, demo)).security_group_rules).toHaveLength(2)
})

it('a port is bound to one more host, and moves there when that binding is made the active one', async () => {
  const n = await made('/networks', 'network', {})
  await made('/subnets', 'subnet', { network_id: n.id, ip_version: 4, cidr: '10.66.0.0/24' })
  const p = await made('/ports', 'port', { network_id: n.id, device_id: crypto.randomUUID(), device_owner: 'compute:nova', 'binding:host_id': 'one' }), at = `/ports/${p.id}/bindings`
  expect((await made(at, 'binding', { host: 'two', profile: { migrating_to: 'two' } })).status).toBe('INACTIVE')
  await refused([409, 'PortBindingAlreadyExists'], 'POST', at, { binding: { host: 'two' } })
  expect((await net('GET', at)).body.bindings.map((b: any) => [b.host, b.status])).toEqual([['one', 'ACTIVE'], ['two', 'INACTIVE']])
  expect((await net('PUT', `${at}/two/activate`)).body.binding.status).toBe('ACTIVE')
  expect((await net('GET', `/ports/${p.id}`)).body.port['binding:host_id']).toBe('two')
  expect([(await desired(one)).ports.length, (await desired(two)).ports.map((x) => x.id)]).toEqual([0, [p.id]])
  await refused([409, 'PortBindingAlreadyActive'], 'PUT', `${at}/two/activate`)
  expect((await net('DELETE', `${at}/one`)).status).toBe(204)
  await refused([404, 'PortBindingNotFound'], 'GET', `${at}/one`)
  await refused([403, 'PolicyNotAuthorized'], 'GET', at, undefined, demo)
  await net('DELETE', `/ports/${p.id}`)
})

it('a project is given a network it did not describe, once, and can give it back', async () => {
  await refused([409, 'AutoAllocationFailure'], 'GET', '/auto-allocated-topology/null', undefined, demo)
  const pool = await made('/subnetpools', 'subnetpool', { name: 'default', prefixes: ['10.128.0.0/16'], default_prefixlen: 26, is_default: true, shared: true })
  expect((await net('GET', '/auto-allocated-topology/null?fields=dry-run', undefined, demo)).body.auto_allocated_topology.id).toBe('dry-run=pass')
  const both = await Promise.all([1, 2].map(() => net('GET', '/auto-allocated-topology/null', undefined, demo)))
  expect(both.map((r) => r.status)).toEqual([200, 200])
  const ids = both.map((r) => r.body.auto_allocated_topology.id)
  expect(ids[0]).toBe(ids[1])
  expect((await net('GET', `/subnets?network_id=${ids[0]}`, undefined, demo)).body.subnets.map((s: any) => s.cidr.split('/')[1])).toEqual(['26'])
  expect((await net('GET', '/networks?name=auto_allocated_network', undefined, demo)).body.networks).toHaveLength(1)
  expect((await net('GET', '/routers?name=auto_allocated_router', undefined, demo)).body.routers[0].external_gateway_info.network_id).toBe(external)
  await refused([403, 'PolicyNotAuthorized'], 'GET', `/auto-allocated-topology/${crypto.randomUUID()}`, undefined, demo)
  expect((await net('DELETE', '/auto-allocated-topology/null', undefined, demo)).status).toBe(204)
  expect((await net('GET', '/networks?name=auto_allocated_network', undefined, demo)).body.networks).toEqual([])
  expect((await net('DELETE', `/subnetpools/${pool.id}`)).status).toBe(204)
})

it('flavors have service profiles; what hosts here do not do is refused in the words of the API', async () => {
  const f = await made('/flavors', 'flavor', { name: 'router', service_type: 'L3_ROUTER_NAT' }), s = await made('/service_profiles', 'service_profile', { metainfo: '{}' })
  expect((await net('POST', `/flavors/${f.id}/service_profiles`, { service_profile: { id: s.id } })).status).toBe(201)
  expect((await net('GET', `/flavors/${f.id}`, undefined, demo)).body.flavor.service_profiles).toEqual([s.id])
  await refused([409, 'FlavorInUse'], 'DELETE', `/flavors/${f.id}`)
  expect((await net('DELETE', `/flavors/${f.id}/service_profiles/${s.id}`)).status).toBe(204)
  expect([(await net('DELETE', `/flavors/${f.id}`)).status, (await net('DELETE', `/service_profiles/${s.id}`)).status]).toEqual([204, 204])
  expect((await net('GET', '/log/loggable-resources')).body).toEqual({ loggable_resources: [] })
  await refused([400, 'InvalidLogResourceType'], 'POST', '/log/logs', { log: { resource_type: 'security_group' } })
  await refused([400, 'InvalidInput'], 'POST', '/local_ips', { local_ip: { name: 'x' } }, demo)
})
