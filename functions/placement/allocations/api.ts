import { allocation, placementConsumer } from '../../../schema/placement.ts'
import { eq } from 'drizzle-orm'
import { q } from '../../kernel/db.ts'
import { conflict, notFound } from '../../kernel/fault.ts'
import { fresh } from '../answer.ts'
import { providerQuery, theProvider } from '../providers/read.ts'
import { endpoint } from '../service.ts'
import { canonical, uuidIn } from '../shapes.ts'
import { heldQuery, isFlavor, ofConsumer, readWorld, serversQuery } from './read.ts'
import { dropAllocations, forget, setAllocations } from './set.ts'
import { several, single, wishesOf, wishOf } from './shape.ts'

const path = '/allocations/{consumer_uuid}'
const byKey = <T>(rows: T[], of: (row: T) => string) => [...Map.groupBy(rows, of)]

export default [
  endpoint({
    id: 'allocations.show', method: 'GET', path, status: 200, summary: 'What a consumer holds', policy: 'placement:allocations:list',
    async handle(ctx, { params }) {
      const [rows] = await ctx.read(ofConsumer(canonical(params.consumer_uuid)))
      fresh(ctx)
      const whose = rows[0]?.consumer
      return {
        allocations: Object.fromEntries(byKey(rows, (r) => r.allocation.provider).map(([id, of]) => [id, { generation: of[0].generation, resources: Object.fromEntries(of.map((r) => [r.allocation.class, r.allocation.used])) }])),
        ...(whose && ctx.version >= 1012 && { project_id: whose.project, user_id: whose.user }),
        ...(whose && ctx.version >= 1028 && { consumer_generation: whose.generation }),
        ...(whose && ctx.version >= 1038 && { consumer_type: whose.type ?? 'unknown' }),
      }
    },
  }),
  endpoint({
    id: 'allocations.replace', method: 'PUT', path, status: 204, summary: 'Say what a consumer holds', policy: 'placement:allocations:update', body: single,
    async handle(ctx, { params, body }) {
      const wish = wishOf(uuidIn(params.consumer_uuid, 'consumer_uuid'), body)
      setAllocations(ctx, [wish], await readWorld(ctx, [wish]))
      forget(ctx, [wish.consumer])
    },
  }),
  endpoint({
    id: 'allocations.manage', method: 'POST', path: '/allocations', since: '1.13', status: 204, summary: 'Say what several consumers hold, at once', policy: 'placement:allocations:manage', body: several,
    async handle(ctx, { body }) {
      const wishes = wishesOf(body)
      setAllocations(ctx, wishes, await readWorld(ctx, wishes))
      forget(ctx, wishes.map((w) => w.consumer))
    },
  }),
  endpoint({
    id: 'allocations.delete', method: 'DELETE', path, status: 204, summary: 'Let a consumer hold nothing', policy: 'placement:allocations:delete',
    async handle(ctx, { params }) {
      const id = canonical(params.consumer_uuid)
      const [held, [server]] = await ctx.read(heldQuery([id]), serversQuery([id]))
      if (!held.length) throw notFound('allocations', id, `No allocations for consumer ${params.consumer_uuid}.`)
      if (server && held.some(isFlavor)) throw conflict(`Consumer ${id} is a server: what it holds of its host goes with it. Delete the server.`)
      dropAllocations(ctx, id, held)
      forget(ctx, [id])
    },
  }),
  endpoint({
    id: 'resource_providers.allocations', method: 'GET', path: '/resource_providers/{uuid}/allocations', status: 200, summary: 'Who holds what of a provider', policy: 'placement:resource_providers:allocations:list',
    async handle(ctx, { params }) {
      const [rows, found] = await ctx.read(providerQuery(params.uuid), q.select({ allocation, generation: placementConsumer.generation }).from(allocation)
        .innerJoin(placementConsumer, eq(placementConsumer.id, allocation.consumer)).where(eq(allocation.provider, canonical(params.uuid))).orderBy(allocation.consumer, allocation.class))
      const p = theProvider(rows, params.uuid)
      fresh(ctx)
      return {
        resource_provider_generation: p.generation,
        allocations: Object.fromEntries(byKey(found, (f) => f.allocation.consumer).map(([id, of]) => [id, {
          resources: Object.fromEntries(of.map((f) => [f.allocation.class, f.allocation.used])), ...(ctx.version >= 1028 && { consumer_generation: of[0].generation }),
        }])),
      }
    },
  }),
]
