import { integer, live, oneOf, required, resourceType, text, type Work } from '../../provider.ts'
import { VOLUME } from './pieces.ts'

const at = (r: Work) => ({ ...VOLUME, path: `/types/${r.resource.physicalId}/encryption/${r.resource.data.encryption}` })
const given = (p: Record<string, any>) => Object.fromEntries(Object.entries(p).filter(([k, v]) => k !== 'volume_type' && v !== undefined && v !== null))

export default resourceType({
  name: 'OS::Cinder::EncryptedVolumeType', description: 'Has volumes of a type encrypted.', support: { status: 'SUPPORTED', version: '5.0.0' }, admin: true,
  properties: {
    provider: text({ ...required, ...live }), control_location: text({ default: 'front-end', ...live, ...oneOf('front-end', 'back-end') }), cipher: text({ ...live, ...oneOf('aes-xts-plain64', 'aes-cbc-essiv') }), key_size: integer(live), volume_type: text({ ...required, find: 'cinder.vtype' }),
  },
  attributes: {},
  async create(r) {
    const { encryption } = await r.call({ ...VOLUME, method: 'POST', path: `/types/${r.properties.volume_type}/encryption`, body: { encryption: given(r.properties) } })
    return { id: r.properties.volume_type, data: { encryption: encryption.encryption_id }, shown: encryption }
  },
  show: (r) => r.call({ ...VOLUME, method: 'GET', path: `/types/${r.resource.physicalId}/encryption` }),
  async update(r, { after, changed }) {
    await r.call({ ...at(r), method: 'PUT', body: { encryption: Object.fromEntries(changed.map((k) => [k, after[k] ?? null])) } })
    return {}
  },
  async remove(r) { if (r.resource.data.encryption) await r.call({ ...at(r), method: 'DELETE' }) },
})
