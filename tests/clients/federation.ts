import { createServer } from 'node:http'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Client } from 'ldapts'
import { Provider } from 'oidc-provider'
import { simplesaml } from '../directory/simplesaml.ts'
import { slapd } from '../directory/slapd.ts'
import { Running } from '../harness/running.ts'
import { Steps, until } from '../steps.ts'

/**
 * Users whom others keep, in the cloud as operators run it (`npm start`, workerd): npm's oidc-provider, Debian's SimpleSAMLphp and slapd
 * over TLS, a browser that follows and fills in, and a device that shows a code.
 */
const steps = new Steps(), dashboard = 'http://127.0.0.1:9/auth/websso/', dir = mkdtempSync(path.join(tmpdir(), 'virga-federation-'))
const ldap = await steps.step('slapd', () => slapd(dir))
const c = await Running.make(['--hypervisor', 'simulated', '--hosts', '1', '--no-host-packages'], { TRUSTED_DASHBOARDS: dashboard, ...(ldap && { TRUSTED_CERTIFICATES: readFileSync(ldap.ca, 'utf8') }) })
process.on('exit', () => { c.child?.kill(); rmSync(dir, { recursive: true, force: true }) })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

const v3 = `${c.url}/identity/v3`
async function call(method: string, at: string, body?: unknown, headers: Record<string, string> = {}): Promise<{ status: number; headers: Headers; text: string; body: any }> {
  const r = await fetch(`${v3}${at}`, { method, redirect: 'manual', headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers }, body: body === undefined ? undefined : JSON.stringify(body) }), text = await r.text()
  return { status: r.status, headers: r.headers, text, body: text.startsWith('{') ? JSON.parse(text) : undefined }
}
const expect = (what: string, got: unknown, wanted: unknown) => { if (JSON.stringify(got) !== JSON.stringify(wanted)) throw new Error(`${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`) }
const plain = (s: string) => s.replaceAll(/&#x([0-9A-F]+);/gi, (_, h: string) => String.fromCharCode(parseInt(h, 16))).replaceAll('&quot;', '"').replaceAll('&amp;', '&')

/** Follows, keeps cookies by place, fills login pages in, and ends with the token the cloud hands to the dashboard. */
async function browse(url: string, user: string, password: string): Promise<string> {
  const jar = new Map<string, Map<string, string>>()
  let form: Record<string, string> | undefined
  for (let i = 0; i < 20; i++) {
    const { host } = new URL(url), mine = jar.get(host) ?? new Map<string, string>()
    jar.set(host, mine)
    const r: Response = await fetch(url, { redirect: 'manual', method: form ? 'POST' : 'GET', headers: { cookie: [...mine].map(([k, v]) => `${k}=${v}`).join('; '), ...(form && { 'content-type': 'application/x-www-form-urlencoded' }) }, body: form && new URLSearchParams(form).toString() })
    for (const s of r.headers.getSetCookie()) { const [, k, v] = /^([^=]+)=([^;]*)/.exec(s)!; mine.set(k, v) }
    const to = r.headers.get('location'), page = await r.text()
    form = undefined
    if (to) { url = new URL(to, url).href; continue }
    const action = plain(/<form[^>]*action="([^"]*)"/.exec(page)?.[1] ?? '')
    const fields = Object.fromEntries([...page.matchAll(/<input\b[^>]*>/g)].flatMap(([tag]) => { const name = /name="([^"]+)"/.exec(tag)?.[1]; return name ? [[name, plain(/value="([^"]*)"/.exec(tag)?.[1] ?? '')]] : [] }))
    if (action === dashboard) return fields.token
    if (!Object.keys(fields).length) throw new Error(`${r.status} ${page.replaceAll(/<[^>]+>|\s+/g, ' ').slice(0, 300)}`)
    form = { ...fields, ...('login' in fields || page.includes('name="login"') ? { login: user } : {}), ...(page.includes('name="username"') ? { username: user } : {}), ...(page.includes('name="password"') ? { password } : {}) }
    url = new URL(action || url, url).href
  }
  throw new Error('the provider goes in circles')
}

if (await steps.step('npm start', () => c.start(300).then(() => true))) {
  const admin = { 'x-auth-token': await c.token('admin') }
  const put = async (at: string, body: unknown) => { const r = await call('PUT', at, body, admin); if (r.status >= 300) throw new Error(`${at}: ${r.status} ${r.text}`); return r.body }
  const whose = async (token: string) => (await call('GET', '/auth/tokens', undefined, { ...admin, 'x-subject-token': token })).body.token
  let domain = ''
  await steps.step('a domain whose users a directory keeps', async () => {
    const client = new Client({ url: ldap!.url })
    await client.bind('cn=root,dc=test', 'rootpw')
    await client.add('dc=test', { objectClass: ['dcObject', 'organization'], o: 'test', dc: 'test' })
    for (const ou of ['people', 'groups']) await client.add(`ou=${ou},dc=test`, { objectClass: 'organizationalUnit', ou })
    await client.add('uid=lise,ou=people,dc=test', { objectClass: 'inetOrgPerson', uid: 'lise', cn: 'Lise', sn: 'L', userPassword: 'secret' })
    await client.unbind()
    domain = (await call('POST', '/domains', { domain: { name: 'directory' } }, admin)).body.domain.id
    await put(`/domains/${domain}/config`, { config: { identity: { driver: 'ldap' }, ldap: { url: ldap!.tlsUrl.replace('127.0.0.1', 'localhost'), user: 'cn=root,dc=test', password: 'rootpw', suffix: 'dc=test', query_scope: 'sub', user_tree_dn: 'ou=people,dc=test', user_objectclass: 'inetOrgPerson', user_id_attribute: 'uid', user_name_attribute: 'uid', group_tree_dn: 'ou=groups,dc=test', group_id_attribute: 'cn', group_name_attribute: 'cn' } } })
  })

  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  server.unref()
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  server.on('request', new Provider(issuer, {
    clients: [{ client_id: 'virga', client_secret: 'a-secret-that-is-shared', redirect_uris: [`${v3}/auth/OS-FEDERATION/websso/openid`], grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'] }],
    claims: { openid: ['sub'], profile: ['preferred_username'] }, conformIdTokenClaims: false, features: { introspection: { enabled: true }, deviceFlow: { enabled: true }, devInteractions: { enabled: true } }, pkce: { required: () => true }, cookies: { keys: ['x'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id }) }),
  }).callback())
  await steps.step('a browser, by OpenID Connect', async () => {
    await put('/OS-FEDERATION/identity_providers/far', { identity_provider: { enabled: true, remote_ids: [issuer] } })
    await put('/OS-FEDERATION/mappings/far', { mapping: { rules: [{ local: [{ user: { name: '{0}' } }], remote: [{ type: 'OIDC-preferred_username' }] }] } })
    await put('/OS-FEDERATION/identity_providers/far/protocols/openid', { protocol: { mapping_id: 'far', client: { issuer, client_id: 'virga', client_secret: 'a-secret-that-is-shared', scope: 'openid profile' } } })
    const t = await whose(await browse(`${v3}/auth/OS-FEDERATION/websso/openid?origin=${encodeURIComponent(dashboard)}`, 'ada', 'any'))
    expect('who came in', [t.user.name, t.methods], ['ada', ['openid']])
  })
  const of = 'OS-FEDERATION/identity_providers/uni/protocols/saml2', idp = await steps.step('SimpleSAMLphp', () => simplesaml(dir, { entityId: `${v3}/auth/${of}/metadata`, acs: `${v3}/auth/${of}/websso`, ecp: `${v3}/${of}/auth` }))
  if (idp) await steps.step('a browser, by SAML 2', async () => {
    try {
      await put('/OS-FEDERATION/identity_providers/uni', { identity_provider: { enabled: true, remote_ids: [`${idp.base}/idp`] } })
      await put('/OS-FEDERATION/mappings/uni', { mapping: { rules: [{ local: [{ user: { name: '{0}', email: '{1}' } }], remote: [{ type: 'MELLON_NAME_ID' }, { type: 'mail' }] }] } })
      await put(`/${of}`, { protocol: { mapping_id: 'uni', client: { metadata: idp.metadata } } })
      const t = await whose(await browse(`${v3}/auth/${of}/websso?origin=${encodeURIComponent(dashboard)}`, 'bob', 'builder'))
      expect('who came in', [t.user.name, t.methods], ['bob', ['saml2']])
      expect('metadata', (await call('GET', `/auth/${of}/metadata`)).text.includes(`${v3}/auth/${of}/websso`), true)
    } catch (e) {
      // Why an answer was refused stands in the log alone.
      throw new Error(`${(e as Error).message}\n${readFileSync(path.join(c.data, 'log/functions.log'), 'utf8').split('\n').filter((l) => l.includes('"saml"')).at(-1) ?? ''}`)
    } finally { await idp.stop() }
  })
  await steps.step('a device that shows a code', async () => {
    const form = async (at: string, fields: Record<string, string>) => (await fetch(`${v3}/OS-OAUTH2/${at}`, { method: 'POST', body: new URLSearchParams(fields) })).json() as Promise<any>
    const d = await form('device_authorization', { client_id: 'a-tool' }), redeem = () => form('token', { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: 'a-tool', device_code: d.device_code })
    expect('before', (await redeem()).error, 'authorization_pending')
    expect('yes', (await call('PUT', `/OS-OAUTH2/device/${d.user_code}`, { device: { approved: true } }, { 'x-auth-token': await c.token('demo') })).status, 204)
    expect('who came in', (await whose((await redeem()).access_token)).user.name, 'demo')
  })
  await steps.step('a user of the directory, over TLS by our own authority', () => until('a login', 90, async () => {
    const login = (password: string) => call('POST', '/auth/tokens', { auth: { identity: { methods: ['password'], password: { user: { name: 'lise', domain: { id: domain }, password } } }, scope: 'unscoped' } })
    const r = await login('secret')
    if (r.status !== 201) throw new Error(`${r.status} ${r.text}`)
    expect('a wrong password', (await login('wrong')).status, 401)
    return true
  }))
  server.closeAllConnections()
  server.close()
  await steps.step('npm run reset', () => c.reset())
}
await ldap?.stop()
process.exit(steps.close())
