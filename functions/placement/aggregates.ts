import { eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { providerAggregate } from '../../schema/placement.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { invalid } from '../kernel/fault.ts'
import { concurrent, fresh } from './answer.ts'
import { bump, providerQuery, theProvider, type ProviderRow } from './providers/read.ts'
import { endpoint } from './service.ts'
import { canonical, closed, generation, uuid } from './shapes.ts'

const path = '/resource_providers/{uuid}/aggregates'
const show = (ctx: Ctx, p: ProviderRow, aggregates: string[]) => {
  fresh(ctx)
  return { aggregates, ...(ctx.version >= 1019 && { resource_provider_generation: p.generation }) }
}
const list = t.Array(uuid, { uniqueItems: true, maxItems: 1000 })

export default [
  endpoint({
    id: 'resource_providers.aggregates.list', method: 'GET', path, since: '1.1', status: 200, summary: 'List the aggregates a provider is in', policy: 'placement:resource_providers:aggregates:list',
    async handle(ctx, { params }) {
      const [rows, found] = await ctx.read(providerQuery(params.uuid), q.select().from(providerAggregate).where(eq(providerAggregate.provider, canonical(params.uuid))).orderBy(providerAggregate.aggregate))
      return show(ctx, theProvider(rows, params.uuid), found.map((a) => a.aggregate))
    },
  }),
  endpoint({
    id: 'resource_providers.aggregates.replace', method: 'PUT', path, since: '1.1', status: 200, summary: 'Replace the aggregates a provider is in', policy: 'placement:resource_providers:aggregates:update',
    body: { '1.1': list, '1.19': t.Object({ aggregates: list, resource_provider_generation: generation }, closed) },
    async handle(ctx, { params, body }) {
      const [rows] = await ctx.read(providerQuery(params.uuid))
      let p = theProvider(rows, params.uuid)
      const given = (Array.isArray(body) ? body : body.aggregates).map(canonical)
      if (new Set(given).size !== given.length) throw invalid('Each aggregate may be named once.')
      if (!Array.isArray(body) && body.resource_provider_generation !== p.generation) throw concurrent(`The resource provider's generation is ${p.generation} by now, not ${body.resource_provider_generation}. Read it again and retry.`)
      ctx.stage(q.delete(providerAggregate).where(eq(providerAggregate.provider, p.id)))
      if (given.length) ctx.stage(q.insert(providerAggregate).values(given.map((aggregate) => ({ provider: p.id, aggregate }))))
      if (ctx.version >= 1019) p = bump(ctx, p)
      return show(ctx, p, given)
    },
  }),
]
