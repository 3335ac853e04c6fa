import { and, eq, inArray, lte, sql } from 'drizzle-orm'
import { job } from '../../schema/kernel.ts'
import { jobs, type Job, type JobName } from '../../schema/jobs.ts'
import type { Ctx } from './ctx.ts'
import { q } from './db.ts'
import { seconds } from './env.ts'

export type JobRow = typeof job.$inferSelect
/** An attempt is worth this much silence; claims renew it. */
export const LEASE = seconds(60)
export const MAX_ATTEMPTS = 5
/** On so many hosts something is tried, the first included. */
export const MAX_HOSTS = 3

export interface NewJob {
  host: string; kind: JobName; args: Record<string, unknown>; lane: string
  saga?: string; step?: string; undo?: boolean; priority?: number; requestId?: string
}

/** Jobs handed straight to the host that just reported, instead of making it ask. */
export interface Grant { host: string; slots: number; jobs: Job[] }
const grants = new WeakMap<object, Grant>()
export const grantTo = (ctx: Ctx, grant: Grant) => grants.set(ctx, grant)

/** Puts a job before a host, in this batch; the commit rings its doorbell. */
export function enqueue(ctx: Ctx, j: NewJob): string {
  const id = ctx.uuid(), now = ctx.now()
  const grant = grants.get(ctx)
  const direct = grant && grant.host === j.host && grant.slots > grant.jobs.length
  const row = {
    id, host: j.host, kind: j.kind, lane: j.lane, args: j.args, saga: j.saga, step: j.step, undo: j.undo ?? false,
    priority: j.priority ?? 5, requestId: j.requestId ?? ctx.requestId, runAt: now, createdAt: now, updatedAt: now,
    state: direct ? 'running' as const : 'queued' as const, attempt: direct ? 1 : 0, leaseUntil: direct ? now + LEASE : null,
  }
  ctx.stage(q.insert(job).values(row))
  if (direct) grant.jobs.push(handedOut(row as JobRow))
  else ctx.ring(j.host)
  return id
}

export const handedOut = (row: JobRow): Job => ({
  id: row.id, kind: row.kind as JobName, args: row.args as never, attempt: row.attempt, lane: row.lane, requestId: row.requestId,
  limit: jobs[row.kind as JobName]?.limit ?? 60,
})

/** What waits for a host now. A plain read: an idle poll writes nothing. */
export const waiting = (host: string, now: number) =>
  q.select({ n: sql<number>`count(*)` }).from(job).where(and(eq(job.host, host), eq(job.state, 'queued'), lte(job.runAt, now)))

/** Leases up to `slots` jobs to a host, exactly once each. */
export const lease = (host: string, now: number, slots: number) =>
  q.update(job).set({ state: 'running', leaseUntil: now + LEASE, attempt: sql`${job.attempt} + 1`, updatedAt: now })
    .where(inArray(job.id, q.select({ id: job.id }).from(job)
      .where(and(eq(job.host, host), eq(job.state, 'queued'), lte(job.runAt, now))).orderBy(job.priority, job.runAt, job.id).limit(slots)))
    .returning()

/** Nothing of this lane is worked on any more; late reports meet a state that refuses them. */
export const cancelLane = (lane: string, now: number) =>
  q.update(job).set({ state: 'cancelled', updatedAt: now }).where(and(eq(job.lane, lane), inArray(job.state, ['queued', 'running'])))

/** Where what a resource left on a host is taken away: a lane of its own, which nothing else supersedes. */
export const fenceLane = (resource: string) => `fence:${resource}`

/** When a failed attempt is tried again: 1, 2, 4 … 60 s. */
export const backoff = (attempt: number) => seconds(Math.min(60, 2 ** Math.max(0, attempt - 1)))
