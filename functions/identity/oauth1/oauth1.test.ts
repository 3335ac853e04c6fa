import { createHmac } from 'node:crypto'
import { beforeAll, expect, it } from 'vitest'
import { signedBy } from './signature.ts'
import { identityCloud, type IdentityCloud } from '../test-kit.ts'

let c: IdentityCloud, admin: string
beforeAll(async () => { c = await identityCloud(); admin = await c.admin() })
const esc = (s: string) => encodeURIComponent(s).replaceAll(/[!'()*]/g, (x) => `%${x.charCodeAt(0).toString(16).toUpperCase()}`)
interface Keys { key: string; secret: string; token?: string; tokenSecret?: string; more?: Record<string, string>; nonce?: string; at?: number }
function signed(method: string, path: string, k: Keys) {
  const p: Record<string, string> = { oauth_consumer_key: k.key, oauth_signature_method: 'HMAC-SHA1', oauth_timestamp: String(k.at ?? Math.floor(Date.now() / 1000)), oauth_nonce: k.nonce ?? crypto.randomUUID(), oauth_version: '1.0', ...(k.token && { oauth_token: k.token }), ...k.more }
  const text = [method, esc(`http://cloud.test/identity/v3${path}`), esc(Object.keys(p).sort().map((n) => `${esc(n)}=${esc(p[n])}`).join('&'))].join('&')
  const signature = createHmac('sha1', `${esc(k.secret)}&${esc(k.tokenSecret ?? '')}`).update(text).digest('base64')
  return { authorization: `OAuth ${Object.entries({ ...p, oauth_signature: signature }).map(([n, v]) => `${esc(n)}="${esc(v)}"`).join(', ')}` }
}
const form = (text: string) => { const f = new URLSearchParams(text); return { token: f.get('oauth_token')!, tokenSecret: f.get('oauth_token_secret')! } }
const login = (k: Keys, nonce?: string) => c.call('POST', '/identity/v3/auth/tokens', { body: { auth: { identity: { methods: ['oauth1'], oauth1: {} } } }, headers: signed('POST', '/auth/tokens', { ...k, nonce }) })
async function lent(role = 'member', lend = role) {
  const p = await c.person(`lender-${crypto.randomUUID()}`, { role }), { consumer } = (await c.v3('POST', '/OS-OAUTH1/consumers', admin, { consumer: { description: 'a program' } })).body
  const k = { key: consumer.id, secret: consumer.secret }
  const asked = await c.v3('POST', '/OS-OAUTH1/request_token', undefined, undefined, { ...signed('POST', '/OS-OAUTH1/request_token', { ...k, more: { oauth_callback: 'oob' } }), 'requested-project-id': p.project })
  expect([asked.status, asked.headers.get('content-type')]).toEqual([201, 'application/x-www-form-urlencoded'])
  const request = form(asked.text), ok = await c.v3('PUT', `/OS-OAUTH1/authorize/${request.token}`, await p.token(), { roles: [{ name: lend }] })
  expect(ok.status).toBe(200)
  const take = (verifier: string) => c.v3('POST', '/OS-OAUTH1/access_token', undefined, undefined, signed('POST', '/OS-OAUTH1/access_token', { ...k, ...request, more: { oauth_verifier: verifier } }))
  expect((await take('wrong')).status).toBe(401)
  const got = await take(ok.body.token.oauth_verifier)
  expect(got.status).toBe(201)
  expect((await take(ok.body.token.oauth_verifier)).status).toBe(401)
  return { p, k: { ...k, ...form(got.text) }, consumer, request }
}

it('reads what the common client library signs', () => {
  const header = 'OAuth oauth_nonce="n1", oauth_timestamp="1700000000", oauth_version="1.0", oauth_signature_method="HMAC-SHA1", oauth_consumer_key="key-1", oauth_token="tok", oauth_signature="C5nHPHs%2BRCoQDK%2BDHGeTa%2B4DjSg%3D"'
  const of = (query: string) => signedBy('POST', 'http://cloud.test/identity/v3/auth/tokens', new URLSearchParams(query), header)!
  expect([of('a=b%20c&z=1').matches('sec ret&1', 'ts'), of('a=b%20c&z=2').matches('sec ret&1', 'ts'), of('a=b%20c&z=1').matches('sec ret&1', 'tx')]).toEqual([true, false, false])
})
it('lends the roles that were named and no more, on the project that was asked for', async () => {
  const { p, k } = await lent('manager', 'reader'), r = await login(k)
  expect(r.status).toBe(201)
  expect(r.body.token).toMatchObject({ methods: ['oauth1'], user: { id: p.id }, project: { id: p.project }, 'OS-OAUTH1': { consumer_id: k.key, access_token_id: k.token } })
  expect(r.body.token.roles.map((x: any) => x.name)).toEqual(['reader'])
})
it('makes no other way to log in', async () => {
  const { p, k } = await lent(), token = (await login(k)).headers.get('x-subject-token')!
  for (const [path, body] of [[`/users/${p.id}/application_credentials`, { application_credential: { name: 'x' } }], [`/users/${p.id}/credentials/OS-EC2`, { tenant_id: p.project }], ['/credentials', { credential: { type: 'ec2', blob: '{"access":"a","secret":"b"}', project_id: p.project } }],
    ['/OS-TRUST/trusts', { trust: { trustor_user_id: p.id, trustee_user_id: c.seeded.demo.user, project_id: p.project, impersonation: false, roles: [{ name: 'member' }] } }]] as const) expect([path, (await c.v3('POST', path, token, body)).status]).toEqual([path, 403])
  expect((await c.auth(c.by.token(token), 'unscoped')).status).toBe(403)
})
it('is refused with a wrong signature, an old one, the same one again, or another consumer', async () => {
  const { k } = await lent(), nonce = crypto.randomUUID()
  expect((await login(k, nonce)).status).toBe(201)
  const again = signed('POST', '/auth/tokens', { ...k, at: 1 })
  expect((await c.call('POST', '/identity/v3/auth/tokens', { body: { auth: { identity: { methods: ['oauth1'] } } }, headers: again })).status).toBe(401)
  const replay = signed('POST', '/auth/tokens', k), twice = await Promise.all([1, 2].map(() => c.call('POST', '/identity/v3/auth/tokens', { body: { auth: { identity: { methods: ['oauth1'] } } }, headers: replay })))
  expect(twice.map((r) => r.status).sort()).toEqual([201, 401])
  expect((await login({ ...k, tokenSecret: 'other' })).status).toBe(401)
  const other = (await lent()).k
  expect((await login({ ...k, key: other.key, secret: other.secret })).status).toBe(401)
})
it('ends when it is taken back, with the consumer, and with the role', async () => {
  for (const end of ['token', 'consumer', 'role'] as const) {
    const { p, k, consumer } = await lent(), token = (await login(k)).headers.get('x-subject-token')!, own = await p.token()
    expect(await c.alive(token)).toBe(true)
    const list = (await c.v3('GET', `/users/${p.id}/OS-OAUTH1/access_tokens`, own)).body.access_tokens
    expect(list.map((x: any) => x.id)).toEqual([k.token])
    expect((await c.v3('GET', `/users/${p.id}/OS-OAUTH1/access_tokens/${k.token}/roles`, own)).body.roles.map((r: any) => r.name)).toEqual(['member'])
    expect((await c.v3('GET', `/users/${p.id}/OS-OAUTH1/access_tokens`, await c.demo())).status).toBe(403)
    const path = { token: `/users/${p.id}/OS-OAUTH1/access_tokens/${k.token}`, consumer: `/OS-OAUTH1/consumers/${consumer.id}`, role: `/projects/${p.project}/users/${p.id}/roles/${p.role}` }[end]
    expect((await c.v3('DELETE', path, end === 'token' ? own : admin)).status).toBe(204)
    expect([end, await c.alive(token), (await login(k)).status]).toEqual([end, false, 401])
  }
})
it('is authorized only by somebody who has the roles', async () => {
  const p = await c.person('poor', { role: 'reader' }), { consumer } = (await c.v3('POST', '/OS-OAUTH1/consumers', admin, { consumer: {} })).body
  const asked = await c.v3('POST', '/OS-OAUTH1/request_token', undefined, undefined, { ...signed('POST', '/OS-OAUTH1/request_token', { key: consumer.id, secret: consumer.secret }), 'requested-project-id': p.project })
  expect((await c.v3('PUT', `/OS-OAUTH1/authorize/${form(asked.text).token}`, await p.token(), { roles: [{ name: 'manager' }] })).status).toBe(401)
  expect((await c.v3('GET', `/OS-OAUTH1/consumers/${consumer.id}`, admin)).text).not.toContain(consumer.secret)
})
it('OAuth2: an application credential is a client, and its token is taken as Bearer', async () => {
  const p = await c.person('client-owner'), { application_credential: app } = (await c.v3('POST', `/users/${p.id}/application_credentials`, await p.token(), { application_credential: { name: 'oauth2' } })).body
  const ask = (secret: string, raw = 'grant_type=client_credentials') => c.call('POST', '/identity/v3/OS-OAUTH2/token', { raw, headers: { authorization: `Basic ${btoa(`${app.id}:${secret}`)}`, 'content-type': 'application/x-www-form-urlencoded' } })
  const r = await ask(app.secret)
  expect([r.status, r.body.token_type]).toEqual([200, 'Bearer'])
  expect((await c.call('GET', '/identity/v3/auth/projects', { headers: { authorization: `Bearer ${r.body.access_token}` } })).status).toBe(200)
  expect([(await ask('wrong')).status, (await ask('wrong')).body.error, (await ask(app.secret, 'grant_type=password')).body.error]).toEqual([401, 'invalid_client', 'unsupported_grant_type'])
})
