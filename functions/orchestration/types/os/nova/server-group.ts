import { invalid } from '../../../../kernel/fault.ts'
import { list, map, number, oneOf, resourceType, text } from '../../provider.ts'
import { COMPUTE } from './pieces.ts'

export default resourceType({
  name: 'OS::Nova::ServerGroup', description: 'Servers that shall be together, or apart.', support: { status: 'SUPPORTED', version: '2014.2' },
  properties: { name: text(), policies: list(text(), { default: ['anti-affinity'], ...oneOf('anti-affinity', 'affinity', 'soft-anti-affinity', 'soft-affinity') }), rules: map({ max_server_per_host: number() }) },
  attributes: {},
  validate(p) {
    if (Array.isArray(p.policies) && p.policies.length !== 1) throw invalid('A server group has one policy.')
    if (p.rules && Array.isArray(p.policies) && typeof p.policies[0] === 'string' && p.policies[0] !== 'anti-affinity') throw invalid('Only anti-affinity policy supports rules.')
  },
  async create(r) {
    const { name, policies, rules } = r.properties
    const { server_group } = await r.call({ ...COMPUTE, method: 'POST', path: '/os-server-groups', body: { server_group: { name: name ?? r.uniqueName(), policy: policies[0], ...(rules && Object.keys(rules).length ? { rules } : {}) } } })
    return { id: server_group.id, shown: server_group }
  },
  show: async (r) => (await r.call({ ...COMPUTE, method: 'GET', path: `/os-server-groups/${r.resource.physicalId}` })).server_group,
  async remove(r) { if (r.resource.physicalId) await r.call({ ...COMPUTE, method: 'DELETE', path: `/os-server-groups/${r.resource.physicalId}` }) },
})
