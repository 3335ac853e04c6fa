import { createHmac, randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import Database from 'libsql'
import { passcode } from '../../functions/identity/tokens/totp.ts'
import service from '../../functions/identity/index.ts'
import { root } from '../../local/layout.ts'
import { until } from '../steps.ts'
import { spent } from './figures.ts'
import { serve } from './growth.ts'
import { loop } from './load.ts'
import { GROUP, nth, populate, PROJECT, USER } from './people.ts'
import { sum } from './processes.ts'
import type { Subject } from './subject.ts'

const domain = { id: 'default' }, scope = { project: { name: 'admin', domain } }
const esc = (s: string) => encodeURIComponent(s).replaceAll(/[!'()*]/g, (x) => `%${x.charCodeAt(0).toString(16).toUpperCase()}`)

/** `npm run bench -- identity`: what a token costs by every way to get one, and whether lists cost the same however many users there are. */
export async function identity(s: Subject) {
  await ways(s)
  await flat(s)
  skin(s)
}

async function ways(s: Subject) {
  s.figures.title('Tokens, by every way to get one (CPU of all processes)')
  const v3 = '/identity/v3', call = <T = any>(method: string, at: string, body?: unknown, headers?: Record<string, string>) => s.call<T>(method, v3 + at, body, headers)
  const me = (await call('GET', '/auth/tokens', undefined, { 'x-subject-token': s.token })).token, project = me.project.id as string, user = me.user.id as string
  const issue = async (identity: object, to: unknown = scope, headers = {}) => {
    const r = await s.ask('POST', `${v3}/auth/tokens`, { auth: { identity, ...(to !== null && { scope: to }) } }, { 'x-auth-token': '', ...headers })
    if (r.status !== 201) throw new Error(`POST /auth/tokens: ${r.status} ${r.body.slice(0, 200)}`)
    return r.headers['x-subject-token'] as string
  }
  const cost = async (name: string, n: number, work: (i: number) => Promise<unknown>, of: { p99?: number; warm?: number } = {}) => {
    await s.measure(name, { n: s.scaled(n), at: 1, warm: 20, ...of }, work)
    return s.figures.all.findLast((f) => f.name === `${name} CPU`)?.value ?? NaN
  }
  const password = { methods: ['password'], password: { user: { name: 'admin', domain, password: s.cloud.secrets().adminPassword } } }
  const person = (more: object) => call('POST', '/users', { user: { name: randomUUID(), domain_id: 'default', ...more } })
  // The same request with and without a password to hash.
  const bare = await cost('(a user made without a password)', 200, () => person({})), hashing = await cost('(a user made with a password)', 100, () => person({ password: 'a-long-password' }))
  const hash = hashing - bare
  s.figures.put('one password hash', hash, 'CPU ms', { note: 'scrypt, N 16384' })
  const apart = (name: string, all: number) => s.figures.put(`${name}, hash apart`, all - hash, 'CPU ms')
  apart('password', await cost('password', 100, () => issue(password), { p99: 60 }))
  await cost('token (another scope)', 1000, () => issue({ methods: ['token'], token: { id: s.token } }), { p99: 10 })
  const app = (await call('POST', `/users/${user}/application_credentials`, { application_credential: { name: randomUUID() } })).application_credential
  await cost('application credential', 1000, () => issue({ methods: ['application_credential'], application_credential: { id: app.id, secret: app.secret } }, null), { p99: 10 })
  const chosen = (await call('POST', `/users/${user}/application_credentials`, { application_credential: { name: randomUUID(), secret: 'chosen-by-somebody' } })).application_credential
  apart('application credential, secret chosen', await cost('application credential, secret chosen', 100, () => issue({ methods: ['application_credential'], application_credential: { id: chosen.id, secret: chosen.secret } }, null)))
  await cost('OAuth2 client credentials', 500, async () => {
    const r = await fetch(`${s.cloud.url}${v3}/OS-OAUTH2/token`, { method: 'POST', headers: { authorization: `Basic ${btoa(`${app.id}:${app.secret}`)}`, 'content-type': 'application/x-www-form-urlencoded' }, body: 'grant_type=client_credentials' })
    if (r.status !== 200) throw new Error(`${r.status} ${await r.text()}`)
    await r.arrayBuffer()
  })
  const other = (await person({ password: 'a-long-password' })).user, roles = (await call('GET', '/roles')).roles as { id: string; name: string }[], member = roles.find((r) => r.name === 'member')!.id
  await call('PUT', `/projects/${project}/users/${other.id}/roles/${member}`)
  const theirs = await issue({ methods: ['password'], password: { user: { id: other.id, password: 'a-long-password' } } }, { project: { id: project } })
  const trust = (await call('POST', '/OS-TRUST/trusts', { trust: { trustor_user_id: user, trustee_user_id: other.id, project_id: project, impersonation: true, roles: [{ id: member }] } })).trust
  await cost('trust', 500, () => issue({ methods: ['token'], token: { id: theirs } }, { 'OS-TRUST:trust': { id: trust.id } }))
  const ec2 = (await call('POST', `/users/${user}/credentials/OS-EC2`, { tenant_id: project })).credential
  await cost('EC2 signature', 500, () => {
    const params: Record<string, string> = { AWSAccessKeyId: ec2.access, SignatureVersion: '2', SignatureMethod: 'HmacSHA256', Timestamp: new Date().toISOString().slice(0, 19) }
    const text = `GET\nhost\n/\n${Object.keys(params).sort().map((k) => `${esc(k)}=${esc(params[k])}`).join('&')}`
    return call('POST', '/ec2tokens', { credentials: { access: ec2.access, host: 'host', verb: 'GET', path: '/', params, signature: createHmac('sha256', ec2.secret).update(text).digest('base64') } })
  })
  await oauth1(s, issue, project, cost)
  // Each code is good once: a seed for each login.
  const seed = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', people: string[] = []
  for (let i = 0; i < s.scaled(200) + 20; i++) {
    const id = (await person({})).user.id
    await call('POST', '/credentials', { credential: { type: 'totp', blob: seed, user_id: id } })
    people.push(id)
  }
  await cost('TOTP', 200, (i) => issue({ methods: ['totp'], totp: { user: { id: people[i + 20], passcode: passcode(seed, Math.floor(Date.now() / 30_000)) } } }, 'unscoped'))
  await openid(s, call, cost)

  s.figures.title('Validation')
  const tokens = await Promise.all(Array.from({ length: 200 }, () => issue({ methods: ['token'], token: { id: s.token } })))
  await s.measure('of two hundred tokens in turn', { n: s.scaled(20_000), at: 16, warm: 3000, cpu: 0.1, rate: 3000 }, (i) => s.call('GET', `${v3}/auth/tokens`, undefined, { 'x-subject-token': tokens[Math.abs(i) % tokens.length] }))
  await s.measure('without a catalog', { n: s.scaled(20_000), at: 16, warm: 1000, cpu: 0.1 }, (i) => s.call('GET', `${v3}/auth/tokens?nocatalog`, undefined, { 'x-subject-token': tokens[Math.abs(i) % tokens.length] }))
}

type Issue = (identity: object, scope?: unknown, headers?: object) => Promise<string>
type Cost = (name: string, n: number, work: (i: number) => Promise<unknown>) => Promise<unknown>

async function oauth1(s: Subject, issue: Issue, project: string, cost: Cost) {
  const made = (await s.call('POST', '/identity/v3/OS-OAUTH1/consumers', { consumer: {} })).consumer
  interface Keys { token?: string; secret?: string }
  const signed = (at: string, of: Keys, more: Record<string, string> = {}) => {
    const p: Record<string, string> = { oauth_consumer_key: made.id, oauth_signature_method: 'HMAC-SHA1', oauth_timestamp: String(Math.floor(Date.now() / 1000)), oauth_nonce: randomUUID(), oauth_version: '1.0', ...(of.token && { oauth_token: of.token }), ...more }
    const text = ['POST', esc(`${s.cloud.url}/identity/v3${at}`), esc(Object.keys(p).sort().map((n) => `${esc(n)}=${esc(p[n])}`).join('&'))].join('&')
    const signature = createHmac('sha1', `${esc(made.secret)}&${esc(of.secret ?? '')}`).update(text).digest('base64')
    return `OAuth ${Object.entries({ ...p, oauth_signature: signature }).map(([n, v]) => `${esc(n)}="${esc(v)}"`).join(', ')}`
  }
  const fetched = async (at: string, of: Keys, more: Record<string, string>, headers = {}): Promise<Keys> => {
    const r = await s.ask('POST', `/identity/v3${at}`, undefined, { authorization: signed(at, of, more), ...headers }), f = new URLSearchParams(r.body)
    if (r.status !== 201) throw new Error(`${at}: ${r.status} ${r.body}`)
    return { token: f.get('oauth_token')!, secret: f.get('oauth_token_secret')! }
  }
  const asked = await fetched('/OS-OAUTH1/request_token', {}, { oauth_callback: 'oob' }, { 'requested-project-id': project })
  const { token } = await s.call('PUT', `/identity/v3/OS-OAUTH1/authorize/${asked.token}`, { roles: [{ name: 'member' }] })
  const access = await fetched('/OS-OAUTH1/access_token', asked, { oauth_verifier: token.oauth_verifier })
  await cost('OAuth1 access token', 500, () => issue({ methods: ['oauth1'] }, null, { authorization: signed('/auth/tokens', access) }))
}

/** A provider in this process, which is not counted: its documents and keys, and tokens of users by the hundred. */
async function openid(s: Subject, call: Subject['call'], cost: Cost) {
  const { publicKey, privateKey } = await generateKeyPair('ES256'), jwk = { ...await exportJWK(publicKey), kid: 'one', alg: 'ES256' }
  const server = createServer((q, r) => r.setHeader('content-type', 'application/json').end(JSON.stringify(q.url === '/keys' ? { keys: [jwk] } : { issuer, authorization_endpoint: `${issuer}/a`, token_endpoint: `${issuer}/t`, jwks_uri: `${issuer}/keys` })))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`, at = '/OS-FEDERATION/identity_providers/bench'
  try {
    await call('PUT', at, { identity_provider: { enabled: true, remote_ids: [issuer] } })
    await call('PUT', '/OS-FEDERATION/mappings/bench', { mapping: { rules: [{ local: [{ user: { name: '{0}' } }], remote: [{ type: 'OIDC-preferred_username' }] }] } })
    await call('PUT', `${at}/protocols/openid`, { protocol: { mapping_id: 'bench', client: { issuer, client_id: 'virga' } } })
    const bearer = (i: number) => new SignJWT({ preferred_username: `somebody-${i % 50}` }).setProtectedHeader({ alg: 'ES256', kid: 'one' }).setIssuer(issuer).setAudience('virga').setSubject(`${i % 50}`).setExpirationTime('1h').sign(privateKey)
    const have = await Promise.all(Array.from({ length: 50 }, (_, i) => bearer(i)))
    for (const b of have) await call('POST', `${at}/protocols/openid/auth`, undefined, { authorization: `Bearer ${b}`, 'x-auth-token': '' })
    await cost('OpenID Connect, a user known already', 300, (i) => call('POST', `${at}/protocols/openid/auth`, undefined, { authorization: `Bearer ${have[Math.abs(i) % 50]}`, 'x-auth-token': '' }))
  } finally { server.close() }
}

/** One page of each list, at three sizes that stand side by side, measured in turns, the least of eight each: what else the machine does meets all three, and only adds. */
async function flat(s: Subject) {
  const sizes = s.scale < 1 ? [100, 1000, 10_000] : [100, 10_000, 1_000_000]
  s.figures.title(`Lists with ${sizes.join(', ')} users: CPU ms at each, and how much the largest costs over the smallest`)
  const dir = mkdtempSync(path.join(tmpdir(), 'virga-people-')), base = path.join(dir, 'base.db')
  const me = (await s.call('GET', '/identity/v3/auth/tokens', undefined, { 'x-subject-token': s.token })).token.user.id as string
  for (let i = 0; i < 20; i++) await s.call('POST', '/identity/v3/credentials', { credential: { type: 'cert', blob: `own ${i}` } })
  const from = new Database(path.join(s.cloud.data, 'db', 'cloud.db'))
  // The users that were made to be measured would stand in the smallest and not be alike.
  from.exec(`vacuum into '${base}'`)
  from.close()
  const clouds: (Awaited<ReturnType<typeof serve>> & { size: number })[] = []
  try {
    for (const size of sizes) {
      const file = path.join(dir, `${size}.db`)
      populate(base, file, size)
      const at = path.join(dir, String(size))
      const c = Object.assign(await serve(at, file, s), { size })
      clouds.push(c)
      await until(`a database of ${size} users`, 60, async () => (await c.ask('GET', '/identity/v3/roles')).status === 200)
    }
    for (const [name, urlAt, rows, whole] of lists(me)) {
      const ms = new Map(sizes.map((n) => [n, Infinity])), n = s.scaled(100, 60)
      let counted: number[] = []
      for (let round = -1; round < 8; round++) for (const c of clouds) {
        const url = urlAt(c.size)
        const ask = async () => { const r = await c.ask('GET', `/identity/v3${url}`); if (r.status !== 200) throw new Error(`${url}: ${r.status} ${r.body.slice(0, 100)}`); return r }
        if (round < 0) {
          const body = JSON.parse((await ask()).body)
          counted.push((Object.values(body).find(Array.isArray) as unknown[]).length)
          for (let i = 0; i < 20; i++) await ask()
          continue
        }
        const { out, cpu } = await spent(c.processes, () => loop({ n, at: 1 }, ask), false)
        s.figures.failed(name, out)
        ms.set(c.size, Math.min(ms.get(c.size)!, sum(cpu) / n))
      }
      if (rows !== undefined && counted.some((n) => n !== rows)) s.figures.fail(name, `${counted.join(', ')} rows, not ${rows}`)
      const [first, last] = [ms.get(sizes[0])!, ms.get(sizes.at(-1)!)!]
      s.figures.put(name, last / first, 'x', { ...(!whole && { bar: { most: 1.2 } }), note: `${sizes.map((n) => ms.get(n)!.toFixed(2)).join(', ')} ms; ${counted[0]} rows` })
    }
  } finally {
    for (const c of clouds) c.end()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Name, address at a size, how many rows there have to be, and whether it looks through all there are by its nature. */
const lists = (me: string): [string, (size: number) => string, number?, 'whole'?][] => [
  ['users', () => '/users?limit=50', 50],
  ['users, from the middle', (n) => `/users?limit=50&marker=${n > 1000 ? '8' : '4'}`, 50],
  ['users of a domain', () => '/users?domain_id=default&limit=50', 50],
  ['users, enabled', () => '/users?enabled=true&limit=50', 50],
  ['user by name', () => '/users?name=person-42', 1],
  ['user by name in a domain', () => '/users?name=person-42&domain_id=default', 1],
  ['users, disabled', () => '/users?enabled=false&limit=50'],
  ['users of a domain, disabled', () => '/users?domain_id=default&enabled=false&limit=50'],
  ['users of a default project', () => `/users?default_project_id=${nth(PROJECT, 4)}`, 0],
  ['projects', () => '/projects?limit=10', 10],
  ['projects of a domain', () => '/projects?domain_id=default&limit=10', 10],
  ['project by name', () => '/projects?name=project-4', 1],
  ['projects below one', () => `/projects?parent_id=${nth(PROJECT, 4)}`, 0],
  ['projects, disabled', () => '/projects?enabled=false&limit=10'],
  ['projects with a tag', () => '/projects?tags=rare', 3],
  ['projects with a tag, of two', () => '/projects?tags-any=rare,none&limit=10', 3],
  ['domains', () => '/domains'],
  ['groups', () => '/groups?limit=10', 10],
  ['groups of a domain', () => '/groups?domain_id=default&limit=10', 10],
  ['users of a group', () => `/groups/${nth(GROUP, 4)}/users`, 10],
  ['groups of a user', () => `/users/${nth(USER, 42)}/groups`, 1],
  ['projects of a user', () => `/users/${nth(USER, 42)}/projects`, 1],
  ['projects to go to', () => '/auth/projects'],
  ['assignments of a user', () => `/role_assignments?user.id=${nth(USER, 42)}`, 1],
  ['assignments of a user, effective', () => `/role_assignments?user.id=${nth(USER, 42)}&effective`],
  ['assignments on a project', () => `/role_assignments?scope.project.id=${nth(PROJECT, 4)}&include_names`, 11],
  ['assignments on a project, effective', () => `/role_assignments?scope.project.id=${nth(PROJECT, 4)}&effective&include_names`],
  ['assignments of a group', () => `/role_assignments?group.id=${nth(GROUP, 4)}`, 1],
  ['assignments of a user on a project, effective', () => `/role_assignments?user.id=${nth(USER, 42)}&scope.project.id=${nth(PROJECT, 4)}&effective`],
  ['assignments on the system', () => '/role_assignments?scope.system=all'],
  ['credentials of a user', () => `/credentials?user_id=${me}&type=cert`, 20],
  ['application credentials of a user', () => `/users/${nth(USER, 40)}/application_credentials`, 1],
  ['trusts of a trustor', () => `/OS-TRUST/trusts?trustor_user_id=${nth(USER, 40)}`, 1],
  ['trusts of a trustee', () => `/OS-TRUST/trusts?trustee_user_id=${nth(USER, 41)}`, 1],
  ['roles', () => '/roles'],
  ['users with a part of a name that all have', () => '/users?name__contains=person&limit=50', 50],
  ['users with a part of a name that nobody has', () => '/users?name__contains=zebra&limit=50', 0, 'whole'],
  ['projects with a part of a name that none has', () => '/projects?name__contains=zebra', 0, 'whole'],
]

/** How much is written per endpoint: all of the service, tests apart. */
function skin(s: Subject) {
  const dir = path.join(root, 'functions/identity')
  const lines = (file: string) => readFileSync(path.join(dir, file), 'utf8').split('\n').length - 1
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts') && !f.endsWith('.test.ts') && !f.endsWith('test-kit.ts'))
  const rules = /(^|\/)(api|service|index|model|wire|list|regular|mappings|providers|grants|implied|filter|associations|config|scopes|inventory|events|gone|auth|ec2)\.ts$/
  const all = files.reduce((n, f) => n + lines(f), 0), shown = files.filter((f) => rules.test(f)).reduce((n, f) => n + lines(f), 0)
  s.figures.title('How much is written')
  s.figures.put('skin: lines per endpoint', shown / service.endpoints.length, 'lines', { bar: { most: 25 }, note: `${shown} lines with endpoints, schemas, views and rules, ${service.endpoints.length} endpoints` })
  s.figures.put('the whole service per endpoint', all / service.endpoints.length, 'lines', { note: `${all} lines` })
}
