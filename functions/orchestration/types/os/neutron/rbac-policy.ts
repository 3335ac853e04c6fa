import { invalid } from '../../../../kernel/fault.ts'
import { live, oneOf, required, resourceType, text } from '../../provider.ts'
import { NET, project } from './pieces.ts'
import { bare } from './pieces.ts'

const kinds: Record<string, { find: string; actions: string[] }> = {
  network: { find: 'neutron.network', actions: ['access_as_shared', 'access_as_external'] }, qos_policy: { find: 'neutron.qos_policy', actions: ['access_as_shared'] }, security_group: { find: 'neutron.security_group', actions: ['access_as_shared'] },
  address_scope: { find: 'neutron.address_scope', actions: ['access_as_shared'] }, subnetpool: { find: 'neutron.subnetpool', actions: ['access_as_shared'] },
}
const document = bare({ path: '/rbac-policies', key: 'rbac_policy' })
export default resourceType({
  name: 'OS::Neutron::RBACPolicy', description: 'Opens something of a project to another.', support: { status: 'SUPPORTED', version: '6.0.0' },
  properties: { object_type: text({ ...required, ...oneOf(...Object.keys(kinds)) }), object_id: text(required), action: text({ ...required, ...oneOf('access_as_shared', 'access_as_external') }), target_tenant: text({ ...required, ...live }), tenant_id: project },
  attributes: {},
  validate({ object_type: type, action }) {
    if (typeof type === 'string' && typeof action === 'string' && !kinds[type].actions.includes(action)) throw invalid(`Property error: action: Invalid action "${action}" for object type ${type}. Valid actions: ${kinds[type].actions.join(', ')}.`)
  },
  ...document,
  async create(r) {
    const { object_type, object_id, ...p } = r.properties, { rbac_policy } = await r.call({ ...NET, method: 'POST', path: '/rbac-policies', body: { rbac_policy: { ...p, object_type, object_id: await r.find(kinds[object_type].find, object_id) } } })
    return { id: rbac_policy.id, shown: rbac_policy }
  },
})
