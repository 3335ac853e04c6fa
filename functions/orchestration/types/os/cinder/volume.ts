import { conflict, invalid } from '../../../../kernel/fault.ts'
import { boolean, formerly, integer, live, map, range, resourceType, text, type Change, type Progress, type Work } from '../../provider.ts'
import { texts } from '../nova/pieces.ts'
import { keep, kept } from './keep.ts'
import { act, settled, showVolume, VOLUME } from './pieces.ts'

const at = (r: Work) => ({ ...VOLUME, path: `/volumes/${r.resource.physicalId}` })
const json = (v: unknown) => (v === null || v === undefined ? '' : typeof v === 'string' ? v : JSON.stringify(v))
const SOURCES = ['image', 'source_volid', 'snapshot_id', 'backup_id'] as const

/** One step at a time: each begins when the one before has left the volume at rest. */
type Step = 'size' | 'volume_type' | 'read_only' | 'backup_id'
const steps: Record<Step, (r: Work) => Promise<unknown>> = {
  size: (r) => act(r, { 'os-extend': { new_size: r.properties.size } }),
  volume_type: (r) => act(r, { 'os-retype': { new_type: r.properties.volume_type, migration_policy: 'on-demand' } }),
  read_only: (r) => act(r, { 'os-update_readonly_flag': { readonly: r.properties.read_only } }),
  backup_id: (r) => r.call({ ...VOLUME, method: 'POST', path: `/backups/${r.properties.backup_id}/restore`, body: { restore: { volume_id: r.resource.physicalId } } }),
}
const AT_ONCE: Step[] = ['volume_type', 'read_only']
async function proceed(r: Work, todo: Step[]): Promise<Progress> {
  const [now, ...rest] = todo
  if (!now) return { data: { ...r.resource.data, todo: undefined } }
  await steps[now](r)
  const data = { ...r.resource.data, todo: rest }
  return AT_ONCE.includes(now) ? { data, again: true } : { data, wait: { lane: r.resource.physicalId! } }
}

export default resourceType({
  name: 'OS::Cinder::Volume', description: 'A disk of its own that servers may have.', support: { status: 'SUPPORTED' },
  properties: {
    availability_zone: text(), size: integer({ ...live, ...range(1) }), snapshot_id: text({ find: 'cinder.snapshot' }), backup_id: text({ ...live, find: 'cinder.backup' }), name: text(live), description: text(live), volume_type: text({ ...live, find: 'cinder.vtype' }),
    metadata: map(undefined, { default: {}, ...live }), image: text({ find: 'glance.image' }), imageRef: formerly('image'), source_volid: text({ find: 'cinder.volume' }), scheduler_hints: map(undefined), read_only: boolean(live),
    multiattach: boolean({ default: false, support: { status: 'HIDDEN' } }),
  },
  attributes: {
    availability_zone: { type: 'String' }, size: { type: 'String', of: (v) => String(v.size) }, snapshot_id: { type: 'String', of: (v) => json(v.snapshot_id) }, display_name: { type: 'String', of: (v) => v.name }, display_description: { type: 'String', of: (v) => json(v.description) },
    volume_type: { type: 'String' }, metadata: { type: 'String', of: (v) => json(v.metadata) }, metadata_values: { type: 'Map', of: (v) => v.metadata }, source_volid: { type: 'String', of: (v) => json(v.source_volid) }, status: { type: 'String' }, created_at: { type: 'String' },
    bootable: { type: 'String', of: (v) => json(v.bootable) }, encrypted: { type: 'String', of: (v) => json(v.encrypted) }, attachments: { type: 'String', of: (v) => json(v.attachments) }, attachments_list: { type: 'List', of: (v) => v.attachments }, multiattach: { type: 'Boolean' },
  },
  validate(p) {
    const said = SOURCES.filter((k) => p[k] !== undefined)
    if (p.size !== undefined && said.length > 1) throw invalid(`If "size" is provided, only one of "image", "source_volid", "snapshot_id" can be specified, but currently specified options: ${said.join(', ')}.`)
    if (p.size === undefined && (said.length !== 1 || said[0] === 'image')) throw invalid(`If neither "backup_id" nor "size" is provided, one and only one of "source_volid", "snapshot_id" must be specified, but currently specified options: ${said.join(', ')}.`)
  },
  async create(r) {
    const { image, scheduler_hints, read_only, metadata, name, multiattach: _, ...p } = r.properties
    const { volume } = await r.call({ ...VOLUME, method: 'POST', path: '/volumes', body: {
      volume: { ...p, name: name ?? r.uniqueName(), ...(image ? { imageRef: image } : {}), ...(Object.keys(metadata).length ? { metadata: texts(metadata) } : {}) },
      ...(scheduler_hints && Object.keys(scheduler_hints).length ? { 'OS-SCH-HNT:scheduler_hints': scheduler_hints } : {}),
    } })
    return { id: volume.id, wait: { lane: volume.id }, ...(read_only ? { data: { todo: ['read_only'] } } : {}) }
  },
  async ready(r) {
    if (r.resource.data.keeping) return kept(r)
    if (r.resource.data.making) return snapped(r)
    const v = await showVolume(r), wait = settled('volume', v)
    if (wait) return wait
    return r.resource.data.todo?.length ? proceed(r, r.resource.data.todo) : { shown: v }
  },
  show: (r) => showVolume(r),
  async update(r, { before, after, changed }: Change) {
    if (changed.includes('size') && (after.size ?? 0) < (before.size ?? 0)) throw invalid('Shrinking volume is not supported.', { type: 'NotSupported' })
    const words = changed.filter((k) => ['name', 'description', 'metadata'].includes(k))
    if (words.length) await r.call({ ...at(r), method: 'PUT', body: { volume: Object.fromEntries(words.map((k) => [k, k === 'metadata' ? texts(after.metadata) : after[k] ?? (k === 'name' ? r.uniqueName() : '')])) } })
    const todo = (['backup_id', 'size', 'volume_type', 'read_only'] as const).filter((k) => changed.includes(k) && after[k] !== undefined && after[k] !== null)
    return todo.length ? { data: { ...r.resource.data, todo }, again: true } : {}
  },
  /** Snapshots that were taken with the stack's go with it; anybody else's keep the volume. */
  async remove(r) {
    const { physicalId, data } = r.resource
    if (!physicalId) return
    for (const id of (data.snapshots ?? []) as string[]) {
      const [one] = (await r.call({ ...VOLUME, method: 'GET', path: '/snapshots/detail', query: { volume_id: physicalId } })).snapshots.filter((s: any) => s.id === id)
      if (!one) continue
      if (one.status !== 'deleting') await r.call({ ...VOLUME, method: 'DELETE', path: `/snapshots/${id}` })
      return { wait: { lane: id }, data }
    }
    const v = await showVolume(r)
    if (!['deleting', 'detaching'].includes(v.status)) await r.call({ ...at(r), method: 'DELETE' })
    return { wait: { lane: physicalId }, data }
  },
  /** Going away with its content kept, or a snapshot of the stack. */
  async snapshot(r) {
    if (r.resource.action === 'DELETE') return keep(r)
    const { snapshot } = await r.call({ ...VOLUME, method: 'POST', path: '/snapshots', body: { snapshot: { volume_id: r.resource.physicalId, force: true, name: r.uniqueName() } } })
    return { snapshot: { id: snapshot.id }, data: { ...r.resource.data, making: snapshot.id, snapshots: [...r.resource.data.snapshots ?? [], snapshot.id] }, wait: { lane: snapshot.id } }
  },
  forget: (call, { id }) => call({ ...VOLUME, method: 'DELETE', path: `/snapshots/${id}` }),
  async restore(r, { id }) {
    const v = await showVolume(r)
    if (v.status !== 'available') throw conflict(`Volume ${v.id} cannot be brought back to a snapshot while its status is ${v.status}.`)
    await act(r, { revert: { snapshot_id: id } })
    return { data: r.resource.data, wait: { lane: v.id } }
  },
})

async function snapped(r: Work): Promise<Progress> {
  const { snapshot } = await r.call({ ...VOLUME, method: 'GET', path: `/snapshots/${r.resource.data.making}` })
  return settled('snapshot', snapshot) ?? { data: { ...r.resource.data, making: undefined } }
}
