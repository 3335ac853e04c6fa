import { and, eq, lt, sql } from 'drizzle-orm'
import { host } from '../../schema/host.ts'
import { claim, type ClaimAnswer } from '../../schema/hosts.ts'
import { job } from '../../schema/kernel.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q, type Query } from '../kernel/db.ts'
import { seconds } from '../kernel/env.ts'
import { handedOut, lease, LEASE, waiting, type JobRow } from '../kernel/queue.ts'
import { unauthorized } from '../kernel/fault.ts'
import { bodyOf, doorbell, hostQuery, signedBy, type HostRow } from './signed.ts'
import { endpoint } from './service.ts'

/** A host is seen to be up by its polls; written only when the last mark has some age. */
const MARK_EVERY = seconds(8)
/** A job leased this long ago that the host does not name among those it works on was lost on the way to it. */
const ON_ITS_WAY = seconds(3)
/** A lease is renewed when it has this age, not by every claim: claims are many while much goes on. */
const RENEW_EVERY = seconds(15)

export default endpoint({
  id: 'claim', method: 'POST', path: '/{host}/claim', status: 200, policy: 'public', raw: true,
  summary: 'Renew the leases of running jobs, take more, wait when there is none (signed by the host)',
  async handle(ctx, input): Promise<ClaimAnswer> {
    const id = input.params.host
    let [rows, [{ n }], leased] = await ctx.read(hostQuery(id), waiting(id, ctx.now()), leasedTo(id))
    const { text, bell } = await signedBy(ctx, input, rows[0])
    const ask = bodyOf(claim, text)
    const unheard = leased.filter((j) => ask.fresh || !ask.running.some((r) => r.id === j.id))
    const lost = unheard.filter((j) => ask.fresh || j.leaseUntil! < ctx.now() + LEASE - ON_ITS_WAY)
    if (lost.length) n += await release(ctx, id, lost)
    let row = rows[0], count = bell, taken: JobRow[] = []
    const due = () => ask.running.filter((r) => !leased.some((j) => j.id === r.id && j.attempt === r.attempt && j.leaseUntil! > ctx.now() + LEASE - RENEW_EVERY))
    const unseen = () => ctx.now() - row.seenAt > MARK_EVERY
    // What may be on its way is asked about again soon, not after a whole wait; a change of what should be here is told by a nudge, together with others.
    const patience = Math.min(ask.wait, unheard.length ? ON_ITS_WAY / seconds(1) : ask.wait, row.revision === ask.revision ? ask.wait : ask.fresh ? 0 : 2)
    const waits = (n === 0 || ask.slots === 0) && patience > 0
    if (waits) {
      if (due().length || unseen()) await mark(ctx, id, due(), 0, unseen())
      const heard = await wait(ctx, id, ask.bell || bell, patience)
      if (!heard) return { jobs: [], bell, revision: row.revision, lost: [] }
      count = heard.bell
      // Rung for, there is most likely work: one trip takes it and looks. Otherwise a look, which writes nothing.
      if (heard.work && ask.slots) [taken, [row], leased] = await ctx.basis.db.write([lease(id, ctx.now(), ask.slots), hostQuery(id), leasedTo(id)]) as [JobRow[], HostRow[], typeof leased]
      else [[row], [{ n }], leased] = await ctx.read(hostQuery(id), waiting(id, ctx.now()), leasedTo(id))
      if (!row) throw unauthorized('The host is not enrolled any more.')
    }
    const renewing = due()
    const owned = await mark(ctx, id, renewing, ask.slots > 0 && n > 0 ? ask.slots : 0, !waits && unseen())
    return {
      jobs: [...taken, ...owned.leased].map(handedOut), bell: count, revision: row.revision,
      lost: renewing.filter((r) => !owned.renewed.has(r.id)).map((r) => r.id),
    }
  },
})

/** Marks the host seen (when it spoke, not when it is answered: it may be gone by then), renews what it works on, leases what is waiting: one write, or none when nothing changes. */
async function mark(ctx: Ctx, id: string, running: { id: string; attempt: number }[], slots = 0, seen = true) {
  const now = ctx.now(), batch: Query[] = []
  if (running.length) {
    const pairs = sql.join(running.map((r) => sql`(${r.id}, ${r.attempt})`), sql`, `)
    batch.push(q.update(job).set({ leaseUntil: now + LEASE }).where(and(eq(job.host, id), eq(job.state, 'running'), sql`(${job.id}, ${job.attempt}) in (values ${pairs})`)).returning({ id: job.id }))
  }
  if (slots) batch.push(lease(id, now, slots))
  if (seen) batch.push(q.update(host).set({ seenAt: now }).where(and(eq(host.id, id), lt(host.seenAt, now - MARK_EVERY))))
  if (!batch.length) return { leased: [] as JobRow[], renewed: new Set<string>() }
  const results = await ctx.basis.db.write(batch as [Query, ...Query[]])
  const renewed = new Set(running.length ? (results[0] as { id: string }[]).map((r) => r.id) : [])
  return { renewed, leased: slots ? (results[running.length ? 1 : 0] as JobRow[]) : [] }
}

/** What counts as being worked on by this host. */
const leasedTo = (id: string) => q.select({ id: job.id, attempt: job.attempt, leaseUntil: job.leaseUntil }).from(job).where(and(eq(job.host, id), eq(job.state, 'running')))

/**
 * Worked on by nobody, so it need not wait for its lease to end: the bridge has just started, or the answer that
 * carried the job never reached it.
 */
async function release(ctx: Ctx, id: string, lost: { id: string; attempt: number }[]): Promise<number> {
  const now = ctx.now(), pairs = sql.join(lost.map((j) => sql`(${j.id}, ${j.attempt})`), sql`, `)
  const [rows] = await ctx.basis.db.write([q.update(job).set({ state: 'queued', leaseUntil: null, runAt: now, updatedAt: now })
    .where(and(eq(job.host, id), eq(job.state, 'running'), sql`(${job.id}, ${job.attempt}) in (values ${pairs})`)).returning({ id: job.id })])
  return (rows as { id: string }[]).length
}

/** Undefined: the host has asked again since, and this question's connection is gone. The doorbell is a hint. Without one (no Durable Objects) the host asks again on its own, after a short while. */
async function wait(ctx: Ctx, id: string, bell: number, secs: number): Promise<{ bell: number; work: boolean } | undefined> {
  const d = doorbell(ctx, id)
  if (!d) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(secs, 1) * 1000))
    return { bell, work: false }
  }
  const said = await d.fetch(`http://doorbell/wait?bell=${bell}&seconds=${secs}`), count = await said.text()
  return count === 'left' ? undefined : { bell: Number(count), work: said.headers.has('work') }
}
