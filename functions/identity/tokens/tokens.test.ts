import { beforeAll, describe, expect, it, vi } from 'vitest'
import { guess } from '../../../schema/identity.ts'
import { q } from '../../kernel/db.ts'
import { computed } from '../passwords.ts'
import { identityCloud, passwords, type IdentityCloud } from '../test-kit.ts'

let c: IdentityCloud
beforeAll(async () => { c = await identityCloud() })
const demo = { name: 'demo', domain: { name: 'Default' } }, inDemo = { project: { name: 'demo', domain: { id: 'default' } } }
const idOf = (r: { headers: Headers }) => r.headers.get('x-subject-token')!
const asked = (id: string) => ({ 'x-subject-token': id })

describe('a token by password', () => {
  it('scoped to a project costs one read and no write', async () => {
    const r = await c.auth(c.by.password(demo, passwords.demo), inDemo)
    expect(r.status).toBe(201)
    await c.auth(c.by.password(demo, passwords.demo), inDemo)
    console.log('token issue by password:', r.trips)
    expect(r.trips).toMatch(/^1r 0w/)
    const t = r.body.token
    expect(t.roles.map((x: any) => x.name).sort()).toEqual(['member', 'reader'])
    expect(t).toMatchObject({ methods: ['password'], is_domain: false, project: { name: 'demo', domain: { id: 'default', name: 'Default' } }, user: { name: 'demo', password_expires_at: null } })
    expect(t.issued_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    expect(t.catalog.find((s: any) => s.type === 'compute').endpoints[0].url).toBe('http://cloud.test/compute/v2.1')
    expect(t.catalog.find((s: any) => s.type === 'volumev3').endpoints[0].url).toBe(`http://cloud.test/volume/v3/${t.project.id}`)
  })
  it('carries what the roles imply: admin is manager, member and reader, and not service', async () => {
    const r = await c.auth(c.by.password({ name: 'admin', domain: { id: 'default' } }, passwords.admin), { project: { name: 'admin', domain: { id: 'default' } } })
    expect(r.body.token.roles.map((x: any) => x.name).sort()).toEqual(['admin', 'manager', 'member', 'reader'])
  })
  it('goes to the default project when no scope is asked for, and nowhere when unscoped is', async () => {
    expect((await c.auth(c.by.password(demo, passwords.demo))).body.token.project.name).toBe('demo')
    for (const scope of ['unscoped', { unscoped: {} }]) {
      const { token } = (await c.auth(c.by.password(demo, passwords.demo), scope)).body
      expect([token.project, token.roles, token.catalog]).toEqual([undefined, undefined, undefined])
    }
  })
  it('reaches a domain and the system where there is a role, and 401 where there is none', async () => {
    const admin = c.by.password({ name: 'admin', domain: { id: 'default' } }, passwords.admin)
    expect((await c.auth(admin, { domain: { id: 'default' } })).body.token.domain).toEqual({ id: 'default', name: 'Default' })
    expect((await c.auth(admin, { system: { all: true } })).body.token.system).toEqual({ all: true })
    for (const scope of [{ domain: { id: 'default' } }, { system: { all: true } }, { project: { id: c.seeded.admin.project } }, { project: { id: 'nowhere' } }]) expect((await c.auth(c.by.password(demo, passwords.demo), scope)).status).toBe(401)
  })
  it('is refused in the same words whoever is asked about: unknown, wrong password, disabled', async () => {
    const off = await c.person('disabled-one')
    await c.v3('PATCH', `/users/${off.id}`, await c.admin(), { user: { enabled: false } })
    const answers = await Promise.all([
      c.auth(c.by.password({ name: 'nobody', domain: { id: 'default' } }, 'x'), inDemo), c.auth(c.by.password(demo, 'wrong'), inDemo), c.auth(c.by.password({ id: off.id }, off.password), inDemo),
      c.auth(c.by.password({ name: 'demo', domain: { name: 'No such domain' } }, passwords.demo), inDemo), c.auth(c.by.app('nothing', 'x')),
    ])
    expect(new Set(answers.map((r) => `${r.status} ${r.text}`))).toEqual(new Set([`401 ${answers[0].text}`]))
  })
  it('costs the same for an unknown user as for a wrong password: the same hashes, and the same trips to the database', async () => {
    const locked = await c.person('locked-out'), bare = (await c.v3('POST', '/users', await c.admin(), { user: { name: 'no-password', domain_id: 'default' } })).body.user
    const db = c.db()
    await db.write([q.insert(guess).values({ subject: `u:${locked.id}`, count: 1000, at: c.world.now() })])
    const cost = async (identity: object) => {
      const asked = vi.spyOn(globalThis, 'fetch')
      computed.clear()
      try { expect((await c.auth(identity, 'application_credential' in identity ? undefined : inDemo)).status).toBe(401); return { hashes: Object.fromEntries(computed), trips: asked.mock.calls.length } } finally { asked.mockRestore() }
    }
    const wrong = await cost(c.by.password(demo, 'wrong'))
    expect(wrong).toEqual({ hashes: { '$scrypt$ln=14,r=8,p=1$': 1 }, trips: 2 })
    for (const who of [{ name: 'nobody', domain: { id: 'default' } }, { id: 'no-such-id' }, { id: 'a'.repeat(64) }, { name: 'demo', domain: { name: 'No such domain' } }, { id: bare.id }, { id: locked.id }]) expect([who, await cost(c.by.password(who, 'wrong'))]).toEqual([who, wrong])
    expect(await cost(c.by.app('no-such-id', 'wrong'))).toMatchObject({ hashes: wrong.hashes })
  })
  it('is refused before hashing when the password is huge, the body too large or the methods are many', async () => {
    const long = await c.auth(c.by.password(demo, 'x'.repeat(5000)), inDemo)
    expect([long.status, long.body.error.message]).toEqual([400, expect.stringContaining('password')])
    expect((await c.auth(c.by.password(demo, 'x'.repeat(1_000_000)), inDemo)).status).toBe(413)
    expect((await c.auth({ ...c.by.password(demo, 'x'), methods: Array(1000).fill('password') })).status).toBe(400)
    const two = await c.auth({ ...c.by.password(demo, passwords.demo), methods: ['password', 'token'] })
    expect([two.status, two.body.error.message]).toEqual([400, expect.stringContaining('token in identity')])
    expect((await c.auth({ methods: ['carrier-pigeon'] })).status).toBe(401)
  })
  it('needs a body of the right shape', async () => {
    for (const auth of [{}, { identity: {} }, { identity: { methods: 'password' } }, { identity: { methods: ['password'] } }, { identity: { methods: ['password'], password: { user: { name: 'demo', password: 'x' } } } },
      { identity: c.by.password(demo, 'x'), scope: { project: { name: 'demo' } } }, { identity: c.by.password(demo, 'x'), scope: { project: { id: 'a' }, domain: { id: 'b' } } }]) {
      const r = await c.v3('POST', '/auth/tokens', undefined, { auth })
      expect([r.status, r.body.error.code, r.body.error.title]).toEqual([400, 400, 'Bad Request'])
    }
    expect((await c.call('POST', '/identity/v3/auth/tokens', { raw: '{"auth":' })).status).toBe(400)
  })
})

describe('validation', () => {
  it('costs no round trip', async () => {
    const id = await c.demo()
    await c.quiet(id)
    const r = await c.v3('GET', '/auth/tokens', id, undefined, asked(id))
    console.log('token validate:', r.trips)
    expect([r.status, r.trips]).toEqual([200, '0r 0w 0s'])
    expect(r.body.token).toMatchObject({ user: { name: 'demo' }, catalog: expect.any(Array) })
    expect((await c.v3('GET', '/auth/tokens?nocatalog', id, undefined, asked(id))).body.token.catalog).toBeUndefined()
    expect((await c.v3('HEAD', '/auth/tokens', id, undefined, asked(id))).status).toBe(200)
  })
  it('is for oneself, for services and for operators', async () => {
    const [admin, mine] = [await c.admin(), await c.demo()], other = await (await c.person('curious')).token()
    const service = await (await c.person('a-service', { role: 'service' })).token()
    expect((await c.v3('GET', '/auth/tokens', other, undefined, asked(mine))).status).toBe(403)
    for (const who of [admin, mine, service]) expect((await c.v3('GET', '/auth/tokens', who, undefined, asked(mine))).status).toBe(200)
    for (const bad of ['', 'nonsense', 'a.b.c']) expect((await c.v3('GET', '/auth/tokens', admin, undefined, asked(bad))).status).toBe(404)
  })
  it('refuses what was tampered with, and believes no header about identity', async () => {
    const id = await c.demo(), [head, , sign] = id.split('.')
    const forged = `${head}.${btoa(JSON.stringify({ u: ['x', 'x', 0], r: [['a', 'admin']], m: [], a: [], i: 1, e: 1e18, q: 1e9 })).replaceAll('=', '')}.${sign}`
    const none = `${btoa('{"alg":"none"}').replaceAll('=', '')}.${id.split('.')[1]}.`
    for (const bad of [forged, none, id.slice(0, -3)]) expect((await c.v3('GET', '/users', bad)).status).toBe(401)
    const claims = { 'x-roles': 'admin', 'x-user-id': 'admin', 'x-project-id': c.seeded.admin.project, 'x-is-admin-project': 'true', 'x-identity-status': 'Confirmed', 'x-service-roles': 'service' }
    expect((await c.v3('GET', '/users', id, undefined, claims)).status).toBe(403)
    expect((await c.v3('GET', '/users', undefined, undefined, claims)).status).toBe(401)
  })
  it('of an ended token is open to services only, when they say so', async () => {
    const service = await (await c.person('late-service', { role: 'service' })).token(), admin = await c.admin()
    c.env.TOKEN_SECONDS = '0.2'
    const short = await c.demo()
    c.env.TOKEN_SECONDS = undefined
    await new Promise((r) => setTimeout(r, 250))
    expect((await c.v3('GET', '/auth/catalog', short)).status).toBe(401)
    expect((await c.v3('GET', '/auth/tokens', admin, undefined, asked(short))).status).toBe(404)
    expect((await c.v3('GET', '/auth/tokens?allow_expired=1', service, undefined, asked(short))).status).toBe(200)
    const user = await (await c.person('no-service')).token()
    expect((await c.v3('GET', '/auth/tokens?allow_expired=1', user, undefined, asked(short))).status).toBe(404)
  })
})

describe('a token from a token', () => {
  it('ends when the first does, and carries its audit chain', async () => {
    const first = await c.auth(c.by.password(demo, passwords.demo), 'unscoped')
    await c.quiet(idOf(first))
    const second = await c.auth(c.by.token(idOf(first)), inDemo), third = await c.auth(c.by.token(idOf(second)), inDemo)
    expect(second.status).toBe(201)
    expect(second.body.token.expires_at).toBe(first.body.token.expires_at)
    expect(third.body.token.expires_at).toBe(first.body.token.expires_at)
    expect(second.body.token.audit_ids[1]).toBe(first.body.token.audit_ids[0])
    expect(third.body.token.audit_ids[1]).toBe(first.body.token.audit_ids[0])
    expect(second.body.token.methods.sort()).toEqual(['password', 'token'])
    console.log('token rescope:', second.trips)
    expect(second.trips).toMatch(/^1r 0w/)
    expect((await c.v3('DELETE', '/auth/tokens', idOf(first), undefined, asked(idOf(first)))).status).toBe(204)
    expect(await Promise.all([first, second, third].map((r) => c.alive(idOf(r))))).toEqual([false, false, false])
    expect((await c.auth(c.by.token(idOf(second)), inDemo)).status).toBe(404)
  })
  it('is not made from a token that ended in another instance a moment ago', async () => {
    const first = await c.auth(c.by.password(demo, passwords.demo), 'unscoped')
    await c.alive(idOf(first))
    await endElsewhere(first.body.token.audit_ids[0])
    expect((await c.auth(c.by.token(idOf(first)), inDemo)).status).toBe(404)
  })
  it('ends within a second of its end in another instance', async () => {
    const first = await c.auth(c.by.password(demo, passwords.demo), 'unscoped')
    await endElsewhere(first.body.token.audit_ids[0])
    await new Promise((r) => setTimeout(r, 1000))
    expect(await c.alive(idOf(first))).toBe(false)
  })
})

/** As another instance would: the row is there, this isolate was not told. */
async function endElsewhere(audit: string) {
  const { q } = await import('../../kernel/db.ts'), { revocation } = await import('../../../schema/identity.ts')
  await c.db().write([q.insert(revocation).values({ subject: `a:${audit}`, at: c.world.now(), expiresAt: c.world.now() + 1e12 })])
}
