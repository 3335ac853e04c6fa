import { live, resourceType, text } from '../../provider.ts'
import { checkRoles, grant, piece, roles } from './pieces.ts'

const document = piece({ path: '/groups', key: 'group', wire: { domain: 'domain_id' }, local: ['roles'], nameLimit: 64 })
export default resourceType({
  name: 'OS::Keystone::Group', description: 'Users with the same roles.', support: { status: 'SUPPORTED', version: '2015.1' }, admin: true,
  properties: { name: text(live), domain: text({ default: 'default', ...live, find: 'keystone.domain' }), description: text({ default: '', ...live }), roles },
  attributes: {},
  validate: (p) => checkRoles(p.roles),
  ...document,
  async create(r) { const p = await document.create(r); return r.properties.roles?.length ? { ...p, again: true } : p },
  async ready(r) {
    if (r.resource.data.roles || !r.properties.roles?.length) return {}
    await grant(r, 'groups', r.resource.physicalId!, [], r.properties.roles)
    return { data: { roles: r.properties.roles } }
  },
  async update(r, change) {
    const p = await document.update!(r, change)
    if (!change.changed.includes('roles')) return p
    await grant(r, 'groups', r.resource.physicalId!, r.resource.data.roles, change.after.roles)
    return { ...(p as object), data: { roles: change.after.roles ?? [] } }
  },
})
