import { invalid } from '../../../../kernel/fault.ts'
import { live, resourceType, text, type Progress, type Work } from '../../provider.ts'
import { deviceName } from '../../../../ec2/mapping/disks.ts'
import { unlessGone } from './pieces.ts'
import { showVolume } from './volume.ts'

type Props = Record<string, any>
const path = (p: Props, volume = '') => `/servers/${p.InstanceId}/os-volume_attachments${volume && `/${volume}`}`
const heldBy = (v: any, instance: string) => v.attachments?.some((a: any) => a.server_id === instance)

async function attach(r: Work): Promise<Progress> {
  const p = r.properties, device = deviceName(p.Device)
  await r.call({ service: 'compute', method: 'POST', path: path(p), body: { volumeAttachment: { volumeId: p.VolumeId, ...(device ? { device } : {}) } } })
  return { id: p.VolumeId, data: {}, wait: { lane: p.VolumeId } }
}

export default resourceType({
  name: 'AWS::EC2::VolumeAttachment', description: 'Puts a volume into an instance. Another instance or volume: the old one is taken out first.', support: { status: 'SUPPORTED' },
  properties: { Device: text(live), InstanceId: text({ required: true, find: 'nova.server', ...live }), VolumeId: text({ required: true, find: 'cinder.volume', ...live }) },
  attributes: {},
  create: attach,
  async ready(r) {
    const v = await showVolume(r, r.properties.VolumeId), { data } = r.resource
    if (data.leaving && data.leaving !== v.id) {
      // A volume that is swapped for another has to be out before that one takes its place.
      const old = await unlessGone(() => showVolume(r, data.leaving))
      if (old && old.status === 'detaching') return { data, wait: { lane: old.id } }
    }
    if (data.leaving && v.status === 'available') return attach(r)
    if (v.status === 'in-use' && heldBy(v, r.properties.InstanceId)) return { id: v.id, data: {}, shown: v }
    if (['attaching', 'reserved', 'detaching'].includes(v.status)) return { data, wait: { lane: v.id } }
    throw invalid(`Volume ${v.id} was not attached: its status is ${v.status}.`)
  },
  async update(r, { before }) {
    const old = await unlessGone(() => showVolume(r, before.VolumeId))
    if (old && heldBy(old, before.InstanceId) && old.status === 'in-use') await r.call({ service: 'compute', method: 'DELETE', path: path(before, before.VolumeId) })
    return { data: { leaving: before.VolumeId }, wait: { lane: before.VolumeId, seconds: 5 } }
  },
  show: (r) => showVolume(r, r.properties.VolumeId),
  async remove(r) {
    const volume = r.resource.physicalId
    if (!volume) return
    const v = await showVolume(r, volume)
    if (v.status === 'detaching') return { wait: { lane: volume } }
    if (!heldBy(v, r.properties.InstanceId)) return
    await r.call({ service: 'compute', method: 'DELETE', path: path(r.properties, volume) })
    return { wait: { lane: volume } }
  },
})
