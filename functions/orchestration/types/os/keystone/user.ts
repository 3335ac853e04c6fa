import { boolean, list, live, resourceType, text, type Work } from '../../provider.ts'
import { less } from '../nova/pieces.ts'
import { checkRoles, grant, IDENTITY, piece, roles } from './pieces.ts'

const document = piece({ path: '/users', key: 'user', wire: { domain: 'domain_id', default_project: 'default_project_id' }, local: ['roles', 'groups'] })
/** Where they belong and what they may, brought to what the template says. */
async function belong(r: Work, after: Record<string, any>) {
  const { roles: had = [], groups: was = [] } = r.resource.data, id = r.resource.physicalId!, groups = (after.groups ?? []) as string[]
  await grant(r, 'users', id, had, after.roles)
  for (const g of less(was as string[], groups)) await r.call({ ...IDENTITY, method: 'DELETE', path: `/groups/${g}/users/${id}` })
  for (const g of less(groups, was as string[])) await r.call({ ...IDENTITY, method: 'PUT', path: `/groups/${g}/users/${id}` })
  return { roles: after.roles ?? [], groups }
}

export default resourceType({
  name: 'OS::Keystone::User', description: 'Somebody who may log in.', support: { status: 'SUPPORTED', version: '2015.1' }, admin: true,
  properties: {
    name: text(live), domain: text({ default: 'default', ...live, find: 'keystone.domain' }), description: text({ default: '', ...live }), enabled: boolean({ default: true, ...live }), email: text(live), password: text({ ...live, hidden: true }),
    default_project: text({ ...live, find: 'keystone.project' }), groups: list(text({ find: 'keystone.group' }), live), roles,
  },
  attributes: { name: { type: 'String' }, default_project_id: { type: 'String' }, domain_id: { type: 'String' }, enabled: { type: 'Boolean' }, password_expires_at: { type: 'String' } },
  validate: (p) => checkRoles(p.roles),
  ...document,
  async create(r) {
    const p = await document.create(r)
    return r.properties.roles?.length || r.properties.groups?.length ? { ...p, again: true } : p
  },
  async ready(r) {
    if (r.resource.data.groups || (!r.properties.roles?.length && !r.properties.groups?.length)) return {}
    return { data: await belong(r, r.properties) }
  },
  async update(r, change) {
    const p = await document.update!(r, change)
    return change.changed.some((k) => k === 'roles' || k === 'groups') ? { ...(p as object), data: await belong(r, change.after) } : p
  },
})
