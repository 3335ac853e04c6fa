import { and, asc, eq, isNull, sql } from 'drizzle-orm'
import { allocation, inventory, placementConsumer, providerUsage } from '../../schema/placement.ts'
import { q } from '../kernel/db.ts'
import { invalid } from '../kernel/fault.ts'
import { fresh } from './answer.ts'
import { providerQuery, theProvider } from './providers/read.ts'
import { known } from './query.ts'
import { endpoint } from './service.ts'
import { canonical } from './shapes.ts'

export default [
  endpoint({
    id: 'resource_providers.usages', method: 'GET', path: '/resource_providers/{uuid}/usages', status: 200, summary: 'How much of each class is in use at a provider', policy: 'placement:resource_providers:usages',
    async handle(ctx, { params }) {
      const [rows, used] = await ctx.read(providerQuery(params.uuid),
        q.select({ class: inventory.class, used: sql<number>`coalesce(${providerUsage.used}, 0)` }).from(inventory)
          .leftJoin(providerUsage, and(eq(providerUsage.provider, inventory.provider), eq(providerUsage.class, inventory.class))).where(eq(inventory.provider, canonical(params.uuid))).orderBy(asc(inventory.class)))
      const p = theProvider(rows, params.uuid)
      fresh(ctx)
      return { resource_provider_generation: p.generation, usages: Object.fromEntries(used.map((u) => [u.class, u.used])) }
    },
  }),
  endpoint({
    id: 'usages', method: 'GET', path: '/usages', since: '1.9', status: 200, summary: 'How much of each class a project holds', policy: 'placement:usages',
    async handle(ctx, { query }) {
      const typed = ctx.version >= 1038
      known(query, (n) => n === 'project_id' || n === 'user_id' || (typed && n === 'consumer_type'))
      const project = query.get('project_id'), user = query.get('user_id'), type = query.get('consumer_type')
      if (!project) throw invalid('Invalid query string parameters: project_id is required.')
      if (type !== null && !/^([A-Z0-9_]{1,255}|all|unknown)$/.test(type)) throw invalid(`Invalid query string parameters: ${type} is no consumer type.`)
      ctx.may('placement:usages', { project })
      const kind = type === 'all' ? sql<string>`'all'` : sql<string>`coalesce(${placementConsumer.type}, 'unknown')`
      const whose = and(eq(placementConsumer.project, project), user === null ? undefined : eq(placementConsumer.user, user),
        type === null || type === 'all' ? undefined : type === 'unknown' ? isNull(placementConsumer.type) : eq(placementConsumer.type, type))
      const [held, counts] = await ctx.read(
        q.select({ kind: kind.as('kind'), class: allocation.class, used: sql<number>`sum(${allocation.used})` }).from(placementConsumer).innerJoin(allocation, eq(allocation.consumer, placementConsumer.id)).where(whose).groupBy(sql`kind`, allocation.class),
        q.select({ kind: kind.as('kind'), count: sql<number>`count(*)` }).from(placementConsumer).where(whose).groupBy(sql`kind`))
      fresh(ctx)
      if (!typed) {
        const sums: Record<string, number> = {}
        for (const h of held) sums[h.class] = (sums[h.class] ?? 0) + h.used
        return { usages: sums }
      }
      return { usages: Object.fromEntries(counts.map((c) => [c.kind, { ...Object.fromEntries(held.filter((h) => h.kind === c.kind).map((h) => [h.class, h.used])), consumer_count: c.count }])) }
    },
  }),
]
