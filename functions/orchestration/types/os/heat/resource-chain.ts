import type { Json } from '../../../template/index.ts'
import { boolean, list, live, map, resourceType, text, type Work } from '../../provider.ts'
import { changeChild, life, makeChild } from '../../nested/child.ts'
import { members, reach } from '../../nested/members.ts'
import { withinOf } from '../../nested/template-resource.ts'

/** One of each kind; each after the one before, unless they may come at once. */
const templateOf = (p: Record<string, any>): Record<string, Json> => ({
  heat_template_version: '2015-04-30',
  resources: Object.fromEntries((p.resources as string[]).map((type, i) => [String(i), { type, properties: p.resource_properties ?? {}, ...(i && !p.concurrent ? { depends_on: [String(i - 1)] } : {}) }])) as Json,
})
const child = (r: Work) => ({ source: { body: templateOf(r.properties), files: r.files ?? {}, environment: withinOf(r.environment, r.resource.name) }, front: 'heat' as const })

export default resourceType({
  name: 'OS::Heat::ResourceChain', description: 'Resources of several kinds with the same properties, one after the other.', support: { status: 'SUPPORTED', version: '6.0.0' },
  properties: { resources: list(text(), { required: true, ...live }), concurrent: boolean({ default: false }), resource_properties: map(undefined) },
  attributes: { refs: { type: 'List', of: (s) => members(s).map((n) => s.resources[n].id) }, attributes: { type: 'Map', of: () => ({}) }, '*': { of: reach as never } },
  preview: (p, program) => (Array.isArray(p.resources) && p.resources.every((x) => typeof x === 'string') ? { body: templateOf({ ...p, resource_properties: {} }), files: program.files, environment: {} } : undefined),
  ...life, create: (r) => makeChild(r, child(r)), update: (r) => changeChild(r, child(r)),
})
