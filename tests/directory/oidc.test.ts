import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inside, type Inside } from './inside.ts'

/** Logins by a provider that is none of ours: npm's certified oidc-provider, with its own login pages. */
let c: Inside, server: Server, issuer: string, project: string
const redirect = 'http://cloud.test/identity/v3/auth/OS-FEDERATION/websso/openid', dashboard = 'http://dash.test/auth/websso/'
beforeAll(async () => {
  c = await inside()
  c.env.TRUSTED_DASHBOARDS = dashboard
  server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'virga', client_secret: 'a-secret-that-is-shared', redirect_uris: [redirect], grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'] }, { client_id: 'other', client_secret: 'another', redirect_uris: ['http://other.test/'], grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'] }],
    claims: { openid: ['sub'], email: ['email'], profile: ['preferred_username', 'groups'] }, conformIdTokenClaims: false,
    features: { introspection: { enabled: true }, deviceFlow: { enabled: true }, devInteractions: { enabled: true } }, pkce: { required: () => true }, cookies: { keys: ['x'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@far.test`, preferred_username: id, groups: id === 'ada' ? ['crew'] : [] }) }),
  })
  server.on('request', provider.callback())
  const put = async (at: string, body: unknown) => { const r = await c.call('PUT', at, body, c.admin); if (r.status >= 300) throw new Error(`${at}: ${r.status} ${r.text}`) }
  const group = (await c.call('POST', '/groups', { group: { name: 'crew', domain_id: 'default' } }, c.admin)).body.group.id, role = (await c.call('GET', '/roles?name=member', undefined, c.admin)).body.roles[0].id
  project = (await c.call('GET', '/projects?name=demo', undefined, c.admin)).body.projects[0].id
  await put(`/projects/${project}/groups/${group}/roles/${role}`, undefined)
  await put('/OS-FEDERATION/identity_providers/far', { identity_provider: { enabled: true, remote_ids: [issuer] } })
  await put('/OS-FEDERATION/mappings/far', { mapping: { rules: [
    { local: [{ user: { name: '{0}', email: '{1}' } }], remote: [{ type: 'OIDC-preferred_username' }, { type: 'HTTP_OIDC_EMAIL' }] },
    { local: [{ groups: '{0}', domain: { id: 'default' } }], remote: [{ type: 'OIDC-groups' }] }] } })
  await put('/OS-FEDERATION/identity_providers/far/protocols/openid', { protocol: { mapping_id: 'far', client: { issuer, client_id: 'virga', client_secret: 'a-secret-that-is-shared', scope: 'openid email profile' } } })
}, 60_000)
afterAll(async () => { server?.close(); await c?.close() })

/** What a browser does: follows, keeps cookies, and fills the provider's forms in. Ends where the provider sends it. */
function browser() {
  const jar = new Map<string, string>()
  const go = async (url: string, form?: Record<string, string>): Promise<Response> => {
    const r = await fetch(url, { redirect: 'manual', method: form ? 'POST' : 'GET', headers: { cookie: [...jar].map(([k, v]) => `${k}=${v}`).join('; '), ...(form && { 'content-type': 'application/x-www-form-urlencoded' }) }, body: form && new URLSearchParams(form).toString() })
    for (const s of r.headers.getSetCookie()) { const [, k, v] = /^([^=]+)=([^;]*)/.exec(s)!; jar.set(k, v) }
    return r
  }
  return async function walk(url: string, login: string): Promise<string> {
    let r = await go(url)
    for (let i = 0; i < 15; i++) {
      const to = r.headers.get('location')
      if (to) { const next = new URL(to, url).href; if (!next.startsWith(issuer)) return next; r = await go(next); url = next; continue }
      const page = await r.text(), action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1]
      if (!action) return page
      const fields = Object.fromEntries([...page.matchAll(/<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"/g)].map((m) => [m[1], m[2]]))
      r = await go(new URL(action, url).href, { ...fields, ...(page.includes('name="login"') && { login, password: 'any' }) })
    }
    throw new Error('the provider goes in circles')
  }
}
async function throughBrowser(login: string) {
  const at = '/auth/OS-FEDERATION/websso/openid', out = await c.call('GET', `${at}?origin=${encodeURIComponent(dashboard)}`)
  expect(out.status).toBe(302)
  const back = await browser()(out.headers.get('location')!, login)
  expect(back).toContain(redirect)
  return c.call('GET', `${at}${new URL(back).search}`, undefined, undefined, { cookie: out.headers.get('set-cookie')!.split(';')[0] })
}

test('a browser logs in at the provider and comes back with a token, which opens what its groups open', async () => {
  const r = await throughBrowser('ada'), token = /name="token" value="([^"]+)"/.exec(r.text)![1]
  expect([r.status, r.text.includes(`action="${dashboard}"`)]).toEqual([200, true])
  const scoped = await c.call('POST', '/auth/tokens', { auth: { identity: { methods: ['token'], token: { id: token } }, scope: { project: { id: project } } } })
  expect([scoped.status, scoped.body.token.user.name, scoped.body.token.roles.map((x: any) => x.name).sort()]).toEqual([201, 'ada', ['member', 'reader']])
  const bob = /name="token" value="([^"]+)"/.exec((await throughBrowser('bob')).text)![1]
  expect((await c.call('GET', '/auth/projects', undefined, bob)).body.projects).toEqual([])
})

/** A command line that shows a code, for a browser elsewhere to enter. */
async function deviceToken(client: string, secret: string, login: string): Promise<string> {
  const ask = async (at: string, form: Record<string, string>) => (await fetch(`${issuer}${at}`, { method: 'POST', headers: { authorization: `Basic ${btoa(`${client}:${secret}`)}`, 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(form).toString() })).json() as Promise<any>
  const device = await ask('/device/auth', { client_id: client, scope: 'openid email profile' })
  await browser()(device.verification_uri_complete, login)
  return (await ask('/token', { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: device.device_code })).access_token
}
const enter = (token: string) => c.call('POST', '/OS-FEDERATION/identity_providers/far/protocols/openid/auth', undefined, undefined, { authorization: `Bearer ${token}` })

test('a command line logs in by the device flow; a token meant for another program is none here', async () => {
  const token = await deviceToken('virga', 'a-secret-that-is-shared', 'ada'), r = await enter(token)
  expect([r.status, r.body.token?.user.name, r.body.token?.methods]).toEqual([201, 'ada', ['openid']])
  expect((await enter(await deviceToken('other', 'another', 'ada'))).status).toBe(401)
  expect((await enter(`${token}x`)).status).toBe(401)
})
test('a provider that is gone is said to be', async () => {
  await c.call('PATCH', '/OS-FEDERATION/identity_providers/far/protocols/openid', { protocol: { client: { issuer: 'http://127.0.0.1:9', client_id: 'virga' } } }, c.admin)
  const r = await enter('some-token')
  expect([r.status, r.body.error.message]).toEqual([503, expect.stringContaining('identity provider')])
})
