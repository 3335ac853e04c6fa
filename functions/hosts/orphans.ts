import { and, desc, eq } from 'drizzle-orm'
import { server } from '../../schema/compute.ts'
import { host, orphan } from '../../schema/host.ts'
import { job } from '../../schema/kernel.ts'
import { q } from '../kernel/db.ts'
import { conflict, notFound } from '../kernel/fault.ts'
import { enqueue } from '../kernel/queue.ts'
import { isoSeconds } from '../kernel/view.ts'
import { endpoint } from './service.ts'

/** Guests a host shows that no server's row names: made by an older database, or behind the cloud's back. Nobody fights them. */
export const orphans = endpoint({
  id: 'orphans.list', method: 'GET', path: '/{host}/orphans', status: 200, policy: 'hosts:list', summary: 'List guests on a host that no server is',
  async handle(ctx, { params }) {
    const [[row], rows, orders] = await ctx.read(q.select({ id: host.id }).from(host).where(eq(host.id, params.host)),
      q.select().from(orphan).where(eq(orphan.host, params.host)).orderBy(orphan.seenAt, orphan.id).limit(5000),
      q.select({ id: job.lane, state: job.state, error: job.error }).from(job).where(and(eq(job.host, params.host), eq(job.kind, 'domain.destroy'))).orderBy(job.createdAt))
    if (!row) throw notFound('host', params.host)
    // The last order is the one that counts.
    const asked = new Map(orders.map((o) => [o.id, o]))
    return { orphans: rows.map((o) => ({ id: o.id, kind: o.kind, name: o.name, seen_at: isoSeconds(o.seenAt), removal: asked.get(o.id)?.state ?? null, error: asked.get(o.id)?.error ?? null })) }
  },
})

export const removeOrphan = endpoint({
  id: 'orphans.remove', method: 'DELETE', path: '/{host}/orphans/{orphan}', status: 202, policy: 'hosts:manage', summary: 'Remove a guest that no server is, with its own disks',
  async handle(ctx, { params }) {
    const [[found], [owner], [last]] = await ctx.read(q.select().from(orphan).where(and(eq(orphan.host, params.host), eq(orphan.id, params.orphan))),
      q.select({ name: server.name, host: server.host }).from(server).where(eq(server.id, params.orphan)),
      q.select({ state: job.state }).from(job).where(and(eq(job.lane, params.orphan), eq(job.host, params.host), eq(job.kind, 'domain.destroy'))).orderBy(desc(job.createdAt)).limit(1))
    if (!found) throw notFound('orphan', params.orphan)
    // Hosts may keep servers' disks in one place: what this host let go of could be what the server runs on.
    if (owner) throw conflict(`${params.orphan} is the server ${owner.name}, which is ${owner.host ? `on host ${owner.host}` : 'on no host'}: nothing of it is removed here.`)
    if (last?.state === 'queued' || last?.state === 'running') return
    enqueue(ctx, { host: params.host, lane: params.orphan, kind: 'domain.destroy', args: { uuid: params.orphan } })
    ctx.event('host.orphan.remove', params.host, { orphan: params.orphan })
  },
})
