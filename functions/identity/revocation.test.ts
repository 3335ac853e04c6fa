import { beforeAll, describe, expect, it } from 'vitest'
import { identityCloud, type IdentityCloud } from './test-kit.ts'

let c: IdentityCloud, admin: string
beforeAll(async () => { c = await identityCloud(); admin = await c.admin() })
let n = 0
const unique = (name: string) => `${name}-${n++}`
const make = async (what: string, plural: string, body: object) => (await c.v3('POST', `/${plural}`, admin, { [what]: { name: unique(what), ...body } })).body[what]
const patch = (path: string, what: string, change: object) => c.v3('PATCH', path, admin, { [what]: change })

/** A person with a token, and what ends it. */
const ends: Record<string, (p: Awaited<ReturnType<IdentityCloud['person']>>, token: string) => Promise<{ status: number }>> = {
  'the token is revoked': (_, token) => c.v3('DELETE', '/auth/tokens', token, undefined, { 'x-subject-token': token }),
  'the user changes the password': (p) => c.v3('POST', `/users/${p.id}/password`, undefined, { user: { original_password: p.password, password: 'another-one' } }),
  'the operator sets the password': (p) => patch(`/users/${p.id}`, 'user', { password: 'another-one' }),
  'the user is disabled': (p) => patch(`/users/${p.id}`, 'user', { enabled: false }),
  'the user is deleted': (p) => c.v3('DELETE', `/users/${p.id}`, admin),
  'the role is taken away': (p) => c.v3('DELETE', `/projects/${p.project}/users/${p.id}/roles/${p.role}`, admin),
  'the project is disabled': (p) => patch(`/projects/${p.project}`, 'project', { enabled: false }),
  'the project is deleted': (p) => c.v3('DELETE', `/projects/${p.project}`, admin),
}
describe('a token is refused at once when', () => {
  for (const [why, end] of Object.entries(ends)) it(why, async () => {
    const project = await make('project', 'projects', { domain_id: 'default' })
    const p = await c.person(unique('person'), { project: project.id }), token = await p.token()
    expect(await c.alive(token)).toBe(true)
    expect((await end(p, token)).status).toBeLessThan(300)
    expect(await c.alive(token)).toBe(false)
    expect((await c.auth(c.by.token(token))).status).toBe(404)
  })

  it('the group that had the role loses it, or the user leaves it, or it is deleted', async () => {
    for (const end of ['role', 'member', 'group'] as const) {
      const project = await make('project', 'projects', { domain_id: 'default' }), group = await make('group', 'groups', { domain_id: 'default' })
      const p = await c.person(unique('person')), scope = { project: { id: project.id } }
      await c.v3('PUT', `/groups/${group.id}/users/${p.id}`, admin)
      await c.v3('PUT', `/projects/${project.id}/groups/${group.id}/roles/${p.role}`, admin)
      const token = await p.token(scope)
      expect(await c.alive(token)).toBe(true)
      const path = { role: `/projects/${project.id}/groups/${group.id}/roles/${p.role}`, member: `/groups/${group.id}/users/${p.id}`, group: `/groups/${group.id}` }[end]
      expect((await c.v3('DELETE', path, admin)).status).toBe(204)
      expect([end, await c.alive(token)]).toEqual([end, false])
      expect((await p.login(scope)).status).toBe(401)
    }
  })

  it('the domain is disabled, whose user or whose project it is', async () => {
    for (const whose of ['user', 'project'] as const) {
      const domain = await make('domain', 'domains', {}), project = await make('project', 'projects', { domain_id: whose === 'project' ? domain.id : 'default' })
      const user = await make('user', 'users', { domain_id: whose === 'user' ? domain.id : 'default', password: 'a-password-1' })
      const role = (await c.v3('GET', '/roles?name=member', admin)).body.roles[0].id
      await c.v3('PUT', `/projects/${project.id}/users/${user.id}/roles/${role}`, admin)
      const login = () => c.auth(c.by.password({ id: user.id }, 'a-password-1'), { project: { id: project.id } })
      const token = (await login()).headers.get('x-subject-token')!
      expect(await c.alive(token)).toBe(true)
      await patch(`/domains/${domain.id}`, 'domain', { enabled: false })
      expect([await c.alive(token), (await login()).status]).toEqual([false, 401])
      await patch(`/domains/${domain.id}`, 'domain', { enabled: true })
      expect([await c.alive(token), (await login()).status]).toEqual([false, 201])
    }
  })

  it('the role itself is deleted, or what implied it', async () => {
    const role = await make('role', 'roles', {}), p = await c.person(unique('person'), { role: role.name }), token = await p.token()
    expect(await c.alive(token)).toBe(true)
    await c.v3('DELETE', `/roles/${role.id}`, admin)
    expect(await c.alive(token)).toBe(false)
    const [upper, lower] = [await make('role', 'roles', {}), await make('role', 'roles', {})]
    await c.v3('PUT', `/roles/${upper.id}/implies/${lower.id}`, admin)
    const two = await c.person(unique('person'), { role: upper.name }), with2 = await two.login()
    expect(with2.body.token.roles.map((r: any) => r.id).sort()).toEqual([upper.id, lower.id].sort())
    await c.v3('DELETE', `/roles/${upper.id}/implies/${lower.id}`, admin)
    expect(await c.alive(with2.headers.get('x-subject-token')!)).toBe(false)
    expect((await two.login()).body.token.roles.map((r: any) => r.id)).toEqual([upper.id])
  })

  it('an inherited role is taken away', async () => {
    const parent = await make('project', 'projects', { domain_id: 'default' }), child = await make('project', 'projects', { parent_id: parent.id })
    const p = await c.person(unique('person')), path = `/OS-INHERIT/projects/${parent.id}/users/${p.id}/roles/${p.role}/inherited_to_projects`, scope = { project: { id: child.id } }
    expect((await p.login(scope)).status).toBe(401)
    await c.v3('PUT', path, admin)
    const token = await p.token(scope)
    expect(await c.alive(token)).toBe(true)
    // Not on the project it is inherited from.
    expect((await p.login({ project: { id: parent.id } })).status).toBe(401)
    await c.v3('DELETE', path, admin)
    expect([await c.alive(token), (await p.login(scope)).status]).toEqual([false, 401])
  })
})

it('an application credential ends with its deletion, and with the role it was made from', async () => {
  const p = await c.person(unique('person')), token = await p.token()
  const app = async () => (await c.v3('POST', `/users/${p.id}/application_credentials`, token, { application_credential: { name: unique('app') } })).body.application_credential
  const first = await app(), one = await c.auth(c.by.app(first.id, first.secret))
  expect(one.status).toBe(201)
  console.log('token by application credential:', one.trips)
  const id = one.headers.get('x-subject-token')!
  expect((await c.v3('DELETE', `/users/${p.id}/application_credentials/${first.id}`, token)).status).toBe(204)
  expect([await c.alive(id), await c.alive(token)]).toEqual([false, true])
  const second = await app(), two = (await c.auth(c.by.app(second.id, second.secret))).headers.get('x-subject-token')!
  await c.v3('DELETE', `/projects/${p.project}/users/${p.id}/roles/${p.role}`, admin)
  expect([await c.alive(two), (await c.auth(c.by.app(second.id, second.secret))).status]).toEqual([false, 401])
})

it('a new token after any of these is good in the same instant', async () => {
  const p = await c.person(unique('person'))
  for (let i = 0; i < 5; i++) {
    await patch(`/users/${p.id}`, 'user', { password: `secret-${i}` })
    const r = await c.auth(c.by.password({ id: p.id }, `secret-${i}`), { project: { id: p.project } })
    expect(await c.alive(r.headers.get('x-subject-token')!)).toBe(true)
  }
})
