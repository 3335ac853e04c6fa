import { eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { floatingIp, ndpProxy, router, routerInterface } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { conflict, forbidden } from '../../kernel/fault.ts'
import { field, resource, rows, rowQuery, theRow, type Resource, type Row } from '../../kernel/resource.ts'
import { quotaQuery, withinQuota } from '../quotas/limits.ts'
import { endpoint, style } from '../service.ts'
import { adminUp, standardFields, standardRow, tagFilterNames, tagFilters } from '../standard.ts'
import { aroundReads, dropGateway, planGateway, readAround } from './gateway.ts'
import { placeRouter, resettle, touchRouters } from './place.ts'
import { checkRoutes, sameRoute } from './routes.ts'
import { routerExtras, routerView } from './view.ts'

const closed = { additionalProperties: false } as const
const nullable = <T extends Parameters<typeof t.Union>[0][number]>(s: T) => t.Union([s, t.Null()])
const id = t.String({ maxLength: 36 })
const gateway = nullable(t.Object({
  network_id: t.Optional(nullable(id)), enable_snat: t.Optional(t.Boolean()),
  external_fixed_ips: t.Optional(t.Array(t.Object({ subnet_id: t.Optional(id), ip_address: t.Optional(t.String({ maxLength: 64 })) }, closed), { maxItems: 5 })), qos_policy_id: t.Optional(nullable(id)),
}, closed))
export const routes = nullable(t.Array(t.Object({ destination: t.String({ maxLength: 64 }), nexthop: t.String({ maxLength: 64 }) }, closed), { maxItems: 1000 }))

function checkMay(ctx: Ctx, verb: 'create' | 'update', values: Row) {
  for (const name of ['distributed', 'ha']) if (values[name] != null && !ctx.caller.admin) throw forbidden(`(rule:${verb}_router and rule:${verb}_router:${name}) is disallowed by policy`, { type: 'PolicyNotAuthorized' })
}

async function create(ctx: Ctx, { gateway: info, ...values }: Row): Promise<Row> {
  checkMay(ctx, 'create', values)
  const base = standardRow(ctx, values)
  const [quota, ...joined] = await ctx.read(quotaQuery(base.project, ['router']), ...aroundReads(ctx, base.id, { gateway: info }) as [Query])
  const made: Row = { adminUp: true, snat: true, ndpProxy: false, routes: [], host: null, ...base, distributed: values.distributed ?? false, ha: values.ha ?? false, externalNetwork: null, gatewayPort: null }
  const row: Row = info === undefined ? made : { ...made, ...planGateway(ctx, 'create', made, info, readAround(joined)) }
  ctx.stage(q.insert(router).values(row as typeof router.$inferInsert))
  withinQuota(ctx, base.project, quota as unknown as unknown[], { router: 1 })
  if (row.externalNetwork) settle(ctx, row.id)
  return row
}

/** A router that has work is put on a host, and the hosts around it are told. */
export function settle(ctx: Ctx, id: string) {
  placeRouter(ctx, id)
  touchRouters(ctx, [id])
  resettle(ctx, eq(router.id, id))
}

const proxiesOf = (id: string) => q.select({ id: ndpProxy.id }).from(ndpProxy).where(eq(ndpProxy.router, id)).limit(1)
const proxied = (id: string) => conflict(`The router ${id} has NDP proxies, which must be deleted first.`, { type: 'RouterInUseByNDPProxy' })

function update(ctx: Ctx, row: Row, { gateway: info, ...change }: Row, joined: any[]): Row {
  checkMay(ctx, 'update', change)
  const around = readAround(joined)
  for (const name of ['distributed', 'ha']) {
    if (change[name] != null && change[name] !== row[name] && row.adminUp && change.adminUp !== false) throw conflict(`Cannot change the '${name}' attribute of active routers. Please set router admin_state_up to False prior to the change.`, { type: 'RouterInUse', status: 400 })
  }
  if (change.ndpProxy === false && joined.at(-1).length) throw proxied(row.id)
  touchRouters(ctx, [row.id])
  const { outside, ...set } = info === undefined ? {} as Row : planGateway(ctx, 'update', row, info, around)
  if (change.routes !== undefined) change.routes = checkRoutes(change.routes ?? [], set.externalNetwork === undefined ? around : { legs: around.legs, outside: [...(set.externalNetwork ? around.subnets.map((subnet) => ({ subnet, address: '' })) : [])] })
  const out = rows(router).update(ctx, row, { ...change, ...set })
  settle(ctx, row.id)
  return outside === undefined ? out : { ...out, outside }
}

function remove(ctx: Ctx, row: Row, [legs, floating, proxies]: unknown[][]) {
  if (proxies.length) throw proxied(row.id)
  if (legs.length || floating.length) throw conflict(`Router ${row.id} still has ports`, { type: 'RouterInUse' })
  touchRouters(ctx, [row.id])
  dropGateway(ctx, row)
  rows(router).remove(ctx, row)
}

export const routerResource: Resource = {
  name: 'router', plural: 'routers', path: '/routers', table: router, view: routerView, extras: routerExtras, sort: [['id', 'asc']],
  fields: {
    ...standardFields, admin_state_up: adminUp,
    external_gateway_info: field(gateway, 'create update', 'gateway'),
    routes: field(routes, 'update'),
    distributed: field(nullable(t.Boolean()), 'create update filter'),
    ha: field(nullable(t.Boolean()), 'create update filter'),
    availability_zone_hints: field(t.Array(t.String()), 'create', 'zoneHints'),
    enable_ndp_proxy: field(t.Boolean(), 'create update', 'ndpProxy'),
    flavor_id: field(t.Null(), 'create', 'flavor'),
  },
  filterNames: [...tagFilterNames, 'status'],
  filters: (_ctx, query) => [...tagFilters(query, sql`${router.tags}`), query.has('status') && !query.getAll('status').includes('ACTIVE') ? sql`0` : undefined],
  joins: {
    update: (ctx, rid, change) => [...aroundReads(ctx, rid, change), proxiesOf(rid)] as Query[],
    remove: (_ctx, rid) => [q.select({ port: routerInterface.port }).from(routerInterface).where(eq(routerInterface.router, rid)).limit(1), q.select({ id: floatingIp.id }).from(floatingIp).where(eq(floatingIp.router, rid)).limit(1), proxiesOf(rid)] as unknown as Query[],
  },
  verbs: { create, update, remove },
}
export const routers = resource(style, routerResource)

/** Routes added or taken away as one step, whatever else others change meanwhile. */
const extra = (verb: 'add' | 'remove') => endpoint({
  id: `routers.${verb}_extraroutes`, method: 'PUT', path: `/routers/{id}/${verb}_extraroutes`, status: 200, policy: `${verb}_extraroutes`, summary: `${verb === 'add' ? 'Add' : 'Remove'} some routes of a router`,
  body: { '2.0': t.Object({ router: t.Object({ routes }, closed) }, closed) },
  async handle(ctx, { params, body }) {
    const [found, ...joined] = await ctx.read(rowQuery(routerResource, ctx, params.id) as unknown as Query, ...aroundReads(ctx, params.id, {})) as unknown as unknown[][]
    const row = theRow(routerResource, found, ctx, params.id, `${verb}_extraroutes`)
    const around = readAround(joined), have = row.routes as { destination: string; nexthop: string }[]
    const asked = verb === 'add' ? checkRoutes(body.router.routes ?? [], around) : body.router.routes ?? []
    const routes = verb === 'add' ? checkRoutes([...have, ...asked.filter((r) => !have.some((h) => sameRoute(h, r)))], around) : have.filter((h) => !asked.some((r) => sameRoute(h, r)))
    const out = rows(router).update(ctx, row, { routes })
    settle(ctx, row.id)
    return { router: routerView(out, ctx) }
  },
})
export const extraRoutes = [extra('add'), extra('remove')]
