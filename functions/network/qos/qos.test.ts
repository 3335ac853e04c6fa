import { beforeAll, describe, expect, it } from 'vitest'
import Value from 'typebox/value'
import { cloud, type Cloud } from '../../../tests/harness/cloud.ts'
import type { TestHost } from '../../../tests/harness/host.ts'
import { desired as desiredSchema, type Desired } from '../../../schema/hosts.ts'

let c: Cloud, demo: string, admin: string, host: TestHost
const net = (method: string, path: string, body?: unknown, token = admin) => c.call(method, `/network/v2.0${path}`, { token, body })
const make = async (path: string, name: string, values: object, token = admin) => {
  const r = await net('POST', path, { [name]: values }, token)
  expect(r.status, r.text).toBe(201)
  return r.body[name]
}
const desired = async (): Promise<Desired> => {
  const d = (await host.signed('GET', '/desired')).body
  expect(Value.Check(desiredSchema, d), JSON.stringify([...Value.Errors(desiredSchema, d)][0])).toBe(true)
  return d
}
const type = (r: { status: number; body: any }) => [r.status, r.body.NeutronError?.type]
const guest = async (networkId: string, more: object = {}) => make('/ports', 'port', { network_id: networkId, 'binding:host_id': 'one', device_owner: 'compute:nova', device_id: crypto.randomUUID(), ...more })

beforeAll(async () => {
  c = await cloud()
  ;[demo, admin] = [await c.demo(), await c.admin()]
  host = await c.host('one')
  await c.tick()
})

describe('a policy', () => {
  it('holds rules of each kind once in each direction', async () => {
    const p = await make('/qos/policies', 'policy', { name: 'gold', shared: true }), at = `/qos/policies/${p.id}`
    expect(p).toMatchObject({ rules: [], is_default: false, shared: true })
    const out = await make(`${at}/bandwidth_limit_rules`, 'bandwidth_limit_rule', { max_kbps: 1000, max_burst_kbps: 100 })
    expect(out).toEqual({ id: out.id, max_kbps: 1000, max_burst_kbps: 100, direction: 'egress' })
    expect(type(await net('POST', `${at}/bandwidth_limit_rules`, { bandwidth_limit_rule: { max_kbps: 5 } }))).toEqual([409, 'QoSRulesConflict'])
    const back = await make(`${at}/bandwidth_limit_rules`, 'bandwidth_limit_rule', { max_kbps: 3000, direction: 'ingress' })
    expect(type(await net('PUT', `${at}/bandwidth_limit_rules/${back.id}`, { bandwidth_limit_rule: { direction: 'egress' } }))).toEqual([409, 'QoSRulesConflict'])
    const mark = await make(`${at}/dscp_marking_rules`, 'dscp_marking_rule', { dscp_mark: 26 })
    expect((await net('POST', `${at}/dscp_marking_rules`, { dscp_marking_rule: { dscp_mark: 27 } })).status).toBe(400)
    expect((await net('PUT', `${at}/dscp_marking_rules/${mark.id}`, { dscp_marking_rule: { dscp_mark: 46 } })).body.dscp_marking_rule).toEqual({ id: mark.id, dscp_mark: 46 })
    expect(type(await net('POST', `${at}/minimum_bandwidth_rules`, { minimum_bandwidth_rule: { min_kbps: 2000, direction: 'egress' } }))).toEqual([400, 'QoSRuleParameterConflict'])
    const shown = (await net('GET', at, undefined, demo)).body.policy
    expect(shown.rules).toHaveLength(3)
    expect(shown.rules).toContainEqual({ id: out.id, type: 'bandwidth_limit', qos_policy_id: p.id, max_kbps: 1000, max_burst_kbps: 100, direction: 'egress' })
    expect(shown.revision_number).toBeGreaterThan(p.revision_number)
    expect((await net('GET', `${at}/bandwidth_limit_rules?direction=ingress`, undefined, demo)).body.bandwidth_limit_rules.map((r: { id: string }) => r.id)).toEqual([back.id])
    expect((await net('GET', `/qos/alias_bandwidth_limit_rules/${out.id}`, undefined, demo)).body.bandwidth_limit_rule).toEqual(out)
    expect((await net('PUT', `/qos/alias_bandwidth_limit_rules/${out.id}`, { alias_bandwidth_limit_rule: { max_kbps: 1001 } })).body.bandwidth_limit_rule.max_kbps).toBe(1001)
    expect(type(await net('GET', `${at}/dscp_marking_rules/${out.id}`))).toEqual([404, 'QosRuleNotFound'])
    expect((await net('DELETE', `/qos/alias_dscp_marking_rules/${mark.id}`)).status).toBe(204)
    expect((await net('DELETE', `${at}/bandwidth_limit_rules/${back.id}`)).status).toBe(204)
    expect((await net('DELETE', at)).status).toBe(204)
    expect(type(await net('GET', at))).toEqual([404, 'QosPolicyNotFound'])
  })
  it("is the operator's to make, and its project's or everyone's to see", async () => {
    expect((await net('POST', '/qos/policies', { policy: { name: 'mine' } }, demo)).status).toBe(403)
    const p = await make('/qos/policies', 'policy', { name: 'hidden' })
    expect((await net('GET', `/qos/policies/${p.id}`, undefined, demo)).status).toBe(404)
    expect((await net('GET', '/qos/policies?name=hidden', undefined, demo)).body.policies).toEqual([])
    const demoNet = (await net('GET', '/networks?name=demo', undefined, demo)).body.networks[0]
    expect(type(await net('POST', '/ports', { port: { network_id: demoNet.id, qos_policy_id: p.id } }, demo))).toEqual([404, 'QosPolicyNotFound'])
    await make('/rbac-policies', 'rbac_policy', { object_type: 'qos_policy', object_id: p.id, action: 'access_as_shared', target_tenant: demoNet.project_id })
    expect((await make('/ports', 'port', { network_id: demoNet.id, qos_policy_id: p.id }, demo)).qos_policy_id).toBe(p.id)
    expect((await net('POST', `/qos/policies/${p.id}/bandwidth_limit_rules`, { bandwidth_limit_rule: { max_kbps: 5 } }, demo)).status).toBe(403)
  })
  it('is one default to a project, which its new networks take', async () => {
    const p = await make('/qos/policies', 'policy', { name: 'standing', is_default: true })
    expect(type(await net('POST', '/qos/policies', { policy: { is_default: true } }))).toEqual([409, 'QoSPolicyDefaultAlreadyExists'])
    const n = await make('/networks', 'network', { name: 'n' })
    expect(n.qos_policy_id).toBe(p.id)
    expect((await make('/networks', 'network', { qos_policy_id: null })).qos_policy_id).toBeNull()
    expect(type(await net('DELETE', `/qos/policies/${p.id}`))).toEqual([409, 'QosPolicyInUse'])
    expect((await net('PUT', `/networks/${n.id}`, { network: { qos_policy_id: null } })).body.network.qos_policy_id).toBeNull()
  })
  it('that asks for what hosts cannot do cannot be used, nor become so while it is', async () => {
    const p = await make('/qos/policies', 'policy', { shared: true }), n = await make('/networks', 'network', {}), at = `/qos/policies/${p.id}`
    const rule = await make(`${at}/minimum_bandwidth_rules`, 'minimum_bandwidth_rule', { min_kbps: 100 })
    const packets = await make(`${at}/minimum_packet_rate_rules`, 'minimum_packet_rate_rule', { min_kpps: 9, direction: 'any' })
    expect(packets).toEqual({ id: packets.id, min_kpps: 9, direction: 'any' })
    expect((await net('DELETE', `${at}/minimum_packet_rate_rules/${packets.id}`)).status).toBe(204)
    for (const [path, name] of [['/networks', 'network'], ['/ports', 'port']]) expect(type(await net('POST', path, { [name]: { ...(name === 'port' ? { network_id: n.id } : {}), qos_policy_id: p.id } }))).toEqual([409, 'QosRuleNotSupported'])
    expect((await net('DELETE', `${at}/minimum_bandwidth_rules/${rule.id}`)).status).toBe(204)
    await net('PUT', `/networks/${n.id}`, { network: { qos_policy_id: p.id } })
    expect(type(await net('POST', `${at}/minimum_bandwidth_rules`, { minimum_bandwidth_rule: { min_kbps: 100 } }))).toEqual([409, 'QosRuleNotSupported'])
    expect((await net('GET', '/qos/rule-types')).body.rule_types.map((k: { type: string }) => k.type)).toEqual(['bandwidth_limit', 'dscp_marking', 'packet_rate_limit'])
    expect((await net('GET', '/qos/rule-types/minimum_bandwidth')).status).toBe(404)
  })
})

describe('a host', () => {
  it('is told what its guests may take: by their own policy, else by that of their network, as soon as a rule changes', async () => {
    const [mine, general] = [await make('/qos/policies', 'policy', { name: 'a' }), await make('/qos/policies', 'policy', { name: 'b' })]
    const n = await make('/networks', 'network', { qos_policy_id: general.id })
    await make('/subnets', 'subnet', { network_id: n.id, ip_version: 4, cidr: '10.5.0.0/24' })
    const [own, other] = [await guest(n.id, { qos_policy_id: mine.id }), await guest(n.id)]
    expect([own.qos_policy_id, own.qos_network_policy_id, other.qos_policy_id, other.qos_network_policy_id]).toEqual([mine.id, general.id, null, general.id])
    const before = (await desired()).revision
    await make(`/qos/policies/${mine.id}/bandwidth_limit_rules`, 'bandwidth_limit_rule', { max_kbps: 1000, max_burst_kbps: 100 })
    await make(`/qos/policies/${mine.id}/dscp_marking_rules`, 'dscp_marking_rule', { dscp_mark: 46 })
    await make(`/qos/policies/${general.id}/packet_rate_limit_rules`, 'packet_rate_limit_rule', { max_kpps: 7, direction: 'ingress' })
    const d = await desired(), of = (id: string) => d.ports.find((p) => p.id === id)!.qos
    expect(d.revision).toBe(before + 3)
    expect(of(own.id)).toEqual({ egress: { kbps: 1000, burst: 100 }, dscp: 46 })
    expect(of(other.id)).toEqual({ packets: { ingress: { kbps: 7, burst: 0 } } })
    expect((await net('PUT', `/ports/${own.id}`, { port: { qos_policy_id: null } })).body.port.qos_policy_id).toBeNull()
    expect((await desired()).ports.find((p) => p.id === own.id)!.qos).toEqual({ packets: { ingress: { kbps: 7, burst: 0 } } })
    expect((await net('GET', `/ports?qos_policy_id=${mine.id}`)).body.ports).toEqual([])
  })
  it('limits floating addresses and gateways where their router lives', async () => {
    const p = await make('/qos/policies', 'policy', { shared: true })
    await make(`/qos/policies/${p.id}/bandwidth_limit_rules`, 'bandwidth_limit_rule', { max_kbps: 500, direction: 'ingress' })
    const [ext, inner] = [(await net('GET', '/networks?name=public')).body.networks[0], (await net('GET', '/networks?name=demo', undefined, demo)).body.networks[0]]
    const guestPort = await make('/ports', 'port', { network_id: inner.id }, demo)
    const fip = await make('/floatingips', 'floatingip', { floating_network_id: ext.id, port_id: guestPort.id, qos_policy_id: p.id }, demo)
    const limits = async () => (await desired()).routers.flatMap((r) => r.limits ?? [])
    const pace = { ingress: { kbps: 500, burst: 0 } }
    expect(fip.qos_policy_id).toBe(p.id)
    expect(await limits()).toEqual([{ address: fip.floating_ip_address, ...pace }])
    expect((await net('PUT', `/floatingips/${fip.id}`, { floatingip: { qos_policy_id: null } }, demo)).body.floatingip).toMatchObject({ qos_policy_id: null, port_id: guestPort.id })
    expect(await limits()).toEqual([])
    const [router] = (await net('GET', '/routers?name=demo-router', undefined, demo)).body.routers, gateway = router.external_gateway_info
    expect((await net('PUT', `/routers/${router.id}`, { router: { external_gateway_info: { network_id: ext.id, qos_policy_id: p.id } } }, demo)).status).toBe(403)
    expect((await net('PUT', `/routers/${router.id}`, { router: { external_gateway_info: { network_id: ext.id, qos_policy_id: p.id } } })).body.router.external_gateway_info.qos_policy_id).toBe(p.id)
    expect(await limits()).toEqual([{ address: gateway.external_fixed_ips[0].ip_address, ...pace }])
    expect(type(await net('POST', `/qos/policies/${p.id}/dscp_marking_rules`, { dscp_marking_rule: { dscp_mark: 46 } }))).toEqual([409, 'QosRuleNotSupported'])
  })
})
