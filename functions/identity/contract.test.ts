import { beforeAll, expect, it } from 'vitest'
import { identityCloud, type IdentityCloud } from './test-kit.ts'
import identity from './index.ts'

let c: IdentityCloud, admin: string, demo: string
beforeAll(async () => { c = await identityCloud(); admin = await c.admin(); demo = await c.demo() })
const junk = (body: string) => [null, [], 5, 'x', {}, { [body]: null }, { [body]: [] }, { [body]: {} }, { [body]: { id: 5, name: { a: 1 }, type: null, blob: [], enabled: 'x', filters: 1, roles: [1], options: 'o', expires_at: 'soon', access_rules: [{}] } }, { [body]: { name: '\u0000', description: '\ud800' } }]
/** RFC 6749 and RFC 8628 have a shape of their own for refusals. */
const oauthShaped = new Set(['identity.oauth2.token', 'identity.oauth2.device'])
/** A page to look at asks for nothing. */
const pages = new Set(['identity.oauth2.device.page'])
const strange = ['nothing', "' or 1=1 --", '%00', '..%2f..', '💥', 'x'.repeat(3000)]
const at = (path: string, value: string) => path.replace(/\{\w+\}/g, encodeURIComponent(value).replace('%25', '%'))

for (const e of identity.endpoints) it(`${e.method} ${e.path}`, async () => {
  const noun = Object.keys((e.body?.['3.0'] as { properties?: object } | undefined)?.properties ?? { thing: 1 })[0]
  const bodies = e.method === 'POST' || e.method === 'PUT' || e.method === 'PATCH' ? junk(noun) : [undefined]
  for (const value of e.path.includes('{') ? strange : ['']) for (const body of value === strange[0] || value === '' ? bodies : [bodies.at(-3)]) {
    const r = await c.v3(e.method, at(e.path, value), admin, body)
    expect([value, JSON.stringify(body), r.status < 500 ? '' : r.text]).toEqual([value, JSON.stringify(body), ''])
    if (r.status >= 400 && e.method !== 'HEAD' && !oauthShaped.has(e.id)) expect(r.body.error).toMatchObject({ code: r.status, message: expect.stringMatching(/./), title: expect.stringMatching(/./) })
  }
  expect((await c.v3(e.method, at(e.path, 'nothing'), undefined, bodies.at(-3))).status).toBeOneOf(pages.has(e.id) ? [200] : e.policy === 'public' ? [400, 401, 404] : [401])
  const member = await c.v3(e.method, at(e.path, 'nothing'), demo, bodies.at(-3))
  expect(member.status).toBeLessThan(500)
  // What only operators may do says so to a member, whatever is asked about.
  const adminOnly = identity.rules[e.policy]?.says === 'admin'
  if (adminOnly) expect(member.status).toBe(403)
})

it('there is no endpoint without a rule, and few are public', () => {
  expect(identity.endpoints.filter((e) => e.policy === 'public').map((e) => e.id).sort()).toEqual([
    'identity.federation.auth.get', 'identity.federation.auth.post', 'identity.federation.metadata', 'identity.federation.websso', 'identity.federation.websso.answer', 'identity.federation.websso.provider',
    'identity.oauth1.access', 'identity.oauth1.request', 'identity.oauth2.device', 'identity.oauth2.device.page', 'identity.oauth2.token',
    'identity.saml2.assertion', 'identity.saml2.ecp', 'identity.saml2.metadata', 'identity.tokens.create', 'identity.users.password'])
  for (const e of identity.endpoints) if (e.policy !== 'public') expect(identity.rules).toHaveProperty([e.policy])
})
