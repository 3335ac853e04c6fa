import { invalid } from '../../../../kernel/fault.ts'
import { boolean, list, live, map, required, resourceType, text, type Work } from '../../provider.ts'
import { less, texts } from '../nova/pieces.ts'
import { VOLUME } from './pieces.ts'

const at = (r: Work, more = '') => ({ ...VOLUME, path: `/types/${r.resource.physicalId}${more}` })
async function access(r: Work, before: string[], after: string[]) {
  for (const project of less(before, after)) await r.call({ ...at(r, '/action'), method: 'POST', body: { removeProjectAccess: { project } } })
  for (const project of less(after, before)) await r.call({ ...at(r, '/action'), method: 'POST', body: { addProjectAccess: { project } } })
}

export default resourceType({
  name: 'OS::Cinder::VolumeType', description: 'A kind of volume.', support: { status: 'SUPPORTED', version: '2015.1' }, admin: true,
  properties: { name: text({ ...required, ...live }), metadata: map(undefined, live), is_public: boolean({ default: true, ...live }), description: text(live), projects: list(text({ find: 'keystone.project' }), { default: [], ...live }) },
  attributes: {},
  validate(p) { if (p.is_public === true && Array.isArray(p.projects) && p.projects.length) throw invalid('Can not specify property "projects" if the volume type is public.') },
  async create(r) {
    const { name, description, is_public, metadata, projects } = r.properties
    const { volume_type } = await r.call({ ...VOLUME, method: 'POST', path: '/types', body: { volume_type: { name, description, 'os-volume-type-access:is_public': is_public, ...(metadata ? { extra_specs: texts(metadata) } : {}) } } })
    return { id: volume_type.id, shown: volume_type, ...(projects.length ? { again: true as const } : {}) }
  },
  async ready(r) {
    if (r.resource.data.opened || !r.properties.projects.length) return {}
    await access(r, [], r.properties.projects)
    return { data: { opened: true } }
  },
  show: async (r) => (await r.call({ ...at(r), method: 'GET' })).volume_type,
  async update(r, { before, after, changed }) {
    const set = Object.fromEntries(['name', 'description', 'is_public'].filter((k) => changed.includes(k)).map((k) => [k, after[k] ?? null]))
    if (Object.keys(set).length) await r.call({ ...at(r), method: 'PUT', body: { volume_type: set } })
    if (changed.includes('metadata')) {
      for (const key of less(Object.keys(before.metadata ?? {}), Object.keys(after.metadata ?? {}))) await r.call({ ...at(r, `/extra_specs/${encodeURIComponent(key)}`), method: 'DELETE' })
      if (Object.keys(after.metadata ?? {}).length) await r.call({ ...at(r, '/extra_specs'), method: 'POST', body: { extra_specs: texts(after.metadata) } })
    }
    // Those of a type that is being closed are let in once it is closed.
    if (changed.includes('projects') && !changed.includes('is_public')) await access(r, before.projects ?? [], after.projects ?? [])
    return changed.includes('projects') && changed.includes('is_public') ? { data: {}, again: true } : { data: { opened: true } }
  },
  async remove(r) { if (r.resource.physicalId) await r.call({ ...at(r), method: 'DELETE' }) },
})
