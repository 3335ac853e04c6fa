import { invalid } from '../../../../kernel/fault.ts'
import { boolean, integer, live, resourceType, text, type Progress, type Work } from '../../provider.ts'
import { keep, kept } from '../../os/cinder/keep.ts'
import { volumeType } from '../../../../ec2/mapping/disks.ts'
import { nameOf, tagMap, tagged, tags, unused } from './pieces.ts'

const at = (r: Work) => `/volumes/${r.resource.physicalId}`
export const showVolume = async (r: Work, id = r.resource.physicalId) => (await r.call({ service: 'volume', method: 'GET', path: `/volumes/${id}` })).volume
function progress(v: any): Progress {
  if (/^error/.test(v.status)) throw invalid(`Volume ${v.id} went to status ${v.status}.`)
  return ['available', 'in-use'].includes(v.status) ? { shown: v } : { wait: { lane: v.id } }
}

export default tagged('volume', resourceType({
  name: 'AWS::EC2::Volume', description: 'A disk that can be attached to an instance.', support: { status: 'SUPPORTED' },
  properties: {
    AvailabilityZone: text({ required: true }), Size: integer({ ...live, constraints: [{ kind: 'range', min: 1 }] }), SnapshotId: text({ find: 'cinder.snapshot' }), VolumeType: text({ description: "A volume type of this cloud; AWS's own names mean the default." }), Tags: tags,
    Encrypted: unused(boolean()), KmsKeyId: unused(text()), Iops: unused(integer()), Throughput: unused(integer()), MultiAttachEnabled: unused(boolean()), AutoEnableIO: unused(boolean()),
  },
  attributes: { VolumeId: { type: 'String', own: true, of: (_, r) => r.resource.physicalId } },
  validate(p) { if (p.Size === undefined && p.SnapshotId === undefined) throw invalid('If neither SnapshotId nor Size is provided, there is no telling how large the volume should be.') },
  async create(r) {
    const p = r.properties, kind = volumeType(p.VolumeType)
    const { volume } = await r.call({ service: 'volume', method: 'POST', path: '/volumes', body: { volume: { size: p.Size, snapshot_id: p.SnapshotId, availability_zone: p.AvailabilityZone, volume_type: kind, name: nameOf(r), metadata: tagMap(p.Tags) } } })
    return { id: volume.id, wait: { lane: volume.id } }
  },
  ready: async (r) => (r.resource.data.keeping ? kept(r) : progress(await showVolume(r))),
  /** With DeletionPolicy Snapshot what is on it outlives it. */
  snapshot: async (r) => (r.resource.action === 'DELETE' ? keep(r) : {}),
  show: (r) => showVolume(r),
  async update(r, { before, after, changed }) {
    if (changed.includes('Tags')) await r.call({ service: 'volume', method: 'PUT', path: at(r), body: { volume: { name: nameOf(r), metadata: tagMap(after.Tags) } } })
    if (!changed.includes('Size')) return {}
    if ((after.Size ?? 0) < (before.Size ?? 0)) return 'replace'
    await r.call({ service: 'volume', method: 'POST', version: '3.70', path: `${at(r)}/action`, body: { 'os-extend': { new_size: after.Size } } })
    return { wait: { lane: r.resource.physicalId! } }
  },
  async remove(r) {
    if (!r.resource.physicalId) return
    if (r.begun) { await showVolume(r); return { wait: { lane: r.resource.physicalId } } }
    await r.call({ service: 'volume', method: 'DELETE', path: at(r) })
    return { wait: { lane: r.resource.physicalId } }
  },
}))
