import { eq } from 'drizzle-orm'
import { job } from '../../schema/kernel.ts'
import { jobs, type JobArgs, type JobName, type JobResult } from '../../schema/jobs.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { unavailable } from '../kernel/fault.ts'
import { doorbell } from './signed.ts'

/**
 * Puts a question to a host and waits for the answer: the one place where a request waits, for what only the host knows
 * this second (a console's last lines, a guest's counters). Only kinds marked `query`; the row is gone when answered.
 */
export async function ask<K extends JobName>(ctx: Ctx, host: string, kind: K, args: JobArgs<K>, seconds = 12): Promise<JobResult<K>> {
  if (!('query' in jobs[kind])) throw new Error(`${kind} is not a question`)
  const id = ctx.uuid(), now = ctx.now(), db = ctx.basis.db
  const row = { id, host, kind, lane: `ask:${id}`, args: args as Record<string, unknown>, state: 'queued' as const, attempt: 0, runAt: now, createdAt: now, updatedAt: now, priority: 1, undo: false, requestId: ctx.requestId }
  await db.write([q.insert(job).values(row)])
  await doorbell(ctx, host)?.fetch('http://doorbell/ring')
  const until = Date.now() + seconds * 1000
  let bell = 0
  try {
    for (;;) {
      const left = Math.ceil((until - Date.now()) / 1000)
      const [[found]] = await db.read([q.select().from(job).where(eq(job.id, id))])
      if (found?.state === 'done') return found.result as JobResult<K>
      if (found?.state === 'failed') throw unavailable(`The host could not answer: ${found.error}`, { retryAfter: 5 })
      if (left <= 0) throw unavailable('The host did not answer in time; it may be down.', { retryAfter: 10 })
      const d = doorbell(ctx, `job:${id}`)
      if (d) bell = Number(await (await d.fetch(`http://doorbell/wait?bell=${bell}&seconds=${bell ? left : 0}`)).text())
      else await new Promise((resolve) => setTimeout(resolve, 200))
    }
  } finally {
    await db.write([q.delete(job).where(eq(job.id, id))])
  }
}
