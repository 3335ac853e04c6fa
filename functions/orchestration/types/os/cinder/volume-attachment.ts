import { invalid } from '../../../../kernel/fault.ts'
import { live, required, resourceType, text, type Progress, type Work } from '../../provider.ts'
import { showVolume } from './pieces.ts'

const path = (server: string, volume = '') => `/servers/${server}/os-volume_attachments${volume && `/${volume}`}`
const device = (d: unknown) => (typeof d === 'string' && /^(\/dev\/)?[a-z]+d[a-z]+$/.test(d) ? { device: d.startsWith('/') ? d : `/dev/${d}` } : {})
async function attach(r: Work): Promise<Progress> {
  const { instance_uuid, volume_id, mountpoint } = r.properties
  await r.call({ service: 'compute', method: 'POST', path: path(instance_uuid), body: { volumeAttachment: { volumeId: volume_id, ...device(mountpoint) } } })
  return { id: volume_id, data: { server: instance_uuid, volume: volume_id }, wait: { lane: volume_id } }
}
/** Takes it out; undefined when it is out. */
async function detach(r: Work, server: string, volume: string): Promise<{ lane: string } | undefined> {
  const v = await showVolume(r, volume)
  if (v.status === 'detaching') return { lane: volume }
  if (!v.attachments?.some((a: any) => a.server_id === server)) return undefined
  await r.call({ service: 'compute', method: 'DELETE', path: path(server, volume) })
  return { lane: volume }
}

export default resourceType({
  name: 'OS::Cinder::VolumeAttachment', description: 'Puts a volume into a server.', support: { status: 'SUPPORTED' },
  properties: { instance_uuid: text({ ...required, ...live, find: 'nova.server' }), volume_id: text({ ...required, ...live, find: 'cinder.volume' }), mountpoint: text(live) },
  attributes: {},
  create: attach,
  async ready(r) {
    const { server, volume, leaving } = r.resource.data
    if (leaving) {
      const wait = await detach(r, server, volume)
      return wait ? { wait } : attach(r)
    }
    const v = await showVolume(r, volume)
    if (v.status === 'in-use') return { shown: v }
    if (['attaching', 'reserved', 'detaching'].includes(v.status)) return { wait: { lane: v.id } }
    throw invalid(`Volume attachment failed - Unknown status ${v.status} due to "Unknown"`, { type: 'ResourceUnknownStatus' })
  },
  show: (r) => showVolume(r, r.resource.data.volume),
  /** Out of where it is, then into where it shall be. */
  async update(r) {
    const { server, volume } = r.resource.data, wait = await detach(r, server, volume), data = { ...r.resource.data, leaving: true }
    return wait ? { data, wait } : { data, again: true }
  },
  async remove(r) {
    const { server, volume } = r.resource.data
    if (!volume) return
    const wait = await detach(r, server, volume)
    if (wait) return { wait, data: r.resource.data }
  },
})
