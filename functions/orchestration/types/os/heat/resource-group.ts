import { invalid } from '../../../../kernel/fault.ts'
import { isKnown, type Json } from '../../../template/index.ts'
import { integer, list, live, map, oneOf, range, resourceType, text, type Work } from '../../provider.ts'
import { changeChild, life, makeChild, shownOf } from '../../nested/child.ts'
import { members, reach } from '../../nested/members.ts'
import { withinOf } from '../../nested/template-resource.ts'

type Props = Record<string, any>
/** Names in use: the first ones, leaving out those that were taken away. */
const namesOf = (count: number, removed: string[]) => { const out: string[] = [], gone = new Set(removed); for (let i = 0; out.length < count; i++) if (!gone.has(String(i))) out.push(String(i)); return out }

function filled(v: Json, index: string, by: string): Json {
  if (typeof v === 'string') return v.includes(index) ? v.split(index).join(by) : v
  if (Array.isArray(v)) return v.map((x) => filled(x, index, by))
  return v && typeof v === 'object' ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, filled(x, index, by)])) : v
}
function templateOf(p: Props, removed: string[]): Record<string, Json> {
  const def = p.resource_def as { type: string; properties?: Json; metadata?: Json }
  const one = (n: string) => ({ type: filled(def.type, p.index_var, n), properties: dropNull(filled(def.properties ?? {}, p.index_var, n)), ...(def.metadata ? { metadata: filled(def.metadata, p.index_var, n) } : {}) }) as Json
  return { heat_template_version: '2015-04-30', resources: Object.fromEntries(namesOf(p.count, removed).map((n) => [n, one(n)])) }
}
const dropNull = (v: Json): Json => (v && typeof v === 'object' && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).filter(([, x]) => x !== null)) : v)

/** Members that policies name, by name or by id, are gone for good. */
async function removedOf(r: Work, before: string[]): Promise<string[]> {
  const named = (r.properties.removal_policies as { resource_list?: string[] }[]).flatMap((x) => x.resource_list ?? []).map(String)
  const old = r.properties.removal_policies_mode === 'update' ? [] : before
  if (!named.length) return old
  const inside = r.resource.physicalId ? (await shownOf(r)).resources as Record<string, { id: string; physicalId: string }> : {}
  const ids = new Map(Object.entries(inside).flatMap(([n, x]) => [[x.id, n], [x.physicalId, n]]))
  return [...new Set([...old, ...named.map((x) => ids.get(x) ?? x).filter((x) => x in inside)])]
}

const child = (r: Work, removed: string[]) => ({ source: { body: templateOf(r.properties, removed), files: r.files ?? {}, environment: withinOf(r.environment, r.resource.name) }, front: 'heat' as const, facade: { metadata: r.resource.metadata as Json } })

export default resourceType({
  name: 'OS::Heat::ResourceGroup', description: 'As many of one kind as are asked for.', support: { status: 'SUPPORTED', version: '2014.1' },
  properties: {
    count: integer({ default: 1, ...range(0, 1000), ...live }), index_var: text({ default: '%index%', constraints: [{ kind: 'length', min: 3 }] }),
    resource_def: map({ type: text({ required: true }), properties: map(undefined), metadata: map(undefined) }, { required: true, ...live }),
    removal_policies: list(map({ resource_list: list(undefined, { default: [] }) }), { default: [], ...live }), removal_policies_mode: text({ default: 'append', ...oneOf('append', 'update'), ...live }),
  },
  attributes: {
    refs: { type: 'List', of: (s) => members(s).map((n) => s.resources[n].id) }, refs_map: { type: 'Map', of: (s) => Object.fromEntries(members(s).map((n) => [n, s.resources[n].id])) },
    attributes: { type: 'Map', of: () => ({}) }, removed_rsrc_list: { type: 'List', of: (_, r) => r.resource.data.removed ?? [] }, '*': { of: reach as never },
  },
  validate(p) { if (p.resource_def && isKnown(p.resource_def) && p.count !== 0 && !(p.resource_def as Props).type) throw invalid('resource_def.type must be given') },
  preview: (p, program) => (typeof p.count === 'number' && p.resource_def && typeof p.resource_def === 'object' ? { body: { ...templateOf({ ...p, resource_def: known(p.resource_def) }, []), parameters: { later: { type: 'json' } } }, files: program.files, environment: {} } : undefined),
  async create(r) { const removed = await removedOf(r, []); return { ...await makeChild(r, child(r, removed)), data: { removed } } },
  async update(r) { const removed = await removedOf(r, r.resource.data.removed ?? []); return { ...await changeChild(r, child(r, removed)), data: { removed } } },
  ...life,
})
/** What is known only later is a parameter without a value. */
const known = (v: unknown): Json => (typeof v === 'symbol' ? { get_param: 'later' } : v === undefined ? null : Array.isArray(v) ? v.map(known) : v && typeof v === 'object' ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, known(x)])) : v as Json)
