import { and, asc, desc, eq, inArray, sql, type SQL } from 'drizzle-orm'
import { stackEvent } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { isoSeconds } from '../../kernel/view.ts'
import type { StackRow } from '../engine/record.ts'
import { depthOf, tree } from '../resources/tree.ts'
import { findResource } from '../resources/api.ts'
import { endpoint } from '../service.ts'
import { findStack } from '../stacks/find.ts'
import { hrefOf } from '../stacks/view.ts'

type Row = typeof stackEvent.$inferSelect
const view = (ctx: Ctx, s: StackRow, e: Row, root?: StackRow) => ({
  id: e.id, event_time: isoSeconds(e.at), resource_name: e.name, logical_resource_id: e.name, physical_resource_id: e.physicalId, resource_status: `${e.action}_${e.status}`, resource_status_reason: e.reason,
  links: [{ href: hrefOf(ctx, s, `/resources/${encodeURIComponent(e.name)}/events/${e.id}`), rel: 'self' }, { href: hrefOf(ctx, s, `/resources/${encodeURIComponent(e.name)}`), rel: 'resource' }, { href: hrefOf(ctx, s), rel: 'stack' }, ...(root ? [{ href: hrefOf(ctx, root), rel: 'root_stack' }] : [])],
})

const columns = { resource_action: stackEvent.action, resource_status: stackEvent.status, resource_name: stackEvent.name, resource_type: stackEvent.type, physical_resource_id: stackEvent.physicalId }
const sorts: Record<string, SQL> = { event_time: sql`seq`, created_at: sql`seq`, resource_type: sql`type`, resource_status: sql`status` }

async function list(ctx: Ctx, s: StackRow, query: URLSearchParams, name?: string) {
  const depth = name === undefined ? depthOf(query.get('nested_depth')) : 0
  const all = depth ? (await tree(ctx, s, depth, true)).levels.map((l) => l.stack) : [s], byId = new Map(all.map((x) => [x.id, x]))
  const limit = query.get('limit')
  if (limit !== null && !/^\d+$/.test(limit)) throw invalid(`Only integer is supported for limit, not "${limit}".`)
  const dir = query.get('sort_dir')
  if (dir !== null && dir !== 'asc' && dir !== 'desc') throw invalid(`Unknown sort direction: ${dir}`)
  const keys = query.getAll('sort_keys').flatMap((k) => k.split(',')).filter((k) => sorts[k]), marker = query.get('marker')
  const where = [inArray(stackEvent.stack, all.map((x) => x.id)), name === undefined ? undefined : eq(stackEvent.name, name),
    ...Object.entries(columns).filter(([k]) => query.has(k)).map(([k, c]) => inArray(c, query.getAll(k))),
    marker ? sql`${stackEvent.seq} ${sql.raw(dir === 'desc' ? '<' : '>')} coalesce((select seq from stack_event where id = ${marker}), ${dir === 'desc' ? Number.MAX_SAFE_INTEGER : 0})` : undefined]
  const order = (c: SQL) => (dir === 'desc' ? desc(c) : asc(c))
  const [rows] = await ctx.read(q.select().from(stackEvent).where(and(...where)).orderBy(...keys.map((k) => order(sorts[k])), order(sql`seq`)).limit(limit ? Math.min(10_000, Number(limit)) : 10_000))
  return { events: rows.map((e) => view(ctx, byId.get(e.stack)!, e, depth ? s : undefined)) }
}

export default [
  endpoint({
    id: 'events.list', method: 'GET', path: '/stacks/{name}/{id}/events', status: 200, summary: "List a stack's events", policy: 'events:index',
    handle: async (ctx, { params, query }) => list(ctx, await findStack(ctx, params.name, params.id, { gone: true }), query),
  }),
  endpoint({
    id: 'events.list_of_resource', method: 'GET', path: '/stacks/{name}/{id}/resources/{resource}/events', status: 200, summary: "List a resource's events", policy: 'events:index',
    async handle(ctx, { params, query }) {
      const s = await findStack(ctx, params.name, params.id, { gone: true })
      const found = await list(ctx, s, query, params.resource)
      if (!found.events.length && params.resource !== s.name) await findResource(ctx, params)
      return found
    },
  }),
  endpoint({
    id: 'events.show', method: 'GET', path: '/stacks/{name}/{id}/resources/{resource}/events/{event}', status: 200, summary: 'Show an event', policy: 'events:show',
    async handle(ctx, { params }) {
      const s = await findStack(ctx, params.name, params.id, { gone: true }), [[e]] = await ctx.read(q.select().from(stackEvent).where(and(eq(stackEvent.stack, s.id), eq(stackEvent.id, params.event), eq(stackEvent.name, params.resource))))
      if (!e) throw notFound('Event', params.event, `The Event (${params.event}) could not be found.`, { type: 'EntityNotFound' })
      return { event: { ...view(ctx, s, e), resource_type: e.type, resource_properties: {} } }
    },
  }),
]
