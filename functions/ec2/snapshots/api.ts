import { Type as t } from 'typebox'
import { awsFault } from '../../aws/faults.ts'
import { known, one, toVolume, unless, volume } from '../call.ts'
import { describe } from '../describe.ts'
import { idOf } from '../ids.ts'
import { write } from '../service.ts'
import { iso, names, TagSpecifications, text } from '../shapes.ts'
import { keepTags, nameIn, shown, tagsFor } from '../tags/keep.ts'

const STATES: Record<string, string> = { creating: 'pending', available: 'completed', error: 'error' }
const view = (s: any, owner: string) => ({
  snapshotId: idOf('snapshot', s.id), volumeId: idOf('volume', s.volume_id), status: STATES[s.status] ?? 'completed', startTime: iso(s.created_at), progress: (s['os-extended-snapshot-attributes:progress'] ?? (s.status === 'available' ? '100%' : '0%')) as string, ownerId: (s['os-extended-snapshot-attributes:project_id'] ?? owner) as string,
  description: (s.description ?? '') as string, volumeSize: s.size as number, encrypted: false, storageTier: 'standard', tagSet: [] as { key: string; value: string }[],
})
type View = ReturnType<typeof view>
const OTHERS = Symbol('others')

export default [
  write('CreateSnapshot', {
    summary: 'Keep what is on a volume now', limit: 'SnapshotLimitExceeded', input: { VolumeId: text, Description: t.Optional(t.String({ maxLength: 255 })), TagSpecifications },
    async handle(ctx, i) {
      const v = await one(ctx, 'volume', i.VolumeId), tags = tagsFor(i.TagSpecifications, 'snapshot')
      if (!['available', 'in-use'].includes(v.status)) throw awsFault('IncorrectState', `Volume ${i.VolumeId} is ${v.status}.`)
      const { snapshot } = await unless('conflict', (e) => awsFault('IncorrectState', e.message), () => toVolume(ctx, 'POST', '/snapshots', { snapshot: { volume_id: v.id, name: nameIn(tags), description: i.Description } }))
      keepTags(ctx, 'snapshot', snapshot.id, tags)
      ctx.about(snapshot.id)
      return { ...view(snapshot, ctx.project), tagSet: shown(tags) }
    },
  }),
  write('DeleteSnapshot', {
    summary: 'Delete a snapshot', input: { SnapshotId: text },
    handle: (ctx, i) => known('snapshot', i.SnapshotId, async (id) => {
      const used = (e: Error) => awsFault('InvalidSnapshot.InUse', e.message)
      await unless('conflict', used, () => unless('invalid', used, () => toVolume(ctx, 'DELETE', `/snapshots/${id}`)))
    }),
  }),
  describe<any, View, { OwnerIds: ReturnType<typeof names>; RestorableByUserIds: ReturnType<typeof names> }>('DescribeSnapshots', {
    summary: 'Describe snapshots', noun: 'snapshot', ids: ['SnapshotIds', 'SnapshotId'], set: 'snapshotSet', more: { OwnerIds: names('Owner'), RestorableByUserIds: names('RestorableBy') }, name: (s) => s.name,
    rows: async (ctx, { limit, marker }) => (await volume(ctx, '/snapshots/detail', { limit: String(limit), ...(marker ? { marker } : {}) })).snapshots,
    // A snapshot is seen by its own project alone.
    view: (ctx, rows, input) => rows.map((s) => ({ ...view(s, ctx.project), [OTHERS]: [input.OwnerIds, input.RestorableByUserIds].some((who) => who?.length && !who.includes('self') && !who.includes(ctx.project)) })),
    keep: (s) => !(s as View & { [OTHERS]?: boolean })[OTHERS],
    filters: { 'snapshot-id': (s) => s.snapshotId, 'volume-id': (s) => s.volumeId, status: (s) => s.status, 'start-time': (s) => s.startTime, progress: (s) => s.progress, 'owner-id': (s) => s.ownerId, 'owner-alias': () => undefined, description: (s) => s.description, 'volume-size': (s) => s.volumeSize, encrypted: (s) => s.encrypted, 'storage-tier': (s) => s.storageTier },
  }),
]
