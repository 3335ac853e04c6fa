import { invalid } from '../../../../kernel/fault.ts'
import type { Json } from '../../../template/index.ts'
import { changeChild, childOf, childReady, life, makeChild, memberOf } from '../../nested/child.ts'
import { withinOf } from '../../nested/template-resource.ts'
import { integer, live, map, number, range, required, resourceType, text, type Progress, type Reading, type Work } from '../../provider.ts'
import { bounded, next, type Members } from './scaling.ts'

const plain = (v: Json): Json => (v && typeof v === 'object' && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).filter(([, x]) => x !== null && x !== undefined)) : v)
export type Kind = (r: Work) => Promise<Json> | Json
const own: Kind = (r) => plain(r.properties.resource)
/** What its members are, by the type of a group. */
export const kindOf = async (r: Work): Promise<Kind> => (r.resource.type === 'OS::Heat::AutoScalingGroup' ? own : (await import('../../aws/autoscaling/launched.ts')).launched)
const fresh = (r: Work) => () => `m${Array.from(r.ctx.world.random(8), (b) => (b % 36).toString(36)).join('')}`
const child = (r: Work, members: Members) => ({ source: { body: { heat_template_version: '2015-04-30', resources: members }, files: r.files ?? {}, environment: withinOf(r.environment, r.resource.name) }, front: 'heat' as const, facade: { metadata: r.resource.metadata as Json } })

/** As the stack below has them, oldest first. */
export async function membersOf(r: Work): Promise<Members> {
  const row = await childOf(r)
  return row ? (await r.call({ service: 'orchestration', method: 'GET', path: `/stacks/${row.name}/${row.id}/template` })).resources ?? {} : {}
}
/** One step towards so many members of the kind that is wanted now. */
export async function resize(r: Work, target: number): Promise<Progress> {
  const { min_in_service = 0, max_batch_size = target || 1 } = r.properties.rolling_updates ?? {}, have = await membersOf(r)
  const { members, more } = next(have, await (await kindOf(r))(r), target, Math.max(1, Math.min(max_batch_size, target - min_in_service)), fresh(r))
  const p = await changeChild(r, child(r, members))
  return { ...p, data: { ...r.resource.data, target, rolling: more } }
}
/** A new group of so many. */
export async function start(r: Work, target: number): Promise<Progress> {
  return { ...await makeChild(r, child(r, next({}, await (await kindOf(r))(r), target, 1, fresh(r)).members)), data: { target, rolling: false } }
}
/** Done when the stack below is, and no batch is left. */
export async function grown(r: Work): Promise<Progress> {
  const p = await childReady(r), { rolling, target, pause } = r.resource.data
  if (p.wait || !rolling) return p
  const seconds = r.properties.rolling_updates?.pause_time ?? 0, now = r.ctx.now()
  if (seconds && pause === undefined) return { data: { ...r.resource.data, pause: now + seconds * 1_000_000 }, wait: { seconds } }
  if (pause !== undefined && pause > now) return { wait: { seconds: (pause - now) / 1_000_000 } }
  const q = await resize(r, target)
  return { ...q, data: { ...q.data, pause: undefined } }
}
const names = (s: any) => Object.keys(s.resources).sort()
async function reach(s: any, r: Reading, name: string): Promise<unknown> {
  const [head, ...rest] = name.split('.'), each = () => Promise.all(names(s).map((n) => memberOf(r as Work, s, n, rest.join('.'))))
  if (head === 'outputs_list') return rest.length ? each() : []
  if (head === 'outputs') { const all = rest.length ? await each() : []; return Object.fromEntries(names(s).flatMap((n, i) => (rest.length ? [[n, all[i]]] : []))) }
  if (head === 'resource') { const [n, ...attr] = rest, at = /^\d+$/.test(n) ? names(s)[Number(n)] : n; return s.resources[at] && (attr.length ? memberOf(r as Work, s, at, attr.join('.')) : s.resources[at].id) }
  return undefined
}

export default resourceType({
  name: 'OS::Heat::AutoScalingGroup', description: 'As many of one kind as signals ask for, between two bounds.', support: { status: 'SUPPORTED', version: '2014.1' },
  properties: {
    resource: map({ type: text(required), properties: map(undefined), metadata: map(undefined), depends_on: { type: 'any' }, deletion_policy: text(), update_policy: map(undefined), description: text(), external_id: text(), condition: { type: 'any' } }, { ...required, ...live }),
    min_size: integer({ ...required, ...live, ...range(0) }), max_size: integer({ ...required, ...live, ...range(0) }), cooldown: integer(live), desired_capacity: integer({ ...live, ...range(0) }),
    rolling_updates: map({ min_in_service: integer({ default: 0, ...range(0) }), max_batch_size: integer({ default: 1, ...range(1) }), pause_time: number({ default: 0, ...range(0) }) }, { ...live, default: { min_in_service: 0, max_batch_size: 1, pause_time: 0 } }),
  },
  attributes: {
    outputs: { type: 'Map', of: () => ({}) }, outputs_list: { type: 'List', of: () => [] }, current_size: { type: 'Integer', of: (s) => names(s).length }, refs: { type: 'List', of: (s) => names(s).map((n) => s.resources[n].id) },
    refs_map: { type: 'Map', of: (s) => Object.fromEntries(names(s).map((n) => [n, s.resources[n].id])) }, '*': { of: reach as never },
  },
  validate({ min_size: min, max_size: max, desired_capacity: n }) {
    if (typeof min === 'number' && typeof max === 'number' && min > max) throw invalid('MinSize can not be greater than MaxSize')
    if (typeof n === 'number' && ((typeof min === 'number' && n < min) || (typeof max === 'number' && n > max))) throw invalid('DesiredCapacity must be between MinSize and MaxSize')
  },
  async create(r) {
    const { desired_capacity, min_size } = r.properties, target = desired_capacity ?? min_size
    return start(r, target)
  },
  async update(r, { after, changed }) {
    const size = Object.keys(await membersOf(r)).length
    return resize(r, bounded(changed.includes('desired_capacity') && typeof after.desired_capacity === 'number' ? after.desired_capacity : size, after.min_size, after.max_size))
  },
  ...life, ready: grown,
})
