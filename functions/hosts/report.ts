import { and, eq } from 'drizzle-orm'
import { job, saga as sagaTable } from '../../schema/kernel.ts'
import { report, type Report } from '../../schema/hosts.ts'
import { unknownKind, type Job } from '../../schema/jobs.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { LIVE, proceed, type SagaRow } from '../kernel/engine.ts'
import { conflict } from '../kernel/fault.ts'
import { backoff, grantTo, LEASE, MAX_ATTEMPTS, type Grant, type JobRow } from '../kernel/queue.ts'
import { sagaOf } from '../sagas.ts'
import { bodyOf, doorbell, hostQuery, signedBy } from './signed.ts'
import { endpoint } from './service.ts'

export default endpoint({
  id: 'report', method: 'POST', path: '/{host}/jobs/{job}', status: 200, policy: 'public', raw: true,
  summary: 'Report progress, success or failure of a leased job (signed by the host)',
  async handle(ctx, input): Promise<{ jobs: Job[] }> {
    const { host, job: id } = input.params
    const [hosts, found] = await ctx.read(hostQuery(host),
      q.select().from(job).leftJoin(sagaTable, eq(sagaTable.id, job.saga)).where(and(eq(job.id, id), eq(job.host, host))))
    const { text } = await signedBy(ctx, input, hosts[0])
    const said = bodyOf(report, text)
    const row = found[0]?.job
    if (!row || row.state !== 'running' || row.attempt !== said.attempt) throw conflict(`Job ${id} is not yours any more.`)
    const grant: Grant = { host, slots: said.slots ?? 0, jobs: [] }
    grantTo(ctx, grant)
    await settle(ctx, row, found[0].saga, said)
    return { jobs: grant.jobs }
  },
})

/** What a report changes: the job, its saga's log and next move, in one batch that demands the attempt it speaks for. */
async function settle(ctx: Ctx, row: JobRow, owner: SagaRow | null, said: Report) {
  const now = ctx.now()
  const mine = and(eq(job.id, row.id), eq(job.attempt, row.attempt), eq(job.state, 'running'))
  if (said.state === 'progress') {
    ctx.stage(q.update(job).set({ progress: said.progress, leaseUntil: now + LEASE, updatedAt: now }).where(mine), 'stale')
    return
  }
  const live = owner && (LIVE as readonly string[]).includes(owner.state) ? owner : undefined
  // What a host of an older release cannot do it has not done either: there is nothing to take back.
  if (row.undo && said.state === 'failed' && said.error === unknownKind(row.kind)) said = { ...said, state: 'done', result: {} }
  if (said.state === 'failed' && (row.undo || (!said.terminal && row.attempt < MAX_ATTEMPTS))) {
    // An undo is never given up: a host that is down comes back, and the saga is shown as stuck until then.
    ctx.stage(q.update(job).set({ state: 'queued', error: said.error, leaseUntil: null, runAt: now + backoff(row.attempt), updatedAt: now }).where(mine), 'stale')
    if (row.undo && live && row.attempt >= MAX_ATTEMPTS && live.state !== 'stuck') {
      ctx.stage(q.update(sagaTable).set({ state: 'stuck', generation: live.generation + 1, updatedAt: now }).where(and(eq(sagaTable.id, live.id), eq(sagaTable.generation, live.generation))), 'stale')
    }
    return
  }
  ctx.stage(q.update(job).set({ state: said.state as 'done' | 'failed', result: said.result ?? {}, error: said.error, leaseUntil: null, updatedAt: now }).where(mine), 'stale')
  if (live && row.step) {
    const def = await sagaOf(live.kind)
    if (live.state === 'stuck') live.state = 'unwinding'
    await proceed(ctx, def, live, said.state === 'done'
      ? row.undo ? { step: row.step, event: 'undone' } : { step: row.step, event: 'done', out: said.result ?? {} }
      : { step: row.step, event: 'failed', why: said.error ?? 'the host gave no reason', ...(said.anywhere ? { anywhere: true } : {}) })
  } else if (!row.saga) {
    ctx.afterCommit(async () => { await doorbell(ctx, `job:${row.id}`)?.fetch('http://doorbell/ring') })
  }
}
