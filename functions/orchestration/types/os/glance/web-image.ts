import { boolean, integer, list, live, map, oneOf, range, required, resourceType, text, type Work } from '../../provider.ts'
import { invalid } from '../../../../kernel/fault.ts'
import { less, texts } from '../nova/pieces.ts'

const IMAGE = { service: 'image' } as const
const at = (r: Work, more = '') => ({ ...IMAGE, path: `/images/${r.resource.physicalId}${more}` })
const id = { constraints: [{ kind: 'allowed_pattern' as const, pattern: '([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}' }] }
/** Those that are members of the image itself, under their own names. */
const PLAIN = ['architecture', 'kernel_id', 'ramdisk_id', 'os_distro', 'os_version', 'owner', 'protected', 'visibility', 'tags']
const show = (r: Work) => r.call({ ...at(r), method: 'GET' })
async function members(r: Work, before: string[], after: string[]) {
  for (const m of less(before, after)) await r.call({ ...at(r, `/members/${m}`), method: 'DELETE' })
  for (const m of less(after, before)) await r.call({ ...at(r, '/members'), method: 'POST', body: { member: m } })
}
const switchTo = (r: Work, active: boolean) => r.call({ ...at(r, `/actions/${active ? 'reactivate' : 'deactivate'}`), method: 'POST' })

export default resourceType({
  name: 'OS::Glance::WebImage', description: 'An image whose content comes from an address. It works where the image service fetches images itself (web-download).', support: { status: 'SUPPORTED', version: '12.0.0' },
  properties: {
    name: text(), id: text(), min_disk: integer({ default: 0, ...range(0) }), min_ram: integer({ default: 0, ...range(0) }), protected: boolean({ default: false, ...live }), disk_format: text({ ...required, ...oneOf('ami', 'ari', 'aki', 'vhd', 'vhdx', 'vmdk', 'raw', 'qcow2', 'vdi', 'iso', 'ploop') }),
    container_format: text({ ...required, ...oneOf('ami', 'ari', 'aki', 'bare', 'ova', 'ovf', 'docker') }), location: text({ ...required, description: 'Where the content is. The image service must offer web-download; where it does not, it says so and the resource fails.' }), tags: list(undefined, live), architecture: text(live),
    kernel_id: text({ ...live, ...id }), os_distro: text(live), os_version: text(live), owner: text(live), extra_properties: map(undefined, { default: {}, ...live }), visibility: text({ default: 'private', ...live, ...oneOf('public', 'private', 'community', 'shared') }),
    ramdisk_id: text({ ...live, ...id }), active: boolean({ default: true, ...live }), members: list(text(), live),
  },
  attributes: {},
  validate(p) {
    const { container_format: c, disk_format: d } = p, amazon = ['ami', 'ari', 'aki']
    if (typeof c === 'string' && typeof d === 'string' && (amazon.includes(c) || amazon.includes(d)) && c !== d) throw invalid('Invalid mix of disk and container formats. When setting a disk or container format to one of \'aki\', \'ari\', or \'ami\', the container and disk formats must match.')
    if (Array.isArray(p.members) && p.members.length && typeof p.visibility === 'string' && p.visibility !== 'shared') throw invalid('An image has members only while its visibility is shared.')
  },
  async create(r) {
    const { location: _, active: __, members: ___, extra_properties, name, ...p } = r.properties
    const image = await r.call({ ...IMAGE, method: 'POST', path: '/images', body: { ...Object.fromEntries(Object.entries(p).filter(([, v]) => v !== null && v !== undefined)), name: name ?? r.uniqueName(), ...texts(extra_properties) } })
    return { id: image.id, again: true }
  },
  async ready(r) {
    const { properties: p, resource: { data } } = r, image = await show(r)
    if (data.members) { await members(r, data.members, p.members ?? []); return { data: { dressed: true } } }
    if (image.status === 'queued') {
      if (data.asked) throw invalid(`The image service did not fetch ${p.location}.`)
      await r.call({ ...at(r, '/import'), method: 'POST', body: { method: { name: 'web-download', uri: p.location } } })
      return { data: { asked: true }, wait: { lane: image.id, seconds: 10 } }
    }
    if (image.status === 'killed') throw invalid('Went to status killed due to "Unknown"', { type: 'ResourceInError' })
    if (!['active', 'deactivated'].includes(image.status)) return { wait: { lane: image.id, seconds: 5 } }
    if (!data.dressed) {
      await members(r, [], p.members ?? [])
      if (!p.active) await switchTo(r, false)
    }
    return { data: { dressed: true }, shown: image }
  },
  show,
  async update(r, { before, after, changed }) {
    const had = texts(before.extra_properties), has = texts(after.extra_properties), set = (path: string, value: unknown, there: boolean) => ({ op: there ? 'replace' : 'add', path: `/${path}`, value })
    const ops: unknown[] = changed.filter((k) => PLAIN.includes(k)).map((k) => (after[k] === undefined || after[k] === null ? { op: 'remove', path: `/${k}` } : set(k, after[k], before[k] !== undefined && before[k] !== null)))
    if (changed.includes('extra_properties')) ops.push(...less(Object.keys(had), Object.keys(has)).map((k) => ({ op: 'remove', path: `/${k}` })), ...Object.keys(has).filter((k) => has[k] !== had[k]).map((k) => set(k, has[k], k in had)))
    if (ops.length) await r.call({ ...at(r), method: 'PATCH', body: ops, headers: { 'content-type': 'application/openstack-images-v2.1-json-patch' } })
    if (changed.includes('active')) await switchTo(r, after.active)
    // Members are of an image that is shared by then.
    return changed.includes('members') ? { data: { dressed: true, members: before.members ?? [] }, again: true } : { data: { dressed: true } }
  },
  async remove(r) { if (r.resource.physicalId) await r.call({ ...at(r), method: 'DELETE' }) },
})
