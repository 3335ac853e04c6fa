import { Type as t } from 'typebox'
import type { Ctx } from '../../kernel/ctx.ts'
import { Fault, invalid, notFound } from '../../kernel/fault.ts'
import { concurrent, fresh, locate } from '../answer.ts'
import { checkClasses, classesQuery } from '../known.ts'
import { providerQuery, theProvider, type ProviderRow } from '../providers/read.ts'
import { endpoint } from '../service.ts'
import { canonical, className, closed, generation } from '../shapes.ts'
import { fields, inventoriesQuery, inventoryView, rowOf, whole, type InventoryRow } from './shape.ts'
import { checkUnused, stageInventories, usagesQuery, whileUnused } from './write.ts'

const path = '/resource_providers/{uuid}/inventories', at = `${path}/{resource_class}`

async function read(ctx: Ctx, id: string, classes: string[] = []) {
  const ids = [canonical(id)]
  const [rows, inventories, usages, custom] = await ctx.read(providerQuery(id), inventoriesQuery(ids), usagesQuery(ids), classesQuery(classes))
  const p = theProvider(rows, id)
  return { p, inventories, usages, custom, of: (name: string) => inventories.find((i) => i.class === name) }
}
const same = (p: ProviderRow, given: number | undefined) => {
  if (given !== undefined && given !== p.generation) throw concurrent(`Resource provider generation conflict: it is ${p.generation} by now, not ${given}. Read it again and retry.`)
}
const all = (p: ProviderRow, rows: InventoryRow[]) => ({ resource_provider_generation: p.generation, inventories: Object.fromEntries(rows.map((i) => [i.class, inventoryView(i)])) })
const one = (p: ProviderRow, i: InventoryRow) => ({ ...inventoryView(i), resource_provider_generation: p.generation })

function remove(ctx: Ctx, { p, usages }: Awaited<ReturnType<typeof read>>, gone: string[]) {
  checkUnused(p, gone, usages)
  stageInventories(ctx, p, [], gone)
  whileUnused(ctx, p, gone)
}

export default [
  endpoint({
    id: 'resource_providers.inventories.list', method: 'GET', path, status: 200, summary: "List a provider's inventories", policy: 'placement:resource_providers:inventories:list',
    async handle(ctx, { params }) {
      const { p, inventories } = await read(ctx, params.uuid)
      fresh(ctx, p.updatedAt)
      return all(p, inventories)
    },
  }),
  endpoint({
    id: 'resource_providers.inventories.create', method: 'POST', path, status: 201, summary: 'Add an inventory to a provider', policy: 'placement:resource_providers:inventories:create',
    body: { '1.0': t.Object({ resource_class: className, ...fields }, closed) },
    async handle(ctx, { params, body }) {
      const { p, custom, of } = await read(ctx, params.uuid, [body.resource_class])
      same(p, body.resource_provider_generation)
      checkClasses([body.resource_class], custom, 'inventory')
      if (of(body.resource_class)) throw concurrent(`Resource provider ${p.id} has an inventory of ${body.resource_class} already.`)
      const row = rowOf(ctx, p, body.resource_class, body)
      const next = stageInventories(ctx, p, [row])
      locate(ctx, `/resource_providers/${p.id}/inventories/${row.class}`)
      fresh(ctx, next.updatedAt)
      return one(next, row)
    },
  }),
  endpoint({
    id: 'resource_providers.inventories.replace', method: 'PUT', path, status: 200, summary: "Replace a provider's inventories", policy: 'placement:resource_providers:inventories:update',
    body: { '1.0': whole },
    async handle(ctx, { params, body }) {
      const names = Object.keys(body.inventories)
      const { p, inventories, usages, custom, of } = await read(ctx, params.uuid, names)
      same(p, body.resource_provider_generation)
      checkClasses(names, custom, 'inventory')
      const rows = names.map((name) => rowOf(ctx, p, name, body.inventories[name], of(name)))
      const gone = inventories.map((i) => i.class).filter((name) => !names.includes(name))
      checkUnused(p, gone, usages)
      const next = stageInventories(ctx, p, rows, gone)
      whileUnused(ctx, p, gone)
      fresh(ctx, next.updatedAt)
      return all(next, rows)
    },
  }),
  endpoint({
    id: 'resource_providers.inventories.clear', method: 'DELETE', path, since: '1.5', status: 204, summary: "Remove all a provider's inventories", policy: 'placement:resource_providers:inventories:delete',
    async handle(ctx, { params }) {
      const found = await read(ctx, params.uuid)
      remove(ctx, found, found.inventories.map((i) => i.class))
    },
  }),
  endpoint({
    id: 'resource_providers.inventories.no_clear', method: 'DELETE', path, until: '1.4', status: 204, summary: 'Not there before 1.5', policy: 'placement:resource_providers:inventories:delete',
    handle() { throw new Fault('method', 'All inventories of a provider can be removed at once since microversion 1.5.', { headers: { allow: 'GET, POST, PUT' } }) },
  }),
  endpoint({
    id: 'resource_providers.inventories.show', method: 'GET', path: at, status: 200, summary: "Show a provider's inventory of a class", policy: 'placement:resource_providers:inventories:show',
    async handle(ctx, { params }) {
      const { p, of } = await read(ctx, params.uuid)
      const row = of(params.resource_class)
      if (!row) throw notFound('inventory', params.resource_class, `No inventory of class ${params.resource_class} for ${p.id}.`)
      fresh(ctx, p.updatedAt)
      return one(p, row)
    },
  }),
  endpoint({
    id: 'resource_providers.inventories.update', method: 'PUT', path: at, status: 200, summary: "Change a provider's inventory of a class", policy: 'placement:resource_providers:inventories:update',
    body: { '1.0': t.Object({ ...fields, resource_provider_generation: generation }, closed) },
    async handle(ctx, { params, body }) {
      const { p, of } = await read(ctx, params.uuid)
      same(p, body.resource_provider_generation)
      const now = of(params.resource_class)
      if (!now) throw invalid(`Unable to update inventory for resource provider ${p.id}: no inventory of class ${params.resource_class} found.`)
      const row = rowOf(ctx, p, now.class, body, now)
      const next = stageInventories(ctx, p, [row])
      fresh(ctx, next.updatedAt)
      return one(next, row)
    },
  }),
  endpoint({
    id: 'resource_providers.inventories.delete', method: 'DELETE', path: at, status: 204, summary: "Remove a provider's inventory of a class", policy: 'placement:resource_providers:inventories:delete',
    async handle(ctx, { params }) {
      const found = await read(ctx, params.uuid)
      if (!found.of(params.resource_class)) throw notFound('inventory', params.resource_class, `No inventory of class ${params.resource_class} found for delete.`)
      remove(ctx, found, [params.resource_class])
    },
  }),
]
