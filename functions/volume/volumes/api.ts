import { and, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { volume } from '../../../schema/volume.ts'
import { q } from '../../kernel/db.ts'
import { conflict } from '../../kernel/fault.ts'
import { closed, isTrue, text, words } from '../lists.ts'
import { metadataOf } from '../metadata.ts'
import { endpoint } from '../service.ts'
import { destroyVolume, holding, snapshotsOf } from './destroy.ts'
import { allowed, findVolume, oneVolume, volumeView, type Whole } from './view.ts'

export const show = endpoint({
  id: 'volumes.show', method: 'GET', path: '/volumes/{id}', status: 200, policy: 'volume:get', summary: 'Show a volume',
  async handle(ctx, { params }) { return { volume: volumeView(ctx)(await findVolume(ctx, params.id, 'volume:get')) } },
})

const changes = { name: t.Optional(text), description: t.Optional(text), display_name: t.Optional(text), display_description: t.Optional(text), metadata: t.Optional(t.Union([words, t.Null()])) }
export const update = endpoint({
  id: 'volumes.update', method: 'PUT', path: '/volumes/{id}', status: 200, policy: 'volume:update', summary: 'Change a volume\'s name, description or metadata',
  body: { '3.0': t.Object({ volume: t.Object(changes, closed) }, closed) },
  async handle(ctx, { params, body: { volume: ask } }) {
    const found = await findVolume(ctx, params.id, 'volume:update'), row = found.volume
    const name = ask.name !== undefined ? ask.name : ask.display_name, description = ask.description !== undefined ? ask.description : ask.display_description
    const set = { ...(name !== undefined ? { name } : {}), ...(description !== undefined ? { description } : {}), ...(ask.metadata ? { metadata: ask.metadata } : {}), updatedAt: ctx.now() }
    ctx.stage(q.update(volume).set(set).where(and(eq(volume.id, row.id), eq(volume.updatedAt, row.updatedAt))), 'stale')
    ctx.event('volume.update.end', row.id, undefined, row.project)
    return { volume: volumeView(ctx, { created: true })({ ...found, volume: { ...row, ...set } }) }
  },
})

export const remove = endpoint({
  id: 'volumes.delete', method: 'DELETE', path: '/volumes/{id}', status: 202, policy: 'volume:delete', summary: 'Delete a volume',
  async handle(ctx, { params, query }) {
    const [rows, snapshots, [at]] = await ctx.read(oneVolume(ctx, params.id), snapshotsOf(params.id), holding(ctx, params.id))
    const force = isTrue(query.get('force'))
    const { volume: row, attachment } = allowed(ctx, rows as Whole[], params.id, 'volume:delete')
    if (force) ctx.may('volume:force_delete', { project: row.project })
    if (attachment?.compute) throw conflict(`Volume ${row.id} belongs to server ${attachment.server}; detach it there first.`, { status: 400 })
    await destroyVolume(ctx, row, snapshots, at?.id, { cascade: isTrue(query.get('cascade')), force, attached: attachment?.status === 'attached' })
  },
})

export const forceDelete = endpoint({
  id: 'volumes.force-delete', method: 'POST', path: '/volumes/{id}/action', key: 'os-force_delete', status: 202, policy: 'volume:force_delete', summary: 'Delete a volume whatever its state',
  async handle(ctx, { params }) {
    const [rows, snapshots, [at]] = await ctx.read(oneVolume(ctx, params.id), snapshotsOf(params.id), holding(ctx, params.id))
    const { volume: row, attachment } = allowed(ctx, rows as Whole[], params.id, 'volume:force_delete')
    await destroyVolume(ctx, row, snapshots, at?.id, { force: true, attached: attachment?.status === 'attached' })
  },
})

export const metadata = metadataOf('volumes', { read: 'volume:get', write: 'volume:update' }, async (ctx, id, rule) => (await findVolume(ctx, id, rule)).volume)

export const encryption = [
  endpoint({ id: 'volumes.encryption', method: 'GET', path: '/volumes/{id}/encryption', status: 200, policy: 'volume_extension:volume_encryption_metadata', summary: 'Show how a volume is encrypted', async handle(ctx, { params }) { await findVolume(ctx, params.id, 'volume:get'); return { encryption_key_id: null } } }),
  endpoint({ id: 'volumes.encryption.item', method: 'GET', path: '/volumes/{id}/encryption/{key}', status: 200, policy: 'volume_extension:volume_encryption_metadata', summary: 'Show one thing about how a volume is encrypted', async handle(ctx, { params }) { await findVolume(ctx, params.id, 'volume:get'); return null } }),
]
