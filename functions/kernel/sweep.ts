import { and, between, eq, inArray, isNotNull, isNull, lt, or, sql } from 'drizzle-orm'
import { event, idempotency, job, saga as sagaTable, sweep as table } from '../../schema/kernel.ts'
import { type Basis, type Ctx, unit } from './ctx.ts'
import { q } from './db.ts'
import { seconds } from './env.ts'
import { elsewhere, proceed, type SagaRow } from './engine.ts'
import { sweepGraphs } from './graph.ts'
import type { Saga } from './saga.ts'

/** Takes no input, looks at the world, repairs it. Each run is a unit of its own and may find nothing to do. */
export interface Sweep { name: string; every: number; run: (basis: Basis, ring: (host: string) => Promise<unknown>) => Promise<void> }

/** Runs what is due. Moving the due time on is the claim: of many isolates that try, one runs it. */
export async function tick(basis: Basis, sweeps: Sweep[], ring: (host: string) => Promise<unknown>) {
  const now = basis.world.now()
  const [rows] = await basis.db.read([q.select().from(table)])
  const due = new Map(rows.map((r) => [r.name, r.nextAt]))
  for (const s of sweeps) {
    const at = due.get(s.name)
    if (at !== undefined && at > now) continue
    const [claimed] = await basis.db.write([at === undefined
      ? q.insert(table).values({ name: s.name, nextAt: now + seconds(s.every) }).onConflictDoNothing().returning({ name: table.name })
      : q.update(table).set({ nextAt: now + seconds(s.every) }).where(and(eq(table.name, s.name), eq(table.nextAt, at))).returning({ name: table.name })]) as [unknown[]]
    if (!claimed.length) continue
    await s.run({ ...basis, action: `sweep.${s.name}` }, ring).catch((e) => console.error(JSON.stringify({ level: 'error', what: 'sweep', name: s.name, error: e instanceof Error ? e.stack : String(e) })))
  }
}

/** Goes on with one saga in a unit of its own; nothing when it has ended or waits for a host. */
export async function goOn(basis: Basis, ring: (host: string) => Promise<unknown>, id: string, sagaOf: (kind: string) => Promise<Saga>, late = false) {
  await unit(basis, async (ctx: Ctx) => {
    const [[row], jobs] = await ctx.read(
      q.select().from(sagaTable).where(and(eq(sagaTable.id, id), inArray(sagaTable.state, late ? ['open'] : ['open', 'unwinding']))),
      q.select().from(job).where(and(eq(job.saga, id), inArray(job.state, ['queued', 'running']))))
    if (!row || (jobs.length && !late)) return
    const def = await sagaOf(row.kind)
    if (!late) return proceed(ctx, def, row as SagaRow)
    ctx.stage(q.update(job).set({ state: 'cancelled', updatedAt: ctx.now() }).where(and(eq(job.saga, id), inArray(job.state, ['queued', 'running']))))
    await proceed(ctx, def, row as SagaRow, { step: waitingStep(def, row as SagaRow, jobs[0]?.step), event: 'failed', why: `it was not done in time (${def.deadline} s); the host may be down or overloaded`, doubt: true })
  }, ring, undefined)
}

/** Of a host that does not answer: what can go on elsewhere does, the rest waits for it. `dead`: somebody made sure. */
export async function leave(basis: Basis, ring: (host: string) => Promise<unknown>, id: string, sagaOf: (kind: string) => Promise<Saga>, why: string, dead: boolean) {
  await unit(basis, async (ctx: Ctx) => {
    const [[row], [last]] = await ctx.read(q.select().from(sagaTable).where(and(eq(sagaTable.id, id), eq(sagaTable.state, 'open'))),
      q.select().from(job).where(and(eq(job.saga, id), inArray(job.state, ['queued', 'running']))))
    if (!row || !last?.step) return
    ctx.stage(q.update(job).set({ state: 'cancelled', updatedAt: ctx.now() }).where(and(eq(job.id, last.id), eq(job.attempt, last.attempt), inArray(job.state, ['queued', 'running']))), 'stale')
    if (!await elsewhere(ctx, await sagaOf(row.kind), row as SagaRow, { step: last.step, event: 'failed', why, ...(dead || !last.attempt ? {} : { doubt: true }) })) ctx.cut(0)
  }, ring, undefined)
}

const waitingStep = (def: Saga, row: SagaRow, job?: string | null) => job ?? def.steps.find((s) => !row.log.some((e) => e.step === s.name && e.event === 'done'))?.name ?? def.steps[0].name

/** The kernel's own: leases that ran out, sagas left behind or late, records that have served. */
export const kernelSweeps = (sagaOf: (kind: string) => Promise<Saga>): Sweep[] => [
  {
    name: 'leases', every: 2,
    async run(basis, ring) {
      const now = basis.world.now()
      const [late] = await basis.db.read([q.select({ id: job.id }).from(job).where(and(eq(job.state, 'running'), lt(job.leaseUntil, now))).limit(500)])
      if (!late.length) return
      const [hosts] = await basis.db.write([q.update(job).set({ state: 'queued', leaseUntil: null, runAt: now, updatedAt: now })
        .where(and(inArray(job.id, late.map((l) => l.id)), eq(job.state, 'running'), lt(job.leaseUntil, now))).returning({ host: job.host })]) as [{ host: string }[]]
      await Promise.all([...new Set(hosts.map((h) => h.host))].map((h) => ring(h)))
    },
  },
  {
    name: 'sagas', every: 2,
    async run(basis, ring) {
      const now = basis.world.now()
      const [idle, late] = await basis.db.read([
        q.select({ id: sagaTable.id }).from(sagaTable).where(and(inArray(sagaTable.state, ['open', 'unwinding']), lt(sagaTable.updatedAt, now - seconds(3)), isNull(sagaTable.unfinished),
          sql`not exists (select 1 from job where job.saga = ${sagaTable.id} and job.state in ('queued','running'))`)).limit(100),
        q.select({ id: sagaTable.id }).from(sagaTable).where(and(eq(sagaTable.state, 'open'), lt(sagaTable.deadline, now), isNull(sagaTable.unfinished))).limit(100),
      ])
      for (const s of idle) await goOn(basis, ring, s.id, sagaOf)
      for (const s of late) await goOn(basis, ring, s.id, sagaOf, true)
    },
  },
  { name: 'graphs', every: 1, run: (basis, ring) => sweepGraphs({ basis, ring, sagaOf }) },
  {
    name: 'delayed', every: 1,
    // Jobs that were put off and are due now, and those nobody rang for (whoever staged them died, or never heard that they
    // had landed): their host may be asleep, for as long as its claim waits.
    async run(basis, ring) {
      const now = basis.world.now()
      const [rows] = await basis.db.read([q.selectDistinct({ host: job.host }).from(job)
        .where(and(eq(job.state, 'queued'), lt(job.runAt, now), or(isNotNull(job.error), between(job.runAt, now - seconds(5), now - seconds(2))))).limit(500)])
      await Promise.all(rows.map((r) => ring(r.host)))
    },
  },
  {
    name: 'prune', every: 600,
    async run(basis) {
      const now = basis.world.now(), day = seconds(86400)
      await basis.db.write([
        q.delete(job).where(and(inArray(job.state, ['done', 'failed', 'cancelled']), lt(job.updatedAt, now - day))),
        q.delete(sagaTable).where(and(inArray(sagaTable.state, ['done', 'unwound', 'superseded']), lt(sagaTable.updatedAt, now - 7 * day))),
        q.delete(idempotency).where(lt(idempotency.expiresAt, now)),
        q.delete(event).where(lt(event.at, now - 90 * day)),
      ])
    },
  },
]
