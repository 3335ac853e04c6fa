import { and, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { allocation, inventory, placementConsumer, provider, providerUsage } from '../../schema/placement.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q, type Query } from '../kernel/db.ts'
import { conflict, invalid, notFound } from '../kernel/fault.ts'
import { allocationsOf, badValue, closed, consumerQuery, customs, fresh, inventoriesOf, knownClass, uuid, v, type Inventory } from './model.ts'
import { endpoint } from './service.ts'

const cls = t.String({ pattern: '^[A-Z0-9_]+$' })
const resources = t.Record(cls, t.Integer({ minimum: 1 }), { ...closed, minProperties: 1 })
const owner = { project_id: t.String({ minLength: 1, maxLength: 255 }), user_id: t.String({ minLength: 1, maxLength: 255 }) }
const byProvider = (min: number) => t.Record(uuid, t.Object({ generation: t.Optional(t.Integer()), resources }, closed), { ...closed, minProperties: min })
const listed = t.Array(t.Object({ resource_provider: t.Object({ uuid }, closed), resources }, closed), { minItems: 1 })
const consumerGeneration = { consumer_generation: t.Union([t.Integer(), t.Null()]) }, type = { consumer_type: t.String({ pattern: '^[A-Z0-9_]+$', minLength: 1, maxLength: 255 }) }
const mappings = { mappings: t.Optional(t.Record(t.String(), t.Array(uuid))) }
const single = {
  '1.0': t.Object({ allocations: listed }, closed), '1.8': t.Object({ allocations: listed, ...owner }, closed), '1.12': t.Object({ allocations: byProvider(1), ...owner }, closed), '1.28': t.Object({ allocations: byProvider(0), ...owner, ...consumerGeneration }, closed),
  '1.34': t.Object({ allocations: byProvider(0), ...owner, ...consumerGeneration, ...mappings }, closed), '1.38': t.Object({ allocations: byProvider(0), ...owner, ...consumerGeneration, ...mappings, ...type }, closed),
}
const many = (more: Record<string, ReturnType<typeof t.Union>>, rest = {}) => t.Record(uuid, t.Object({ allocations: byProvider(0), ...owner, ...more, ...rest }, closed), { ...closed, minProperties: 1 })

export interface Holding { consumer: string; project: string; user: string; type?: string; generation?: number | null; wanted: [provider: string, cls: string, used: number][] }
type AllocationBody = { allocations: { resource_provider: { uuid: string }; resources: Record<string, number> }[] | Record<string, { resources: Record<string, number> }>; project_id?: string; user_id?: string; consumer_type?: string; consumer_generation?: number | null }
const holdingOf = (consumer: string, b: AllocationBody): Holding => ({
  consumer, project: b.project_id ?? '00000000-0000-0000-0000-000000000000', user: b.user_id ?? '00000000-0000-0000-0000-000000000000', type: b.consumer_type, generation: b.consumer_generation,
  wanted: (Array.isArray(b.allocations) ? b.allocations.map((a) => [a.resource_provider.uuid, a.resources] as const) : Object.entries(b.allocations).map(([id, a]) => [id, a.resources] as const)).flatMap(([id, r]) => Object.entries(r).map(([c, n]): [string, string, number] => [id, c, n])),
})

/** Says for each consumer all that it holds from now on. Fits, or nothing of it is done: judged again as the batch commits. */
export async function hold(ctx: Ctx, list: Holding[], inventories?: Inventory[]) {
  const providers = [...new Set(list.flatMap((h) => h.wanted.map(([id]) => id)))]
  const read = await ctx.read(...[q.select({ id: provider.id }).from(provider).where(sql`${provider.id} in (select value from json_each(${JSON.stringify(providers)}))`), inventoriesOf(providers), customs()[0], ...list.map((h) => consumerQuery(h.consumer))] as unknown as [Query]) as unknown[][]
  const known = new Set((read[0] as { id: string }[]).map((p) => p.id)), all = inventories ?? read[1] as Inventory[], names = read[2] as { name: string }[]
  list.forEach((h, n) => stageHolding(ctx, h, (read[3 + n] as (typeof placementConsumer.$inferSelect)[])[0], known, all, names))
  const touched = [...new Map(list.flatMap((h) => h.wanted.map(([id, c]) => [`${id} ${c}`, [id, c]] as const))).values()]
  if (touched.length) {
    ctx.stage(q.run(sql`insert into guard select 'capacity', not exists (select 1 from (values ${sql.join(touched.map(([id, c]) => sql`(${id}, ${c})`), sql`, `)}) x
      join ${providerUsage} u on u.provider = x.column1 and u.class = x.column2 left join ${inventory} i on i.provider = u.provider and i.class = u.class
      where u.used > coalesce((i.total - i.reserved) * i.ratio, 0))`))
  }
}

function stageHolding(ctx: Ctx, h: Holding, existing: typeof placementConsumer.$inferSelect | undefined, known: Set<string>, all: Inventory[], names: { name: string }[]) {
  if (h.generation !== undefined && (h.generation === null ? existing : existing?.generation !== h.generation)) {
    throw conflict(`consumer generation conflict - expected ${existing ? existing.generation : 'null'} but got ${h.generation}`, { type: 'placement.concurrent_update' })
  }
  for (const [id, c, used] of h.wanted) {
    if (!known.has(id)) throw invalid(`Allocation for resource provider '${id}' that does not exist.`)
    knownClass(c, names)
    const i = all.find((x) => x.provider === id && x.class === c)
    if (!i) throw conflict(`Unable to allocate inventory: Inventory for '${c}' on resource provider '${id}' invalid.`)
    if (used < i.minUnit || used > i.maxUnit || used % i.stepSize) throw conflict(`Unable to allocate inventory: Inventory and/or allocation constraints of '${c}' on '${id}' are not met by ${used}.`)
    if (used > (i.total - i.reserved) * i.ratio) throw conflict(`Unable to allocate inventory: Unable to create allocation for '${c}' on resource provider '${id}'. The requested amount would exceed the capacity.`)
  }
  ctx.stage(q.delete(allocation).where(eq(allocation.consumer, h.consumer)))
  if (!h.wanted.length) { ctx.stage(q.delete(placementConsumer).where(eq(placementConsumer.id, h.consumer))); return }
  const set = { project: h.project, user: h.user, ...(h.type === undefined ? {} : { type: h.type }) }
  if (existing) ctx.stage(q.update(placementConsumer).set({ ...set, generation: existing.generation + 1 }).where(and(eq(placementConsumer.id, h.consumer), eq(placementConsumer.generation, existing.generation))), 'stale')
  else ctx.stage(q.insert(placementConsumer).values({ id: h.consumer, generation: 1, createdAt: ctx.now(), ...set }))
  ctx.stage(q.insert(allocation).values(h.wanted.map(([p, c, used]) => ({ consumer: h.consumer, provider: p, class: c, used }))))
  ctx.stage(q.run(sql`update ${provider} set generation = generation + 1 where id in (select value from json_each(${JSON.stringify([...new Set(h.wanted.map(([p]) => p))])}))`))
}
const full = () => conflict('Unable to allocate inventory: the requested amount would exceed the capacity.', { type: 'placement.undefined_code' })
/** What is full now is said so; what is only contended is tried again by the kernel. */
async function roomy(ctx: Ctx, list: Holding[]) {
  const providers = [...new Set(list.flatMap((h) => h.wanted.map(([id]) => id)))]
  if (!providers.length) return
  const [inventories, used, mine] = await ctx.read(inventoriesOf(providers), q.select().from(providerUsage).where(sql`${providerUsage.provider} in (select value from json_each(${JSON.stringify(providers)}))`), q.select().from(allocation).where(sql`${allocation.consumer} in (select value from json_each(${JSON.stringify(list.map((h) => h.consumer))}))`))
  const more = new Map<string, number>()
  for (const h of list) for (const [p, c, n] of h.wanted) more.set(`${p} ${c}`, (more.get(`${p} ${c}`) ?? 0) + n)
  for (const [key, n] of more) {
    const [p, c] = key.split(' '), i = inventories.find((x) => x.provider === p && x.class === c)
    const has = (used.find((x) => x.provider === p && x.class === c)?.used ?? 0) - mine.filter((x) => x.provider === p && x.class === c).reduce((s, x) => s + x.used, 0)
    if (i && has + n > (i.total - i.reserved) * i.ratio) throw full()
  }
}
const consumerId = (id: string) => { if (!/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(id)) throw badValue(`Malformed consumer_uuid: ${id}`); return id }

export default [
  endpoint({
    id: 'allocations.show', method: 'GET', path: '/allocations/{consumer}', status: 200, summary: 'What a consumer holds', policy: 'placement:allocations:list',
    async handle(ctx, { params }) {
      const [held, [c]] = await ctx.read(allocationsOf(consumerId(params.consumer)), consumerQuery(params.consumer))
      fresh(ctx)
      return {
        allocations: Object.fromEntries([...Map.groupBy(held, (h) => h.a.provider)].map(([id, list]) => [id, { generation: list[0].generation, resources: Object.fromEntries(list.map((h) => [h.a.class, h.a.used])) }])),
        ...(ctx.version >= v(12) && held.length && c ? { project_id: c.project, user_id: c.user } : {}), ...(ctx.version >= v(28) && held.length ? { consumer_generation: c?.generation ?? 1 } : {}), ...(ctx.version >= v(38) && held.length ? { consumer_type: c?.type ?? 'unknown' } : {}),
      }
    },
  }),
  endpoint({
    id: 'allocations.set', method: 'PUT', path: '/allocations/{consumer}', status: 204, summary: 'Say what a consumer holds', policy: 'placement:allocations:update', body: single,
    async handle(ctx, { params, body }) {
      const h = holdingOf(consumerId(params.consumer), body as AllocationBody)
      await roomy(ctx, [h])
      await hold(ctx, [h])
    },
  }),
  endpoint({
    id: 'allocations.delete', method: 'DELETE', path: '/allocations/{consumer}', status: 204, summary: 'A consumer holds nothing any more', policy: 'placement:allocations:delete',
    async handle(ctx, { params }) {
      const [held] = await ctx.read(allocationsOf(consumerId(params.consumer)))
      if (!held.length) throw notFound('consumer', params.consumer, `No allocations for consumer '${params.consumer}'`)
      ctx.stage(q.delete(allocation).where(eq(allocation.consumer, params.consumer)))
      ctx.stage(q.delete(placementConsumer).where(eq(placementConsumer.id, params.consumer)))
    },
  }),
  endpoint({
    id: 'allocations.set_many', method: 'POST', path: '/allocations', since: '1.13', status: 204, summary: 'Say what several consumers hold, all or nothing', policy: 'placement:allocations:manage',
    body: { '1.13': many({}), '1.28': many(consumerGeneration as never), '1.34': many(consumerGeneration as never, mappings), '1.38': many(consumerGeneration as never, { ...mappings, ...type }) },
    async handle(ctx, { body }) {
      const list = Object.entries(body as Record<string, AllocationBody>).map(([id, b]) => holdingOf(id, b))
      await roomy(ctx, list)
      await hold(ctx, list)
    },
  }),
  endpoint({
    id: 'usages', method: 'GET', path: '/usages', since: '1.9', status: 200, summary: 'What a project holds', policy: 'placement:usages',
    async handle(ctx, { query }) {
      const project = query.get('project_id'), user = query.get('user_id'), type = ctx.version >= v(38) ? query.get('consumer_type') : null
      for (const key of query.keys()) if (!['project_id', 'user_id', ...(ctx.version >= v(38) ? ['consumer_type'] : [])].includes(key)) throw badValue(`Invalid query string parameters: Additional properties are not allowed ('${key}' was unexpected)`)
      if (!project) throw invalid("Invalid query string parameters: 'project_id' is a required property", { type: 'placement.query.missing_value' })
      ctx.may('placement:usages', { project })
      const c = placementConsumer
      const [rows] = await ctx.read(q.select({ class: allocation.class, type: sql<string>`coalesce(${c.type}, 'unknown')`, used: sql<number>`sum(${allocation.used})`, consumers: sql<number>`count(distinct ${c.id})` }).from(c).innerJoin(allocation, eq(allocation.consumer, c.id))
        .where(and(eq(c.project, project), user ? eq(c.user, user) : undefined, type && type !== 'all' ? (type === 'unknown' ? sql`${c.type} is null` : eq(c.type, type)) : undefined)).groupBy(sql`coalesce(${c.type}, 'unknown')`, allocation.class))
      fresh(ctx)
      if (ctx.version < v(38)) return { usages: sum(rows) }
      const groups = type === 'all' ? [['all', rows] as const] : [...Map.groupBy(rows, (r) => r.type)]
      return { usages: Object.fromEntries(groups.map(([name, list]) => [name, { ...sum(list), consumer_count: Math.max(0, ...[...Map.groupBy(list, (r) => r.type).values()].map((l) => Math.max(...l.map((r) => r.consumers)))) }])) }
    },
  }),
  endpoint({
    id: 'reshaper', method: 'POST', path: '/reshaper', since: '1.30', status: 204, summary: 'Move inventory and what is held of it, at once', policy: 'placement:reshaper:reshape',
    body: { '1.30': reshape(many(consumerGeneration as never)), '1.34': reshape(many(consumerGeneration as never, mappings)), '1.38': reshape(many(consumerGeneration as never, { ...mappings, ...type })) },
    async handle(ctx, { body }) {
      const b = body as { inventories: Record<string, { resource_provider_generation: number; inventories: Record<string, { total: number; reserved?: number; min_unit?: number; max_unit?: number; step_size?: number; allocation_ratio?: number }> }>; allocations: Record<string, AllocationBody> }
      const ids = Object.keys(b.inventories)
      const [found] = await ctx.read(q.select().from(provider).where(sql`${provider.id} in (select value from json_each(${JSON.stringify(ids)}))`))
      const made: Inventory[] = []
      for (const [id, x] of Object.entries(b.inventories)) {
        const p = found.find((f) => f.id === id)
        if (!p) throw invalid(`Resource provider ${id} in inventories does not exist.`)
        if (p.generation !== x.resource_provider_generation) throw conflict(`resource provider generation conflict for provider ${id}: actual: ${p.generation}, given: ${x.resource_provider_generation}`, { type: 'placement.concurrent_update' })
        ctx.stage(q.update(provider).set({ generation: p.generation + 1, updatedAt: ctx.now() }).where(and(eq(provider.id, id), eq(provider.generation, p.generation))), 'stale')
        ctx.stage(q.delete(inventory).where(eq(inventory.provider, id)))
        const rows = Object.entries(x.inventories).map(([c, i]): Inventory => ({ provider: id, class: c, total: i.total, reserved: i.reserved ?? 0, minUnit: i.min_unit ?? 1, maxUnit: i.max_unit ?? 2147483647, stepSize: i.step_size ?? 1, ratio: i.allocation_ratio ?? 1 }))
        if (rows.length) ctx.stage(q.insert(inventory).values(rows))
        made.push(...rows)
      }
      const list = Object.entries(b.allocations).map(([id, a]) => holdingOf(id, a)), others = [...new Set(list.flatMap((h) => h.wanted.map(([p]) => p)))].filter((p) => !ids.includes(p))
      const [rest] = await ctx.read(inventoriesOf(others))
      await hold(ctx, list, [...made, ...rest])
      // Nobody may be left holding what is no longer there.
      ctx.stage(q.run(sql`insert into guard select 'capacity', not exists (select 1 from ${allocation} a where a.provider in (select value from json_each(${JSON.stringify(ids)})) and not exists (select 1 from ${inventory} i where i.provider = a.provider and i.class = a.class))`))
    },
  }),
]
function reshape(allocations: ReturnType<typeof many>) {
  const inv = t.Object({ total: t.Integer({ minimum: 1 }), reserved: t.Optional(t.Integer({ minimum: 0 })), min_unit: t.Optional(t.Integer({ minimum: 1 })), max_unit: t.Optional(t.Integer({ minimum: 1 })), step_size: t.Optional(t.Integer({ minimum: 1 })), allocation_ratio: t.Optional(t.Number()) }, closed)
  return t.Object({ inventories: t.Record(uuid, t.Object({ resource_provider_generation: t.Integer(), inventories: t.Record(cls, inv, closed) }, closed), closed), allocations: t.Union([allocations, t.Object({}, closed)]) }, closed)
}
const sum = (rows: { class: string; used: number }[]) => { const out: Record<string, number> = {}; for (const r of rows) out[r.class] = (out[r.class] ?? 0) + r.used; return out }
