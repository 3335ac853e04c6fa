import { sql } from 'drizzle-orm'
import { beforeAll, expect, it } from 'vitest'
import { q } from '../../kernel/db.ts'
import { identityCloud, type IdentityCloud } from '../test-kit.ts'

let c: IdentityCloud
beforeAll(async () => { c = await identityCloud() })
const form = (path: string, fields: Record<string, string>) => c.call('POST', `/identity/v3/OS-OAUTH2/${path}`, { raw: new URLSearchParams(fields).toString(), headers: { 'content-type': 'application/x-www-form-urlencoded' } })
const begin = async (client = 'my-tool') => (await form('device_authorization', { client_id: client })).body
const redeem = (d: { device_code: string }, client = 'my-tool') => form('token', { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: d.device_code, client_id: client })
const answer = (code: string, token: string, approved = true) => c.v3('PUT', `/OS-OAUTH2/device/${code}`, token, { device: { approved } })

it('a device shows a code, somebody says yes to it, and it is them, there, once', async () => {
  const p = await c.person('device-owner'), token = await p.token(), d = await begin()
  expect(d).toMatchObject({ user_code: expect.stringMatching(/^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$/), verification_uri: 'http://cloud.test/identity/v3/OS-OAUTH2/device', verification_uri_complete: `http://cloud.test/identity/v3/OS-OAUTH2/device?user_code=${d.user_code}`, expires_in: 900, interval: 5 })
  expect([(await redeem(d)).status, (await redeem(d)).body.error]).toEqual([400, 'slow_down'])
  expect((await c.v3('GET', `/OS-OAUTH2/device/${d.user_code.toLowerCase().replace('-', '')}`, token)).body.device).toMatchObject({ client_id: 'my-tool', user_code: d.user_code })
  expect((await answer(d.user_code, token)).status).toBe(204)
  const r = await redeem(d)
  expect([r.status, r.body.token_type, r.body.expires_in > 3000, r.headers.get('cache-control')]).toEqual([200, 'Bearer', true, 'no-store'])
  expect((await c.v3('GET', '/auth/tokens', r.body.access_token, undefined, { 'x-subject-token': r.body.access_token })).body.token).toMatchObject({ user: { id: p.id }, project: { id: p.project }, methods: ['password', 'oauth2_device'] })
  expect((await redeem(d)).body.error).toBe('invalid_grant')
  expect((await answer(d.user_code, token)).status).toBe(404)
})
it('no is no, late is late, and a code is for the program that was given it', async () => {
  const p = await c.person('refuser'), token = await p.token(), [no, other, late] = await Promise.all([begin(), begin(), begin()])
  expect((await redeem(no)).body.error).toBe('authorization_pending')
  await answer(no.user_code, token, false)
  expect((await redeem(no)).body.error).toBe('access_denied')
  expect([(await redeem(other, 'another-tool')).body.error, (await redeem({ device_code: 'x' })).body.error, (await form('device_authorization', {})).body.error]).toEqual(['invalid_grant', 'invalid_grant', 'invalid_request'])
  await c.db().write([q.run(sql`update device_grant set expires_at = 1 where code = ${late.user_code.replace('-', '')}`)])
  expect([(await redeem(late)).body.error, (await answer(late.user_code, token)).status]).toEqual(['expired_token', 404])
  expect((await c.v3('PUT', `/OS-OAUTH2/device/${other.user_code}`, undefined, { device: { approved: true } })).status).toBe(401)
})
it('the token is made when it is fetched: roles lost since are not in it, and who was disabled gets none', async () => {
  const p = await c.person('leaving'), admin = await c.admin(), d = await begin()
  await answer(d.user_code, await p.token())
  await c.v3('PATCH', `/users/${p.id}`, admin, { user: { enabled: false } })
  expect((await redeem(d)).body.error).toBe('access_denied')
})
it('what was lent lets no device log in; two that fetch at once get one token; guessing codes comes to an end', async () => {
  const p = await c.person('lender'), token = await p.token(), app = (await c.v3('POST', `/users/${p.id}/application_credentials`, token, { application_credential: { name: 'k' } })).body.application_credential
  const lent = (await c.auth(c.by.app(app.id, app.secret))).headers.get('x-subject-token')!, d = await begin()
  expect((await answer(d.user_code, lent)).status).toBe(403)
  await answer(d.user_code, token)
  expect((await Promise.all([redeem(d), redeem(d)])).map((r) => r.status).sort()).toEqual([200, 400])
  c.env.SECURITY = '{"guesses_per_source": 5}'
  try {
    for (let i = 0; i < 5; i++) expect((await answer('BBBB-BBBB', token)).status).toBe(404)
    expect((await answer('BBBB-BBBB', token)).status).toBe(429)
  } finally { c.env.SECURITY = undefined }
})
it('there is a page to say yes on, which runs its own script and nothing else', async () => {
  const r = await c.call('GET', '/identity/v3/OS-OAUTH2/device?user_code=%22%3E%3Cscript%3E'), script = /<script>([^]*)<\/script>/.exec(r.text)![1]
  const hash = btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(script)))))
  expect([r.status, r.headers.get('content-security-policy')!.includes(`script-src 'sha256-${hash}'`), r.text.includes('"><script>')]).toEqual([200, true, false])
})
