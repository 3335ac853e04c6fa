import { invalid } from '../../../../kernel/fault.ts'
import { boolean, integer, list, live, map, number, required, resourceType, text, type Work } from '../../provider.ts'
import { act, COMPUTE, less, texts } from './pieces.ts'

const at = (r: Work) => `/flavors/${r.resource.physicalId}`
async function specs(r: Work, before: Record<string, string>, after: Record<string, string>) {
  for (const key of less(Object.keys(before), Object.keys(after))) await r.call({ ...COMPUTE, method: 'DELETE', path: `${at(r)}/os-extra_specs/${encodeURIComponent(key)}` })
  if (Object.keys(after).length) await r.call({ ...COMPUTE, method: 'POST', path: `${at(r)}/os-extra_specs`, body: { extra_specs: after } })
}
async function access(r: Work, before: string[], after: string[]) {
  for (const tenant of less(before, after)) await act(r, at(r), { removeTenantAccess: { tenant } })
  for (const tenant of less(after, before)) await act(r, at(r), { addTenantAccess: { tenant } })
}
const show = async (r: Work) => (await r.call({ ...COMPUTE, method: 'GET', path: at(r) })).flavor

export default resourceType({
  name: 'OS::Nova::Flavor', description: 'A size that servers may have.', support: { status: 'SUPPORTED', version: '2014.2' }, admin: true,
  properties: {
    tenants: list(text({ find: 'keystone.project' }), { default: [], ...live }), flavorid: text(), name: text(), ram: integer(required), vcpus: integer(required), disk: integer({ default: 0 }), swap: integer({ default: 0 }), ephemeral: integer({ default: 0 }),
    rxtx_factor: number({ default: 1 }), extra_specs: map(undefined, live), is_public: boolean({ default: true }),
  },
  attributes: { is_public: { type: 'Boolean', of: (f) => f['os-flavor-access:is_public'] }, extra_specs: { type: 'Map' } },
  validate(p) { if (p.is_public === true && Array.isArray(p.tenants) && p.tenants.length) throw invalid('Can not specify property tenants if the value of property is_public is true.') },
  async create(r) {
    const { tenants, flavorid, ephemeral, is_public, extra_specs, ...p } = r.properties
    const { flavor } = await r.call({ ...COMPUTE, method: 'POST', path: '/flavors', body: { flavor: { ...p, name: p.name ?? r.uniqueName(), id: flavorid ?? r.ctx.uuid(), 'OS-FLV-EXT-DATA:ephemeral': ephemeral, 'os-flavor-access:is_public': is_public } } })
    return { id: flavor.id, shown: flavor, ...(Object.keys(extra_specs ?? {}).length || tenants.length ? { again: true as const } : {}) }
  },
  async ready(r) {
    if (!r.resource.data.dressed && (Object.keys(r.properties.extra_specs ?? {}).length || r.properties.tenants.length)) {
      await specs(r, {}, texts(r.properties.extra_specs))
      await access(r, [], r.properties.tenants)
      // Whoever asks for its extra specs sees them in the next unit.
      return { data: { dressed: true }, again: true }
    }
    return {}
  },
  show,
  async update(r, { before, after, changed }) {
    if (changed.includes('extra_specs')) await specs(r, texts(before.extra_specs), texts(after.extra_specs))
    if (changed.includes('tenants')) await access(r, before.tenants ?? [], after.tenants ?? [])
    return { data: { dressed: true } }
  },
  async remove(r) { if (r.resource.physicalId) await r.call({ ...COMPUTE, method: 'DELETE', path: at(r) }) },
})
