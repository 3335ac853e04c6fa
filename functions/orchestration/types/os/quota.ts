import { invalid } from '../../../kernel/fault.ts'
import type { Invocation } from '../../../kernel/invoke.ts'
import { integer, live, range, required, resourceType, text, type Property, type ResourceType, type Work } from '../provider.ts'

/** A project's limits in one service; without the resource they are the usual ones again. */
export function quota(o: { name: string; version: string; path: string; key: string; to: Pick<Invocation, 'service' | 'version'>; limits: string[]; deprecated?: string[] }): ResourceType {
  const limit = (k: string): Property => integer({ ...live, ...range(-1), ...(o.deprecated?.includes(k) ? { support: { status: 'DEPRECATED' as const, version: '14.0.0' } } : {}) })
  const at = (project: string) => ({ ...o.to, path: `${o.path}/${project}` })
  const put = async (r: Work, keys: string[]) => {
    const given = Object.fromEntries(keys.filter((k) => k !== 'project' && r.properties[k] !== undefined && r.properties[k] !== null).map((k) => [k, r.properties[k]]))
    return Object.keys(given).length ? r.call({ ...at(r.properties.project), method: 'PUT', body: { [o.key]: given } }) : undefined
  }
  return resourceType({
    name: o.name, description: "A project's limits.", support: { status: 'SUPPORTED', version: o.version }, properties: { project: text({ ...required, find: 'keystone.project' }), ...Object.fromEntries(o.limits.map((k) => [k, limit(k)])) }, attributes: {},
    validate(p) { if (!o.limits.some((k) => p[k] !== undefined)) throw invalid(`At least one of the following properties must be specified: ${[...o.limits].sort().join(', ')}.`) },
    async create(r) { await put(r, o.limits); return { id: r.uniqueName(), data: { project: r.properties.project } } },
    show: async (r) => (await r.call({ ...at(r.properties.project), method: 'GET' }))[o.key],
    async update(r, { changed }) { await put(r, changed); return {} },
    async remove(r) { if (r.resource.data.project) await r.call({ ...at(r.resource.data.project), method: 'DELETE' }) },
  })
}
