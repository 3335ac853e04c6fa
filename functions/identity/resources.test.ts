import { beforeAll, describe, expect, it } from 'vitest'
import { identityCloud, type IdentityCloud } from './test-kit.ts'
import identity from './index.ts'

let c: IdentityCloud, admin: string, demo: string
beforeAll(async () => { c = await identityCloud(); admin = await c.admin(); demo = await c.demo() })
let n = 0
const unique = (name: string) => `${name}-${n++}`
const make = async (what: string, plural: string, body: object) => {
  const r = await c.v3('POST', `/${plural}`, admin, { [what]: body })
  expect([plural, r.status, r.status === 201 ? '' : r.text]).toEqual([plural, 201, ''])
  return r.body[what]
}
const roleId = async (name: string) => (await c.v3('GET', `/roles?name=${name}`, admin)).body.roles[0].id as string

describe('lists', () => {
  const lists = identity.endpoints.filter((e) => e.method === 'GET' && !e.path.includes('{') && e.id.endsWith('.list'))
  it('there are many', () => expect(lists.length).toBeGreaterThan(15))
  for (const e of lists) it(`${e.path} costs one read at most, and says where it is`, async () => {
    await c.quiet(admin)
    const r = await c.v3('GET', e.path, admin)
    expect([r.status, r.trips.slice(0, 5)]).toEqual([200, '1r 0w'])
    const [plural] = Object.keys(r.body)
    expect(r.body[plural]).toBeInstanceOf(Array)
    if (r.body.links.next !== undefined) expect(r.body.links).toEqual({ self: `http://cloud.test/identity/v3${e.path}`, next: null, previous: null })
  })
  it('go page by page when asked to, and each item once', async () => {
    for (let i = 0; i < 5; i++) await make('user', 'users', { name: unique('paged'), domain_id: 'default' })
    const whole = (await c.v3('GET', '/users', admin)).body.users.map((u: any) => u.id), seen: string[] = []
    let path = '/users?limit=2'
    for (let i = 0; path && i < 50; i++) {
      const { body } = await c.v3('GET', path, admin)
      expect(body.users.length).toBeLessThanOrEqual(2)
      seen.push(...body.users.map((u: any) => u.id))
      path = body.links.next?.replace('http://cloud.test/identity/v3', '')
    }
    expect(seen).toEqual(whole)
    expect((await c.v3('GET', '/users?limit=x', admin)).status).toBe(400)
  })
  it('are filtered by name, also in part, and by what is enabled', async () => {
    const u = await make('user', 'users', { name: 'Filter-Me', domain_id: 'default', enabled: false })
    const ids = async (query: string) => (await c.v3('GET', `/users?${query}`, admin)).body.users.map((x: any) => x.id)
    for (const query of ['name=Filter-Me', 'name__contains=ilter-M', 'name__icontains=FILTER', 'name__startswith=Filter-', 'name__endswith=-Me']) expect([query, await ids(query)]).toEqual([query, [u.id]])
    expect(await ids('name=filter-me')).toEqual([])
    expect(await ids('enabled=false')).toContain(u.id)
    expect(await ids('enabled=true')).not.toContain(u.id)
    expect((await c.v3('GET', '/users?enabled=perhaps', admin)).status).toBe(400)
  })
})

describe('making, changing and removing', () => {
  const things: [string, string, object, object][] = [
    ['user', 'users', { domain_id: 'default', email: 'a@b.test' }, { description: 'changed' }], ['group', 'groups', { domain_id: 'default' }, { description: 'changed' }], ['project', 'projects', { domain_id: 'default' }, { description: 'changed' }],
    ['domain', 'domains', {}, { enabled: false }], ['role', 'roles', {}, { description: 'changed' }], ['service', 'services', { type: 'a-type' }, { description: 'changed' }], ['policy', 'policies', { type: 'a', blob: '{}' }, { blob: '{"a":1}' }],
  ]
  for (const [what, plural, body, change] of things) it(`${plural}: one read and one write at most each, extras kept`, async () => {
    await c.quiet(admin)
    const made = await c.v3('POST', `/${plural}`, admin, { [what]: { name: unique(what), ...body, colour: 'blue' } })
    expect(made.status).toBe(201)
    const { id } = made.body[what], path = `/${plural}/${id}`
    expect(made.body[what]).toMatchObject({ ...body, colour: 'blue', links: { self: `http://cloud.test/identity/v3${path}` } })
    const changed = await c.v3('PATCH', path, admin, { [what]: change })
    // A change that ends tokens (a domain disabled) makes the next request look again.
    await c.quiet(admin)
    const shown = await c.v3('GET', path, admin), removed = await c.v3('DELETE', path, admin)
    expect(shown.body[what]).toEqual({ ...made.body[what], ...change })
    expect(changed.body).toEqual(shown.body)
    expect([changed.status, shown.status, removed.status, (await c.v3('GET', path, admin)).status, (await c.v3('DELETE', path, admin)).status]).toEqual([200, 200, 204, 404, 404])
    for (const r of [made, changed, removed]) expect(r.trips).toMatch(/^[01]r 1w/)
    expect(shown.trips).toMatch(/^1r 0w/)
  })
  it('names the field that is wrong, and writes nothing', async () => {
    const before = (await c.v3('GET', '/users', admin)).body.users.length
    const bad: [string, object, string][] = [
      ['/users', { user: { name: 'x'.repeat(256), domain_id: 'default' } }, 'name'], ['/users', { user: { name: '  ', domain_id: 'default' } }, 'name'], ['/users', { user: { name: 'x', enabled: 'yes', domain_id: 'default' } }, 'enabled'],
      ['/users', { user: { domain_id: 'default' } }, 'name'], ['/users', { user: { name: 'x', password: 5 } }, 'password'], ['/projects', { project: { name: 'x'.repeat(65) } }, 'name'], ['/domains', { domain: { name: '' } }, 'name'],
      ['/projects', { project: { name: 'p', tags: ['a,b'] } }, 'tags'], ['/endpoints', { endpoint: { service_id: 'x', interface: 'sideways', url: 'http://x' } }, 'interface'], ['/users', {}, 'user'], ['/credentials', { credential: { type: 'ec2', blob: 'no', project_id: 'x' } }, 'could not find project'],
    ]
    for (const [path, body, field] of bad) {
      const r = await c.v3('POST', path, admin, body)
      expect([path, r.status]).toEqual([path, field.startsWith('could') ? 404 : 400])
      expect(r.body.error.message.toLowerCase()).toContain(field)
    }
    expect((await c.v3('GET', '/users', admin)).body.users.length).toBe(before)
  })
  it('refuses the same name twice with 409, also at the same time', async () => {
    const name = unique('twin'), all = await Promise.all([1, 2, 3, 4].map(() => c.v3('POST', '/users', admin, { user: { name, domain_id: 'default' } })))
    expect(all.map((r) => r.status).sort()).toEqual([201, 409, 409, 409])
    expect(all.find((r) => r.status === 409)!.body.error).toMatchObject({ code: 409, title: 'Conflict' })
  })
  it('is for operators: a member may not', async () => {
    const tries: [string, string, object?][] = [
      ['POST', '/users', { user: { name: 'x' } }], ['GET', '/users'], ['GET', `/users/${(await c.v3('GET', '/users?name=admin', admin)).body.users[0].id}`], ['POST', '/projects', { project: { name: 'x' } }], ['GET', '/domains'], ['GET', '/roles'],
      ['GET', '/role_assignments'], ['POST', '/services', { service: { type: 'x' } }], ['GET', '/endpoints'], ['PUT', `/projects/${c.seeded.demo.project}/users/${c.seeded.demo.user}/roles/${await roleId('admin')}`], ['GET', `/projects/${c.seeded.admin.project}`],
      ['PATCH', `/users/${c.seeded.demo.user}`, { user: { enabled: true } }], ['DELETE', `/projects/${c.seeded.demo.project}`], ['GET', '/policies'], ['POST', '/limits', { limits: [] }],
    ]
    for (const [method, path, body] of tries) expect([method, path, (await c.v3(method, path, demo, body)).status]).toEqual([method, path, 403])
    for (const path of [`/users/${c.seeded.demo.user}`, `/projects/${c.seeded.demo.project}`, `/users/${c.seeded.demo.user}/projects`, '/regions', '/auth/projects', '/registered_limits']) expect([path, (await c.v3('GET', path, demo)).status]).toEqual([path, 200])
  })
})

describe('who looks after one domain', () => {
  it('makes users, groups, projects and assignments there, and nowhere else', async () => {
    const [mine, other] = [await make('domain', 'domains', { name: unique('mine') }), await make('domain', 'domains', { name: unique('other') })]
    const chief = await make('user', 'users', { name: unique('chief'), domain_id: mine.id, password: 'a-password-1' })
    await c.v3('PUT', `/domains/${mine.id}/users/${chief.id}/roles/${await roleId('manager')}`, admin)
    const token = (await c.auth(c.by.password({ id: chief.id }, 'a-password-1'), { domain: { id: mine.id } })).headers.get('x-subject-token')!
    const post = (plural: string, what: string, body: object) => c.v3('POST', `/${plural}`, token, { [what]: { name: unique(what), ...body } })
    const user = await post('users', 'user', { domain_id: mine.id }), project = await post('projects', 'project', { domain_id: mine.id })
    expect([user.status, project.status, (await post('groups', 'group', {})).body.group.domain_id]).toEqual([201, 201, mine.id])
    for (const [plural, what] of [['users', 'user'], ['groups', 'group'], ['projects', 'project']]) expect([plural, (await post(plural, what, { domain_id: other.id })).status]).toEqual([plural, 403])
    expect((await c.v3('GET', '/users', token)).body.users.every((u: any) => u.domain_id === mine.id)).toBe(true)
    expect((await c.v3('GET', `/users?domain_id=${other.id}`, token)).status).toBe(403)
    expect((await c.v3('GET', `/users/${c.seeded.demo.user}`, token)).status).toBe(403)
    const grant = async (place: string, who: string, role: string) => (await c.v3('PUT', `/projects/${place}/users/${who}/roles/${await roleId(role)}`, token)).status
    expect(await grant(project.body.project.id, user.body.user.id, 'member')).toBe(204)
    expect(await grant(project.body.project.id, user.body.user.id, 'admin')).toBe(403)
    expect(await grant(project.body.project.id, c.seeded.demo.user, 'member')).toBe(403)
    expect(await grant(c.seeded.demo.project, user.body.user.id, 'member')).toBe(403)
    expect((await c.v3('GET', '/role_assignments', token)).body.role_assignments.map((a: any) => a.scope.project?.id ?? a.scope.domain?.id)).toEqual(expect.arrayContaining([mine.id, project.body.project.id]))
    expect((await c.v3('GET', `/role_assignments?scope.project.id=${c.seeded.demo.project}`, token)).body.role_assignments).toEqual([])
    expect((await c.v3('DELETE', `/users/${user.body.user.id}`, token)).status).toBe(204)
  })
})

describe('projects', () => {
  it('stand in a tree that is shown, kept whole and bounded in depth', async () => {
    const root = await make('project', 'projects', { name: unique('root'), domain_id: 'default' }), mid = await make('project', 'projects', { name: unique('mid'), parent_id: root.id }), leaf = await make('project', 'projects', { name: unique('leaf'), parent_id: mid.id })
    const show = async (id: string, query: string) => (await c.v3('GET', `/projects/${id}?${query}`, admin)).body.project
    expect((await show(leaf.id, 'parents_as_ids')).parents).toEqual({ [mid.id]: { [root.id]: { default: null } } })
    expect((await show(root.id, 'subtree_as_ids')).subtree).toEqual({ [mid.id]: { [leaf.id]: null } })
    expect((await c.v3('DELETE', `/projects/${root.id}`, admin)).status).toBe(403)
    expect((await c.v3('PATCH', `/projects/${root.id}`, admin, { project: { enabled: false } })).status).toBe(403)
    expect((await c.v3('PATCH', `/projects/${leaf.id}`, admin, { project: { parent_id: root.id } })).status).toBe(403)
    const deeper = await make('project', 'projects', { name: unique('d4'), parent_id: leaf.id }), deepest = await make('project', 'projects', { name: unique('d5'), parent_id: deeper.id })
    expect((await c.v3('POST', '/projects', admin, { project: { name: unique('d6'), parent_id: deepest.id } })).status).toBe(403)
  })
  it('are found by their tags', async () => {
    const a = await make('project', 'projects', { name: unique('tagged'), domain_id: 'default', tags: ['red', 'round'] }), b = await make('project', 'projects', { name: unique('tagged'), domain_id: 'default', tags: ['red'] })
    const ids = async (query: string) => (await c.v3('GET', `/projects?${query}`, admin)).body.projects.map((p: any) => p.id).filter((id: string) => [a.id, b.id].includes(id)).sort()
    expect(await ids('tags=red,round')).toEqual([a.id])
    expect(await ids('tags-any=round,square')).toEqual([a.id])
    expect(await ids('not-tags=red,round')).toEqual([b.id])
    expect(await ids('not-tags-any=round')).toEqual([b.id])
    expect((await c.v3('PUT', `/projects/${b.id}/tags/green`, admin)).status).toBe(201)
    expect((await c.v3('GET', `/projects/${b.id}/tags`, admin)).body.tags).toEqual(['green', 'red'])
    expect((await c.v3('GET', `/projects/${b.id}/tags/blue`, admin)).status).toBe(404)
    expect([await ids('tags=red,green'), await ids('tags=red,red')]).toEqual([[b.id], [a.id, b.id].sort()])
    await c.v3('PUT', `/projects/${b.id}/tags`, admin, { tags: [] })
    expect([await ids('tags=red'), await ids('tags-any=green')]).toEqual([[a.id], []])
  })
})

describe('a domain', () => {
  it('is deleted only when disabled, and takes all that is in it', async () => {
    const d = await make('domain', 'domains', { name: unique('doomed') })
    const u = await make('user', 'users', { name: unique('in'), domain_id: d.id }), g = await make('group', 'groups', { name: unique('in'), domain_id: d.id }), p = await make('project', 'projects', { name: unique('in'), domain_id: d.id }), r = await make('role', 'roles', { name: unique('in'), domain_id: d.id })
    await c.v3('PUT', `/projects/${p.id}/users/${c.seeded.demo.user}/roles/${await roleId('member')}`, admin)
    expect((await c.v3('DELETE', `/domains/${d.id}`, admin)).status).toBe(403)
    await c.v3('PATCH', `/domains/${d.id}`, admin, { domain: { enabled: false } })
    expect((await c.v3('DELETE', `/domains/${d.id}`, admin)).status).toBe(204)
    for (const path of [`/users/${u.id}`, `/groups/${g.id}`, `/projects/${p.id}`, `/roles/${r.id}`, `/domains/${d.id}`]) expect([path, (await c.v3('GET', path, admin)).status]).toEqual([path, 404])
    expect((await c.v3('GET', `/role_assignments?scope.project.id=${p.id}`, admin)).body.role_assignments).toEqual([])
  })
  it('that is the default one stays', async () => {
    expect((await c.v3('PATCH', '/domains/default', admin, { domain: { enabled: false } })).status).toBe(403)
    expect((await c.v3('DELETE', '/domains/default', admin)).status).toBe(403)
  })
})

describe('role assignments', () => {
  it('are listed as made, and as they take effect', async () => {
    const parent = await make('project', 'projects', { name: unique('up'), domain_id: 'default' }), child = await make('project', 'projects', { name: unique('down'), parent_id: parent.id })
    const u = await make('user', 'users', { name: unique('member'), domain_id: 'default' }), g = await make('group', 'groups', { name: unique('team'), domain_id: 'default' }), member = await roleId('member'), reader = await roleId('reader')
    await c.v3('PUT', `/groups/${g.id}/users/${u.id}`, admin)
    await c.v3('PUT', `/OS-INHERIT/projects/${parent.id}/groups/${g.id}/roles/${member}/inherited_to_projects`, admin)
    const list = async (query: string) => (await c.v3('GET', `/role_assignments?${query}`, admin)).body.role_assignments
    expect(await list(`group.id=${g.id}`)).toMatchObject([{ role: { id: member }, group: { id: g.id }, scope: { project: { id: parent.id }, 'OS-INHERIT:inherited_to': 'projects' } }])
    expect(await list(`user.id=${u.id}`)).toEqual([])
    const effective = await list(`user.id=${u.id}&effective&include_names`)
    expect(effective.map((a: any) => [a.user.name, a.role.id, a.scope.project.id, a.scope.project.domain.name])).toEqual([member, reader].sort().map((r) => [u.name, r, child.id, 'Default']))
    expect(await list(`user.id=${u.id}&effective&role.id=${reader}&scope.project.id=${child.id}`)).toHaveLength(1)
    expect(await list(`user.id=${u.id}&effective&scope.project.id=${parent.id}`)).toEqual([])
    expect((await c.v3('GET', `/users/${u.id}/projects`, admin)).body.projects.map((p: any) => p.id)).toEqual([child.id])
  })
})

describe('the catalog', () => {
  it('is seen in tokens at once when it changes, and a project can be confined to part of it', async () => {
    const s = await make('service', 'services', { type: unique('kind'), name: 'thing' }), e = await make('endpoint', 'endpoints', { service_id: s.id, interface: 'public', region_id: 'RegionOne', url: 'http://thing.test/$(project_id)s' })
    const catalog = async () => (await c.auth(c.by.password({ id: c.seeded.demo.user }, 'demo-secret'), { project: { id: c.seeded.demo.project } })).body.token.catalog
    expect((await catalog()).find((x: any) => x.id === s.id).endpoints).toEqual([{ id: e.id, interface: 'public', region: 'RegionOne', region_id: 'RegionOne', url: `http://thing.test/${c.seeded.demo.project}` }])
    await c.v3('PUT', `/OS-EP-FILTER/projects/${c.seeded.demo.project}/endpoints/${e.id}`, admin)
    expect((await catalog()).flatMap((x: any) => x.endpoints).map((x: any) => x.id)).toEqual([e.id])
    await c.v3('DELETE', `/OS-EP-FILTER/projects/${c.seeded.demo.project}/endpoints/${e.id}`, admin)
    const g = await make('endpoint_group', 'OS-EP-FILTER/endpoint_groups', { name: unique('some'), filters: { service_id: s.id, interface: 'public' } }), given = `/OS-EP-FILTER/endpoint_groups/${g.id}/projects/${c.seeded.demo.project}`
    await c.v3('PUT', given, admin)
    expect((await catalog()).flatMap((x: any) => x.endpoints).map((x: any) => x.id)).toEqual([e.id])
    await c.v3('DELETE', given, admin)
    expect((await catalog()).length).toBeGreaterThan(5)
    await c.v3('PATCH', `/services/${s.id}`, admin, { service: { enabled: false } })
    expect((await catalog()).find((x: any) => x.id === s.id)).toBe(undefined)
    expect((await catalog()).length).toBeGreaterThan(5)
  })
  it('fills in ids and nothing else', async () => {
    const s = await make('service', 'services', { type: unique('kind') })
    for (const url of ['http://x/$(admin_token)s', 'http://x/%(MASTER_SECRET)s', '$(database)s']) expect((await c.v3('POST', '/endpoints', admin, { endpoint: { service_id: s.id, interface: 'public', url } })).status).toBe(400)
  })
})

it('says what it is to anybody', async () => {
  for (const path of ['/identity', '/identity/']) { const r = await c.call('GET', path); expect([r.status, r.body.versions.values[0].id]).toEqual([300, 'v3.14']) }
  for (const path of ['/identity/v3', '/identity/v3/']) { const r = await c.call('GET', path); expect([r.status, r.body.version.links[0].href]).toEqual([200, 'http://cloud.test/identity/v3/']) }
  expect((await c.v3('GET', '/no-such-thing', admin)).status).toBe(404)
  const r = await c.v3('DELETE', '/auth/catalog', admin)
  expect([r.status, r.headers.get('allow')]).toEqual([405, 'GET'])
})
