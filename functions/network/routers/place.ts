import { and, eq, isNull, or, sql, type SQL } from 'drizzle-orm'
import { router } from '../../../schema/network.ts'
import { SILENCE } from '../../hosts/up.ts'
import { type Basis, type Ctx, unit } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Sweep } from '../../kernel/sweep.ts'
import { listed, touch } from '../touch.ts'

/** The host with the fewest routers, of those that are up and take any; null when there is none. */
const leastLoaded = (now: number) => sql<string>`(select h.id from host h where h.enabled and not h.forced_down and h.seen_at >= ${now - SILENCE}
  and not exists (select 1 from agent_setting s where s.host = h.id and s.kind = 'l3' and not s.admin_up)
  order by (select count(*) from router r where r.host = h.id), h.id limit 1)`

/** Of these routers, each that lives nowhere gets a host, in this statement. */
export function placeRouters(ctx: Ctx, which: SQL) {
  ctx.stage(q.update(router).set({ host: leastLoaded(ctx.now()) as unknown as string }).where(and(which, isNull(router.host))))
}
export const placeRouter = (ctx: Ctx, id: string) => placeRouters(ctx, eq(router.id, id))

/** The hosts of these routers, and of those who have them as their way out. */
export const touchRouters = (ctx: Ctx, ids: string[]) => touch(ctx, { networks: sql`select s.network from router_interface i join subnet s on s.id = i.subnet where i.router in (${listed(ids)})`, routers: listed(ids) })

const needsHost = and(
  or(isNull(router.host), sql`${router.host} not in (select id from host)`),
  sql`(${router.gatewayPort} is not null or exists (select 1 from router_interface i where i.router = ${router.id}))`)

/** Routers that have work and no host: made before any host was up, or left by one that was removed. */
export const routerSweep: Sweep = {
  name: 'routers', every: 3,
  async run(basis: Basis, ring) {
    const [waiting, hosts] = await basis.db.read([
      q.select({ id: router.id }).from(router).where(needsHost).limit(200),
      q.all(sql`select ${leastLoaded(basis.world.now())} as id`)])
    if (!waiting.length || !first(hosts[0])) return
    await unit(basis, async (ctx) => {
      const ids = waiting.map((r) => r.id)
      ctx.stage(q.update(router).set({ host: null }).where(and(sql`${router.id} in (${listed(ids)})`, sql`${router.host} not in (select id from host)`)))
      // One statement each: the count of the one before is seen by the next, so that they spread.
      for (const id of ids) placeRouter(ctx, id)
      touchRouters(ctx, ids)
    }, ring)
  },
}
/** Raw rows come as objects or arrays, by driver. */
const first = (row: unknown) => (Array.isArray(row) ? row[0] : (row as { id?: string } | undefined)?.id)
