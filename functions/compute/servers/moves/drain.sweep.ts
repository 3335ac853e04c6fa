import { and, asc, eq, isNull, notExists, sql } from 'drizzle-orm'
import { server } from '../../../../schema/compute.ts'
import { host } from '../../../../schema/host.ts'
import { saga } from '../../../../schema/kernel.ts'
import { stays } from '../../../hosts/drain.ts'
import { SILENCE } from '../../../hosts/up.ts'
import { type Basis, type Ctx, unit } from '../../../kernel/ctx.ts'
import { q, type Query } from '../../../kernel/db.ts'
import { seconds } from '../../../kernel/env.ts'
import { Fault } from '../../../kernel/fault.ts'
import type { Caller } from '../../../kernel/policy.ts'
import type { Sweep } from '../../../kernel/sweep.ts'
import { compute } from '../../service.ts'
import { moveCold, moveLive } from './migrate.ts'
import { choose, moveReads, movingOf } from './where.ts'

/** Servers of one host that move at a time: more would only share its wire. */
const ABREAST = 2
/** A server that did not move is tried again after this long. */
const AGAIN = seconds(60)

/** The cloud itself, doing what its operator asked for. */
const operator: Caller = { user: { id: '', name: 'operator', domain: { id: 'default', name: 'Default' } }, roles: ['admin'], admin: true, token: undefined }

/** Moves servers away from hosts that are drained, a few at a time, until none is left that moves by itself. */
export const drainSweep: Sweep = {
  name: 'drain', every: 3,
  async run(basis, ring) {
    const now = basis.world.now()
    const busy = sql<number>`(select count(*) from ${server} s where s.host = ${host.id} and s.task in ('migrating', 'resize_prep'))`
    const [hosts] = await basis.db.read([q.select({ id: host.id, busy }).from(host).where(and(eq(host.draining, true), eq(host.forcedDown, false), sql`${host.seenAt} >= ${now - SILENCE}`))])
    for (const h of hosts) {
      if (h.busy >= ABREAST) continue
      const tried = sql`exists (select 1 from event e where e.resource = ${server.id} and e.action in ('compute.instance.live-migration.error', 'compute.instance.migrate.error') and e.at > ${now - AGAIN})`
      const [next] = await basis.db.read([q.select({ id: server.id, state: server.state }).from(server)
        .where(and(eq(server.host, h.id), isNull(server.task), isNull(server.otherHost), sql`${server.state} not in ${Object.keys(stays)}`, sql`not ${tried}`,
          notExists(q.select({ one: sql`1` }).from(saga).where(and(eq(saga.lane, server.id), sql`${saga.state} in ('open', 'unwinding', 'stuck')`)))))
        .orderBy(asc(server.createdAt)).limit(ABREAST - h.busy)])
      for (const s of next) await away(basis, ring, s)
    }
  },
}

/** Where it cannot go now it says so in the server's timeline, and is tried again. */
async function away(basis: Basis, ring: (host: string) => Promise<unknown>, s: { id: string; state: string }) {
  const as = { ...basis, caller: operator, rules: compute.rules, requestId: `req-${basis.world.uuid()}` }, running = s.state === 'active' || s.state === 'paused'
  const work = async (ctx: Ctx) => {
    const m = movingOf(ctx, s.id, running ? 'os-migrateLive' : 'migrate', await ctx.read(...moveReads(ctx, s.id) as unknown as [Query]) as unknown[][])
    const target = choose(ctx, m, undefined)
    if (running) await moveLive(ctx, m, target)
    else await moveCold(ctx, m, target, { action: 'migrate', confirm: true })
  }
  await unit(as, work, ring).catch((error) => {
    if (!(error instanceof Fault)) throw error
    return unit(as, async (ctx) => ctx.event(`compute.instance.${running ? 'live-migration' : 'migrate'}.error`, s.id, { why: error.message }), ring)
  })
}
