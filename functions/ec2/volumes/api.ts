import { Type as t } from 'typebox'
import { awsFault } from '../../aws/faults.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { isoMicros } from '../../kernel/view.ts'
import { attachmentsOf, placesOf } from '../../volume/volumes/use.ts'
import { one, toCompute, toVolume, unless, volume } from '../call.ts'
import { describe } from '../describe.ts'
import { idOf, unknown, uuidOf } from '../ids.ts'
import { once } from '../instances/run.ts'
import { deviceName, volumeType } from '../mapping/disks.ts'
import { write } from '../service.ts'
import { flag, iso, TagSpecifications, text, whole, word } from '../shapes.ts'
import { keepTags, nameIn, shown, tagsFor } from '../tags/keep.ts'

const STATES: Record<string, string> = { creating: 'creating', downloading: 'creating', available: 'available', reserved: 'in-use', attaching: 'in-use', 'in-use': 'in-use', detaching: 'in-use', deleting: 'deleting', error: 'error', error_deleting: 'error', error_extending: 'error' }
type Held = Awaited<ReturnType<typeof attachmentsOf>>[number]['attachment']

const heldView = (a: Held) => ({ volumeId: idOf('volume', a.volume), instanceId: idOf('instance', a.server!), device: a.device ?? undefined, status: a.status === 'reserved' ? 'attaching' : a.status, attachTime: iso(isoMicros(a.attachedAt ?? a.createdAt)), deleteOnTermination: a.deleteOnTermination })
export const volumeView = (v: any, held: Held[]) => ({
  volumeId: idOf('volume', v.id), size: v.size as number, status: STATES[v.status] ?? (held.length ? 'in-use' : 'available'), createTime: iso(v.created_at), availabilityZone: v.availability_zone as string, snapshotId: v.snapshot_id ? idOf('snapshot', v.snapshot_id) : '', volumeType: (v.volume_type ?? 'standard') as string, encrypted: Boolean(v.encrypted), multiAttachEnabled: false,
  sourceVolumeId: v.source_volid ? idOf('volume', v.source_volid) : undefined, attachmentSet: held.filter((a) => a.server).map(heldView), tagSet: [] as { key: string; value: string }[],
})
type View = ReturnType<typeof volumeView>
const at = (see: (a: View['attachmentSet'][number]) => unknown) => (v: View) => v.attachmentSet.map(see)

/** The attachments of those that are somewhere, by volume. */
async function heldBy(ctx: Ctx, rows: any[]): Promise<Map<string, Held[]>> {
  const some = rows.filter((v) => !['creating', 'available', 'deleting'].includes(STATES[v.status])).map((v) => v.id as string)
  return some.length ? Map.groupBy((await ctx.read(placesOf(some)))[0], (a) => a.volume) : new Map()
}
const busy = (id: string) => awsFault('VolumeInUse', `${id} is already attached to an instance`)

export default [
  write('CreateVolume', {
    summary: 'Make a volume', limit: 'VolumeLimitExceeded',
    input: { AvailabilityZone: word, AvailabilityZoneId: word, Size: t.Optional(t.Integer({ minimum: 1, maximum: 65_536 })), SnapshotId: word, VolumeType: word, Iops: whole, Throughput: whole, Encrypted: flag, KmsKeyId: word, MultiAttachEnabled: flag, ClientToken: word, TagSpecifications },
    handle: (ctx, i) => once(ctx, 'CreateVolume', i, async () => {
      if (i.Size === undefined && i.SnapshotId === undefined) throw awsFault('MissingParameter', 'The request must contain the parameter size or snapshotId')
      if (i.Encrypted || i.KmsKeyId) throw awsFault('UnsupportedOperation', 'Volumes are not encrypted with keys of one\'s own.')
      if (i.MultiAttachEnabled) throw awsFault('UnsupportedOperation', 'A volume is attached to one instance at a time.')
      const tags = tagsFor(i.TagSpecifications, 'volume'), snapshot = i.SnapshotId ? await one(ctx, 'snapshot', i.SnapshotId) : undefined, zone = i.AvailabilityZone ?? i.AvailabilityZoneId
      const { volume: made } = await toVolume(ctx, 'POST', '/volumes', { volume: { size: i.Size ?? snapshot.size, snapshot_id: snapshot?.id, availability_zone: zone, volume_type: volumeType(i.VolumeType), name: nameIn(tags) } })
      keepTags(ctx, 'volume', made.id, tags)
      ctx.about(made.id)
      return { ...volumeView(made, []), tagSet: shown(tags) }
    }),
  }),
  write('DeleteVolume', {
    summary: 'Delete a volume', input: { VolumeId: text },
    async handle(ctx, i) {
      const v = await one(ctx, 'volume', i.VolumeId)
      if (STATES[v.status] === 'in-use') throw awsFault('VolumeInUse', `Volume ${i.VolumeId} is currently attached`)
      const wrong = (e: Error) => awsFault(/snapshot/i.test(e.message) ? 'DependencyViolation' : 'IncorrectState', e.message)
      await unless('conflict', wrong, () => unless('invalid', wrong, () => toVolume(ctx, 'DELETE', `/volumes/${v.id}`)))
    },
  }),
  write('AttachVolume', {
    summary: 'Attach a volume to an instance', limit: 'AttachmentLimitExceeded', input: { VolumeId: text, InstanceId: text, Device: text },
    async handle(ctx, i) {
      const v = await one(ctx, 'volume', i.VolumeId), s = await one(ctx, 'instance', i.InstanceId)
      if (STATES[v.status] === 'in-use') throw busy(i.VolumeId)
      if (v.status !== 'available') throw awsFault('IncorrectState', `Volume ${i.VolumeId} is not available: its state is ${STATES[v.status] ?? v.status}.`)
      const taken = (await ctx.read(attachmentsOf([s.id])))[0].some((a) => a.attachment.device === i.Device)
      if (taken) throw awsFault('InvalidParameterValue', `Invalid value '${i.Device}' for unixDevice. Attachment point ${i.Device} is already in use`)
      const { volumeAttachment: a } = await unless('conflict', (e) => awsFault('IncorrectState', e.message), () => toCompute(ctx, 'POST', `/servers/${s.id}/os-volume_attachments`, { volumeAttachment: { volumeId: v.id, device: deviceName(i.Device) } }))
      return { volumeId: idOf('volume', v.id), instanceId: idOf('instance', s.id), device: a.device ?? i.Device, status: 'attaching', attachTime: iso(isoMicros(ctx.now())), deleteOnTermination: false }
    },
  }),
  write('DetachVolume', {
    summary: 'Take a volume out of an instance', input: { VolumeId: text, InstanceId: word, Device: word, Force: flag },
    async handle(ctx, i) {
      const v = await one(ctx, 'volume', i.VolumeId), server = v.attachments[0]?.server_id as string | undefined
      if (!server || v.status === 'available') throw awsFault('IncorrectState', `Volume '${i.VolumeId}' is in the 'available' state.`)
      if (i.InstanceId && uuidOf('instance', i.InstanceId) !== server) throw awsFault('InvalidAttachment.NotFound', `The volume '${i.VolumeId}' is not attached to instance '${i.InstanceId}'.`)
      const [found] = await ctx.read(attachmentsOf([server])), held = found.find((f) => f.attachment.volume === v.id)?.attachment
      if (!held) throw unknown('volume', i.VolumeId)
      if (i.Device && held.device !== i.Device) throw awsFault('InvalidAttachment.NotFound', `The volume '${i.VolumeId}' is not attached as device '${i.Device}'.`)
      await unless('forbidden', () => awsFault('OperationNotPermitted', `Unable to detach root volume '${i.VolumeId}' from instance '${idOf('instance', server)}'`), () => unless('conflict', (e) => awsFault('IncorrectState', e.message), () => toCompute(ctx, 'DELETE', `/servers/${server}/os-volume_attachments/${v.id}`)))
      return { ...heldView(held), status: 'detaching' }
    },
  }),
  describe<any, View>('DescribeVolumes', {
    summary: 'Describe volumes', noun: 'volume', ids: ['VolumeIds', 'VolumeId'], set: 'volumeSet', name: (v) => v.name,
    rows: async (ctx, { limit, marker }) => (await volume(ctx, '/volumes/detail', { limit: String(limit), ...(marker ? { marker } : {}) })).volumes,
    view: async (ctx, rows) => { const held = await heldBy(ctx, rows); return rows.map((v) => volumeView(v, held.get(v.id) ?? [])) },
    filters: {
      'volume-id': (v) => v.volumeId, status: (v) => v.status, size: (v) => v.size, 'availability-zone': (v) => v.availabilityZone, 'create-time': (v) => v.createTime, encrypted: (v) => v.encrypted, 'snapshot-id': (v) => v.snapshotId, 'volume-type': (v) => v.volumeType, 'multi-attach-enabled': (v) => v.multiAttachEnabled,
      'attachment.instance-id': at((a) => a.instanceId), 'attachment.device': at((a) => a.device), 'attachment.status': at((a) => a.status), 'attachment.delete-on-termination': at((a) => a.deleteOnTermination), 'attachment.attach-time': at((a) => a.attachTime),
    },
  }),
]
