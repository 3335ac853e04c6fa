import { and, asc, eq, getTableColumns, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { host } from '../../../schema/host.ts'
import { agentSetting, network, router, subnet } from '../../../schema/network.ts'
import { isUp } from '../../hosts/up.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { full, q, type Query } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { type Row, rowQuery, theRow } from '../../kernel/resource.ts'
import { networkResource } from '../networks/api.ts'
import { routerResource } from '../routers/api.ts'
import { leave, touchRouters } from '../routers/place.ts'
import { endpoint } from '../service.ts'
import { agentView, hostOfAgent, kinds, noAgent, type Setting } from './model.ts'

const closed = { additionalProperties: false } as const
const load = {
  ports: sql<number>`(select count(*) from port p where p.host = ${full(host.id)})`.as('ports'), networks: sql<number>`(select count(distinct p.network) from port p where p.host = ${full(host.id)})`.as('networks'),
  routers: sql<number>`(select count(*) from router r where r.host = ${full(host.id)})`.as('routers'),
}
type Loaded = typeof host.$inferSelect & { ports: number; networks: number; routers: number }
const hosts = (id?: string) => q.select({ ...getTableColumns(host), ...load }).from(host).where(id === undefined ? undefined : eq(host.id, id)).orderBy(asc(host.name)).limit(5000)
const settings = (id?: string) => q.select().from(agentSetting).where(id === undefined ? undefined : eq(agentSetting.host, id))

/** A host and one of its roles. */
async function find(ctx: Ctx, id: string, ...more: Query[]) {
  const at = hostOfAgent(id)
  const [[h], set, ...rest] = await ctx.read(hosts(at.host) as unknown as Query, settings(at.host) as unknown as Query, ...more) as unknown as [Loaded[], Setting[], ...unknown[][]]
  if (!h) throw noAgent(id)
  return { h, kind: at.kind, setting: set.find((s) => s.kind === at.kind), rest }
}
const all = (list: Loaded[], set: Setting[], now: number, only = kinds.map((k) => k.kind)) => list.flatMap((h) => only.map((kind) => agentView(h, kind, set.find((s) => s.host === h.id && s.kind === kind), now, h)))

/** Agents are few and made, not stored: filters and order are applied to what is shown. */
function narrowed(list: Row[], query: URLSearchParams): Row[] {
  const names = [...new Set(query.keys())].filter((k) => !['fields', 'limit', 'marker', 'page_reverse', 'sort_key', 'sort_dir'].includes(k))
  const odd = names.filter((n) => list.length && !(n in list[0]))
  if (odd.length) throw invalid(`[${odd.map((k) => `'${k}'`).join(', ')}] is invalid attribute for filtering`)
  let out = list.filter((a) => names.every((n) => query.getAll(n).some((v) => String(a[n]).toLowerCase() === v.toLowerCase())))
  const keys = query.getAll('sort_key'), dirs = query.getAll('sort_dir')
  if (keys.length) out = [...out].sort((a, b) => keys.reduce((r, k, i) => r || (String(a[k]) < String(b[k]) ? -1 : String(a[k]) > String(b[k]) ? 1 : 0) * (dirs[i] === 'desc' ? -1 : 1), 0))
  if (query.get('marker')) out = out.slice(out.findIndex((a) => a.id === query.get('marker')) + 1)
  if (Number(query.get('limit')) > 0) out = out.slice(0, Number(query.get('limit')))
  const fields = query.getAll('fields')
  return fields.length ? out.map((a) => Object.fromEntries(fields.filter((f) => f in a).map((f) => [f, a[f]]))) : out
}

export const agents = [
  endpoint({
    id: 'agents.list', method: 'GET', path: '/agents', status: 200, policy: 'list_agents', summary: 'What the hosts do for the network',
    async handle(ctx, { query }) {
      if (!ctx.can('get_agent')) return { agents: [] }
      const [list, set] = await ctx.read(hosts(), settings())
      return { agents: narrowed(all(list, set, ctx.now()), query) }
    },
  }),
  endpoint({
    id: 'agents.show', method: 'GET', path: '/agents/{id}', status: 200, policy: 'get_agent', summary: 'Show an agent',
    async handle(ctx, { params }) { const { h, kind, setting } = await find(ctx, params.id); return { agent: agentView(h, kind, setting, ctx.now(), h) } },
  }),
  endpoint({
    id: 'agents.update', method: 'PUT', path: '/agents/{id}', status: 200, policy: 'update_agent', summary: 'Let an agent take new work or not; describe it',
    body: { '2.0': t.Object({ agent: t.Object({ admin_state_up: t.Optional(t.Boolean()), description: t.Optional(t.Union([t.String({ maxLength: 255 }), t.Null()])) }, closed) }, closed) },
    async handle(ctx, { params, body }) {
      const { h, kind, setting } = await find(ctx, params.id)
      const next = { host: h.id, kind, adminUp: body.agent.admin_state_up ?? setting?.adminUp ?? true, description: body.agent.description ?? setting?.description ?? '' }
      ctx.stage(q.insert(agentSetting).values(next).onConflictDoUpdate({ target: [agentSetting.host, agentSetting.kind], set: next }))
      return { agent: agentView(h, kind, next, ctx.now(), h) }
    },
  }),
  endpoint({
    id: 'agents.delete', method: 'DELETE', path: '/agents/{id}', status: 204, policy: 'delete_agent', summary: 'Forget an agent',
    async handle(ctx, { params }) {
      const { h } = await find(ctx, params.id)
      throw conflict(`Agent ${params.id} is part of host ${h.name}, which is enrolled; it goes when the host is removed.`, { type: 'AgentInUse' })
    },
  }),
]

const shownRouter = (r: typeof router.$inferSelect) => ({ id: r.id, name: r.name, tenant_id: r.project, project_id: r.project, admin_state_up: r.adminUp, status: 'ACTIVE', routes: r.routes, distributed: r.distributed, ha: r.ha, external_gateway_info: r.externalNetwork ? { network_id: r.externalNetwork, enable_snat: r.snat } : null })
const wrongKind = (id: string, word: string) => conflict(`Agent ${id} is not a valid ${word} agent.`, { type: `Invalid${word === 'L3' ? 'L3' : 'DHCP'}Agent` })

/** Where routers live, and moving one by hand: taken from its host it is placed anew, on the named host when it is given there at once. */
export const routerScheduling = [
  endpoint({
    id: 'agents.routers', method: 'GET', path: '/agents/{id}/l3-routers', status: 200, policy: 'get_agent', summary: 'Routers that live on a host',
    async handle(ctx, { params }) {
      const { kind, rest } = await find(ctx, params.id, q.select().from(router).where(eq(router.host, hostOfAgent(params.id).host)).orderBy(asc(router.id)) as unknown as Query)
      return { routers: kind === 'l3' ? (rest[0] as (typeof router.$inferSelect)[]).map(shownRouter) : [] }
    },
  }),
  endpoint({
    id: 'routers.agents', method: 'GET', path: '/routers/{id}/l3-agents', status: 200, policy: 'get_agent', summary: 'The host a router lives on',
    async handle(ctx, { params }) {
      const [found, list, set] = await ctx.read(rowQuery(routerResource, ctx, params.id) as unknown as Query, q.select({ ...getTableColumns(host), ...load }).from(host).where(sql`${host.id} = (select r.host from router r where r.id = ${params.id})`), settings()) as unknown as [unknown[], Loaded[], Setting[]]
      theRow(routerResource, found, ctx, params.id, 'get_agent')
      return { agents: all(list, set, ctx.now(), ['l3']).map((a) => ({ ...a, ha_state: null })) }
    },
  }),
  endpoint({
    id: 'agents.add_router', method: 'POST', path: '/agents/{id}/l3-routers', status: 201, policy: 'update_agent', summary: 'Put a router on a host',
    body: { '2.0': t.Object({ router_id: t.String({ maxLength: 36 }) }, closed) },
    async handle(ctx, { params, body }) {
      const { h, kind, rest: [[row]] } = await find(ctx, params.id, rowQuery(routerResource, ctx, body.router_id) as unknown as Query) as unknown as { h: Loaded; kind: string; rest: Row[][] }
      if (kind !== 'l3') throw wrongKind(params.id, 'L3')
      if (!row) throw notFound('router', body.router_id, undefined, { type: 'RouterNotFound' })
      if (row.host === h.id) return undefined
      if (row.host) throw conflict(`The router ${row.id} has been already hosted by the L3 Agent on another host.`, { type: 'RouterHostedByL3Agent' })
      // Whether the host that had it has let go is not waited for here: the new one announces itself first.
      ctx.stage(q.update(router).set({ host: h.id, moved: row.fromHost && row.fromHost !== h.id ? row.moved + 1 : row.moved, fromHost: null }).where(and(eq(router.id, row.id), sql`${router.host} is null`)), 'stale')
      touchRouters(ctx, [row.id])
    },
  }),
  endpoint({
    id: 'agents.remove_router', method: 'DELETE', path: '/agents/{id}/l3-routers/{router}', status: 204, policy: 'update_agent', summary: 'Take a router from a host',
    async handle(ctx, { params }) {
      const { h, rest: [[row]] } = await find(ctx, params.id, rowQuery(routerResource, ctx, params.router) as unknown as Query) as unknown as { h: Loaded; rest: Row[][] }
      if (!row) throw notFound('router', params.router, undefined, { type: 'RouterNotFound' })
      if (row.host !== h.id) throw conflict(`The router ${row.id} is not hosted by L3 agent ${params.id}.`, { type: 'RouterNotHostedByL3Agent' })
      touchRouters(ctx, [row.id])
      leave(ctx, eq(router.id, row.id))
    },
  }),
]

/** DHCP is answered on every host that has a guest of the network, by that host: each one serves any network, unasked. */
const withDhcp = sql`exists (select 1 from subnet s where s.network = ${network.id} and s.dhcp)`
export const dhcpScheduling = [
  endpoint({
    id: 'networks.agents', method: 'GET', path: '/networks/{id}/dhcp-agents', status: 200, policy: 'get_agent', summary: 'Hosts that answer DHCP on a network',
    async handle(ctx, { params }) {
      const [found, list, set, subnets] = await ctx.read(rowQuery(networkResource, ctx, params.id) as unknown as Query, hosts(), settings(), q.select({ id: subnet.id }).from(subnet).where(and(eq(subnet.network, params.id), eq(subnet.dhcp, true))).limit(1)) as unknown as [unknown[], Loaded[], Setting[], unknown[]]
      theRow(networkResource, found, ctx, params.id, 'get_agent')
      return { agents: subnets.length ? all(list.filter((h) => isUp(h, ctx.now())), set, ctx.now(), ['dhcp']) : [] }
    },
  }),
  endpoint({
    id: 'agents.networks', method: 'GET', path: '/agents/{id}/dhcp-networks', status: 200, policy: 'get_agent', summary: 'Networks on which a host answers DHCP',
    async handle(ctx, { params }) {
      const { kind, rest } = await find(ctx, params.id, q.select({ ...getTableColumns(network), ...networkResource.extras }).from(network).where(and(withDhcp, eq(network.external, false))).orderBy(asc(network.id)) as unknown as Query)
      return { networks: kind === 'dhcp' ? (rest[0] as Row[]).map((r) => networkResource.view!(r, ctx)) : [] }
    },
  }),
  ...(['POST', 'DELETE'] as const).map((method) => endpoint({
    id: `agents.networks.${method.toLowerCase()}`, method, path: method === 'POST' ? '/agents/{id}/dhcp-networks' : '/agents/{id}/dhcp-networks/{network}', status: method === 'POST' ? 201 : 204, policy: 'update_agent',
    summary: method === 'POST' ? 'Have a host answer DHCP on a network' : 'Have a host not answer DHCP on a network', ...(method === 'POST' ? { body: { '2.0': t.Object({ network_id: t.String({ maxLength: 36 }) }, closed) } } : {}),
    async handle(ctx, { params, body }) {
      const id = (params.network ?? body?.network_id) as string
      const { kind, rest: [[row]] } = await find(ctx, params.id, rowQuery(networkResource, ctx, id) as unknown as Query) as unknown as { kind: string; rest: Row[][] }
      if (kind !== 'dhcp') throw wrongKind(params.id, 'DHCP')
      if (!row) throw notFound('network', id, undefined, { type: 'NetworkNotFound' })
      throw conflict(method === 'POST' ? `The network ${id} has been already hosted by the DHCP Agent ${params.id}.` : `DHCP on network ${id} is answered wherever the network is; it cannot be taken from one host.`, { type: method === 'POST' ? 'NetworkHostedByDHCPAgent' : 'NetworkNotRemovable' })
    },
  })),
]
