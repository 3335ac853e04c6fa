import { createHmac, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { createClient } from '@libsql/client/http'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { unseal } from '../../functions/identity/seal.ts'
import { root } from '../layout.ts'
import { readDump } from './dump.ts'
import { importKeystone } from './main.ts'
import { importCloud, type ImportCloud } from './test-kit.ts'

/** Made by keystone-22-more.py. */
const dump = readFileSync(path.join(root, 'local/import/keystone-22-more.sql'), 'utf8'), old = readDump(dump)
let k: ImportCloud, admin: string
const lab = { project: { name: 'lab', domain: { name: 'Chemistry' } } }, KEYS = ['AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=']
const v3 = (method: string, at: string, body?: unknown, token: string | undefined = admin, more = {}) => k.call(method, `/identity/v3${at}`, body, token, more)
const roles = (r: { body: any }) => r.body.token.roles.map((x: any) => x.name).sort()
beforeAll(async () => {
  k = await importCloud()
  admin = (await k.login('admin', 'admin-secret', { project: { name: 'admin', domain: { id: 'default' } } }, 'Default')).headers.get('x-subject-token')!
}, 60_000)
afterAll(() => k.close())

test('what is left out without the secrets and the catalog is said', async () => {
  const { counts, notes } = await importKeystone(dump, { url: k.env.LIBSQL_URL }, { dryRun: true }), said = notes.join('\n')
  expect(counts).toMatchObject({ 'registered limits': 1, limits: 1, trusts: 2, consumers: 1, 'options of domains': 4 })
  for (const words of ['the limit of stones is left out', '1 OAuth1 access tokens are left out', "the directory's password of domain", '1 credentials are left out', 'endpoints are left out', 'trust ce395dc40f25fe74adc0198f82918152 is left out: a user of that name here', 'protocol openid of uni was spoken by']) expect(said).toContain(words)
})
test('all of it comes over, and a second time changes nothing', async () => {
  const take = () => importKeystone(dump, { url: k.env.LIBSQL_URL }, { catalog: true, keys: KEYS, masterSecret: k.env.MASTER_SECRET }), { counts } = await take()
  expect(counts).toMatchObject({
    trusts: 2, consumers: 1, 'access tokens': 1, 'registered limits': 2, limits: 2, 'endpoint groups': 1, 'endpoint groups of projects': 1, 'endpoints of projects': 1, policies: 1, 'policy associations': 1,
    'identity providers': 1, 'remote ids': 1, mappings: 1, protocols: 1, 'service providers': 1, 'federated users': 1, 'ways they came': 1, 'memberships for a while': 1, 'options of domains': 5, credentials: 1,
  })
  const client = createClient({ url: k.env.LIBSQL_URL }), look = async () => Promise.all(['trust', 'oauth_token', 'user', 'membership', 'resource_limit', 'federated_user', 'endpoint_project'].map(async (t) => (await client.execute(`select * from "${t}" order by 1, 2`)).rows.map((r) => Object.values(r))))
  const before = await look()
  await take()
  expect(await look()).toEqual(before)
  client.close()
})
test('trusts go on to lend, as often and as much as they did', async () => {
  const irene = (await k.login('irene', 'irene-old-secret', 'unscoped', 'Chemistry')).headers.get('x-subject-token')!
  const by = (id: string) => k.call('POST', '/identity/v3/auth/tokens', { auth: { identity: { methods: ['token'], token: { id: irene } }, scope: { 'OS-TRUST:trust': { id } } } })
  const id = (uses: number | null) => String(old.trust.find((t) => t.deleted_at === null && t.remaining_uses === uses)!.id)
  const standing = await by(id(null))
  expect([standing.status, roles(standing), standing.body.token.user.name, standing.body.token.project.name]).toEqual([201, ['member', 'reader'], 'marie', 'lab'])
  for (const status of [201, 201, 201, 401]) expect((await by(id(3))).status).toBe(status)
  expect((await v3('GET', `/OS-TRUST/trusts/${id(null)}`, undefined, irene)).body.trust).toMatchObject({ impersonation: true, expires_at: '2100-01-01T00:00:00.000000Z', roles: [{ name: 'member' }] })
  expect((await by(String(old.trust.find((t) => t.deleted_at !== null)!.id))).status).toBe(401)
})
test('an OAuth1 access token without an end goes on to sign', async () => {
  const [c] = old.consumer, [a] = old.access_token, esc = encodeURIComponent
  const sign = (secret: unknown) => {
    const p: Record<string, string> = { oauth_consumer_key: String(c.id), oauth_token: String(a.id), oauth_signature_method: 'HMAC-SHA1', oauth_timestamp: String(Math.floor(Date.now() / 1000)), oauth_nonce: randomUUID(), oauth_version: '1.0' }
    const text = ['POST', esc('http://cloud.test/identity/v3/auth/tokens'), esc(Object.keys(p).sort().map((n) => `${n}=${esc(p[n])}`).join('&'))].join('&')
    return `OAuth ${Object.entries({ ...p, oauth_signature: createHmac('sha1', `${c.secret}&${secret}`).update(text).digest('base64') }).map(([n, v]) => `${n}="${esc(v)}"`).join(', ')}`
  }
  const use = (secret: unknown) => k.call('POST', '/identity/v3/auth/tokens', { auth: { identity: { methods: ['oauth1'], oauth1: {} } } }, undefined, { authorization: sign(secret) })
  const r = await use(a.access_secret), marie = (await k.login('marie', 'marie-old-secret', lab, 'Chemistry'))
  expect([r.status, roles(r), r.body.token.project.name, (await use('wrong')).status]).toEqual([201, ['reader'], 'lab', 401])
  expect((await v3('GET', `/users/${marie.body.token.user.id}/OS-OAUTH1/access_tokens`, undefined, marie.headers.get('x-subject-token')!)).body.access_tokens).toMatchObject([{ id: a.id, expires_at: null }])
})
test('limits hold for the same services; the catalog of a project is what its endpoints and endpoint groups say', async () => {
  const marie = await k.login('marie', 'marie-old-secret', lab, 'Chemistry')
  expect((await v3('GET', '/limits')).body.limits.map((l: any) => [l.resource_name, l.resource_limit, l.project_id]).sort()).toEqual([['stones', 2, marie.body.token.project.id], ['users', 20, marie.body.token.project.id]])
  expect(marie.body.token.catalog.flatMap((s: any) => s.endpoints.map((e: any) => [s.type, e.interface]))).toEqual([['alchemy', 'public']])
  const [{ id: service }] = (await v3('GET', '/services?type=alchemy')).body.services
  expect((await v3('GET', `/policies/${old.policy[0].id}/OS-ENDPOINT-POLICY/services/${service}`)).status).toBe(204)
})
test("a domain's directory is set as it was, its password sealed", async () => {
  const { id } = (await v3('GET', '/domains?name=Chemistry')).body.domains[0]
  expect((await v3('GET', `/domains/${id}/config`)).body.config).toEqual({ identity: { driver: 'sql' }, ldap: { url: 'ldaps://ldap.old.test', user: 'cn=reader,dc=old', suffix: 'dc=old' } })
  const client = createClient({ url: k.env.LIBSQL_URL }), { rows: [row] } = await client.execute("select value from domain_config where config_option = 'password'")
  client.close()
  expect(await unseal(k.env, `${id}/ldap/password`, JSON.parse(String(row.value)))).toBe('old-directory-secret')
})
test('who came by a provider is the same user at the next login, with the roles they had', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256'), jwk = { ...await exportJWK(publicKey), kid: 'one', alg: 'ES256' }
  const server = createServer((q, r) => r.setHeader('content-type', 'application/json').end(JSON.stringify(q.url === '/keys' ? { keys: [jwk] } : { issuer, authorization_endpoint: `${issuer}/a`, token_endpoint: `${issuer}/t`, jwks_uri: `${issuer}/keys` })))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`, at = '/OS-FEDERATION/identity_providers/uni/protocols/openid'
  try {
    expect((await v3('PATCH', at, { protocol: { client: { issuer, client_id: 'virga' } } })).status).toBe(200)
    const bearer = (name: string) => new SignJWT({ preferred_username: name }).setProtectedHeader({ alg: 'ES256', kid: 'one' }).setIssuer(issuer).setAudience('virga').setSubject('1').setExpirationTime('1h').sign(privateKey)
    const come = async (name: string) => k.call('POST', `/identity/v3${at}/auth`, undefined, undefined, { authorization: `Bearer ${await bearer(name)}` })
    const ada = await come('ada@uni.test')
    expect([ada.status, ada.body.token.user.id]).toEqual([201, old.federated_user[0].user_id])
    const scoped = await k.call('POST', '/identity/v3/auth/tokens', { auth: { identity: { methods: ['token'], token: { id: ada.headers.get('x-subject-token') } }, scope: lab } })
    expect([scoped.status, roles(scoped)]).toEqual([201, ['member', 'reader']])
    const eve = await come('eve@uni.test')
    expect([eve.status, eve.body.token.user.id === old.federated_user[0].user_id]).toEqual([201, false])
  } finally { server.close() }
})
