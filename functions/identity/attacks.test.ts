import { beforeAll, describe, expect, it } from 'vitest'
import { identityCloud, type IdentityCloud } from './test-kit.ts'

/**
 * What others were broken by and what no other file here tries. Elsewhere: forged identity headers, token life, size limits (tokens/tokens.test.ts);
 * signatures, also old ones and S3's (credentials/signature.test.ts), compared in constant time (local/signatures.test.ts); what a restricted credential or trust makes, owners of EC2 keys
 * (delegation.test.ts); trusts lent on (trusts/redelegate.test.ts); fewer roles by OAuth1 (oauth1/oauth1.test.ts); what ends tokens (revocation.test.ts);
 * directories (tests/directory/ldap.test.ts); lock-out and timing (security.test.ts); templates in the catalog (resources.test.ts).
 */
let c: IdentityCloud, admin: string
beforeAll(async () => { c = await identityCloud(); admin = await c.admin() })
const idOf = (r: { headers: Headers }) => r.headers.get('x-subject-token')!
const scopes = (r: { body: any }) => [r.body.token?.project?.id, r.body.token?.roles?.map((x: any) => x.name).sort()]

describe('what belongs to others', () => {
  it('is in no list, under no filter: credentials, seeds of one-time codes, EC2 keys, application credentials, projects', async () => {
    const [p, peeper] = [await c.person('has-things'), await c.person('peeps')], own = await p.token(), other = await peeper.token()
    await c.v3('POST', '/credentials', own, { credential: { type: 'totp', blob: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', user_id: p.id } })
    await c.v3('POST', `/users/${p.id}/application_credentials`, own, { application_credential: { name: 'mine' } })
    for (const path of ['/credentials', '/credentials?type=totp', `/credentials?user_id=${p.id}`, `/credentials?user_id=${p.id}&type=totp&limit=1`]) {
      const r = await c.v3('GET', path, other)
      expect([path, r.status === 403 || r.body.credentials.length === 0, r.text.includes('GEZDG')]).toEqual([path, true, false])
    }
    for (const path of [`/users/${p.id}/application_credentials`, `/users/${p.id}/access_rules`, `/users/${p.id}/projects`, `/users/${p.id}/OS-OAUTH1/access_tokens`]) expect([path, (await c.v3('GET', path, other)).status]).toEqual([path, 403])
    const hidden = (await c.v3('POST', '/projects', admin, { project: { name: 'hidden', domain_id: 'default' } })).body.project.id
    for (const path of ['/OS-FEDERATION/projects', '/auth/projects']) expect((await c.v3('GET', path, other)).text).not.toContain(hidden)
  })
})

describe('another scope', () => {
  it('is had only where the user has a role, and with the roles of that place alone', async () => {
    const lab = (await c.v3('POST', '/projects', admin, { project: { name: 'lab', domain_id: 'default' } })).body.project.id, p = await c.person('moves', { role: 'manager' })
    const reader = (await c.v3('GET', '/roles?name=reader', admin)).body.roles[0].id
    await c.v3('PUT', `/projects/${lab}/users/${p.id}/roles/${reader}`, admin)
    const there = await c.auth(c.by.token(await p.token()), { project: { id: lab } })
    expect(scopes(there)).toEqual([lab, ['reader']])
    for (const scope of [{ project: { id: c.seeded.admin.project } }, { domain: { id: 'default' } }, { system: { all: true } }]) expect((await c.auth(c.by.token(idOf(there)), scope)).status).toBe(401)
    // What was looked at narrowly is no more than that: a reader's token makes nothing.
    expect((await c.v3('POST', '/projects', idOf(there), { project: { name: 'x', domain_id: 'default' } })).status).toBe(403)
  })
  it('is had by nothing lent: application credential, trust, however it asks', async () => {
    const [p, taker] = [await c.person('lends'), await c.person('takes')]
    const app = (await c.v3('POST', `/users/${p.id}/application_credentials`, await p.token(), { application_credential: { name: 'a', unrestricted: true } })).body.application_credential
    const { trust } = (await c.v3('POST', '/OS-TRUST/trusts', await p.token(), { trust: { trustor_user_id: p.id, trustee_user_id: taker.id, project_id: p.project, impersonation: true, roles: [{ name: 'member' }] } })).body
    const lent = [idOf(await c.auth(c.by.app(app.id, app.secret))), await taker.token({ 'OS-TRUST:trust': { id: trust.id } })]
    for (const token of lent) for (const scope of [undefined, 'unscoped', { project: { id: p.project } }, { system: { all: true } }]) expect((await c.auth(c.by.token(token), scope)).status).toBe(403)
    // Nor beside a password: of several methods each has to hold.
    expect((await c.auth({ methods: ['password', 'token'], password: { user: { id: taker.id, password: taker.password } }, token: { id: lent[1] } }, 'unscoped')).status).toBe(403)
    const mixed = await c.auth({ methods: ['password', 'token'], password: { user: { id: taker.id, password: taker.password } }, token: { id: await p.token() } }, 'unscoped')
    expect(mixed.status).toBe(401)
  })
  it('does not undo what a second factor guards', async () => {
    const p = await c.person('guarded'), before = await p.token()
    await c.v3('PATCH', `/users/${p.id}`, admin, { user: { options: { multi_factor_auth_enabled: true, multi_factor_auth_rules: [['password', 'totp']] } } })
    const app = (await c.v3('POST', `/users/${p.id}/application_credentials`, before, { application_credential: { name: 'around' } })).body.application_credential
    for (const r of [await c.auth(c.by.token(before), { project: { id: p.project } }), await c.auth(c.by.app(app.id, app.secret)), await p.login()]) expect([r.status, r.headers.get('x-subject-token')]).toEqual([401, null])
    expect((await c.call('POST', '/identity/v3/OS-OAUTH2/token', { raw: `grant_type=client_credentials&client_id=${app.id}&client_secret=${app.secret}` })).status).toBe(401)
  })
})
