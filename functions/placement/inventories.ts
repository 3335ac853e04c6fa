import { and, eq, inArray, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { host } from '../../schema/host.ts'
import { allocation, inventory } from '../../schema/placement.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { conflict, invalid, notFound } from '../kernel/fault.ts'
import { bump, closed, customs, fresh, inventoriesOf, inventoryView, knownClass, oneProvider, providerQuery, usagesOf, v, type Inventory, type Provider } from './model.ts'
import { endpoint } from './service.ts'

const most = 2147483647
const fields = {
  total: t.Integer({ minimum: 1, maximum: most }), reserved: t.Optional(t.Integer({ minimum: 0, maximum: most })), min_unit: t.Optional(t.Integer({ minimum: 1, maximum: most })), max_unit: t.Optional(t.Integer({ minimum: 1, maximum: most })),
  step_size: t.Optional(t.Integer({ minimum: 1, maximum: most })), allocation_ratio: t.Optional(t.Number({ exclusiveMinimum: 0, maximum: 3.4e38 })),
}
type Asked = { total: number; reserved?: number; min_unit?: number; max_unit?: number; step_size?: number; allocation_ratio?: number }
const generation = { resource_provider_generation: t.Integer() }
const path = '/resource_providers/{uuid}/inventories', one = `${path}/{class}`
const cls = t.String({ minLength: 1, maxLength: 255, pattern: '^[A-Z0-9_]+$' })

function rowOf(ctx: Ctx, p: Provider, name: string, a: Asked): Inventory {
  const reserved = a.reserved ?? 0
  if (ctx.version < v(26) ? reserved >= a.total : reserved > a.total) throw invalid(`Unable to update inventory for resource provider ${p.id}: Invalid inventory for '${name}' on resource provider '${p.id}'. The reserved value is greater than ${ctx.version < v(26) ? 'or equal to ' : ''}total.`)
  return { provider: p.id, class: name, total: a.total, reserved, minUnit: a.min_unit ?? 1, maxUnit: a.max_unit ?? most, stepSize: a.step_size ?? 1, ratio: a.allocation_ratio ?? 1 }
}
/** A host's ratios and reserve are the host's own: what is said here is kept there, so that its next report does not undo it. */
function mirror(ctx: Ctx, p: Provider, rows: Inventory[], next: number) {
  const of = (name: string) => rows.find((r) => r.class === name), cpu = of('VCPU'), memory = of('MEMORY_MB'), disk = of('DISK_GB')
  if (!cpu && !memory && !disk) return
  ctx.stage(q.update(host).set({ ...(cpu ? { cpuRatio: cpu.ratio } : {}), ...(memory ? { memoryRatio: memory.ratio, reservedMemoryMb: memory.reserved } : {}), ...(disk ? { diskRatio: disk.ratio } : {}), updatedAt: ctx.now() }).where(eq(host.id, p.id)))
  ctx.stage(q.run(sql`update provider set generation = ${next} where id = ${p.id}`))
}
const write = (ctx: Ctx, rows: Inventory[]) => { for (const r of rows) ctx.stage(q.insert(inventory).values(r).onConflictDoUpdate({ target: [inventory.provider, inventory.class], set: r })) }
const inUse = (p: Provider, names: string[]) => conflict(`Inventory for '${names.join(', ')}' on resource provider '${p.id}' in use.`, { type: 'placement.inventory.inuse' })
/** Nothing of these classes may be held, when the batch commits either. */
function free(ctx: Ctx, p: Provider, names: string[], used: { class: string; used: number }[]) {
  const busy = names.filter((n) => (used.find((u) => u.class === n)?.used ?? 0) > 0)
  if (busy.length) throw inUse(p, busy)
  if (names.length) ctx.stage(q.run(sql`insert into guard select 'stale', not exists (select 1 from ${allocation} where provider = ${p.id} and class in ${names})`))
}
const look = (id: string) => [providerQuery(id), inventoriesOf([id]), usagesOf([id]), ...customs()] as const
const whole = (rows: Inventory[], g: number) => ({ resource_provider_generation: g, inventories: Object.fromEntries(rows.map((i) => [i.class, inventoryView(i)])) })

export default [
  endpoint({
    id: 'inventories.list', method: 'GET', path, status: 200, summary: "A provider's inventory", policy: 'placement:resource_providers:inventories:list',
    async handle(ctx, { params }) {
      const [rows, found] = await ctx.read(providerQuery(params.uuid), inventoriesOf([params.uuid])), p = oneProvider(rows, params.uuid)
      fresh(ctx, p.updatedAt)
      return whole(found, p.generation)
    },
  }),
  endpoint({
    id: 'inventories.create', method: 'POST', path, status: 201, summary: "Add to a provider's inventory", policy: 'placement:resource_providers:inventories:create', body: { '1.0': t.Object({ resource_class: cls, ...fields, resource_provider_generation: t.Optional(t.Integer()) }, closed) },
    async handle(ctx, { params, body }) {
      const [rows, found, , classes] = await ctx.read(...look(params.uuid)), p = oneProvider(rows, params.uuid)
      knownClass(body.resource_class, classes)
      if (found.some((i) => i.class === body.resource_class)) throw conflict(`Update conflict: the provider has inventory of ${body.resource_class} already.`, { type: 'placement.concurrent_update' })
      const row = rowOf(ctx, p, body.resource_class, body), next = bump(ctx, p, body.resource_provider_generation)
      write(ctx, [row])
      mirror(ctx, p, [row], next)
      fresh(ctx)
      ctx.headers.set('location', `${ctx.origin}/placement/resource_providers/${p.id}/inventories/${row.class}`)
      return { resource_provider_generation: next, ...inventoryView(row) }
    },
  }),
  endpoint({
    id: 'inventories.replace', method: 'PUT', path, status: 200, summary: "Replace a provider's inventory", policy: 'placement:resource_providers:inventories:update', body: { '1.0': t.Object({ ...generation, inventories: t.Record(cls, t.Object(fields, closed), closed) }, closed) },
    async handle(ctx, { params, body }) {
      const [rows, found, used, classes] = await ctx.read(...look(params.uuid)), p = oneProvider(rows, params.uuid), asked = body.inventories as Record<string, Asked>
      for (const name of Object.keys(asked)) knownClass(name, classes)
      const made = Object.entries(asked).map(([name, a]) => rowOf(ctx, p, name, a)), next = bump(ctx, p, body.resource_provider_generation)
      const gone = found.map((i) => i.class).filter((c) => !Object.hasOwn(asked, c))
      free(ctx, p, gone, used)
      if (gone.length) ctx.stage(q.delete(inventory).where(and(eq(inventory.provider, p.id), inArray(inventory.class, gone))))
      write(ctx, made)
      mirror(ctx, p, made, next)
      fresh(ctx)
      return whole(made, next)
    },
  }),
  endpoint({
    id: 'inventories.clear', method: 'DELETE', path, since: '1.5', status: 204, summary: "Remove a provider's inventory", policy: 'placement:resource_providers:inventories:delete',
    async handle(ctx, { params }) {
      const [rows, found, used] = await ctx.read(...look(params.uuid)), p = oneProvider(rows, params.uuid)
      free(ctx, p, found.map((i) => i.class), used)
      bump(ctx, p)
      ctx.stage(q.delete(inventory).where(eq(inventory.provider, p.id)))
    },
  }),
  endpoint({
    id: 'inventories.show', method: 'GET', path: one, status: 200, summary: "A provider's inventory of one class", policy: 'placement:resource_providers:inventories:show',
    async handle(ctx, { params }) {
      const [rows, found] = await ctx.read(providerQuery(params.uuid), inventoriesOf([params.uuid])), p = oneProvider(rows, params.uuid), i = found.find((x) => x.class === params.class)
      if (!i) throw notFound('inventory', params.class, `No inventory of class ${params.class} for ${p.id}`)
      fresh(ctx, p.updatedAt)
      return { resource_provider_generation: p.generation, ...inventoryView(i) }
    },
  }),
  endpoint({
    id: 'inventories.update', method: 'PUT', path: one, status: 200, summary: "Set a provider's inventory of one class", policy: 'placement:resource_providers:inventories:update', body: { '1.0': t.Object({ ...generation, ...fields }, closed) },
    async handle(ctx, { params, body }) {
      const [rows, found, , classes] = await ctx.read(...look(params.uuid)), p = oneProvider(rows, params.uuid)
      knownClass(params.class, classes)
      if (!found.some((i) => i.class === params.class)) throw invalid(`Unable to update inventory: the provider has no inventory of ${params.class}.`)
      const row = rowOf(ctx, p, params.class, body), next = bump(ctx, p, body.resource_provider_generation)
      write(ctx, [row])
      mirror(ctx, p, [row], next)
      fresh(ctx)
      return { resource_provider_generation: next, ...inventoryView(row) }
    },
  }),
  endpoint({
    id: 'inventories.delete', method: 'DELETE', path: one, status: 204, summary: "Remove a provider's inventory of one class", policy: 'placement:resource_providers:inventories:delete',
    async handle(ctx, { params }) {
      const [rows, found, used] = await ctx.read(...look(params.uuid)), p = oneProvider(rows, params.uuid)
      if (!found.some((i) => i.class === params.class)) throw notFound('inventory', params.class, `No inventory of class ${params.class} found for delete`)
      free(ctx, p, [params.class], used)
      bump(ctx, p)
      ctx.stage(q.delete(inventory).where(and(eq(inventory.provider, p.id), eq(inventory.class, params.class))))
    },
  }),
]
