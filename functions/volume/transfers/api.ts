import { and, eq, inArray, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { attachment, snapshot, volume, volumeTransfer } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { isoMicros } from '../../kernel/view.ts'
import { closed, isTrue, linksOf, listing, tenants, text, truth } from '../lists.ts'
import { endpoint } from '../service.ts'
import { demandStatus, change } from '../volumes/actions/action.ts'
import { snapshotsOf } from '../volumes/destroy.ts'
import { demand, quotaQueries, stillWithin } from '../volumes/use.ts'
import { allowed as allowedVolume, oneVolume, type Whole } from '../volumes/view.ts'
import { keyset } from '../../kernel/page.ts'

type Transfer = Pick<typeof volumeTransfer.$inferSelect, 'id' | 'volume' | 'project' | 'name' | 'salt' | 'keyHash' | 'noSnapshots' | 'createdAt'>
onDuplicate('volume_transfer.volume', () => invalid('Invalid volume: the volume is awaiting a transfer already.'))
const hex = (b: Uint8Array) => [...b].map((x) => x.toString(16).padStart(2, '0')).join('')
/** The key is shown once; what is kept cannot be turned back into it. */
async function hash(salt: string, key: string) {
  const k = await crypto.subtle.importKey('raw', new TextEncoder().encode(salt), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  return hex(new Uint8Array(await crypto.subtle.sign('HMAC', k, new TextEncoder().encode(key))))
}
const same = (a: string, b: string) => { let d = a.length ^ b.length; for (let i = 0; i < a.length; i++) d |= a.charCodeAt(i) ^ b.charCodeAt(i); return d === 0 }

const brief = (ctx: Ctx, x: Transfer, path: string) => ({ id: x.id, volume_id: x.volume, name: x.name, links: linksOf(ctx, path, x.id) })
const detailed = (ctx: Ctx, x: Transfer, path: string) => ({
  ...brief(ctx, x, path), created_at: isoMicros(x.createdAt), ...(ctx.version >= 3055 ? { no_snapshots: x.noSnapshots } : {}), ...(ctx.version >= 3057 ? { source_project_id: x.project, destination_project_id: null, accepted: false } : {}),
})
const one = (ctx: Ctx, id: string) => q.select().from(volumeTransfer).where(and(eq(volumeTransfer.id, id), ctx.caller.admin ? undefined : eq(volumeTransfer.project, ctx.anyone?.project?.id ?? '')))
const none = (id: string) => notFound('transfer', id, `Transfer ${id.slice(0, 64)} could not be found.`)

/** The same under its old name and its new one (3.55), where a transfer may carry the snapshots too. */
const served = (path: string, since?: string) => {
  const later = since !== undefined, ids = later ? 'volume-transfers' : 'transfers'
  const lists = (detail: boolean) => endpoint({
    id: `${ids}.${detail ? 'detail' : 'list'}`, method: 'GET', path: detail ? `/${path}/detail` : `/${path}`, status: 200, since, policy: 'volume:get_transfer', summary: 'List volume transfers',
    async handle(ctx, { query }) {
      const page = listing(ctx, query, { created_at: volumeTransfer.createdAt, id: volumeTransfer.id, name: volumeTransfer.name })
      const { after, order } = keyset(volumeTransfer, volumeTransfer.id, page)
      const [rows] = await ctx.read(q.select().from(volumeTransfer).where(and(tenants(ctx, query, volumeTransfer.project), after)).orderBy(...order).limit(page.limit).offset(page.offset))
      return { transfers: rows.map((r) => (detail ? detailed : brief)(ctx, r, path)) }
    },
  })
  const fields = { volume_id: t.String({ maxLength: 64 }), name: t.Optional(text) }
  const create = endpoint({
    id: `${ids}.create`, method: 'POST', path: `/${path}`, status: 202, since, policy: 'volume:create_transfer', summary: 'Offer a volume to another project',
    body: { '3.0': t.Object({ transfer: t.Object(later ? { ...fields, no_snapshots: t.Optional(truth) } : fields, closed) }, closed) },
    async handle(ctx, { body: { transfer: ask } }) {
      const [rows, snapshots] = await ctx.read(oneVolume(ctx, ask.volume_id), snapshotsOf(ask.volume_id))
      const { volume: v, attachment: a } = allowedVolume(ctx, rows as Whole[], ask.volume_id, 'volume:create_transfer')
      demandStatus(v, ['available'], 'be transferred')
      if (a) throw invalid(`Invalid volume: Volume ${v.id} is attached.`)
      const noSnapshots = isTrue((ask as { no_snapshots?: unknown }).no_snapshots)
      if (snapshots.length && (!later || noSnapshots)) throw invalid(`Invalid volume: Volume ${v.id} has snapshots, which this transfer would leave behind.`)
      if (snapshots.some((s) => s.status !== 'available')) throw invalid(`Invalid snapshot: a snapshot of volume ${v.id} is not available.`)
      const key = hex(ctx.world.random(8)), salt = hex(ctx.world.random(8))
      const row: Transfer = { id: ctx.uuid(), volume: v.id, project: v.project, name: ask.name ?? null, salt, keyHash: await hash(salt, key), noSnapshots, createdAt: ctx.now() }
      change(ctx, v, { status: 'awaiting-transfer', previousStatus: v.status })
      ctx.stage(q.insert(volumeTransfer).values(row))
      ctx.about(row.id)
      ctx.event('transfer.create.end', v.id, { transfer: row.id }, v.project)
      return { transfer: { ...detailed(ctx, row, path), auth_key: key } }
    },
  })
  const show = endpoint({
    id: `${ids}.show`, method: 'GET', path: `/${path}/{transfer}`, status: 200, since, policy: 'volume:get_transfer', summary: 'Show a volume transfer',
    async handle(ctx, { params }) { const [[row]] = await ctx.read(one(ctx, params.transfer)); if (!row) throw none(params.transfer); return { transfer: detailed(ctx, row, path) } },
  })
  const remove = endpoint({
    id: `${ids}.delete`, method: 'DELETE', path: `/${path}/{transfer}`, status: 202, since, policy: 'volume:delete_transfer', summary: 'Withdraw a volume transfer',
    async handle(ctx, { params }) {
      const [[row]] = await ctx.read(one(ctx, params.transfer))
      if (!row) throw none(params.transfer)
      if (!ctx.can('volume:delete_transfer', { project: row.project })) throw forbidden('Policy doesn\'t allow volume:delete_transfer to be performed.')
      ctx.stage(q.delete(volumeTransfer).where(eq(volumeTransfer.id, row.id)), 'stale')
      ctx.stage(q.update(volume).set({ status: 'available', previousStatus: null, updatedAt: ctx.now() }).where(and(eq(volume.id, row.volume), eq(volume.status, 'awaiting-transfer'))))
      ctx.event('transfer.delete.end', row.volume, { transfer: row.id }, row.project)
    },
  })
  const accept = endpoint({
    id: `${ids}.accept`, method: 'POST', path: `/${path}/{transfer}/accept`, status: 202, since, policy: 'volume:accept_transfer', summary: 'Take a volume that was offered',
    body: { '3.0': t.Object({ accept: t.Object({ auth_key: t.String({ minLength: 1, maxLength: 255 }) }, closed) }, closed) },
    async handle(ctx, { params, body }) {
      // Whoever has id and key may take it: that is the offer.
      const [[row], [v], snapshots, usage, limits, held] = await ctx.read(q.select().from(volumeTransfer).where(eq(volumeTransfer.id, params.transfer)),
        q.select().from(volume).where(sql`${volume.id} = (select volume from volume_transfer where id = ${params.transfer})`),
        q.select().from(snapshot).where(sql`${snapshot.volume} = (select volume from volume_transfer where id = ${params.transfer})`), ...quotaQueries(ctx.project),
        q.select({ id: attachment.id }).from(attachment).where(sql`${attachment.volume} = (select volume from volume_transfer where id = ${params.transfer})`))
      if (!row || !v) throw none(params.transfer)
      if (!same(await hash(row.salt, body.accept.auth_key), row.keyHash)) throw invalid(`Attempt to transfer ${row.id} with invalid auth key.`, { status: 403 })
      if (v.status !== 'awaiting-transfer' || held.length) throw invalid(`Invalid volume: Volume ${v.id} is ${v.status} and cannot be transferred.`)
      const with_ = row.noSnapshots ? [] : snapshots, quota = { usage, limits }
      if (v.project !== ctx.project) demand(quota, { volumes: 1, snapshots: with_.length, gigabytes: v.sizeGb + with_.reduce((n, s) => n + s.sizeGb, 0) })
      const owner = { project: ctx.project, user: ctx.caller.user.id, updatedAt: ctx.now() }
      // An offer that was taken is one no more.
      ctx.stage(q.delete(volumeTransfer).where(eq(volumeTransfer.id, row.id)), 'stale')
      ctx.stage(q.update(volume).set({ ...owner, status: 'available', previousStatus: null }).where(and(eq(volume.id, v.id), eq(volume.status, 'awaiting-transfer'))), 'stale')
      if (with_.length) ctx.stage(q.update(snapshot).set(owner).where(inArray(snapshot.id, with_.map((s) => s.id))))
      stillWithin(ctx, ctx.project, quota)
      ctx.event('transfer.accept.end', v.id, { transfer: row.id, from: row.project }, ctx.project)
      return { transfer: brief(ctx, row, path) }
    },
  })
  return [lists(false), lists(true), create, show, remove, accept]
}
export default [...served('os-volume-transfer'), ...served('volume-transfers', '3.55')]
