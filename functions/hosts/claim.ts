import { and, eq, lt, sql } from 'drizzle-orm'
import { host } from '../../schema/host.ts'
import { claim, type ClaimAnswer } from '../../schema/hosts.ts'
import { job } from '../../schema/kernel.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q, type Query } from '../kernel/db.ts'
import { seconds } from '../kernel/env.ts'
import { handedOut, lease, LEASE, waiting, type JobRow } from '../kernel/queue.ts'
import { bodyOf, doorbell, hostQuery, signedBy } from './signed.ts'
import { endpoint } from './service.ts'

/** A host is seen to be up by its polls; written only when the last mark has some age. */
const MARK_EVERY = seconds(8)

export default endpoint({
  id: 'claim', method: 'POST', path: '/{host}/claim', status: 200, policy: 'public', raw: true,
  summary: 'Renew the leases of running jobs, take more, wait when there is none (signed by the host)',
  async handle(ctx, input): Promise<ClaimAnswer> {
    const id = input.params.host
    let [rows, [{ n }]] = await ctx.read(hostQuery(id), waiting(id, ctx.now()))
    const { text, bell } = await signedBy(ctx, input, rows[0])
    const ask = bodyOf(claim, text)
    if (ask.fresh) n += await release(ctx, id)
    let row = rows[0], count = bell
    const idle = () => (n === 0 || ask.slots === 0) && row.revision === ask.revision
    if (idle() && ask.wait > 0) {
      if (ask.running.length || ctx.now() - row.seenAt > MARK_EVERY) await mark(ctx, id, ask.running)
      count = await wait(ctx, id, ask.bell || bell, ask.wait)
      ;[[row], [{ n }]] = await ctx.read(hostQuery(id), waiting(id, ctx.now()))
    }
    const owned = await mark(ctx, id, ask.running, ask.slots > 0 && n > 0 ? ask.slots : 0, ctx.now() - row.seenAt > MARK_EVERY)
    return {
      jobs: owned.leased.map(handedOut), bell: count, revision: row.revision,
      lost: ask.running.filter((r) => !owned.renewed.has(r.id)).map((r) => r.id),
    }
  },
})

/** Marks the host seen, renews what it works on, leases what is waiting: one write, or none when nothing changes. */
async function mark(ctx: Ctx, id: string, running: { id: string; attempt: number }[], slots = 0, seen = true) {
  const now = ctx.now(), batch: Query[] = []
  if (running.length) {
    const pairs = sql.join(running.map((r) => sql`(${r.id}, ${r.attempt})`), sql`, `)
    batch.push(q.update(job).set({ leaseUntil: now + LEASE }).where(and(eq(job.host, id), eq(job.state, 'running'), sql`(${job.id}, ${job.attempt}) in (values ${pairs})`)).returning({ id: job.id }))
  }
  if (slots) batch.push(lease(id, now, slots))
  if (seen || batch.length) batch.push(q.update(host).set({ seenAt: now }).where(and(eq(host.id, id), lt(host.seenAt, now - MARK_EVERY))))
  if (!batch.length) return { leased: [] as JobRow[], renewed: new Set<string>() }
  const results = await ctx.basis.db.write(batch as [Query, ...Query[]])
  const renewed = new Set(running.length ? (results[0] as { id: string }[]).map((r) => r.id) : [])
  return { renewed, leased: slots ? (results[running.length ? 1 : 0] as JobRow[]) : [] }
}

/** The bridge has just started: what was handed to its predecessor is worked on by nobody, so it need not wait for its lease to end. */
async function release(ctx: Ctx, id: string): Promise<number> {
  const now = ctx.now()
  const [rows] = await ctx.basis.db.write([q.update(job).set({ state: 'queued', leaseUntil: null, updatedAt: now })
    .where(and(eq(job.host, id), eq(job.state, 'running'))).returning({ id: job.id })])
  return (rows as { id: string }[]).length
}

/** The doorbell is a hint. Without one (no Durable Objects) the host asks again on its own, after a short while. */
async function wait(ctx: Ctx, id: string, bell: number, secs: number): Promise<number> {
  const d = doorbell(ctx, id)
  if (!d) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(secs, 1) * 1000))
    return bell
  }
  return Number(await (await d.fetch(`http://doorbell/wait?bell=${bell}&seconds=${secs}`)).text())
}
