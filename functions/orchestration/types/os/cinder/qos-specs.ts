import { live, map, required, resourceType, text, type Work } from '../../provider.ts'
import { less, texts } from '../nova/pieces.ts'
import { VOLUME } from './pieces.ts'

const at = (r: Work, more = '') => ({ ...VOLUME, path: `/qos-specs/${r.resource.physicalId}${more}` })
export default resourceType({
  name: 'OS::Cinder::QoSSpecs', description: 'What volumes of a type get of the disk.', support: { status: 'SUPPORTED', version: '7.0.0' }, admin: true,
  properties: { name: text(), specs: map(undefined, { ...required, ...live }) },
  attributes: {},
  async create(r) {
    const { qos_specs } = await r.call({ ...VOLUME, method: 'POST', path: '/qos-specs', body: { qos_specs: { ...texts(r.properties.specs), name: r.properties.name ?? r.uniqueName() } } })
    return { id: qos_specs.id, shown: qos_specs }
  },
  show: async (r) => (await r.call({ ...at(r), method: 'GET' })).qos_specs,
  async update(r, { before, after }) {
    const gone = less(Object.keys(before.specs), Object.keys(after.specs))
    // What leaves leaves first; the next unit sets the rest over what is left.
    if (!gone.length) { await r.call({ ...at(r), method: 'PUT', body: { qos_specs: texts(after.specs) } }); return {} }
    await r.call({ ...at(r, '/delete_keys'), method: 'PUT', body: { keys: gone } })
    return { again: true }
  },
  async ready(r) {
    await r.call({ ...at(r), method: 'PUT', body: { qos_specs: texts(r.properties.specs) } })
    return {}
  },
  async remove(r) { if (r.resource.physicalId) await r.call({ ...at(r), method: 'DELETE', query: { force: 'true' } }) },
})
