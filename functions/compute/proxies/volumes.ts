import { Type as t } from 'typebox'
import type { Ctx } from '../../kernel/ctx.ts'
import { notFound } from '../../kernel/fault.ts'
import { endpoint } from '../service.ts'
import { bool, closed, metadata, whole } from '../shapes.ts'
import { lend } from './lend.ts'
import { badQuery } from './words.ts'

/** Volumes and snapshots as compute had them before they had a service of their own. */
type Row = Record<string, any>
const until = '2.35', policy = 'os_compute_api:images'
const volumeView = (v: Row) => ({
  id: v.id, status: v.status, size: v.size, availabilityZone: v.availability_zone, createdAt: v.created_at, displayName: v.name ?? null, displayDescription: v.description ?? null, volumeType: v.volume_type ?? null, snapshotId: v.snapshot_id ?? null, metadata: v.metadata ?? {},
  attachments: v.attachments?.length ? v.attachments.map((a: Row) => ({ id: v.id, volumeId: v.id, serverId: a.server_id, device: a.device })) : [{}],
})
const snapshotView = (s: Row) => ({ id: s.id, volumeId: s.volume_id, status: s.status, size: s.size, createdAt: s.created_at, displayName: s.name ?? null, displayDescription: s.description ?? null })
const get = async (ctx: Ctx, kind: 'volumes' | 'snapshots', id: string): Promise<Row> => {
  const one = kind.slice(0, -1)
  return (await lend(ctx, 'volume', 'GET', `/${kind}/${encodeURIComponent(id)}`).catch((e) => { throw e?.kind === 'notFound' ? notFound(one, id) : e }))[one]
}
async function list(ctx: Ctx, kind: 'volumes' | 'snapshots', query: URLSearchParams): Promise<Row[]> {
  const number = (key: string) => { const v = query.get(key); if (v !== null && !/^\d+$/.test(v)) throw badQuery(key, v); return v === null ? undefined : Number(v) }
  const limit = number('limit'), offset = number('offset') ?? 0
  const all = (await lend(ctx, 'volume', 'GET', `/${kind}/detail`))[kind] as Row[]
  return all.slice(offset, limit === undefined ? undefined : offset + limit)
}
const text = t.Optional(t.Union([t.String({ maxLength: 255 }), t.Null()]))

export default [
  ...(['/os-volumes', '/os-volumes/detail'] as const).map((path) => endpoint({ id: `volumes.${path.endsWith('detail') ? 'detail' : 'list'}`, method: 'GET', path, until, status: 200, summary: 'List volumes (ask the block storage service)', policy, async handle(ctx, { query }) { return { volumes: (await list(ctx, 'volumes', query)).map(volumeView) } } })),
  endpoint({
    id: 'volumes.create', method: 'POST', path: '/os-volumes', until, status: 200, summary: 'Create a volume (ask the block storage service)', policy,
    body: { '2.1': t.Object({ volume: t.Object({ size: t.Union([t.Integer(), t.String()]), display_name: text, display_description: text, volume_type: text, availability_zone: text, snapshot_id: text, metadata: t.Optional(t.Union([metadata, t.Null()])) }) }, closed) },
    async handle(ctx, { body: { volume: b } }) {
      const { volume } = await lend(ctx, 'volume', 'POST', '/volumes', { body: { volume: { size: whole(b.size, 'size', 1), name: b.display_name ?? '', description: b.display_description ?? '', volume_type: b.volume_type ?? undefined, availability_zone: b.availability_zone ?? undefined, snapshot_id: b.snapshot_id ?? undefined, metadata: b.metadata ?? {} } } })
      return { volume: volumeView(volume) }
    },
  }),
  endpoint({ id: 'volumes.show', method: 'GET', path: '/os-volumes/{volume}', until, status: 200, summary: 'Show a volume (ask the block storage service)', policy, async handle(ctx, { params }) { return { volume: volumeView(await get(ctx, 'volumes', params.volume)) } } }),
  endpoint({ id: 'volumes.delete', method: 'DELETE', path: '/os-volumes/{volume}', until, status: 202, summary: 'Delete a volume (ask the block storage service)', policy, async handle(ctx, { params }) { await get(ctx, 'volumes', params.volume); await lend(ctx, 'volume', 'DELETE', `/volumes/${params.volume}`) } }),
  ...(['/os-snapshots', '/os-snapshots/detail'] as const).map((path) => endpoint({ id: `snapshots.${path.endsWith('detail') ? 'detail' : 'list'}`, method: 'GET', path, until, status: 200, summary: 'List snapshots (ask the block storage service)', policy, async handle(ctx, { query }) { return { snapshots: (await list(ctx, 'snapshots', query)).map(snapshotView) } } })),
  endpoint({
    id: 'snapshots.create', method: 'POST', path: '/os-snapshots', until, status: 200, summary: 'Create a snapshot (ask the block storage service)', policy,
    body: { '2.1': t.Object({ snapshot: t.Object({ volume_id: t.String(), display_name: text, display_description: text, force: t.Optional(bool) }) }, closed) },
    async handle(ctx, { body: { snapshot: b } }) {
      const { snapshot } = await lend(ctx, 'volume', 'POST', '/snapshots', { body: { snapshot: { volume_id: b.volume_id, name: b.display_name ?? '', description: b.display_description ?? '' } } })
      return { snapshot: snapshotView(snapshot) }
    },
  }),
  endpoint({ id: 'snapshots.show', method: 'GET', path: '/os-snapshots/{snapshot}', until, status: 200, summary: 'Show a snapshot (ask the block storage service)', policy, async handle(ctx, { params }) { return { snapshot: snapshotView(await get(ctx, 'snapshots', params.snapshot)) } } }),
  endpoint({ id: 'snapshots.delete', method: 'DELETE', path: '/os-snapshots/{snapshot}', until, status: 202, summary: 'Delete a snapshot (ask the block storage service)', policy, async handle(ctx, { params }) { await get(ctx, 'snapshots', params.snapshot); await lend(ctx, 'volume', 'DELETE', `/snapshots/${params.snapshot}`) } }),
]
