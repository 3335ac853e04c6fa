import { and, asc, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { conntrackHelper } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q, type Query } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { rowQuery, rows, theRow, type Row } from '../../kernel/resource.ts'
import { router } from '../../../schema/network.ts'
import { routerResource } from '../routers/api.ts'
import { endpoint } from '../service.ts'
import { listed, touch } from '../touch.ts'
import { helpers } from './kinds.ts'

type Helper = typeof conntrackHelper.$inferSelect
onDuplicate('conntrack_helper.router, conntrack_helper.protocol, conntrack_helper.port, conntrack_helper.helper', () => conflict('A duplicate conntrack helper entry with same attributes already exists.', { type: 'BadRequest', status: 400 }))

const closed = { additionalProperties: false } as const
const fields = { protocol: t.String({ maxLength: 16 }), port: t.Union([t.Integer({ minimum: 1, maximum: 65535 }), t.String({ pattern: '^\\d{1,5}$' })]), helper: t.String({ maxLength: 64 }) }
const text = t.Optional(t.String({ maxLength: 255 }))
const create = { '2.0': t.Object({ conntrack_helper: t.Object({ ...fields, tenant_id: text, project_id: text }, closed) }, closed) }
const change = { '2.0': t.Object({ conntrack_helper: t.Object(Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, t.Optional(v)])), closed) }, closed) }
const view = (h: Helper) => ({ id: h.id, protocol: h.protocol, port: h.port, helper: h.helper })

function read(ask: Row, now?: Helper) {
  const helper = (ask.helper ?? now?.helper) as string, protocol = String(ask.protocol ?? now?.protocol).toLowerCase(), port = Number(ask.port ?? now?.port)
  const known = helpers[helper]
  if (!known) throw invalid(`Conntrack helper ${helper} is not supported. Supported are: ${Object.keys(helpers).join(', ')}.`, { type: 'InvalidInput' })
  if (!known.protocols.includes(protocol)) throw invalid(`Invalid input for protocol. Reason: helper ${helper} speaks ${known.protocols.join(', ')}, not ${protocol}.`, { type: 'InvalidProtocolForHelper' })
  if (port < 1 || port > 65535) throw invalid(`Invalid input for port. Reason: '${port}' is not a valid port.`)
  return { helper, protocol, port }
}
async function around(ctx: Ctx, id: string, rule: string) {
  const [found, list] = await ctx.read(rowQuery(routerResource, ctx, id) as Query, q.select().from(conntrackHelper).where(eq(conntrackHelper.router, id)).orderBy(asc(conntrackHelper.id))) as unknown as [unknown[], Helper[]]
  return { router: theRow(routerResource, found, ctx, id, rule), list }
}
function one(list: Helper[], id: string) {
  const found = list.find((h) => h.id === id)
  if (!found) throw notFound('conntrack helper', id, `Conntrack helper ${id} could not be found.`, { type: 'ConntrackHelperNotFound' })
  return found
}
const changed = (ctx: Ctx, r: Row) => { rows(router).update(ctx, r, {}); touch(ctx, { routers: listed([r.id]) }) }
const at = '/routers/{router}/conntrack_helpers'

/** Protocols that agree on further connections, which routers and filters then let through. */
export const conntrackHelpers = [
  endpoint({ id: 'conntrack_helpers.list', method: 'GET', path: at, status: 200, policy: 'get_router', summary: 'Conntrack helpers of a router', async handle(ctx, { params, query }) {
    const asked = ['id', 'protocol', 'port', 'helper'].filter((n) => query.has(n))
    return { conntrack_helpers: (await around(ctx, params.router, 'get_router')).list.map(view).filter((h) => asked.every((n) => query.getAll(n).includes(String((h as Row)[n])))) }
  } }),
  endpoint({ id: 'conntrack_helpers.create', method: 'POST', path: at, status: 201, policy: 'create_router_conntrack_helper', summary: 'Have a router follow a protocol', body: create, async handle(ctx, { params, body }) {
    const { router: r } = await around(ctx, params.router, 'create_router_conntrack_helper'), row = { id: ctx.uuid(), router: r.id as string, ...read(body.conntrack_helper) }
    ctx.stage(q.insert(conntrackHelper).values(row))
    changed(ctx, r)
    ctx.about(row.id)
    return { conntrack_helper: view(row) }
  } }),
  endpoint({ id: 'conntrack_helpers.show', method: 'GET', path: `${at}/{id}`, status: 200, policy: 'get_router', summary: 'Show a conntrack helper', async handle(ctx, { params }) { return { conntrack_helper: view(one((await around(ctx, params.router, 'get_router')).list, params.id)) } } }),
  endpoint({ id: 'conntrack_helpers.update', method: 'PUT', path: `${at}/{id}`, status: 200, policy: 'create_router_conntrack_helper', summary: 'Change a conntrack helper', body: change, async handle(ctx, { params, body }) {
    const { router: r, list } = await around(ctx, params.router, 'create_router_conntrack_helper'), now = one(list, params.id), row = { ...now, ...read(body.conntrack_helper as Row, now) }
    ctx.stage(q.update(conntrackHelper).set(row).where(eq(conntrackHelper.id, now.id)), 'stale')
    changed(ctx, r)
    return { conntrack_helper: view(row) }
  } }),
  endpoint({ id: 'conntrack_helpers.delete', method: 'DELETE', path: `${at}/{id}`, status: 204, policy: 'create_router_conntrack_helper', summary: 'Remove a conntrack helper', async handle(ctx, { params }) {
    const { router: r, list } = await around(ctx, params.router, 'create_router_conntrack_helper'), now = one(list, params.id)
    ctx.stage(q.delete(conntrackHelper).where(and(eq(conntrackHelper.id, now.id))), 'stale')
    changed(ctx, r)
  } }),
]
