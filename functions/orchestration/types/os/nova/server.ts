import { Fault, invalid } from '../../../../kernel/fault.ts'
import { resourceType, type Change, type Progress, type Work } from '../../provider.ts'
import { names, subnetsOn, typed } from '../after.ts'
import { COMPUTE, texts } from './pieces.ts'
import { checkBlocks, firstBlocks, secondBlocks } from './server-blocks.ts'
import { asked, checkNics, makePorts, nicsOf, point, rewire, type Made } from './server-nics.ts'
import { properties } from './server-schema.ts'
import { attributes } from './server-shown.ts'
import { base64, given, guestData, userData } from './user-data.ts'

const at = (r: Work, more = '') => ({ ...COMPUTE, path: `/servers/${r.resource.physicalId}${more}` })
const act = (r: Work, body: unknown) => r.call({ ...at(r, '/action'), method: 'POST', body })
const show = async (r: Work) => (await r.call({ ...at(r), method: 'GET' })).server
const madeBy = (r: Work): Made => r.resource.data.made ?? []
const gone = async <T>(work: Promise<T>): Promise<T | undefined> => { try { return await work } catch (e) { if (e instanceof Fault && e.kind === 'notFound') return undefined; throw e } }

async function boot(r: Work): Promise<Progress> {
  const p = r.properties, made = madeBy(r), { user_data, collect } = await guestData(r)
  const server = {
    name: p.name ?? r.uniqueName(), imageRef: p.image ?? '', flavorRef: p.flavor, key_name: p.key_name, availability_zone: p.availability_zone, config_drive: p.config_drive, 'OS-DCF:diskConfig': p.diskConfig, adminPass: p.admin_pass, tags: p.tags,
    metadata: Object.keys(p.metadata).length ? texts(p.metadata) : undefined, user_data, networks: asked(r, made), security_groups: p.security_groups.length && !made.length ? p.security_groups.map((name: string) => ({ name })) : undefined,
    block_device_mapping: firstBlocks(p.block_device_mapping), block_device_mapping_v2: secondBlocks(p.block_device_mapping_v2),
  }
  const { server: { id } } = await r.call({ ...COMPUTE, method: 'POST', path: '/servers', body: { server, ...(p.scheduler_hints && Object.keys(p.scheduler_hints).length ? { 'os:scheduler_hints': p.scheduler_hints } : {}) } })
  return { id, data: { ...r.resource.data, ...(collect ? { collect } : {}), ...(nicsOf(r).some((n) => n.floating_ip) ? { todo: ['address'] } : {}) }, wait: { lane: id } }
}

/** What a change asks of a server, one thing after the other: each begins when the server rests. */
type Step = 'networks' | 'address' | 'flavor' | 'image' | 'user_data' | 'password'
async function rebuild(r: Work, more: Record<string, unknown> = {}): Promise<void> {
  const { image, admin_pass, image_update_policy: policy } = r.properties
  await act(r, { rebuild: { imageRef: image ?? (await show(r)).image.id, ...(admin_pass ? { adminPass: admin_pass } : {}), ...(policy === 'REBUILD_PRESERVE_EPHEMERAL' ? { preserve_ephemeral: true } : {}), ...more } })
}
async function proceed(r: Work, [now, ...rest]: Step[]): Promise<Progress> {
  const data = { ...r.resource.data, todo: rest }, wait = { lane: r.resource.physicalId!, seconds: 10 }
  switch (now) {
    case 'networks': { const p = await rewire(r, madeBy(r)); return p ?? { data, again: true } }
    case 'address': return { data: { ...data, floating: await point(r, madeBy(r), r.resource.data.floating ?? []) }, again: true }
    case 'flavor': await act(r, { resize: { flavorRef: r.properties.flavor } }); return { data, wait }
    case 'image': await rebuild(r); return { data, wait }
    case 'user_data': await rebuild(r, { user_data: base64(userData(r, { format: r.properties.user_data_format, given: await given(r, r.properties.user_data ?? ''), metadata: r.resource.metadata })) }); return { data, wait }
    case 'password': await act(r, { changePassword: { adminPass: r.properties.admin_pass } }); return { data, wait }
  }
}

/** Where it should be at rest after what was asked of it. */
const resting = (r: Work) => (r.resource.action === 'SUSPEND' ? ['SUSPENDED'] : ['ACTIVE', 'SHUTOFF'])
async function ready(r: Work): Promise<Progress> {
  const { physicalId, data } = r.resource
  if (!physicalId) return boot(r)
  if (data.imaging) return imaged(r)
  const server = await show(r)
  if (server.status === 'ERROR') throw invalid(`Went to status ERROR due to "Message: ${server.fault?.message ?? 'Unknown'}, Code: ${server.fault?.code ?? 'Unknown'}"`, { type: 'ResourceInError' })
  if (server['OS-EXT-STS:task_state']) return { wait: { lane: physicalId } }
  // On one host it is over at once; between two it takes another while.
  if (server.status === 'VERIFY_RESIZE') { await act(r, { confirmResize: null }); return { again: true } }
  if (!resting(r).includes(server.status)) return { wait: { lane: physicalId, seconds: 15 } }
  return data.todo?.length && r.resource.action !== 'SUSPEND' ? proceed(r, data.todo) : { shown: server }
}

export default resourceType({
  name: 'OS::Nova::Server', description: 'A virtual machine.', support: { status: 'SUPPORTED' }, properties, attributes,
  // It is not known on which subnet of a network a server will be, so all of them come first.
  after: (self, others) => [...subnetsOn(self, others, ['networks']), ...names(typed(others, 'OS::Neutron::Subnet').filter((s) => self.refers('networks').some((n) => s.refers('network').includes(n) || s.refers('network_id').includes(n))))],
  validate(p) {
    checkBlocks(p)
    checkNics(p)
    if (p.software_config_transport === 'ZAQAR_MESSAGE') throw invalid('software_config_transport ZAQAR_MESSAGE needs a messaging service, which this cloud has not.')
    if (p.personality && Object.keys(p.personality).length) throw invalid('Cannot use the personality parameter as nova no longer supports it. Use user_data instead.')
  },
  async create(r) {
    const made = await makePorts(r, [])
    // A port is seen by the server only once it is there.
    return made.length ? { data: { ...r.resource.data, made }, again: true } : boot(r)
  },
  ready, show,
  async update(r, { before, after, changed }: Change) {
    const has = (k: string) => changed.includes(k)
    if ((has('flavor') && after.flavor_update_policy === 'REPLACE') || (has('image') && (after.image_update_policy === 'REPLACE' || !after.image || !before.image)) || (has('user_data') && after.user_data_update_policy === 'REPLACE')) return 'replace'
    if (has('name')) await r.call({ ...at(r), method: 'PUT', body: { server: { name: after.name ?? r.uniqueName() } } })
    if (has('metadata')) await r.call({ ...at(r, '/metadata'), method: 'PUT', body: { metadata: texts(after.metadata) } })
    if (has('tags')) await r.call({ ...at(r, '/tags'), method: 'PUT', body: { tags: after.tags ?? [] } })
    const todo: Step[] = [...(has('networks') ? ['networks', 'address'] as const : []), ...(has('flavor') ? ['flavor'] as const : []), ...(has('image') ? ['image'] as const : []),
      ...(has('user_data') && after.user_data_update_policy === 'REBUILD' ? ['user_data'] as const : []), ...(has('admin_pass') && !has('image') && after.admin_pass ? ['password'] as const : [])]
    return todo.length ? { data: { ...r.resource.data, todo }, again: true } : {}
  },
  /** The server, then the ports that were made for it. */
  async remove(r) {
    const { physicalId } = r.resource, drop = async () => { for (const m of madeBy(r)) if (!m.found) await gone(r.call({ service: 'network', method: 'DELETE', path: `/ports/${m.port}` })) }
    if (!physicalId || !await gone(show(r))) return drop()
    if (!r.begun || !r.resource.data.leaving) await r.call({ ...at(r), method: 'DELETE' })
    return { wait: { lane: physicalId }, data: { ...r.resource.data, leaving: true } }
  },
  async suspend(r) {
    const server = await show(r)
    if (server.status === 'SUSPENDED') return {}
    if (server.status === 'ERROR') throw invalid('Went to status ERROR due to "Unknown"', { type: 'ResourceInError' })
    await act(r, { suspend: null })
    return { data: r.resource.data, wait: { lane: r.resource.physicalId! } }
  },
  async resume(r) {
    const server = await show(r)
    if (server.status === 'ACTIVE') return {}
    await act(r, { resume: null })
    return { data: r.resource.data, wait: { lane: r.resource.physicalId! } }
  },
  async check(r) {
    const server = await show(r)
    if (server.status !== 'ACTIVE') throw invalid(`'status': expected 'ACTIVE', got '${server.status}'`, { type: 'Error' })
    return {}
  },
  async snapshot(r) {
    const { image_id } = await act(r, { createImage: { name: r.uniqueName() } })
    return { snapshot: { image: image_id }, data: { ...r.resource.data, imaging: image_id }, wait: { lane: r.resource.physicalId!, seconds: 10 } }
  },
  forget: (call, { image }) => call({ service: 'image', method: 'DELETE', path: `/images/${image}` }),
  async restore(r, { image }) {
    await act(r, { rebuild: { imageRef: image } })
    return { data: r.resource.data, wait: { lane: r.resource.physicalId!, seconds: 10 } }
  },
})

async function imaged(r: Work): Promise<Progress> {
  const image = await r.call({ service: 'image', method: 'GET', path: `/images/${r.resource.data.imaging}` })
  if (image.status === 'killed' || image.status === 'deleted') throw invalid(`The image of server ${r.resource.physicalId} could not be made.`)
  return image.status === 'active' ? { data: { ...r.resource.data, imaging: undefined } } : { wait: { lane: r.resource.physicalId!, seconds: 10 } }
}
