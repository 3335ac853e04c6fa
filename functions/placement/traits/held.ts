import { asc, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { providerTrait } from '../../../schema/placement.ts'
import { q } from '../../kernel/db.ts'
import { concurrent, fresh } from '../answer.ts'
import { checkTraits, traitsQuery } from '../known.ts'
import { bump, providerQuery, theProvider } from '../providers/read.ts'
import { endpoint } from '../service.ts'
import { canonical, closed, generation } from '../shapes.ts'

const path = '/resource_providers/{uuid}/traits'

/** Which traits a provider has. */
export default [
  endpoint({
    id: 'resource_providers.traits.list', method: 'GET', path, since: '1.6', status: 200, summary: "List a provider's traits", policy: 'placement:resource_providers:traits:list',
    async handle(ctx, { params }) {
      const [rows, found] = await ctx.read(providerQuery(params.uuid), q.select().from(providerTrait).where(eq(providerTrait.provider, canonical(params.uuid))).orderBy(asc(providerTrait.trait)))
      const p = theProvider(rows, params.uuid)
      fresh(ctx, p.updatedAt)
      return { traits: found.map((f) => f.trait), resource_provider_generation: p.generation }
    },
  }),
  endpoint({
    id: 'resource_providers.traits.replace', method: 'PUT', path, since: '1.6', status: 200, summary: "Replace a provider's traits", policy: 'placement:resource_providers:traits:update',
    body: { '1.6': t.Object({ traits: t.Array(t.String({ minLength: 1, maxLength: 255 }), { maxItems: 2000 }), resource_provider_generation: generation }, closed) },
    async handle(ctx, { params, body }) {
      const names = [...new Set(body.traits)].sort()
      const [rows, custom] = await ctx.read(providerQuery(params.uuid), traitsQuery(names))
      const p = theProvider(rows, params.uuid)
      if (p.generation !== body.resource_provider_generation) throw concurrent(`The resource provider's generation is ${p.generation} by now, not ${body.resource_provider_generation}. Read it again and retry.`)
      checkTraits(names, custom)
      ctx.stage(q.delete(providerTrait).where(eq(providerTrait.provider, p.id)))
      if (names.length) ctx.stage(q.insert(providerTrait).values(names.map((trait) => ({ provider: p.id, trait }))))
      const next = bump(ctx, p)
      fresh(ctx, next.updatedAt)
      return { traits: names, resource_provider_generation: next.generation }
    },
  }),
  endpoint({
    id: 'resource_providers.traits.delete', method: 'DELETE', path, since: '1.6', status: 204, summary: "Remove a provider's traits", policy: 'placement:resource_providers:traits:delete',
    async handle(ctx, { params }) {
      const [rows] = await ctx.read(providerQuery(params.uuid))
      const p = theProvider(rows, params.uuid)
      ctx.stage(q.delete(providerTrait).where(eq(providerTrait.provider, p.id)))
      bump(ctx, p)
    },
  }),
]
