import { and, eq, sql, type SQL } from 'drizzle-orm'
import { allocation, inventory, placementConsumer, providerUsage } from '../../schema/placement.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q, run } from '../kernel/db.ts'

export interface Need { vcpus: number; memoryMb: number; diskGb: number }
const classes = (n: Need): [string, number][] => ([['VCPU', n.vcpus], ['MEMORY_MB', n.memoryMb], ['DISK_GB', n.diskGb]] as [string, number][]).filter(([, used]) => used > 0)
const values = (n: Need): SQL => sql.join(classes(n).map(([c, used]) => sql`(${c}, ${used})`), sql`, `)

/**
 * Takes what a consumer needs from a host, or refuses the whole batch: the check and the taking are one statement, so
 * parallel claims never overcommit. What the consumer holds there already counts as free.
 */
export function stageClaim(ctx: Ctx, c: Need & { consumer: string; host: string; project: string; user: string }) {
  ctx.stage(q.insert(placementConsumer).values({ id: c.consumer, project: c.project, user: c.user, type: 'INSTANCE', createdAt: ctx.now() }).onConflictDoNothing())
  ctx.stage(run(sql`
    with want(class, used) as (values ${values(c)})
    insert into ${allocation} (consumer, provider, class, used)
    select ${c.consumer}, ${c.host}, class, used from want
    where not exists (
      select 1 from want w
      left join ${inventory} i on i.provider = ${c.host} and i.class = w.class
      left join ${providerUsage} u on u.provider = ${c.host} and u.class = w.class
      left join ${allocation} mine on mine.consumer = ${c.consumer} and mine.provider = ${c.host} and mine.class = w.class
      where w.used + coalesce(u.used, 0) - coalesce(mine.used, 0) > coalesce((i.total - i.reserved) * i.ratio, 0) or w.used > coalesce(i.max_unit, 0))
    on conflict (consumer, provider, class) do update set used = excluded.used`), 'capacity')
}

/** What a consumer holds on one host, of several. */
export const stageLeave = (ctx: Ctx, consumer: string, host: string) => ctx.stage(q.delete(allocation).where(and(eq(allocation.consumer, consumer), eq(allocation.provider, host))))

export function stageRelease(ctx: Ctx, consumer: string) {
  ctx.stage(q.delete(allocation).where(eq(allocation.consumer, consumer)))
  ctx.stage(q.delete(placementConsumer).where(eq(placementConsumer.id, consumer)))
}
