import { invalid } from '../../../../kernel/fault.ts'
import { resourceType, text, type Work } from '../../provider.ts'
import { showVolume } from './volume.ts'

const path = (r: Work, volume = '') => `/servers/${r.properties.InstanceId}/os-volume_attachments${volume && `/${volume}`}`

export default resourceType({
  name: 'AWS::EC2::VolumeAttachment', description: 'Puts a volume into an instance.', support: { status: 'SUPPORTED' },
  properties: { Device: text(), InstanceId: text({ required: true, find: 'nova.server' }), VolumeId: text({ required: true, find: 'cinder.volume' }) },
  attributes: {},
  async create(r) {
    const p = r.properties, device = p.Device && /^\/dev\/[vsh]d[a-z]$/.test(p.Device) ? p.Device : undefined
    await r.call({ service: 'compute', method: 'POST', path: path(r), body: { volumeAttachment: { volumeId: p.VolumeId, ...(device ? { device } : {}) } } })
    return { id: p.VolumeId, wait: { lane: p.VolumeId } }
  },
  async ready(r) {
    const v = await showVolume(r, r.properties.VolumeId)
    if (v.status === 'in-use') return { shown: v }
    if (v.status === 'attaching' || v.status === 'reserved') return { wait: { lane: v.id } }
    throw invalid(`Volume ${v.id} was not attached: its status is ${v.status}.`)
  },
  show: (r) => showVolume(r, r.properties.VolumeId),
  async remove(r) {
    const volume = r.resource.physicalId
    if (!volume) return
    const v = await showVolume(r, volume)
    if (v.status === 'detaching') return { wait: { lane: volume } }
    if (!v.attachments?.some((a: any) => a.server_id === r.properties.InstanceId)) return
    await r.call({ service: 'compute', method: 'DELETE', path: path(r, volume) })
    return { wait: { lane: volume } }
  },
})
