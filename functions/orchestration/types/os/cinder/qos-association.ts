import { list, live, required, resourceType, text, type Work } from '../../provider.ts'
import { less } from '../nova/pieces.ts'
import { VOLUME } from './pieces.ts'

async function associate(r: Work, before: string[], after: string[]) {
  const turn = (verb: string, type: string) => r.call({ ...VOLUME, method: 'GET', path: `/qos-specs/${r.properties.qos_specs}/${verb}`, query: { vol_type_id: type } })
  for (const t of less(before, after)) await turn('disassociate', t)
  for (const t of less(after, before)) await turn('associate', t)
  return { data: { types: after } }
}
export default resourceType({
  name: 'OS::Cinder::QoSAssociation', description: 'Gives QoS specs to volume types.', support: { status: 'SUPPORTED', version: '8.0.0' }, admin: true,
  properties: { qos_specs: text({ ...required, find: 'cinder.qos_specs' }), volume_types: list(text({ find: 'cinder.vtype' }), { ...required, ...live }) },
  attributes: {},
  async create(r) { return { id: r.resource.id, ...await associate(r, [], r.properties.volume_types) } },
  show: async (r) => (await r.call({ ...VOLUME, method: 'GET', path: `/qos-specs/${r.properties.qos_specs}` })).qos_specs,
  update: (r, { after }) => associate(r, r.resource.data.types ?? [], after.volume_types),
  async remove(r) { if (r.resource.physicalId) await associate(r, r.resource.data.types ?? [], []) },
})
