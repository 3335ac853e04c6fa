import { list, live, map, required, resourceType, text, type Work } from '../../provider.ts'
import { act, COMPUTE, less, texts } from './pieces.ts'

const at = (r: Work) => `/os-aggregates/${r.resource.physicalId}`
const show = async (r: Work) => (await r.call({ ...COMPUTE, method: 'GET', path: at(r) })).aggregate
const hosts = async (r: Work, before: string[], after: string[]) => {
  for (const host of less(before, after)) await act(r, at(r), { remove_host: { host } })
  for (const host of less(after, before)) await act(r, at(r), { add_host: { host } })
}

export default resourceType({
  name: 'OS::Nova::HostAggregate', description: 'Hosts that have something in common.', support: { status: 'SUPPORTED', version: '6.0.0' }, admin: true,
  properties: { name: text({ ...required, ...live }), availability_zone: text(live), hosts: list(text(), live), metadata: map(undefined, { default: {}, ...live }) },
  attributes: {},
  async create(r) {
    const p = r.properties, { aggregate } = await r.call({ ...COMPUTE, method: 'POST', path: '/os-aggregates', body: { aggregate: { name: p.name, availability_zone: p.availability_zone } } })
    return { id: String(aggregate.id), shown: aggregate, ...(p.hosts?.length || Object.keys(p.metadata).length ? { again: true as const } : {}) }
  },
  async ready(r) {
    const p = r.properties, have = await show(r)
    await hosts(r, have.hosts, p.hosts ?? [])
    if (Object.keys(p.metadata).length) await act(r, at(r), { set_metadata: { metadata: texts(p.metadata) } })
    return {}
  },
  show,
  async update(r, { before, after, changed }) {
    const set = Object.fromEntries(['name', 'availability_zone'].filter((k) => changed.includes(k)).map((k) => [k, after[k] ?? null]))
    if (Object.keys(set).length) await r.call({ ...COMPUTE, method: 'PUT', path: at(r), body: { aggregate: set } })
    if (changed.includes('hosts')) await hosts(r, (await show(r)).hosts, after.hosts ?? [])
    if (changed.includes('metadata')) await act(r, at(r), { set_metadata: { metadata: { ...Object.fromEntries(less(Object.keys(before.metadata ?? {}), Object.keys(after.metadata ?? {})).map((k) => [k, null])), ...texts(after.metadata) } } })
    return {}
  },
  /** Empty first: an aggregate with hosts is not let go. */
  async remove(r) {
    if (!r.resource.physicalId) return
    const have = await show(r)
    if (have.hosts.length) { await hosts(r, have.hosts, []); return { again: true } }
    await r.call({ ...COMPUTE, method: 'DELETE', path: at(r) })
  },
})
