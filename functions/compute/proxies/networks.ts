import { Type as t } from 'typebox'
import type { Ctx } from '../../kernel/ctx.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { endpoint, type Rule } from '../service.ts'
import { findServer } from '../servers/model.ts'
import { action, closed, isUuid, name } from '../shapes.ts'
import { lend } from './lend.ts'

/** Networks, security groups and floating addresses as compute had them before they had a service of their own. */
type Row = Record<string, any>
const until = '2.35', SG = 'os_compute_api:os-security-groups:get', NET = 'os_compute_api:os-networks:list'
const net = (method: string, path: string) => (ctx: Ctx, more?: Parameters<typeof lend>[4]) => lend(ctx, 'network', method, path, more)
const missing = (noun: string, id: string) => notFound(noun, id, `${noun} ${id} could not be found.`)

// ── security groups ──
const ruleView = (r: Row, names: Map<string, string>) => ({
  id: r.id, parent_group_id: r.security_group_id, ip_protocol: r.protocol === 'any' ? null : r.protocol ?? null, from_port: r.port_range_min ?? (r.protocol ? -1 : null), to_port: r.port_range_max ?? (r.protocol ? -1 : null),
  group: r.remote_group_id ? { tenant_id: r.project_id, name: names.get(r.remote_group_id) ?? '' } : {}, ip_range: r.remote_group_id ? {} : { cidr: r.remote_ip_prefix ?? (r.ethertype === 'IPv6' ? '::/0' : '0.0.0.0/0') },
})
const groupView = (g: Row, names: Map<string, string>) => ({ id: g.id, name: g.name, description: g.description ?? '', tenant_id: g.project_id, rules: (g.security_group_rules as Row[]).filter((r) => r.direction === 'ingress').map((r) => ruleView(r, names)) })
async function groups(ctx: Ctx, everyone = false): Promise<Row[]> { return (await net('GET', '/security-groups')(ctx, { query: everyone ? {} : { project_id: ctx.project } })).security_groups }
const namesOf = (list: Row[]) => new Map(list.map((g) => [g.id as string, g.name as string]))
async function group(ctx: Ctx, id: string): Promise<{ g: Row; names: Map<string, string> }> {
  if (!isUuid(id)) throw invalid(`Security group id should be uuid`)
  const all = await groups(ctx), g = all.find((x) => x.id === id) ?? (await net('GET', `/security-groups/${id}`)(ctx).catch(() => undefined))?.security_group
  if (!g) throw missing('Security group', id)
  return { g, names: namesOf(all) }
}
const words = t.Object({ name: t.String({ maxLength: 255 }), description: t.Optional(t.Union([t.String({ maxLength: 255 }), t.Null()])) }, closed)
function checkWords(b: { name: string; description?: string | null }) {
  if (!b.name.trim()) throw invalid('Security group name cannot be empty')
  if (b.description !== undefined && b.description === null) throw invalid('Security group description cannot be empty')
}
const port = t.Optional(t.Union([t.Integer(), t.String(), t.Null()]))
const rule = t.Object({ parent_group_id: t.Optional(t.Union([t.String(), t.Integer()])), ip_protocol: t.Optional(t.Union([t.String(), t.Null()])), from_port: port, to_port: port, cidr: t.Optional(t.Union([t.String(), t.Null()])), group_id: t.Optional(t.Union([t.String(), t.Null()])) }, closed)

async function addRule(ctx: Ctx, b: Row) {
  const parent = String(b.parent_group_id ?? '')
  const { g, names } = await group(ctx, parent)
  const protocol = b.ip_protocol ? String(b.ip_protocol).toLowerCase() : null, number = (v: unknown, what: string) => { const n = Number(v ?? -1); if (!Number.isInteger(n)) throw invalid(`Input '${what}' is not an integer.`); return n }
  if (protocol && !['tcp', 'udp', 'icmp'].includes(protocol)) throw invalid(`Invalid IP protocol ${b.ip_protocol}.`)
  const from = number(b.from_port, 'from_port'), to = number(b.to_port, 'to_port')
  if (protocol && (protocol === 'icmp' ? from < -1 || from > 255 || to < -1 || to > 255 : from < 1 || to > 65535 || from > to)) throw invalid(`Invalid port range ${from}:${to}. Valid ${protocol.toUpperCase()} ports should be between 1-65535`)
  if (b.cidr && !/^[0-9a-fA-F.:]+(\/\d+)?$/.test(b.cidr)) throw invalid(`Invalid cidr ${b.cidr}.`)
  if (b.group_id && !isUuid(b.group_id)) throw missing('Security group', b.group_id)
  const cidr = b.group_id ? undefined : b.cidr || '0.0.0.0/0'
  const { security_group_rule: made } = await net('POST', '/security-group-rules')(ctx, { body: { security_group_rule: {
    security_group_id: g.id, direction: 'ingress', ethertype: cidr?.includes(':') ? 'IPv6' : 'IPv4', ...(protocol ? { protocol } : {}), ...(protocol && from >= 0 ? { port_range_min: from, port_range_max: to } : {}), ...(b.group_id ? { remote_group_id: b.group_id } : { remote_ip_prefix: cidr }),
  } } }).catch((e) => { throw e?.kind === 'conflict' ? invalid(e.message) : e })
  return { security_group_rule: { ...ruleView(made, names), ...(cidr ? { ip_range: { cidr } } : {}) } }
}

// ── networks ──
const networkView = (n: Row) => ({
  id: n.id, label: n.name, cidr: null, cidr_v6: null, bridge: null, bridge_interface: null, broadcast: null, created_at: null, deleted: null, deleted_at: null, dhcp_server: null, dhcp_start: null, dns1: null, dns2: null, enable_dhcp: null, gateway: null, gateway_v6: null, host: null, injected: null, mtu: null, multi_host: null,
  netmask: null, netmask_v6: null, priority: null, project_id: null, rxtx_base: null, share_address: null, updated_at: null, vlan: null, vpn_private_address: null, vpn_public_address: null, vpn_public_port: null,
})
const tenantView = (n: Row) => ({ id: n.id, label: n.name, cidr: 'None' })
const networks = async (ctx: Ctx): Promise<Row[]> => {
  const all: Row[] = (await net('GET', '/networks')(ctx)).networks
  return ctx.caller.admin ? all : all.filter((n) => !n['router:external'] || n.project_id === ctx.project || n.shared)
}
const network = async (ctx: Ctx, id: string): Promise<Row> => (await net('GET', `/networks/${encodeURIComponent(id)}`)(ctx).catch((e) => { throw e?.kind === 'notFound' ? missing('Network', id) : e })).network

// ── floating addresses ──
async function pools(ctx: Ctx): Promise<Row[]> { return (await net('GET', '/networks')(ctx, { query: { 'router:external': 'true' } })).networks }
const floatView = (f: Row, all: Row[]) => ({ id: f.id, ip: f.floating_ip_address, pool: all.find((p) => p.id === f.floating_network_id)?.name ?? null, fixed_ip: f.fixed_ip_address ?? null, instance_id: f.port_details?.device_id || null })
const floats = async (ctx: Ctx, query: Record<string, string> = {}): Promise<Row[]> => (await net('GET', '/floatingips')(ctx, { query: { project_id: ctx.project, ...query } })).floatingips
const oneFloat = async (ctx: Ctx, id: string): Promise<Row> => {
  if (!isUuid(id)) throw invalid('Floating IP id is not a uuid.')
  return (await net('GET', `/floatingips/${id}`)(ctx).catch((e) => { throw e?.kind === 'notFound' ? missing('Floating IP', id) : e })).floatingip
}
/** An address given to or taken from a server; to its first fixed one unless said otherwise. */
async function bindAddress(ctx: Ctx, id: string, b: { address: string; fixed_address?: string }, add: boolean) {
  const s = await findServer(ctx, id, `os_compute_api:os-floating-ips:${add ? 'add' : 'remove'}` as Rule)
  const [f] = await floats(ctx, { floating_ip_address: b.address })
  if (!f) throw notFound('floating ip', b.address, 'floating IP not found')
  const ports: Row[] = (await net('GET', '/ports')(ctx, { query: { device_id: s.id } })).ports
  if (!add) {
    if (!ports.some((p) => p.id === f.port_id)) throw conflict(`Floating ip ${b.address} is not associated with instance ${id}.`)
    await net('PUT', `/floatingips/${f.id}`)(ctx, { body: { floatingip: { port_id: null } } })
    return
  }
  const p = b.fixed_address ? ports.find((x) => x.fixed_ips.some((a: Row) => a.ip_address === b.fixed_address)) : ports.find((x) => x.fixed_ips.some((a: Row) => !a.ip_address.includes(':')))
  if (!p) throw invalid(ports.length ? 'Specified fixed address not assigned to instance' : 'No nw_info cache associated with instance')
  await net('PUT', `/floatingips/${f.id}`)(ctx, { body: { floatingip: { port_id: p.id, fixed_ip_address: b.fixed_address ?? p.fixed_ips.find((a: Row) => !a.ip_address.includes(':')).ip_address } } })
    .catch((e) => { throw e?.kind === 'conflict' ? invalid(e.message) : e })
}
const address = t.String({ minLength: 1, maxLength: 45, pattern: '^[0-9a-fA-F.:]+$' })
const serverAction = '/servers/{server}/action', old = '2.43'

export default [
  endpoint({ id: 'security_groups.list', method: 'GET', path: '/os-security-groups', until, status: 200, summary: 'List security groups (ask the network service)', policy: SG, async handle(ctx, { query }) { const list = await groups(ctx, ctx.caller.admin && query.has('all_tenants')), names = namesOf(list); return { security_groups: list.map((g) => groupView(g, names)) } } }),
  endpoint({
    id: 'security_groups.create', method: 'POST', path: '/os-security-groups', until, status: 200, summary: 'Create a security group (ask the network service)', policy: SG, body: { '2.1': t.Object({ security_group: words }, closed) },
    async handle(ctx, { body: { security_group: b } }) { checkWords(b); const { security_group: g } = await net('POST', '/security-groups')(ctx, { body: { security_group: { name: b.name, description: b.description ?? '' } } }); return { security_group: groupView(g, new Map()) } },
  }),
  endpoint({ id: 'security_groups.show', method: 'GET', path: '/os-security-groups/{group}', until, status: 200, summary: 'Show a security group (ask the network service)', policy: SG, async handle(ctx, { params }) { const { g, names } = await group(ctx, params.group); return { security_group: groupView(g, names) } } }),
  endpoint({
    id: 'security_groups.update', method: 'PUT', path: '/os-security-groups/{group}', until, status: 200, summary: 'Change a security group (ask the network service)', policy: SG, body: { '2.1': t.Object({ security_group: words }, closed) },
    async handle(ctx, { params, body: { security_group: b } }) {
      checkWords(b)
      const { g, names } = await group(ctx, params.group)
      const { security_group: made } = await net('PUT', `/security-groups/${g.id}`)(ctx, { body: { security_group: { name: b.name, description: b.description ?? '' } } }).catch((e) => { throw e?.kind === 'conflict' ? invalid(e.message) : e })
      return { security_group: groupView({ ...g, ...made, security_group_rules: made.security_group_rules ?? g.security_group_rules }, names) }
    },
  }),
  endpoint({
    id: 'security_groups.delete', method: 'DELETE', path: '/os-security-groups/{group}', until, status: 202, summary: 'Delete a security group (ask the network service)', policy: SG,
    async handle(ctx, { params }) {
      const { g } = await group(ctx, params.group)
      if (g.name === 'default') throw invalid(`Insufficient rights for removing default security group.`)
      await net('DELETE', `/security-groups/${g.id}`)(ctx).catch((e) => { throw e?.kind === 'conflict' ? invalid(e.message) : e })
    },
  }),
  endpoint({ id: 'security_group_rules.create', method: 'POST', path: '/os-security-group-rules', until, status: 200, summary: 'Add a rule to a security group (ask the network service)', policy: SG, body: { '2.1': t.Object({ security_group_rule: rule }, closed) }, handle: (ctx, { body }) => addRule(ctx, body.security_group_rule) }),
  endpoint({
    id: 'security_group_rules.delete', method: 'DELETE', path: '/os-security-group-rules/{rule}', until, status: 202, summary: 'Remove a rule of a security group (ask the network service)', policy: SG,
    async handle(ctx, { params }) {
      if (!isUuid(params.rule)) throw invalid(`Security group rule id should be uuid`)
      await net('DELETE', `/security-group-rules/${params.rule}`)(ctx).catch((e) => { throw e?.kind === 'notFound' ? missing('Security group rule', params.rule) : e })
    },
  }),
  endpoint({ id: 'networks.list', method: 'GET', path: '/os-networks', until, status: 200, summary: 'List networks (ask the network service)', policy: NET, async handle(ctx) { return { networks: (await networks(ctx)).map(networkView) } } }),
  endpoint({ id: 'networks.show', method: 'GET', path: '/os-networks/{network}', until, status: 200, summary: 'Show a network (ask the network service)', policy: NET, async handle(ctx, { params }) { return { network: networkView(await network(ctx, params.network)) } } }),
  endpoint({ id: 'tenant_networks.list', method: 'GET', path: '/os-tenant-networks', until, status: 200, summary: "List a project's networks (ask the network service)", policy: NET, async handle(ctx) { return { networks: (await networks(ctx)).map(tenantView) } } }),
  endpoint({ id: 'tenant_networks.show', method: 'GET', path: '/os-tenant-networks/{network}', until, status: 200, summary: "Show a project's network (ask the network service)", policy: NET, async handle(ctx, { params }) { return { network: tenantView(await network(ctx, params.network)) } } }),
  endpoint({ id: 'floating_ip_pools', method: 'GET', path: '/os-floating-ip-pools', until, status: 200, summary: 'List external networks (ask the network service)', policy: 'os_compute_api:os-floating-ip-pools', async handle(ctx) { return { floating_ip_pools: (await pools(ctx)).map((p) => ({ name: p.name })) } } }),
  endpoint({ id: 'floating_ips.list', method: 'GET', path: '/os-floating-ips', until, status: 200, summary: 'List floating addresses (ask the network service)', policy: NET, async handle(ctx) { const all = await pools(ctx); return { floating_ips: (await floats(ctx)).map((f) => floatView(f, all)) } } }),
  endpoint({
    id: 'floating_ips.create', method: 'POST', path: '/os-floating-ips', until, status: 200, summary: 'Take a floating address (ask the network service)', policy: NET, body: { '2.1': t.Object({ pool: t.Optional(t.Union([name, t.Null()])) }) }, bodyOptional: true,
    async handle(ctx, { body }) {
      const all = await pools(ctx), asked = (body as { pool?: string | null } | undefined)?.pool, p = asked ? all.find((x) => x.name === asked || x.id === asked) : all[0]
      if (!p) throw notFound('floating ip pool', asked ?? '', 'Floating IP pool not found.')
      const { floatingip } = await net('POST', '/floatingips')(ctx, { body: { floatingip: { floating_network_id: p.id } } })
      return { floating_ip: floatView(floatingip, all) }
    },
  }),
  endpoint({ id: 'floating_ips.show', method: 'GET', path: '/os-floating-ips/{floating}', until, status: 200, summary: 'Show a floating address (ask the network service)', policy: NET, async handle(ctx, { params }) { const f = await oneFloat(ctx, params.floating); return { floating_ip: floatView(f, await pools(ctx)) } } }),
  endpoint({ id: 'floating_ips.delete', method: 'DELETE', path: '/os-floating-ips/{floating}', until, status: 202, summary: 'Give a floating address back (ask the network service)', policy: NET, async handle(ctx, { params }) { const f = await oneFloat(ctx, params.floating); await net('DELETE', `/floatingips/${f.id}`)(ctx) } }),
  endpoint({ id: 'servers.add_floating_ip', method: 'POST', path: serverAction, key: 'addFloatingIp', until: old, status: 202, summary: 'Give a server a floating address', policy: 'os_compute_api:os-floating-ips:add', body: { '2.1': action('addFloatingIp', t.Object({ address, fixed_address: t.Optional(address) }, closed)) }, handle: (ctx, { params, body }) => bindAddress(ctx, params.server, body.addFloatingIp, true) }),
  endpoint({ id: 'servers.remove_floating_ip', method: 'POST', path: serverAction, key: 'removeFloatingIp', until: old, status: 202, summary: 'Take a floating address from a server', policy: 'os_compute_api:os-floating-ips:remove', body: { '2.1': action('removeFloatingIp', t.Object({ address }, closed)) }, handle: (ctx, { params, body }) => bindAddress(ctx, params.server, body.removeFloatingIp, false) }),
  ...(['addFixedIp', 'removeFixedIp'] as const).map((key) => endpoint({
    id: `servers.${key}`, method: 'POST', path: serverAction, key, until: old, status: 202, summary: 'Change the addresses of a server: attach or detach interfaces instead', policy: `os_compute_api:os-multinic:${key === 'addFixedIp' ? 'add' : 'remove'}` as Rule,
    body: { '2.1': t.Object({ [key]: t.Object({ networkId: t.Optional(t.String()), address: t.Optional(address) }, closed) }, closed) },
    async handle(ctx, { params }) {
      await findServer(ctx, params.server, `os_compute_api:os-multinic:${key === 'addFixedIp' ? 'add' : 'remove'}` as Rule)
      throw invalid(`${key} is not available: attach or detach an interface (os-interface), or change the port's fixed addresses.`)
    },
  })),
]
