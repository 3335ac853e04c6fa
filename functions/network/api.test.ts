import { beforeAll, describe, expect, it } from 'vitest'
import { cloud, type Cloud } from '../../tests/harness/cloud.ts'

let c: Cloud, demo: string, admin: string, project: string
const net = (method: string, path: string, body?: unknown, token = demo, headers?: Record<string, string>) => c.call(method, `/network/v2.0${path}`, { token, body, headers })
const make = async (path: string, name: string, values: object, token = demo) => {
  const r = await net('POST', path, { [name]: values }, token)
  expect(r.status, r.text).toBe(201)
  return r.body[name]
}
beforeAll(async () => {
  c = await cloud()
  demo = await c.demo()
  admin = await c.admin()
  project = (await net('GET', '/networks?name=demo')).body.networks[0].project_id
})

describe('lists', () => {
  it('come by page, forth and back, with links that lead there', async () => {
    await net('POST', '/networks', { networks: ['x1', 'x2', 'x3', 'x4', 'x5'].map((name) => ({ name })) })
    const names = (r: { body: { networks: { name: string }[] } }) => r.body.networks.map((n) => n.name)
    const all = names(await net('GET', '/networks?shared=False&sort_key=name&sort_dir=desc&router:external=false'))
    expect(all).toEqual(['x5', 'x4', 'x3', 'x2', 'x1', 'demo'])
    const first = await net('GET', '/networks?router:external=false&sort_key=name&sort_dir=desc&limit=2')
    expect(names(first)).toEqual(['x5', 'x4'])
    const next = first.body.networks_links.find((l: { rel: string }) => l.rel === 'next').href as string
    const second = await c.call('GET', next.replace('http://cloud.test', ''), { token: demo })
    expect(names(second)).toEqual(['x3', 'x2'])
    const back = second.body.networks_links.find((l: { rel: string }) => l.rel === 'previous').href as string
    expect(names(await c.call('GET', back.replace('http://cloud.test', ''), { token: demo }))).toEqual(['x5', 'x4'])
  })
  it('show what was asked for and refuse filters and orders nobody knows', async () => {
    expect(Object.keys((await net('GET', '/networks?fields=id&fields=name&limit=1')).body.networks[0]).sort()).toEqual(['id', 'name'])
    for (const bad of ['/networks?colour=red', '/ports?sort_key=colour', '/ports?limit=x', '/ports?fixed_ips=colour=red', '/networks?changed_since=now']) expect((await net('GET', bad)).status, bad).toBe(400)
  })
})

describe('conditions and tags', () => {
  it('a change on condition of an older revision is refused', async () => {
    const n = await make('/networks', 'network', { name: 'rev' })
    const r = await net('PUT', `/networks/${n.id}`, { network: { name: 'rev2' } }, demo, { 'if-match': `revision_number=${n.revision_number}` })
    expect(r.body.network.revision_number).toBe(n.revision_number + 1)
    const late = await net('PUT', `/networks/${n.id}`, { network: { name: 'rev3' } }, demo, { 'if-match': `revision_number=${n.revision_number}` })
    expect([late.status, late.body.NeutronError.type]).toEqual([412, 'RevisionNumberConstraintFailed'])
    expect((await net('DELETE', `/networks/${n.id}`, undefined, demo, { 'if-match': 'revision_number=77' })).status).toBe(412)
  })
  it('two who tag at once both find their tag; a stranger may not tag', async () => {
    const n = await make('/networks', 'network', { name: 'tagged' })
    expect((await Promise.all(['red', 'blue', 'red'].map((tag) => net('PUT', `/networks/${n.id}/tags/${tag}`)))).map((r) => r.status)).toEqual([201, 201, 201])
    expect((await net('GET', `/networks/${n.id}/tags`)).body.tags.sort()).toEqual(['blue', 'red'])
    expect((await net('GET', '/networks?tags=red,blue')).body.networks.map((x: { id: string }) => x.id)).toEqual([n.id])
    expect((await net('GET', '/networks?not-tags=red')).body.networks.some((x: { id: string }) => x.id === n.id)).toBe(false)
    expect([(await net('GET', `/networks/${n.id}/tags/red`)).status, (await net('GET', `/networks/${n.id}/tags/green`)).status]).toEqual([204, 404])
    const ext = (await net('GET', '/networks?name=public')).body.networks[0]
    expect((await net('PUT', `/networks/${ext.id}/tags/mine`)).status).toBe(403)
    const foreign = await make('/networks', 'network', { name: 'foreign' }, admin)
    expect((await net('PUT', `/networks/${foreign.id}/tags/mine`)).status).toBe(404)
  })
})

describe('what belongs to others', () => {
  it('is neither seen nor plugged', async () => {
    const n = await make('/networks', 'network', { name: 'theirs' }, admin), s = await make('/subnets', 'subnet', { network_id: n.id, ip_version: 4, cidr: '10.66.0.0/24' }, admin)
    const p = await make('/ports', 'port', { network_id: n.id }, admin), r = await make('/routers', 'router', { name: 'theirs' }, admin), mine = await make('/routers', 'router', { name: 'mine' })
    const g = await make('/security-groups', 'security_group', { name: 'theirs' }, admin)
    for (const path of [`/networks/${n.id}`, `/subnets/${s.id}`, `/ports/${p.id}`, `/routers/${r.id}`, `/security-groups/${g.id}`]) expect((await net('GET', path)).status, path).toBe(404)
    expect((await net('POST', '/ports', { port: { network_id: n.id } })).status).toBe(404)
    expect((await net('POST', '/subnets', { subnet: { network_id: n.id, cidr: '10.67.0.0/24', ip_version: 4 } })).status).toBe(404)
    expect((await net('PUT', `/routers/${r.id}/add_router_interface`, { subnet_id: s.id })).status).toBe(404)
    expect((await net('PUT', `/routers/${mine.id}/add_router_interface`, { subnet_id: s.id })).status).toBe(404)
    expect((await net('PUT', `/routers/${mine.id}/add_router_interface`, { port_id: p.id })).status).toBe(404)
    expect((await net('POST', '/security-group-rules', { security_group_rule: { security_group_id: g.id, direction: 'ingress' } })).status).toBe(404)
    expect((await net('POST', '/rbac-policies', { rbac_policy: { object_type: 'network', object_id: n.id, action: 'access_as_shared', target_tenant: project } })).status).toBe(404)
    const own = await make('/security-groups', 'security_group', { name: 'own' })
    expect((await net('POST', '/security-group-rules', { security_group_rule: { security_group_id: own.id, direction: 'ingress', remote_group_id: g.id } })).status).toBe(404)
    expect((await net('GET', `/quotas/${n.project_id}`)).status).toBe(403)
  })
  it('opened by a policy it may be used, and is kept open while it is', async () => {
    const n = await make('/networks', 'network', { name: 'opened' }, admin)
    await make('/subnets', 'subnet', { network_id: n.id, ip_version: 4, cidr: '10.68.0.0/24' }, admin)
    const policy = await make('/rbac-policies', 'rbac_policy', { object_type: 'network', object_id: n.id, action: 'access_as_shared', target_tenant: project }, admin)
    expect((await net('GET', `/networks/${n.id}`)).body.network).toMatchObject({ shared: true })
    const p = await make('/ports', 'port', { network_id: n.id })
    for (const special of [{ mac_address: 'fa:16:3e:01:02:03' }, { fixed_ips: [{ ip_address: '10.68.0.77' }] }, { allowed_address_pairs: [{ ip_address: '1.2.3.4' }] }, { port_security_enabled: false }]) expect((await net('POST', '/ports', { port: { network_id: n.id, ...special } })).status, JSON.stringify(special)).toBe(403)
    expect((await net('PUT', `/networks/${n.id}`, { network: { name: 'mine now' } })).status).toBe(403)
    expect((await net('DELETE', `/rbac-policies/${policy.id}`, undefined, admin)).body.NeutronError.type).toBe('RbacPolicyInUse')
    expect((await net('DELETE', `/ports/${p.id}`)).status).toBe(204)
    expect((await net('DELETE', `/rbac-policies/${policy.id}`, undefined, admin)).status).toBe(204)
    expect((await net('GET', `/networks/${n.id}`)).status).toBe(404)
  })
  it('attributes of the operator are refused on create and on update alike', async () => {
    const n = await make('/networks', 'network', { name: 'plain' })
    for (const attribute of [{ shared: true }, { 'router:external': true }, { 'provider:network_type': 'flat', 'provider:physical_network': 'x' }]) {
      expect((await net('POST', '/networks', { network: { name: 'a', ...attribute } })).status).toBe(403)
      if (!('provider:network_type' in attribute)) expect((await net('PUT', `/networks/${n.id}`, { network: attribute })).status).toBe(403)
    }
    const r = await make('/routers', 'router', { name: 'x' })
    expect((await net('PUT', `/routers/${r.id}`, { router: { distributed: true } })).status).toBe(403)
  })
})

describe('quotas', () => {
  it('hold to the last one when many ask at once', async () => {
    const used = (await net('GET', `/quotas/${project}/details.json`)).body.quota.network.used
    await net('PUT', `/quotas/${project}`, { quota: { network: used + 3 } }, admin)
    const made = await Promise.all(Array.from({ length: 12 }, (_, i) => net('POST', '/networks', { network: { name: `q${i}` } })))
    expect(made.map((r) => r.status).sort()).toEqual([201, 201, 201, ...Array(9).fill(409)])
    expect(made.find((r) => r.status === 409)!.body.NeutronError.type).toBe('OverQuota')
    expect((await net('GET', `/quotas/${project}/details.json`)).body.quota.network).toEqual({ limit: used + 3, used: used + 3, reserved: 0 })
    expect((await net('PUT', `/quotas/${project}`, { quota: { network: -2 } }, admin)).status).toBe(400)
    expect((await net('PUT', `/quotas/${project}`, { quota: { network: 1 } })).status).toBe(403)
    expect((await net('DELETE', `/quotas/${project}`, undefined, admin)).status).toBe(204)
    expect((await net('GET', `/quotas/${project}`)).body.quota.network).toBe(100)
  })
})

describe('subnets', () => {
  it('of one network do not overlap, also when made at once', async () => {
    const n = await make('/networks', 'network', { name: 'race' })
    const made = await Promise.all(Array.from({ length: 6 }, () => net('POST', '/subnets', { subnet: { network_id: n.id, ip_version: 4, cidr: '10.5.0.0/24' } })))
    expect(made.map((r) => r.status).sort()).toEqual([201, 400, 400, 400, 400, 400])
  })
  it('are taken from a pool one after the other, also when taken at once', async () => {
    const pool = await make('/subnetpools', 'subnetpool', { name: 'p', prefixes: ['10.90.0.0/23'], default_prefixlen: 26, min_prefixlen: 24 })
    const nets = await Promise.all(Array.from({ length: 4 }, (_, i) => make('/networks', 'network', { name: `pool${i}` })))
    const made = await Promise.all(nets.map((n) => net('POST', '/subnets', { subnet: { network_id: n.id, ip_version: 4, subnetpool_id: pool.id } })))
    expect(made.map((r) => r.status), made.map((r) => r.text).join()).toEqual([201, 201, 201, 201])
    expect(made.map((r) => r.body.subnet.cidr).sort()).toEqual(['10.90.0.0/26', '10.90.0.128/26', '10.90.0.192/26', '10.90.0.64/26'])
    expect((await net('DELETE', `/subnetpools/${pool.id}`)).status).toBe(409)
    expect((await net('PUT', `/subnetpools/${pool.id}/remove_prefixes`, { prefixes: ['10.90.1.0/24'] })).body.prefixes).toEqual(['10.90.0.0/24'])
    expect((await net('PUT', `/subnetpools/${pool.id}/remove_prefixes`, { prefixes: ['10.90.0.0/25'] })).status).toBe(409)
    expect((await net('PUT', `/subnetpools/${pool.id}/add_prefixes`, { prefixes: ['10.90.1.0/24', '10.91.0.0/24'] })).body.prefixes).toEqual(['10.90.0.0/23', '10.91.0.0/24'])
  })
  it('of IPv6 give what their mode says', async () => {
    const n = await make('/networks', 'network', { name: 'v6' })
    const slaac = await make('/subnets', 'subnet', { network_id: n.id, ip_version: 6, cidr: '2001:db8:1::/64', ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' })
    const stateful = await make('/subnets', 'subnet', { network_id: n.id, ip_version: 6, cidr: '2001:db8:2::/64', ipv6_ra_mode: 'dhcpv6-stateful', ipv6_address_mode: 'dhcpv6-stateful' })
    const p = await make('/ports', 'port', { network_id: n.id, mac_address: 'fa:16:3e:11:22:33' })
    const at = (s: { id: string }) => p.fixed_ips.find((f: { subnet_id: string }) => f.subnet_id === s.id)?.ip_address
    expect(at(slaac)).toBe('2001:db8:1:0:f816:3eff:fe11:2233')
    expect(at(stateful)).toMatch(/^2001:db8:2::/)
    expect((await net('POST', '/ports', { port: { network_id: n.id, fixed_ips: [{ subnet_id: slaac.id, ip_address: '2001:db8:1::9' }] } })).body.NeutronError.type).toBe('AllocationOnAutoAddressSubnet')
    expect((await net('POST', '/subnets', { subnet: { network_id: n.id, ip_version: 6, cidr: '2001:db8:3::/65', ipv6_address_mode: 'slaac' } })).status).toBe(400)
    expect((await net('DELETE', `/subnets/${slaac.id}`)).status).toBe(204)
    expect((await net('DELETE', `/subnets/${stateful.id}`)).status).toBe(409)
  })
  it('that make no sense are refused with the name of what is wrong', async () => {
    const n = await make('/networks', 'network', { name: 'bad' })
    const wrong: [object, string][] = [
      [{ cidr: '10.0.0.0/33' }, 'cidr'], [{ cidr: 'x' }, 'cidr'], [{ cidr: '010.0.0.0/24' }, 'cidr'], [{ cidr: '10.0.0.0/24', gateway_ip: 'nowhere' }, 'gateway_ip'], [{ cidr: '10.0.0.0/24', dns_nameservers: ['8.8.8.8\n'] }, 'dns_nameservers'],
      [{ cidr: '10.0.0.0/24', allocation_pools: [{ start: '10.0.1.2', end: '10.0.1.9' }] }, 'allocation pool'], [{ cidr: '10.0.0.0/24', host_routes: [{ destination: 'x', nexthop: '10.0.0.1' }] }, 'host_routes'], [{ cidr: '10.0.0.0/24', colour: 'red' }, 'colour'],
    ]
    for (const [values, names] of wrong) {
      const r = await net('POST', '/subnets', { subnet: { network_id: n.id, ip_version: 4, ...values } })
      expect([r.status, r.body.NeutronError?.message], JSON.stringify(values)).toEqual([400, expect.stringContaining(names)])
    }
  })
})

describe('rules', () => {
  it('that make no sense are refused by name, and a bad one in a bulk leaves nothing behind', async () => {
    const g = await make('/security-groups', 'security_group', { name: 'odd' })
    const base = { security_group_id: g.id, direction: 'ingress' }
    const wrong: [object, string][] = [
      [{ protocol: 'tcp', port_range_min: 5, port_range_max: 2 }, 'SecurityGroupInvalidPortRange'], [{ port_range_min: 1, port_range_max: 2 }, 'SecurityGroupProtocolRequiredWithPorts'], [{ protocol: 'nosuch' }, 'SecurityGroupRuleInvalidProtocol'],
      [{ protocol: '300' }, 'SecurityGroupRuleInvalidProtocol'], [{ protocol: 'icmp', port_range_min: 256 }, 'SecurityGroupInvalidIcmpValue'], [{ protocol: 'icmp', port_range_max: 2 }, 'SecurityGroupMissingIcmpType'], [{ remote_ip_prefix: '::/0' }, 'SecurityGroupRuleParameterConflict'],
      [{ protocol: 'vrrp', port_range_min: 1, port_range_max: 1 }, 'SecurityGroupInvalidProtocolForPort'], [{ protocol: 'ipv6-icmp' }, 'SecurityGroupEthertypeConflictWithProtocol'], [{ remote_ip_prefix: '10.0.0.0/8; drop' }, 'HTTPBadRequest'],
    ]
    for (const [values, type] of wrong) {
      const r = await net('POST', '/security-group-rules', { security_group_rule: { ...base, ...values } })
      expect([r.status, r.body.NeutronError.type], JSON.stringify(values)).toEqual([400, type])
    }
    const bulk = await net('POST', '/security-group-rules', { security_group_rules: [{ ...base, protocol: 'udp' }, { ...base, protocol: 'nosuch' }] })
    expect(bulk.status).toBe(400)
    expect((await net('GET', `/security-groups/${g.id}`)).body.security_group.security_group_rules).toHaveLength(2)
  })
  it("the default group is there at a project's first look, and only once however many look", async () => {
    const looks = await Promise.all(Array.from({ length: 5 }, () => net('GET', '/security-groups', undefined, admin)))
    expect(looks.map((r) => r.status)).toEqual([200, 200, 200, 200, 200])
    const own = (await net('GET', '/security-groups?name=default', undefined, admin)).body.security_groups.filter((g: { project_id: string }) => g.project_id !== project)
    expect(own).toHaveLength(1)
    expect((await net('DELETE', `/security-groups/${(await net('GET', '/security-groups?name=default')).body.security_groups[0].id}`)).body.NeutronError.type).toBe('SecurityGroupCannotRemoveDefault')
  })
})

describe('pairs and options', () => {
  it('are bounded, in canonical form, and need port security', async () => {
    const n = (await net('GET', '/networks?name=demo')).body.networks[0]
    const p = await make('/ports', 'port', { network_id: n.id, allowed_address_pairs: [{ ip_address: '10.20.0.0/16' }, { ip_address: '10.9.8.7', mac_address: 'FA-16-3E-00-00-01' }], extra_dhcp_opts: [{ opt_name: 'bootfile-name', opt_value: 'pxelinux.0' }] })
    expect(p.allowed_address_pairs).toEqual([{ ip_address: '10.20.0.0/16', mac_address: p.mac_address }, { ip_address: '10.9.8.7', mac_address: 'fa:16:3e:00:00:01' }])
    expect((await net('PUT', `/ports/${p.id}`, { port: { extra_dhcp_opts: [{ opt_name: 'bootfile-name', opt_value: null }] } })).body.port.extra_dhcp_opts).toEqual([])
    expect((await net('PUT', `/ports/${p.id}`, { port: { port_security_enabled: false } })).status).toBe(409)
    expect((await net('PUT', `/ports/${p.id}`, { port: { port_security_enabled: false, security_groups: [], allowed_address_pairs: [] } })).status).toBe(200)
    expect((await net('PUT', `/ports/${p.id}`, { port: { allowed_address_pairs: Array.from({ length: 11 }, (_, i) => ({ ip_address: `10.0.0.${i}` })) } })).status).toBe(400)
    expect((await net('POST', '/ports', { port: { network_id: n.id, fixed_ips: Array.from({ length: 6 }, () => ({ subnet_id: n.subnets[0] })) } })).status).toBe(400)
  })
})
