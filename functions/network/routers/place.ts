import { and, eq, inArray, isNull, or, sql, type SQL } from 'drizzle-orm'
import type { Inventory } from '../../../schema/hosts.ts'
import { host } from '../../../schema/host.ts'
import { router } from '../../../schema/network.ts'
import type { HostRow } from '../../hosts/signed.ts'
import { SILENCE } from '../../hosts/up.ts'
import { type Basis, type Ctx, unit } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { seconds } from '../../kernel/env.ts'
import type { Sweep } from '../../kernel/sweep.ts'
import { partners } from '../bgpvpns/members.ts'
import { beyond, missing } from '../networks/physical.ts'
import { listed, touch } from '../touch.ts'

/** Longer than this no host that is well says nothing; and so long it has, from then on, to say something before its routers go elsewhere. */
const ODD = seconds(22), GRACE = seconds(8)

/** Hosts that are up and take routers. */
const takers = (now: number) => sql`host h where h.enabled and not h.forced_down and h.seen_at >= ${now - SILENCE}
  and not exists (select 1 from agent_setting s where s.host = h.id and s.kind = 'l3' and not s.admin_up)`
/** Networks of the router that is being updated. */
const its = sql`select p.network from port p where p.id = router.gateway_port union select p.network from router_interface i join port p on p.id = i.port where i.router = router.id`
const leads = sql`h.physical_networks`
/** For the router that is being updated: of those hosts one that leads to its networks, or most of them, with the fewest routers; null when there is none. */
const leastLoaded = (now: number) => sql<string>`(select id from (select h.id as id, ${missing(leads, its)} as lack, (select count(*) from router r where r.host = h.id) as load from ${takers(now)}) order by lack, load, id limit 1)`

/**
 * Hosts that are down for their routers: told so by an operator, or silent, and noticed to be while the control plane
 * itself was there to hear them. Right after its own absence all are silent, and none is down.
 */
const down = (now: number) => sql`(h.forced_down or (h.seen_at < ${now - SILENCE} and h.missed_at > h.seen_at and h.missed_at <= ${now - GRACE}))`
const confirmed = sql`exists (select 1 from host h where h.id = ${router.fromHost} and h.applied >= ${router.fromRevision})`
/** Nothing is in the way of a new place: whoever had it has said that it let go, or is gone, or down. */
const free = (now: number) => sql`(${router.fromHost} is null or not exists (select 1 from host h where h.id = ${router.fromHost}) or exists (select 1 from host h where h.id = ${router.fromHost} and (h.applied >= ${router.fromRevision} or ${down(now)})))`

/** Of these routers, each that lives nowhere gets a host, in this statement. */
export function placeRouters(ctx: Ctx, which: SQL) {
  const moved = sql`case when ${router.fromHost} is null then ${router.moved} when ${confirmed} then 0 else ${router.moved} + 1 end`
  ctx.stage(q.update(router).set({ host: leastLoaded(ctx.now()) as unknown as string, fromHost: null, moved }).where(and(which, isNull(router.host), free(ctx.now()))))
}
export const placeRouter = (ctx: Ctx, id: string) => placeRouters(ctx, eq(router.id, id))

/** The hosts of these routers, of those who have them as their way out, and of routers they exchange routes with. */
export const touchRouters = (ctx: Ctx, ids: string[]) => touch(ctx, { networks: sql`select s.network from router_interface i join subnet s on s.id = i.subnet where i.router in (${listed(ids)})`, routers: sql`${listed(ids)} union ${partners(listed(ids))}` })

/** These routers leave their host, which has been told before (`touchRouters`) and says when it has done it. */
export const leave = (ctx: Ctx, which: SQL) => ctx.stage(q.update(router).set({ host: null, fromHost: sql`${router.host}`, fromRevision: sql`(select max(seq) from network_change)` }).where(which))

/** Those of these routers leave whose host does not lead to a network of theirs, while another does to all. The hosts around them have been told before. */
export const resettle = (ctx: Ctx, which: SQL) => leave(ctx, and(which, sql`exists (select 1 from host h where h.id = router.host and ${beyond(leads, its)})`, sql`exists (select 1 from ${takers(ctx.now())} and not ${beyond(leads, its)})`)!)

/** A host that lets go of routers says so with its inventory: they go on at once. */
export async function observeLeft(ctx: Ctx, h: HostRow, seen: Inventory) {
  const [left] = await ctx.read(q.select({ id: router.id }).from(router).where(and(eq(router.fromHost, h.id), isNull(router.host), sql`${router.fromRevision} <= ${seen.revision}`)).limit(200))
  if (!left.length) return
  const ids = left.map((r) => r.id)
  for (const id of ids) ctx.stage(q.update(router).set({ host: leastLoaded(ctx.now()) as unknown as string, fromHost: null, moved: 0 }).where(and(eq(router.id, id), isNull(router.host))))
  touchRouters(ctx, ids)
}

const needsHost = (now: number) => and(
  or(and(isNull(router.host), free(now)), sql`${router.host} not in (select id from host)`),
  sql`(${router.gatewayPort} is not null or exists (select 1 from router_interface i where i.router = ${router.id}))`)

/**
 * Routers that have work and no host that does it: made before any host was up, left by one that was removed, on one that
 * is down, or on one that is disabled.
 */
export const routerSweep: Sweep = {
  name: 'routers', every: 3,
  async run(basis: Basis, ring) {
    const now = basis.world.now()
    const [waiting, hosts, silent, lost, leaving] = await basis.db.read([
      q.select({ id: router.id }).from(router).where(needsHost(now)).limit(200),
      q.all(sql`select h.id as id from ${takers(now)} limit 1`),
      q.select({ id: host.id }).from(host).where(sql`${host.seenAt} < ${now - ODD} and (${host.missedAt} is null or ${host.missedAt} <= ${host.seenAt})`),
      q.select({ id: router.id }).from(router).where(sql`${router.host} in (select h.id from host h where ${down(now)})`).limit(500),
      q.select({ id: router.id }).from(router).where(sql`${router.host} in (select h.id from host h where not ${down(now)} and not h.enabled)`).limit(500),
    ])
    if (silent.length) await basis.db.write([q.update(host).set({ missedAt: now }).where(inArray(host.id, silent.map((h) => h.id)))])
    // Nowhere else to go: better where it is, should that host be well after all.
    if (!(waiting.length || lost.length || leaving.length) || !first(hosts[0])) return
    await unit(basis, async (ctx) => {
      const going = leaving.map((r) => r.id), coming = [...waiting, ...lost].map((r) => r.id)
      if (going.length) {
        touchRouters(ctx, going)
        leave(ctx, sql`${router.id} in (${listed(going)})`)
      }
      if (lost.length) {
        touchRouters(ctx, lost.map((r) => r.id))
        ctx.stage(q.update(router).set({ host: null, fromHost: null, moved: sql`${router.moved} + 1` }).where(sql`${router.id} in (${listed(lost.map((r) => r.id))})`))
        for (const { id } of lost) ctx.event('router.moved', id, { why: 'its host is down' })
      }
      ctx.stage(q.update(router).set({ host: null }).where(and(sql`${router.id} in (${listed(coming)})`, sql`${router.host} not in (select id from host)`)))
      // One statement each: the count of the one before is seen by the next, so that they spread.
      for (const id of coming) placeRouter(ctx, id)
      touchRouters(ctx, coming)
    }, ring)
  },
}
/** Raw rows come as objects or arrays, by driver. */
const first = (row: unknown) => (Array.isArray(row) ? row[0] : (row as { id?: string } | undefined)?.id)
