import { describe, expect, it } from 'vitest'
import { table, type Row } from '../table-kit.ts'

const t = await table(), ref = (name: string) => ({ get_resource: name }), id = expect.stringMatching(/^[0-9a-f]{32}|[0-9a-f-]{36}$/)
const at = (plural: string) => `/identity/v3/${plural}/{id}`, off = { enabled: false }
const name = (p: string) => `${p}-${crypto.randomUUID().slice(0, 8)}`
const around = { p: { type: 'OS::Keystone::Project' }, role: { type: 'OS::Keystone::Role' }, other: { type: 'OS::Keystone::Role' }, g: { type: 'OS::Keystone::Group' }, h: { type: 'OS::Keystone::Group' } }
const same: Row['untried'] = { domain: 'nobody moves between domains' }

const rows: Row[] = [
  { type: 'OS::Keystone::Domain', at: at('domains'), key: 'domain', properties: { name: name('d'), description: 'x' }, shown: { description: 'x', enabled: true }, steps: [[{ name: name('e') }], [{ description: 'y' }, { description: 'y' }], [off, off], [{ enabled: true }, { enabled: true }]] },
  { type: 'OS::Keystone::Project', at: at('projects'), key: 'project', properties: { name: name('p'), tags: ['a'] }, shown: { tags: ['a'], domain_id: 'default' }, attributes: { domain_id: 'default', enabled: true, is_domain: false }, steps: [[{ name: 'p2' }, { name: 'p2' }], [{ description: 'd' }, { description: 'd' }], [off, off], [{ tags: ['b', 'c'] }, { tags: ['b', 'c'] }]], untried: same },
  { type: 'OS::Keystone::Role', at: at('roles'), key: 'role', properties: {}, shown: { domain_id: null }, steps: [[{ name: name('r') }]] },
  { type: 'OS::Keystone::Region', at: at('regions'), key: 'region', around: { up: { type: 'OS::Keystone::Region' } }, properties: { id: name('reg') }, shown: { parent_region_id: null }, steps: [[{ description: 'd' }, { description: 'd' }], [{ parent_region: ref('up') }, { parent_region_id: expect.stringMatching(/./) }], [off]] },
  { type: 'OS::Keystone::Service', at: at('services'), key: 'service', properties: { type: 'thing', name: 't' }, shown: { type: 'thing', name: 't', enabled: true }, steps: [[{ name: 'u' }, { name: 'u' }], [{ description: 'd' }, { description: 'd' }], [{ type: 'other' }, { type: 'other' }], [off, off]] },
  { type: 'OS::Keystone::Endpoint', at: at('endpoints'), key: 'endpoint', around: { s: { type: 'OS::Keystone::Service', properties: { type: 'a' } }, s2: { type: 'OS::Keystone::Service', properties: { type: 'b' } }, reg: { type: 'OS::Keystone::Region' } }, properties: { service: ref('s'), interface: 'public', url: 'http://x.test/' }, shown: { interface: 'public', url: 'http://x.test/' }, steps: [[{ name: 'e' }], [{ region: ref('reg') }, { region_id: expect.stringMatching(/./) }], [{ service: ref('s2') }, { service_id: id }], [{ interface: 'internal' }, { interface: 'internal' }], [{ url: 'http://y.test/' }, { url: 'http://y.test/' }], [off, off]] },
  { type: 'OS::Keystone::Group', at: at('groups'), key: 'group', around, properties: { name: name('g'), roles: [{ role: ref('role'), project: ref('p') }] }, shown: { domain_id: 'default' }, steps: [[{ name: 'g2' }, { name: 'g2' }], [{ description: 'd' }, { description: 'd' }], [{ roles: [{ role: ref('other'), domain: 'default' }] }], [{ roles: undefined }]], untried: same },
  {
    type: 'OS::Keystone::User', at: at('users'), key: 'user', around, properties: { name: name('u'), password: 'secret-pass-1', email: 'a@b.test', groups: [ref('g')], roles: [{ role: ref('role'), project: ref('p') }] }, shown: { email: 'a@b.test', enabled: true }, attributes: { enabled: true, domain_id: 'default' },
    steps: [[{ name: name('w') }], [{ description: 'd' }, { description: 'd' }], [{ email: 'c@d.test' }, { email: 'c@d.test' }], [{ password: 'secret-pass-2' }], [{ default_project: ref('p') }, { default_project_id: id }], [{ groups: [ref('h')] }], [{ roles: [{ role: ref('other'), project: ref('p') }] }], [off, off]], untried: same,
  },
  { type: 'OS::Keystone::UserRoleAssignment', around: { ...around, u: { type: 'OS::Keystone::User' }, v: { type: 'OS::Keystone::User' } }, properties: { user: ref('u'), roles: [{ role: ref('role'), project: ref('p') }] }, at: '/identity/v3/projects/{p}/users/{u}/roles', key: 'roles', shown: { length: 1 } as never, steps: [[{ roles: [{ role: ref('role'), project: ref('p') }, { role: ref('other'), project: ref('p') }] }, { length: 2 } as never], [{ user: ref('v') }, { length: 0 } as never]] },
  { type: 'OS::Keystone::GroupRoleAssignment', around, properties: { group: ref('g'), roles: [{ role: ref('role'), project: ref('p') }] }, at: '/identity/v3/projects/{p}/groups/{g}/roles', key: 'roles', shown: { length: 1 } as never, steps: [[{ roles: [] }, { length: 0 } as never], [{ group: ref('h') }]] },
]
describe.each(rows.map((r) => [r.type, r] as const))('%s', (_, row) => { it('is made, shown, changed and taken away', () => t.live(row), 90_000) })
