import { invalid } from '../../../../kernel/fault.ts'
import { boolean, list, live, map, resourceType, text, type Progress, type Work } from '../../provider.ts'

const COMPUTE = { service: 'compute', version: '2.96' } as const
const at = (r: Work) => `/servers/${r.resource.physicalId}`
const show = async (r: Work) => (await r.call({ ...COMPUTE, method: 'GET', path: at(r) })).server

/** Done when it runs; in ERROR its own fault is the reason. */
function progress(server: any): Progress {
  if (server.status === 'ERROR') throw invalid(`Went to status ERROR due to "Message: ${server.fault?.message ?? 'Unknown'}, Code: ${server.fault?.code ?? 'Unknown'}"`)
  return ['ACTIVE', 'SHUTOFF'].includes(server.status) ? { shown: server } : { wait: { lane: server.id } }
}

export default resourceType({
  name: 'OS::Nova::Server', description: 'A virtual machine.', support: { status: 'SUPPORTED' },
  properties: {
    name: text(live), image: text({ find: 'glance.image' }), flavor: text({ required: true, find: 'nova.flavor' }), key_name: text({ find: 'nova.keypair' }),
    networks: list(map({ network: text({ find: 'neutron.network' }), port: text({ find: 'neutron.port' }), fixed_ip: text() })),
    security_groups: list(text(), { default: [] }), user_data: text({ default: '' }), metadata: map(undefined, live), availability_zone: text(), config_drive: boolean(),
  },
  attributes: {
    name: { type: 'String' }, show: { type: 'Map', of: (s) => s }, addresses: { type: 'Map' }, networks: { type: 'Map', of: (s) => Object.fromEntries(Object.entries(s.addresses ?? {}).map(([n, a]) => [n, (a as { addr: string }[]).map((x) => x.addr)])) },
    first_address: { type: 'String', of: (s) => (Object.values(s.addresses ?? {}) as { addr: string }[][]).flat()[0]?.addr ?? '' }, instance_name: { of: (s) => s['OS-EXT-SRV-ATTR:instance_name'] },
  },
  after: (self, others) => others.filter((o) => o.type === 'OS::Neutron::Subnet' && o.refers('network').some((n) => self.refers('networks').includes(n))).map((o) => o.name),
  async create(r) {
    const { name, image, flavor, networks, security_groups, user_data, ...p } = r.properties
    const { server } = await r.call({ ...COMPUTE, method: 'POST', path: '/servers', body: { server: {
      ...p, name: name ?? r.uniqueName(), imageRef: image ?? '', flavorRef: flavor, user_data: user_data ? btoa(user_data) : undefined,
      networks: networks?.map((n: any) => ({ uuid: n.port ? undefined : n.network, port: n.port, fixed_ip: n.port ? undefined : n.fixed_ip })) ?? 'auto',
      security_groups: security_groups.length ? security_groups.map((name: string) => ({ name })) : undefined,
    } } })
    return { id: server.id, wait: { lane: server.id } }
  },
  ready: async (r) => progress(await show(r)),
  show,
  async update(r, { after, changed }) {
    if (changed.includes('name')) await r.call({ ...COMPUTE, method: 'PUT', path: at(r), body: { server: { name: after.name ?? r.uniqueName() } } })
    if (changed.includes('metadata')) await r.call({ ...COMPUTE, method: 'PUT', path: `${at(r)}/metadata`, body: { metadata: after.metadata ?? {} } })
    return {}
  },
  async remove(r) {
    if (!r.resource.physicalId) return
    if (r.begun) { await show(r); return { wait: { lane: r.resource.physicalId } } }
    await r.call({ ...COMPUTE, method: 'DELETE', path: at(r) })
    return { wait: { lane: r.resource.physicalId } }
  },
})
