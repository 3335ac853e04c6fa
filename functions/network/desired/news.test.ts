import { beforeAll, expect, it } from 'vitest'
import { cloud, type Cloud } from '../../../tests/harness/cloud.ts'
import type { TestHost } from '../../../tests/harness/host.ts'
import { Picture, type Stated } from '../../../schema/desired.ts'
import type { Desired } from '../../../schema/hosts.ts'

let c: Cloud, admin: string, hosts: TestHost[], pictures: Map<TestHost, Picture>
const net = (method: string, path: string, body?: unknown) => c.call(method, `/network/v2.0${path}`, { token: admin, body })
const made = async (path: string, name: string, body: object) => {
  const r = await net('POST', path, { [name]: body })
  if (r.status !== 201) throw new Error(`${path}: ${r.status} ${r.text}`)
  return r.body[name]
}
const asked = async (h: TestHost, since: number): Promise<Stated> => {
  const r = await h.signed('GET', `/desired?since=${since}`)
  if (r.status !== 200) throw new Error(r.text)
  return r.body
}
/** In one order, whatever they were told in. */
const plain = (d: Desired) => {
  const sorted = <T extends { id?: string; server?: string }>(list: T[]) => [...list].sort((a, b) => (a.id ?? a.server!) < (b.id ?? b.server!) ? -1 : 1)
  const at = (list: Desired['ports'][number]['addresses']) => [...list].sort((a, b) => (a.address < b.address ? -1 : 1))
  const rules = (list: unknown[]) => list.map((r) => JSON.stringify(r)).sort()
  return JSON.parse(JSON.stringify({
    networks: sorted(d.networks).map((n) => ({ ...n, subnets: sorted(n.subnets) })), routers: sorted(d.routers).map((r) => ({ ...r, interfaces: [...r.interfaces].sort((a, b) => (a.port < b.port ? -1 : 1)) })), guests: sorted(d.guests as { server: string }[]),
    ports: sorted(d.ports).map((p) => ({ ...p, addresses: at(p.addresses), security: p.security && { ...p.security, ingress: rules(p.security.ingress), egress: rules(p.security.egress) } })),
    elsewhere: sorted(d.elsewhere).map((p) => ({ ...p, addresses: at(p.addresses) })),
  }))
}
/** Every host takes what is new, and then must know what one that asks for everything knows. */
let exchanged = 0
async function compared(): Promise<number> {
  let news = 0
  for (const h of hosts) {
    const picture = pictures.get(h)!, told = await asked(h, picture.revision), whole = (await h.signed('GET', '/desired')).body as Desired
    if (told.base !== undefined) news++
    picture.take(told)
    expect(plain(picture.document())).toEqual(plain(whole))
    if (whole.routers.some((r) => r.routes.some((x) => x.leg))) exchanged++
  }
  return news
}

beforeAll(async () => {
  c = await cloud({ untidy: 'ports are bound to hosts for servers that are not there' })
  admin = await c.admin()
  hosts = await Promise.all(['a', 'b', 'c'].map((name) => c.host(name)))
  for (const [i, h] of hosts.entries()) await h.report({ hypervisor: { type: 'simulated', virtType: 'simulated', version: 1, hostname: h.name, address: `192.0.2.${i + 1}`, cpuModel: 'test', arch: 'x86_64', uptimeSeconds: 1, load: [0, 0, 0] } })
  await c.tick()
  pictures = new Map(hosts.map((h) => [h, new Picture()]))
})

it('a host that takes what is new, change after change, knows what one knows that asks for everything', async () => {
  let seed = 20261121
  const random = (n: number) => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return Math.floor(seed / 65536) % n }
  const pick = <T>(list: T[]): T | undefined => list[random(list.length)]
  const project = (await net('GET', '/networks')).body.networks[0].project_id
  await c.call('PUT', `/network/v2.0/quotas/${project}`, { token: admin, body: { quota: { security_group: -1, port: -1, router: -1 } } })
  const networks: { id: string; subnet: string }[] = [], groups: string[] = [], ports: string[] = [], rules: string[] = [], routers: string[] = [], legs: [string, string][] = [], floating: string[] = []
  const external = (await net('GET', '/networks?router%3Aexternal=true')).body.networks[0].id
  const sets = [(await made('/address-groups', 'address_group', { addresses: ['198.51.100.0/24'] })).id]
  const fresh = { network: async () => {
    const n = await made('/networks', 'network', {}), s = await made('/subnets', 'subnet', { network_id: n.id, ip_version: 4, cidr: `10.${100 + networks.length}.0.0/24` })
    networks.push({ id: n.id, subnet: s.id })
  } }
  for (let i = 0; i < 3; i++) { await fresh.network(); groups.push((await made('/security-groups', 'security_group', { name: `g${i}` })).id); routers.push((await made('/routers', 'router', { external_gateway_info: { network_id: external } })).id) }
  const vpns: string[] = []
  for (const more of [{}, { import_targets: ['64512:2'] }]) vpns.push((await made('/bgpvpn/bgpvpns', 'bgpvpn', { route_targets: ['64512:1'], ...more })).id)
  const associated: string[] = []
  const some = <T>(list: T[]) => list.filter(() => random(2))
  const acts: [number, () => Promise<unknown>][] = [
    [8, async () => { ports.push((await made('/ports', 'port', { network_id: pick(networks)!.id, device_id: crypto.randomUUID(), device_owner: 'compute:nova', 'binding:host_id': pick(hosts)!.name, security_groups: some(groups), ...(random(4) ? {} : { allowed_address_pairs: [{ ip_address: `10.9.0.${random(250)}` }] }) })).id) }],
    [3, async () => { const p = pick(ports); if (p) { ports.splice(ports.indexOf(p), 1); await net('DELETE', `/ports/${p}`) } }],
    [3, async () => { const p = pick(ports); if (p) await net('PUT', `/ports/${p}`, { port: { security_groups: some(groups) } }) }],
    [3, async () => { const p = pick(ports); if (p) await net('PUT', `/ports/${p}`, { port: { 'binding:host_id': random(4) ? pick(hosts)!.name : '' } }) }],
    [2, async () => { const p = pick(ports), n = pick(networks)!; if (p) await net('PUT', `/ports/${p}`, { port: { admin_state_up: Boolean(random(2)), fixed_ips: (await net('GET', `/ports/${p}`)).body.port.network_id === n.id ? [{ subnet_id: n.subnet }] : undefined } }) }],
    [3, async () => { const r = await net('POST', '/security-group-rules', { security_group_rule: { security_group_id: pick(groups), direction: pick(['ingress', 'egress']), ...(random(3) ? { remote_group_id: pick(groups) } : random(2) ? { remote_address_group_id: sets[0] } : {}), protocol: 'tcp', port_range_min: 1 + random(60000), port_range_max: 60000 } }); if (r.status === 201) rules.push(r.body.security_group_rule.id) }],
    [2, async () => { const r = pick(rules); if (r) { rules.splice(rules.indexOf(r), 1); await net('DELETE', `/security-group-rules/${r}`) } }],
    [1, async () => net('PUT', `/address-groups/${sets[0]}/${pick(['add', 'remove'])}_addresses`, { addresses: [`203.0.113.${random(8)}/32`] })],
    [1, fresh.network],
    [2, async () => { const r = pick(routers)!, n = pick(networks)!; if ((await net('PUT', `/routers/${r}/add_router_interface`, { subnet_id: n.subnet })).status === 200) legs.push([r, n.subnet]) }],
    [1, async () => { const l = pick(legs); if (l && (await net('PUT', `/routers/${l[0]}/remove_router_interface`, { subnet_id: l[1] })).status === 200) legs.splice(legs.indexOf(l), 1) }],
    [3, async () => { const [kind, list] = pick([['router', routers], ['network', networks.map((n) => n.id)], ['port', ports]] as [string, string[]][])!, v = pick(vpns)!, at = `/bgpvpn/bgpvpns/${v}/${kind}_associations`
      const r = list.length && await net('POST', at, { [`${kind}_association`]: { [`${kind}_id`]: pick(list) } }); if (r && r.status === 201) associated.push(`${at}/${r.body[`${kind}_association`].id}`) }],
    [1, async () => { const a = pick(associated); if (a) { associated.splice(associated.indexOf(a), 1); await net('DELETE', a) } }],
    [1, async () => net('PUT', `/bgpvpn/bgpvpns/${pick(vpns)}`, { bgpvpn: { export_targets: some(['64512:2', '64512:3']) } })],
    [1, async () => { const p = pick(ports); if (p) await net('PUT', `/ports/${p}`, { port: { fixed_ips: [{ subnet_id: (await net('GET', `/ports/${p}`)).body.port.fixed_ips[0]?.subnet_id }] } }) }],
    [1, async () => { const r = pick(routers)!, l3 = (await net('GET', '/agents?agent_type=L3%20agent')).body.agents as { id: string }[], [at] = (await net('GET', `/routers/${r}/l3-agents`)).body.agents; if (at) await net('DELETE', `/agents/${at.id}/l3-routers/${r}`); await net('POST', `/agents/${pick(l3)!.id}/l3-routers`, { router_id: r }) }],
    [1, async () => net('PUT', `/routers/${pick(routers)}`, { router: { admin_state_up: Boolean(random(4)) } })],
    [2, async () => { const p = pick(ports); const r = p && await net('POST', '/floatingips', { floatingip: { floating_network_id: external, port_id: p } }); if (r && r.status === 201) floating.push(r.body.floatingip.id) }],
    [1, async () => { const f = pick(floating); if (f) { floating.splice(floating.indexOf(f), 1); await net('DELETE', `/floatingips/${f}`) } }],
    [1, async () => net('PUT', `/subnets/${pick(networks)!.subnet}`, { subnet: { dns_nameservers: [`192.0.2.${random(250)}`] } })],
  ]
  const urn = acts.flatMap(([weight, act]) => Array.from({ length: weight }, () => act))
  let news = 0, rounds = 0
  for (let i = 0; i < 250; i++) {
    await pick(urn)!()
    if (random(3)) continue
    rounds++
    news += await compared()
  }
  expect(ports.length).toBeGreaterThan(20)
  expect(news).toBeGreaterThan(rounds)
  expect(exchanged).toBeGreaterThan(rounds / 10)
  console.log(`${rounds} rounds over ${hosts.length} hosts, ${news} of them by news alone; ${ports.length} ports, ${rules.length} rules, ${legs.length} legs, ${floating.length} floating addresses, ${associated.length} associations at the end; ${exchanged} times routes of others`)
}, 120_000)

it('what is new costs what happened, not what is there', async () => {
  const [h] = hosts, network = (await made('/networks', 'network', {})).id
  await made('/subnets', 'subnet', { network_id: network, ip_version: 4, cidr: '10.77.0.0/16' })
  const one = (name: string) => made('/ports', 'port', { network_id: network, device_id: crypto.randomUUID(), device_owner: 'compute:nova', 'binding:host_id': name })
  for (const at of hosts) await one(at.name)
  const size = async () => JSON.stringify(await asked(h, pictures.get(h)!.revision)).length
  await compared()
  await one('b')
  const small = await size()
  await compared()
  for (let i = 0; i < 300; i++) await one('c')
  await compared()
  await one('b')
  expect(await size()).toBeLessThan(small + 200)
  expect(JSON.stringify((await h.signed('GET', '/desired')).body).length).toBeGreaterThan(30 * small)
}, 60_000)

it('one that is too far behind, or ahead of what there is, is told everything; one of a release before always is', async () => {
  const [h] = hosts, now = (await asked(h, 0)).revision
  expect((await asked(h, now)).base).toBe(now)
  expect((await asked(h, now + 100)).base).toBeUndefined()
  const { q } = await import('../../kernel/db.ts'), { sql } = await import('drizzle-orm')
  await c.db().write([q.run(sql`delete from network_change where seq < ${now - 1}`)])
  expect((await asked(h, now - 3)).base).toBeUndefined()
  expect(await asked(h, now)).toMatchObject({ base: now, changed: [], ports: [] })
  expect('groups' in (await h.signed('GET', '/desired')).body).toBe(false)
})
