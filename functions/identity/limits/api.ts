import { and, eq, inArray, or, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { limit, project, region, registeredLimit, service } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { hex32 } from '../../kernel/env.ts'
import { conflict, forbidden, invalid } from '../../kernel/fault.ts'
import { filters, listed, selfLink } from '../list.ts'
import { endpoint } from '../service.ts'
import { found, id, nameTo, nullable, text } from '../wire.ts'

type Registered = typeof registeredLimit.$inferSelect
type Limit = typeof limit.$inferSelect
onDuplicate('registered_limit.service_id, registered_limit.region_id, registered_limit.resource_name', () => conflict('Conflict occurred attempting to store registered_limit - Duplicate entry.'))
onDuplicate('resource_limit.project_id, resource_limit.domain_id, resource_limit.service_id, resource_limit.region_id, resource_limit.resource_name', () => conflict('Conflict occurred attempting to store limit - Duplicate entry.'))

const amount = t.Integer({ minimum: -1, maximum: 2147483647 })
const closed = { additionalProperties: false }
const registered = { service_id: id, region_id: t.Optional(nullable(t.String({ maxLength: 255 }))), resource_name: nameTo(255), default_limit: amount, description: t.Optional(text) }
const none = (v: string) => v || null
const registeredView = (ctx: Ctx, r: Registered) => ({ id: r.id, service_id: r.service, region_id: none(r.region), resource_name: r.resource, default_limit: r.limit, description: r.description, ...selfLink(ctx, `registered_limits/${r.id}`) })
const limitView = (ctx: Ctx, r: Limit) => ({
  id: r.id, project_id: none(r.project), domain_id: none(r.domain), service_id: r.service, region_id: none(r.region), resource_name: r.resource, resource_limit: r.limit, description: r.description, ...selfLink(ctx, `limits/${r.id}`),
})
const oneRegistered = (of: string) => q.select().from(registeredLimit).where(eq(registeredLimit.id, of))
const limitsOn = (r: Registered) => q.select({ id: limit.id }).from(limit).where(and(eq(limit.service, r.service), eq(limit.region, r.region), eq(limit.resource, r.resource))).limit(1)

/** Services and regions a list of limits names must be there. */
async function known(ctx: Ctx, items: { service_id: string; region_id?: string | null }[]) {
  const [services, regions] = await ctx.read(q.select({ id: service.id }).from(service).where(inArray(service.id, items.map((i) => i.service_id))), q.select({ id: region.id }).from(region).where(inArray(region.id, items.map((i) => i.region_id ?? ''))))
  for (const i of items) {
    if (!services.some((s) => s.id === i.service_id)) throw invalid(`Could not find service: ${i.service_id}.`)
    if (i.region_id && !regions.some((r) => r.id === i.region_id)) throw invalid(`Could not find region: ${i.region_id}.`)
  }
}

export const registeredLimits = [
  endpoint({
    id: 'registered_limits.list', method: 'GET', path: '/registered_limits', status: 200, policy: 'identity:list_registered_limits', summary: 'List default limits',
    async handle(ctx, { query, url }) {
      const [rows] = await ctx.read(q.select().from(registeredLimit).where(filters(query, { service_id: registeredLimit.service, region_id: registeredLimit.region, resource_name: registeredLimit.resource })).orderBy(registeredLimit.id))
      return listed(ctx, url, 'registered_limits', rows.map((r) => registeredView(ctx, r)))
    },
  }),
  endpoint({
    id: 'registered_limits.create', method: 'POST', path: '/registered_limits', status: 201, policy: 'identity:create_registered_limit', summary: 'Create default limits',
    body: { '3.0': t.Object({ registered_limits: t.Array(t.Object(registered, closed), { minItems: 1, maxItems: 100 }) }, closed) },
    async handle(ctx, { body, url }) {
      await known(ctx, body.registered_limits)
      const rows = body.registered_limits.map((g): Registered => ({ id: hex32(ctx.world), service: g.service_id, region: g.region_id ?? '', resource: g.resource_name, limit: g.default_limit, description: g.description ?? null }))
      ctx.stage(q.insert(registeredLimit).values(rows))
      return listed(ctx, url, 'registered_limits', rows.map((r) => registeredView(ctx, r)))
    },
  }),
  endpoint({
    id: 'registered_limits.show', method: 'GET', path: '/registered_limits/{id}', status: 200, policy: 'identity:get_registered_limit', summary: 'Show a default limit',
    async handle(ctx, { params }) {
      const [[row]] = await ctx.read(oneRegistered(params.id))
      return { registered_limit: registeredView(ctx, found(row, 'registered limit', params.id)) }
    },
  }),
  endpoint({
    id: 'registered_limits.update', method: 'PATCH', path: '/registered_limits/{id}', status: 200, policy: 'identity:update_registered_limit', summary: 'Change a default limit',
    body: { '3.0': t.Object({ registered_limit: t.Partial(t.Object(registered, closed)) }, closed) },
    async handle(ctx, { params, body }) {
      const g = body.registered_limit as Record<string, any>
      const [[row]] = await ctx.read(oneRegistered(params.id))
      found(row, 'registered limit', params.id)
      if (g.service_id !== undefined || g.region_id) await known(ctx, [{ service_id: g.service_id ?? row.service, region_id: g.region_id }])
      const next: Registered = { ...row, service: g.service_id ?? row.service, region: g.region_id === undefined ? row.region : g.region_id ?? '', resource: g.resource_name ?? row.resource, limit: g.default_limit ?? row.limit, description: g.description === undefined ? row.description : g.description }
      const moved = next.service !== row.service || next.region !== row.region || next.resource !== row.resource
      if (moved && (await ctx.read(limitsOn(row)))[0].length) throw forbidden(`Unable to update registered limit ${row.id} because there are project limits associated with it.`)
      ctx.stage(q.update(registeredLimit).set(next).where(eq(registeredLimit.id, row.id)), 'stale')
      return { registered_limit: registeredView(ctx, next) }
    },
  }),
  endpoint({
    id: 'registered_limits.delete', method: 'DELETE', path: '/registered_limits/{id}', status: 204, policy: 'identity:delete_registered_limit', summary: 'Delete a default limit',
    async handle(ctx, { params }) {
      const [[row]] = await ctx.read(oneRegistered(params.id))
      found(row, 'registered limit', params.id)
      if ((await ctx.read(limitsOn(row)))[0].length) throw forbidden(`Unable to delete registered limit ${row.id} because there are project limits associated with it.`)
      ctx.stage(q.delete(registeredLimit).where(eq(registeredLimit.id, row.id)), 'stale')
    },
  }),
]

const one = { project_id: t.Optional(nullable(id)), domain_id: t.Optional(nullable(id)), service_id: id, region_id: t.Optional(nullable(t.String({ maxLength: 255 }))), resource_name: nameTo(255), resource_limit: amount, description: t.Optional(text) }
/** Own limits for everyone, all for operators. */
const visible = (ctx: Ctx) => {
  const { admin, system, project: p, domain: d } = ctx.caller
  return admin || system ? undefined : p ? eq(limit.project, p.id) : d ? or(eq(limit.domain, d.id), sql`${limit.project} in (select id from project where domain_id = ${d.id})`) : sql`0`
}
const oneLimit = (ctx: Ctx, of: string) => q.select().from(limit).where(and(eq(limit.id, of), visible(ctx)))

export const limits = [
  endpoint({
    id: 'limits.model', method: 'GET', path: '/limits/model', status: 200, policy: 'identity:get_limit_model', summary: 'How limits are enforced',
    handle: () => ({ model: { name: 'flat', description: 'Limit enforcement and validation does not take project hierarchy into consideration.' } }),
  }),
  endpoint({
    id: 'limits.list', method: 'GET', path: '/limits', status: 200, policy: 'identity:list_limits', summary: 'List limits of projects and domains',
    async handle(ctx, { query, url }) {
      const [rows] = await ctx.read(q.select().from(limit).where(and(visible(ctx), filters(query, { service_id: limit.service, region_id: limit.region, resource_name: limit.resource, project_id: limit.project, domain_id: limit.domain }))).orderBy(limit.id))
      return listed(ctx, url, 'limits', rows.map((r) => limitView(ctx, r)))
    },
  }),
  endpoint({
    id: 'limits.create', method: 'POST', path: '/limits', status: 201, policy: 'identity:create_limit', summary: 'Give projects or domains limits of their own',
    body: { '3.0': t.Object({ limits: t.Array(t.Object(one, closed), { minItems: 1, maxItems: 100 }) }, closed) },
    async handle(ctx, { body, url }) {
      const places = body.limits.map((g) => g.project_id ?? g.domain_id ?? '')
      const [defaults, where] = await ctx.read(q.select().from(registeredLimit).where(inArray(registeredLimit.service, body.limits.map((g) => g.service_id))), q.select().from(project).where(inArray(project.id, places)))
      const rows = body.limits.map((g): Limit => {
        if (!g.project_id === !g.domain_id) throw invalid("Invalid limit: exactly one of 'project_id' and 'domain_id' is required.")
        if (!where.some((p) => p.id === (g.project_id ?? g.domain_id))) throw invalid(`Could not find ${g.project_id ? 'project' : 'domain'}: ${g.project_id ?? g.domain_id}.`)
        if (!defaults.some((d) => d.service === g.service_id && d.region === (g.region_id ?? '') && d.resource === g.resource_name)) throw invalid(`No registered limit for ${g.resource_name} of service ${g.service_id}: create that first.`)
        return { id: hex32(ctx.world), project: g.project_id ?? '', domain: g.domain_id ?? '', service: g.service_id, region: g.region_id ?? '', resource: g.resource_name, limit: g.resource_limit, description: g.description ?? null }
      })
      ctx.stage(q.insert(limit).values(rows))
      return listed(ctx, url, 'limits', rows.map((r) => limitView(ctx, r)))
    },
  }),
  endpoint({
    id: 'limits.show', method: 'GET', path: '/limits/{id}', status: 200, policy: 'identity:get_limit', summary: 'Show a limit',
    async handle(ctx, { params }) {
      const [[row]] = await ctx.read(oneLimit(ctx, params.id))
      return { limit: limitView(ctx, found(row, 'limit', params.id)) }
    },
  }),
  endpoint({
    id: 'limits.update', method: 'PATCH', path: '/limits/{id}', status: 200, policy: 'identity:update_limit', summary: 'Change a limit',
    body: { '3.0': t.Object({ limit: t.Object({ resource_limit: t.Optional(amount), description: t.Optional(text) }, closed) }, closed) },
    async handle(ctx, { params, body }) {
      const [[row]] = await ctx.read(oneLimit(ctx, params.id)), g = body.limit
      found(row, 'limit', params.id)
      const next = { ...row, limit: g.resource_limit ?? row.limit, description: g.description === undefined ? row.description : g.description }
      ctx.stage(q.update(limit).set(next).where(eq(limit.id, row.id)), 'stale')
      return { limit: limitView(ctx, next) }
    },
  }),
  endpoint({
    id: 'limits.delete', method: 'DELETE', path: '/limits/{id}', status: 204, policy: 'identity:delete_limit', summary: 'Take a limit away',
    async handle(ctx, { params }) {
      const [[row]] = await ctx.read(oneLimit(ctx, params.id))
      ctx.stage(q.delete(limit).where(eq(limit.id, found(row, 'limit', params.id).id)), 'stale')
    },
  }),
]
