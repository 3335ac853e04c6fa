import { and, eq, gt, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { enrollment, host } from '../../schema/host.ts'
import { enrollment as enrollBody } from '../../schema/hosts.ts'
import { job } from '../../schema/kernel.ts'
import { closed } from '../../schema/jobs.ts'
import { q } from '../kernel/db.ts'
import { onDuplicate } from '../kernel/db.ts'
import { seconds } from '../kernel/env.ts'
import { conflict, notFound, unauthorized } from '../kernel/fault.ts'
import { hashed } from '../kernel/secrets.ts'
import { isoSeconds } from '../kernel/view.ts'
import { isUp } from './up.ts'
import { endpoint } from './service.ts'
import type { HostRow } from './signed.ts'

onDuplicate('host.name', () => conflict('A host of this name is enrolled already; remove it first, or enrol under another name.'))

export const view = (h: HostRow, now: number) => ({
  id: h.id, name: h.name, enabled: h.enabled, disabled_reason: h.disabledReason, up: isUp(h, now), forced_down: h.forcedDown, draining: h.draining, resume_guests: h.resumeGuests,
  simulated: h.simulated, availability_zone: h.zone, last_seen_at: isoSeconds(h.seenAt), version: h.version, hypervisor: h.hypervisor, capacity: h.capacity, storage: h.storage, physical_networks: h.physicalNetworks,
})

export const mint = endpoint({
  id: 'enrollment.create', method: 'POST', path: '/', status: 201, policy: 'hosts:manage', summary: 'Mint a token with which a machine becomes a host',
  body: { '1.0': t.Object({ uses: t.Optional(t.Integer({ minimum: 1, maximum: 10000 })), valid_seconds: t.Optional(t.Integer({ minimum: 60, maximum: 604800 })) }, closed) },
  async handle(ctx, { body }) {
    const token = [...ctx.world.random(24)].map((b) => b.toString(16).padStart(2, '0')).join('')
    const now = ctx.now(), expiresAt = now + seconds(body.valid_seconds ?? 3600)
    ctx.stage(q.insert(enrollment).values({ hash: hashed(token), uses: body.uses ?? 1, expiresAt, createdAt: now }))
    return { enrollment: { token, uses: body.uses ?? 1, expires_at: isoSeconds(expiresAt) } }
  },
})

export const enroll = endpoint({
  id: 'enroll', method: 'POST', path: '/enroll', status: 201, policy: 'public', summary: 'Become a host: hand over a public key for an enrolment token',
  body: { '1.0': enrollBody },
  async handle(ctx, { body }) {
    const hash = hashed(body.token), now = ctx.now()
    const [[minted], [already]] = await ctx.read(q.select().from(enrollment).where(eq(enrollment.hash, hash)), q.select().from(host).where(eq(host.name, body.name)))
    // The answer to an earlier try was lost: the same key under the same name is the same host, and no use is spent.
    if (minted && already?.publicKey.x === body.publicKey.x) return { host: already.id, name: already.name }
    const known = minted && minted.uses > 0 && minted.expiresAt > now
    if (!known) throw unauthorized('This enrolment token is unknown, used up or expired; mint a new one with POST /hosts.')
    ctx.stage(q.update(enrollment).set({ uses: sql`${enrollment.uses} - 1` }).where(and(eq(enrollment.hash, hash), gt(enrollment.uses, 0))), 'stale')
    const id = ctx.uuid()
    ctx.stage(q.insert(host).values({ id, name: body.name, publicKey: body.publicKey, seenAt: now, createdAt: now, updatedAt: now, number: sql`(select coalesce(max(number), 0) + 1 from host)` as unknown as number }))
    ctx.about(id)
    return { host: id, name: body.name }
  },
})

export const list = endpoint({
  id: 'list', method: 'GET', path: '/', status: 200, policy: 'hosts:list', summary: 'List hosts',
  async handle(ctx) {
    const [rows] = await ctx.read(q.select().from(host).orderBy(host.name).limit(5000))
    return { hosts: rows.map((h) => view(h, ctx.now())) }
  },
})

export const show = endpoint({
  id: 'show', method: 'GET', path: '/{host}', status: 200, policy: 'hosts:list', summary: 'Show a host and what it is working on',
  async handle(ctx, { params }) {
    const [[row], running] = await ctx.read(q.select().from(host).where(eq(host.id, params.host)),
      q.select({ id: job.id, kind: job.kind, state: job.state, progress: job.progress, attempt: job.attempt, error: job.error }).from(job).where(and(eq(job.host, params.host), sql`${job.state} in ('queued','running')`)).limit(500))
    if (!row) throw notFound('host', params.host)
    return { host: { ...view(row, ctx.now()), jobs: running } }
  },
})

export const update = endpoint({
  id: 'update', method: 'PATCH', path: '/{host}', status: 200, policy: 'hosts:manage', summary: 'Enable, disable or force down a host',
  body: { '1.0': t.Object({ enabled: t.Optional(t.Boolean()), disabled_reason: t.Optional(t.String({ maxLength: 255 })), forced_down: t.Optional(t.Boolean()), resume_guests: t.Optional(t.Boolean()), availability_zone: t.Optional(t.String({ minLength: 1, maxLength: 255 })) }, closed) },
  async handle(ctx, { params, body }) {
    const [[row]] = await ctx.read(q.select().from(host).where(eq(host.id, params.host)))
    if (!row) throw notFound('host', params.host)
    const change = { enabled: body.enabled ?? row.enabled, disabledReason: body.disabled_reason ?? row.disabledReason, forcedDown: body.forced_down ?? row.forcedDown, zone: body.availability_zone ?? row.zone, resumeGuests: body.resume_guests ?? row.resumeGuests, updatedAt: ctx.now() }
    ctx.stage(q.update(host).set(change).where(eq(host.id, row.id)), 'stale')
    return { host: view({ ...row, ...change }, ctx.now()) }
  },
})
