import { and, eq, inArray, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { aggregateHost, server, type ServerState } from '../../schema/compute.ts'
import { host, hostImages, orphan } from '../../schema/host.ts'
import { job } from '../../schema/kernel.ts'
import { closed } from '../../schema/jobs.ts'
import { router } from '../../schema/network.ts'
import { snapshot, volume } from '../../schema/volume.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { conflict, notFound } from '../kernel/fault.ts'
import { touch } from '../network/touch.ts'
import { endpoint } from './service.ts'

/** Servers that move by themselves when their host is drained; what is said of the others. */
export const stays: Partial<Record<ServerState, string>> = {
  resized: 'waits to be confirmed or reverted', suspended: 'is suspended: resume it, or stop it', rescued: 'is in rescue: unrescue it', error: 'is in error: rebuild or delete it',
  shelved: 'is shelved: offload it', building: 'is being built',
}

const count = (what: ReturnType<typeof sql>) => sql<number>`(select count(*) from ${what})`
/** What is left on a host, as one row; and its servers, with what became of their last move. */
export const leftOn = (id: string) => [
  q.select({
    servers: count(sql`${server} where host = ${id}`), other: count(sql`${server} where other_host = ${id}`), volumes: count(sql`${volume} where host = ${id}`), snapshots: count(sql`${snapshot} where host = ${id}`),
    routers: count(sql`${router} where host = ${id}`), jobs: count(sql`${job} where host = ${id} and state in ('queued', 'running')`),
  }).from(host).where(eq(host.id, id)),
  q.select({
    id: server.id, name: server.name, state: server.state, task: server.task,
    failed: sql<string | null>`(select json_extract(e.detail, '$.why') from event e where e.resource = ${server}.id and e.action in ('compute.instance.live-migration.error', 'compute.instance.migrate.error') and e.at > ${host.updatedAt} order by e.seq desc limit 1)`,
  }).from(server).innerJoin(host, eq(host.id, server.host)).where(eq(server.host, id)).orderBy(server.createdAt).limit(500),
] as const
type Left = [Awaited<ReturnType<typeof leftOn>[0]>, Awaited<ReturnType<typeof leftOn>[1]>]

/** How far the draining of a host is, in words and numbers. */
export function progress([[left], servers]: Left) {
  const moving = servers.filter((s) => s.task)
  return {
    ...left, moving: moving.map((s) => ({ id: s.id, name: s.name, task: s.task })),
    stays: servers.filter((s) => !s.task && (stays[s.state] || s.failed)).map((s) => ({ id: s.id, name: s.name, state: s.state, why: stays[s.state] ?? `did not move: ${s.failed}` })),
  }
}

async function look(ctx: Ctx, id: string) {
  const [[row], ...left] = await ctx.read(q.select().from(host).where(eq(host.id, id)), ...leftOn(id))
  if (!row) throw notFound('host', id)
  return { row, left: progress(left as unknown as Left) }
}

export const drain = endpoint({
  id: 'drain', method: 'POST', path: '/{host}/drain', status: 202, policy: 'hosts:manage', summary: 'Take no new servers, and move away those there are: running ones while they run',
  body: { '1.0': t.Object({ reason: t.Optional(t.String({ maxLength: 255 })) }, closed) },
  async handle(ctx, { params, body }) {
    const { row, left } = await look(ctx, params.host)
    ctx.stage(q.update(host).set({ enabled: false, draining: true, disabledReason: body.reason ?? 'draining', updatedAt: ctx.now() }).where(eq(host.id, row.id)), 'stale')
    ctx.event('host.drain', row.id, { reason: body.reason })
    return { drain: left }
  },
})

export const drained = endpoint({
  id: 'drain.show', method: 'GET', path: '/{host}/drain', status: 200, policy: 'hosts:list', summary: 'What is left on a host, what moves, and what stays and why',
  async handle(ctx, { params }) {
    const { row, left } = await look(ctx, params.host)
    return { drain: { draining: row.draining, ...left } }
  },
})

export const undrain = endpoint({
  id: 'undrain', method: 'DELETE', path: '/{host}/drain', status: 204, policy: 'hosts:manage', summary: 'Take servers again; moves that have begun end',
  async handle(ctx, { params }) {
    const { row } = await look(ctx, params.host)
    ctx.stage(q.update(host).set({ enabled: true, draining: false, disabledReason: null, updatedAt: ctx.now() }).where(eq(host.id, row.id)), 'stale')
    ctx.event('host.undrain', row.id)
  },
})

/** A host goes when nothing is left on it: its key is worth nothing from then on. What only it knows of would be lost. */
export const remove = endpoint({
  id: 'remove', method: 'DELETE', path: '/{host}', status: 204, policy: 'hosts:manage', summary: 'Forget a host that has nothing left',
  async handle(ctx, { params }) {
    const { row, left } = await look(ctx, params.host)
    const kept = (['servers', 'other', 'volumes', 'snapshots', 'routers'] as const).filter((k) => left[k]).map((k) => `${left[k]} ${k === 'other' ? 'servers whose move is not over' : k}`)
    if (kept.length) throw conflict(`Host ${row.name} still has ${kept.join(', ')}. Drain it, and delete what does not move, first.`)
    // Orders to clear away what was left; for a host that will never be back nobody carries them out.
    if (left.jobs && !row.forcedDown) throw conflict(`Host ${row.name} has ${left.jobs} jobs to do yet. Wait for them; if it will never be back, force it down first.`)
    touch(ctx, { hostsOf: sql`select id from host` })
    ctx.stage(q.delete(aggregateHost).where(eq(aggregateHost.host, row.id)))
    ctx.stage(q.delete(orphan).where(eq(orphan.host, row.id)))
    ctx.stage(q.delete(hostImages).where(eq(hostImages.host, row.id)))
    ctx.stage(q.delete(job).where(and(eq(job.host, row.id), inArray(job.state, ['queued', 'running', 'done', 'failed', 'cancelled']))))
    ctx.stage(q.delete(host).where(sql`${host.id} = ${row.id} and not exists (select 1 from ${server} where host = ${row.id} or other_host = ${row.id})
      and not exists (select 1 from ${volume} where host = ${row.id}) and not exists (select 1 from ${snapshot} where host = ${row.id})`), 'stale')
    ctx.event('host.removed', row.id, { name: row.name })
  },
})
