import { beforeAll, describe, expect, it } from 'vitest'
import { credential } from '../../schema/identity.ts'
import { q } from '../kernel/db.ts'
import { identityCloud, type IdentityCloud } from './test-kit.ts'

let c: IdentityCloud, admin: string
beforeAll(async () => { c = await identityCloud(); admin = await c.admin() })
const idOf = (r: { headers: Headers }) => r.headers.get('x-subject-token')!
type Person = Awaited<ReturnType<IdentityCloud['person']>>
const appOf = async (p: Person, more: object = {}) => {
  const r = await c.v3('POST', `/users/${p.id}/application_credentials`, await p.token(), { application_credential: { name: `app-${crypto.randomUUID()}`, ...more } })
  expect(r.status).toBe(201)
  return r.body.application_credential
}
const lend = async (from: Person, to: Person, more: object = {}) => c.v3('POST', '/OS-TRUST/trusts', await from.token(), {
  trust: { trustor_user_id: from.id, trustee_user_id: to.id, project_id: from.project, impersonation: false, roles: [{ name: 'member' }], ...more } })

describe('an application credential', () => {
  it('has the roles it was given and no more, even when the user has more later', async () => {
    const p = await c.person('ac-roles', { role: 'manager' }), app = await appOf(p, { roles: [{ name: 'reader' }] })
    const r = await c.auth(c.by.app(app.id, app.secret))
    expect(r.body.token.roles.map((x: any) => x.name)).toEqual(['reader'])
    expect(r.body.token.application_credential).toEqual({ id: app.id, name: app.name, restricted: true })
    const more = await c.v3('POST', `/users/${p.id}/application_credentials`, await p.token(), { application_credential: { name: 'x', roles: [{ name: 'admin' }] } })
    expect(more.status).toBe(400)
  })
  it('that is restricted makes no other way to log in', async () => {
    const p = await c.person('ac-restricted'), app = await appOf(p), token = idOf(await c.auth(c.by.app(app.id, app.secret)))
    const tries: [string, string, object][] = [
      ['POST', `/users/${p.id}/application_credentials`, { application_credential: { name: 'child' } }],
      ['POST', `/users/${p.id}/credentials/OS-EC2`, { tenant_id: p.project }],
      ['POST', '/credentials', { credential: { type: 'ec2', blob: '{"access":"a","secret":"b"}', project_id: p.project } }],
      ['POST', '/OS-TRUST/trusts', { trust: { trustor_user_id: p.id, trustee_user_id: c.seeded.demo.user, project_id: p.project, impersonation: false, roles: [{ name: 'member' }] } }],
    ]
    for (const [method, path, body] of tries) expect([path, (await c.v3(method, path, token, body)).status]).toEqual([path, 403])
    expect((await c.v3('DELETE', `/users/${p.id}/application_credentials/${app.id}`, token)).status).toBe(403)
    expect((await c.auth(c.by.token(token))).status).toBe(403)
    expect((await c.auth(c.by.token(token), 'unscoped')).status).toBe(403)
  })
  it('that is unrestricted leaves its mark on the EC2 key it makes', async () => {
    const p = await c.person('ac-unrestricted'), app = await appOf(p, { unrestricted: true }), token = idOf(await c.auth(c.by.app(app.id, app.secret)))
    const made = await c.v3('POST', `/users/${p.id}/credentials/OS-EC2`, token, { tenant_id: p.project })
    expect(made.status).toBe(201)
    const [mine] = (await c.v3('GET', '/credentials', await p.token())).body.credentials
    expect(JSON.parse(mine.blob).app_cred_id).toBe(app.id)
  })
  it('with access rules is good for those requests and no other', async () => {
    const p = await c.person('ac-rules'), app = await appOf(p, { access_rules: [{ service: 'identity', method: 'GET', path: '/v3/users/*' }, { service: 'identity', method: 'GET', path: '/v3/auth/**' }, { service: 'compute', method: 'GET', path: '/v2.1/servers' }] })
    const r = await c.auth(c.by.app(app.id, app.secret)), token = idOf(r)
    expect(r.body.token.application_credential.access_rules).toHaveLength(3)
    expect((await c.v3('GET', `/users/${p.id}`, token)).status).toBe(200)
    expect((await c.v3('GET', '/auth/projects', token)).status).toBe(200)
    expect((await c.v3('GET', `/users/${p.id}/projects`, token)).status).toBe(401)
    expect((await c.v3('PATCH', `/users/${p.id}`, token, { user: {} })).status).toBe(401)
    expect((await c.v3('GET', '/regions', token)).status).toBe(401)
    const used = (await c.v3('GET', `/users/${p.id}/access_rules`, await p.token())).body.access_rules
    expect((await c.v3('DELETE', `/users/${p.id}/access_rules/${used[0].id}`, await p.token())).status).toBe(403)
  })
  it('ends when it said it would, and takes no scope', async () => {
    const p = await c.person('ac-ends'), at = new Date(Date.now() + 600).toISOString().slice(0, -1)
    const app = await appOf(p, { expires_at: `${at}000` }), r = await c.auth(c.by.app(app.id, app.secret))
    expect(r.body.token.expires_at).toBe(`${at}000Z`)
    expect((await c.auth(c.by.app(app.id, app.secret), { project: { id: p.project } })).status).toBe(401)
    await new Promise((done) => setTimeout(done, 650))
    expect([await c.alive(idOf(r)), (await c.auth(c.by.app(app.id, app.secret))).status]).toEqual([false, 401])
    const past = await c.v3('POST', `/users/${p.id}/application_credentials`, await p.token(), { application_credential: { name: 'past', expires_at: '2020-01-01T00:00:00' } })
    expect(past.status).toBe(400)
  })
  it('keeps a secret the user chose as well as one it made, and refuses others', async () => {
    const p = await c.person('ac-secret'), chosen = await appOf(p, { secret: 'pick-me' }), made = await appOf(p)
    expect((await c.auth(c.by.app(chosen.id, 'pick-me'))).status).toBe(201)
    expect((await c.auth({ methods: ['application_credential'], application_credential: { name: made.name, user: { id: p.id }, secret: made.secret } })).status).toBe(201)
    for (const app of [chosen, made]) expect((await c.auth(c.by.app(app.id, 'wrong'))).status).toBe(401)
    expect((await c.v3('GET', `/users/${p.id}/application_credentials/${made.id}`, await p.token())).text).not.toContain(made.secret)
  })
})

describe('a trust', () => {
  it('lends what the trustor has, to the trustee alone', async () => {
    const [giver, taker, other] = [await c.person('giver'), await c.person('taker', { role: 'reader' }), await c.person('other')]
    const { trust } = (await lend(giver, taker)).body
    const r = await taker.login({ 'OS-TRUST:trust': { id: trust.id } })
    expect(r.status).toBe(201)
    expect(r.body.token).toMatchObject({ user: { id: taker.id }, 'OS-TRUST:trust': { id: trust.id, impersonation: false }, project: { id: giver.project } })
    expect(r.body.token.roles.map((x: any) => x.name).sort()).toEqual(['member', 'reader'])
    expect((await other.login({ 'OS-TRUST:trust': { id: trust.id } })).status).toBe(403)
    expect((await c.v3('GET', `/OS-TRUST/trusts/${trust.id}`, await other.token())).status).toBe(403)
    expect((await lend(giver, taker, { roles: [{ name: 'admin' }] })).status).toBe(404)
    expect((await lend(giver, taker, { trustor_user_id: other.id })).status).toBe(403)
  })
  it('cannot be lent on, exchanged, or made to last longer', async () => {
    const [giver, taker] = [await c.person('giver2'), await c.person('taker2')], expires = new Date(Date.now() + 60_000).toISOString()
    const { trust } = (await lend(giver, taker, { impersonation: true, expires_at: expires })).body
    const r = await taker.login({ 'OS-TRUST:trust': { id: trust.id } }), token = idOf(r)
    expect(r.body.token.user.id).toBe(giver.id)
    expect(r.body.token.expires_at.slice(0, 19)).toBe(expires.slice(0, 19))
    expect((await c.auth(c.by.token(token), { project: { id: giver.project } })).status).toBe(403)
    const on = { trust: { trustor_user_id: giver.id, trustee_user_id: taker.id, project_id: giver.project, impersonation: true, roles: [{ name: 'member' }] } }
    expect((await c.v3('POST', '/OS-TRUST/trusts', token, on)).status).toBe(403)
    expect((await c.v3('POST', `/users/${giver.id}/credentials/OS-EC2`, token, { tenant_id: giver.project })).status).toBe(403)
    expect((await c.v3('POST', `/users/${giver.id}/application_credentials`, token, { application_credential: { name: 'via-trust' } })).status).toBe(403)
  })
  it('ends when the trustor loses the role, is disabled, or takes it back; and after its uses', async () => {
    for (const end of ['role', 'disabled', 'back'] as const) {
      const [giver, taker] = [await c.person(`giver-${end}`), await c.person(`taker-${end}`)]
      const { trust } = (await lend(giver, taker)).body, scope = { 'OS-TRUST:trust': { id: trust.id } }, token = await taker.token(scope)
      expect(await c.alive(token)).toBe(true)
      if (end === 'role') await c.v3('DELETE', `/projects/${giver.project}/users/${giver.id}/roles/${giver.role}`, admin)
      if (end === 'disabled') await c.v3('PATCH', `/users/${giver.id}`, admin, { user: { enabled: false } })
      if (end === 'back') expect((await c.v3('DELETE', `/OS-TRUST/trusts/${trust.id}`, await giver.token())).status).toBe(204)
      expect([end, await c.alive(token)]).toEqual([end, false])
      expect([401, 403]).toContain((await taker.login(scope)).status)
    }
    const [giver, taker] = [await c.person('giver-uses'), await c.person('taker-uses')], { trust } = (await lend(giver, taker, { remaining_uses: 2 })).body
    const used = await Promise.all([1, 2, 3, 4].map(() => taker.login({ 'OS-TRUST:trust': { id: trust.id } })))
    expect(used.filter((r) => r.status === 201)).toHaveLength(2)
    expect(used.every((r) => r.status < 500)).toBe(true)
  })
})

describe('credentials', () => {
  it('are sealed in the database and seen by their owner only', async () => {
    const [p, other] = [await c.person('keeper'), await c.person('peeper')]
    const made = (await c.v3('POST', '/credentials', await p.token(), { credential: { type: 'totp', blob: 'SEED-OF-THE-KEEPER' } })).body.credential
    const key = (await c.v3('POST', `/users/${p.id}/credentials/OS-EC2`, await p.token(), { tenant_id: p.project })).body.credential
    const [rows] = await c.db().read([q.select().from(credential)])
    expect(JSON.stringify(rows)).not.toMatch(new RegExp(`SEED-OF-THE-KEEPER|${key.secret}|${key.access}`))
    const peep = await other.token()
    expect((await c.v3('GET', '/credentials', peep)).body.credentials).toEqual([])
    expect((await c.v3('GET', `/credentials?user_id=${p.id}`, peep)).body.credentials).toEqual([])
    expect((await c.v3('GET', `/credentials/${made.id}`, peep)).status).toBe(404)
    expect((await c.v3('GET', `/users/${p.id}/credentials/OS-EC2`, peep)).status).toBe(403)
    expect((await c.v3('GET', `/credentials/${made.id}`, await p.token())).body.credential.blob).toBe('SEED-OF-THE-KEEPER')
  })
  it('never change their user, project or binding', async () => {
    const p = await c.person('fixed'), token = await p.token(), key = (await c.v3('POST', `/users/${p.id}/credentials/OS-EC2`, token, { tenant_id: p.project })).body.credential
    const { id } = (await c.v3('GET', '/credentials?type=ec2', token)).body.credentials[0]
    for (const change of [{ user_id: c.seeded.demo.user }, { project_id: c.seeded.admin.project }, { type: 'cert' }, { blob: JSON.stringify({ access: 'other', secret: 's' }) }, { blob: JSON.stringify({ access: key.access, secret: 's', trust_id: 'x' }) }]) {
      expect([change, (await c.v3('PATCH', `/credentials/${id}`, token, { credential: change })).status]).toEqual([change, 400])
    }
    expect((await c.v3('PATCH', `/credentials/${id}`, token, { credential: { blob: JSON.stringify({ access: key.access, secret: 'fresh' }) } })).status).toBe(200)
    expect((await c.v3('POST', '/credentials', token, { credential: { type: 'x', blob: 'y', user_id: c.seeded.demo.user } })).status).toBe(403)
  })
})
