import { and, eq, inArray, lt, or, sql } from 'drizzle-orm'
import { host } from '../../schema/host.ts'
import { job, saga } from '../../schema/kernel.ts'
import { q } from '../kernel/db.ts'
import { LEASE } from '../kernel/queue.ts'
import { leave, type Sweep } from '../kernel/sweep.ts'
import { sagaOf } from '../sagas.ts'

/** Hosts silent for a lease, or declared down: nobody works on what was handed to them. What can go on elsewhere does. */
export const silentSweep: Sweep = {
  name: 'silent', every: 10,
  async run(basis, ring) {
    const silent = or(eq(host.forcedDown, true), lt(host.seenAt, basis.world.now() - LEASE))
    // In any order: what can go nowhere now must not keep others from being looked at.
    const [waiting] = await basis.db.read([q.select({ id: saga.id, kind: saga.kind, dead: host.forcedDown }).from(job).innerJoin(saga, eq(saga.id, job.saga)).innerJoin(host, eq(host.id, job.host))
      .where(and(silent, inArray(job.state, ['queued', 'running']), eq(job.undo, false), eq(saga.state, 'open'))).orderBy(sql`random()`).limit(100)])
    for (const s of waiting) if ((await sagaOf(s.kind)).onHostFailed) await leave(basis, ring, s.id, sagaOf, 'its host does not answer', s.dead)
  },
}
