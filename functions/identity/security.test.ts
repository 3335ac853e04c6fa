import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { eq } from 'drizzle-orm'
import { guess, user } from '../../schema/identity.ts'
import { q } from '../kernel/db.ts'
import { identityCloud, type IdentityCloud } from './test-kit.ts'
import { passcode } from './tokens/totp.ts'

let c: IdentityCloud, admin: string
beforeAll(async () => { c = await identityCloud(); admin = await c.admin() })
afterEach(() => { c.env.SECURITY = undefined })
const rules = (r: object) => { c.env.SECURITY = JSON.stringify(r) }
const login = (who: string, password: string, headers?: Record<string, string>) => c.v3('POST', '/auth/tokens', undefined, { auth: { identity: c.by.password({ id: who }, password), scope: 'unscoped' } }, headers)
const change = (who: string, from: string, to: string) => c.v3('POST', `/users/${who}/password`, undefined, { user: { original_password: from, password: to } })
const age = (who: string, days: number) => c.db().write([q.update(user).set({ passwordAt: c.world.now() - days * 86_400e6 }).where(eq(user.id, who))])
const words = (r: { status: number; body: any }) => [r.status, r.body?.error?.message]

describe('an account under guessing', () => {
  it('is refused in the same words as ever, right password or wrong, and opens again', async () => {
    rules({ lockout_failure_attempts: 3, lockout_duration: 4 })
    const p = await c.person('guessed'), plain = words(await login(p.id, 'wrong'))
    for (let i = 0; i < 3; i++) await login(p.id, 'wrong')
    const [shut, wrong, unknown] = [await login(p.id, p.password), await login(p.id, 'wrong'), await login('nobody-at-all', 'wrong')]
    expect([words(shut), words(wrong), words(unknown)]).toEqual([plain, plain, plain])
    expect((await change(p.id, p.password, 'a-new-one-1')).status).toBe(401)
    await new Promise((r) => setTimeout(r, 4050))
    expect((await login(p.id, p.password)).status).toBe(201)
    // A good login forgets the wrong ones.
    await login(p.id, 'wrong'); await login(p.id, 'wrong'); await login(p.id, p.password); await login(p.id, 'wrong')
    expect((await login(p.id, p.password)).status).toBe(201)
    await c.v3('PATCH', `/users/${p.id}`, admin, { user: { options: { ignore_lockout_failure_attempts: true } } })
    for (let i = 0; i < 5; i++) await login(p.id, 'wrong')
    expect((await login(p.id, p.password)).status).toBe(201)
  })
  it('costs as long when it is shut as when it is not', async () => {
    const p = await c.person('shut-slowly'), median = async () => { const t: number[] = []; for (let i = 0; i < 5; i++) { const from = Date.now(); await login(p.id, 'wrong'); t.push(Date.now() - from) } return t.sort((a, b) => a - b)[2] }
    const open = await median()
    rules({ lockout_failure_attempts: 1, lockout_duration: 60 })
    expect(await median()).toBeGreaterThan(open / 3)
  })
  it('is one account by whatever name, and one place is turned away before any work', async () => {
    rules({ guesses_per_user: 4 })
    const p = await c.person('by-any-name')
    for (const who of [{ id: p.id }, { name: 'by-any-name', domain: { id: 'default' } }, { name: 'by-any-name', domain: { name: 'Default' } }, { id: p.id }]) await c.auth(c.by.password(who, 'wrong'))
    expect((await login(p.id, p.password)).status).toBe(401)
    rules({ guesses_per_source: 3, source_header: 'x-real-ip' })
    const from = (ip: string, password = 'wrong', who: string = crypto.randomUUID()) => login(who, password, { 'x-real-ip': ip })
    for (let i = 0; i < 3; i++) expect((await from('192.0.2.1')).status).toBe(401)
    const other = await c.person('elsewhere'), shut = await from('192.0.2.1', other.password, other.id)
    expect([shut.status, Number(shut.headers.get('retry-after')) > 0]).toEqual([429, true])
    expect((await from('192.0.2.2', other.password, other.id)).status).toBe(201)
    // What a client writes itself in front of what the proxy adds does not count.
    expect((await login(other.id, other.password, { 'x-real-ip': '192.0.2.2, 192.0.2.1' })).status).toBe(429)
  })
  it('counts once for each wrong guess, however many come at once, and costs nothing when all is well', async () => {
    const p = await c.person('at-once')
    await Promise.all(Array.from({ length: 8 }, () => login(p.id, 'wrong')))
    const [[row]] = await c.db().read([q.select().from(guess).where(eq(guess.subject, `u:${p.id}`))])
    expect(row.count).toBe(8)
    await login(p.id, p.password)
    expect((await login(p.id, p.password)).trips).toMatch(/^1r 0w/)
  })
})

describe('a password', () => {
  it('has to be of the kind the operator asks for', async () => {
    rules({ password_regex: '^(?=.*\\d).{8,}$', password_regex_description: 'eight characters and a digit' })
    const weak = await c.v3('POST', '/users', admin, { user: { name: 'weak', password: 'short', domain_id: 'default' } })
    expect(words(weak)).toEqual([400, expect.stringContaining('eight characters and a digit')])
    const p = await c.person('strong')
    expect((await c.v3('PATCH', `/users/${p.id}`, admin, { user: { password: 'weak' } })).status).toBe(400)
    expect((await change(p.id, p.password, 'weak')).status).toBe(400)
    expect((await change(p.id, p.password, 'not-weak-2')).status).toBe(204)
  })
  it('expires, and can still be changed by who knows it', async () => {
    rules({ password_expires_days: 30 })
    const p = await c.person('expiring')
    expect(Date.parse(`${(await c.v3('GET', `/users/${p.id}`, admin)).body.user.password_expires_at}Z`) - Date.now()).toBeGreaterThan(29 * 86_400e3)
    await c.db().write([q.update(user).set({ passwordExpiresAt: c.world.now() - 1 }).where(eq(user.id, p.id))])
    expect(words(await login(p.id, p.password))).toEqual([401, expect.stringContaining('expired')])
    expect(words(await login(p.id, 'wrong'))[1]).not.toContain('expired')
    expect((await change(p.id, p.password, 'fresh-one-1')).status).toBe(204)
    expect((await login(p.id, 'fresh-one-1')).status).toBe(201)
  })
  it('set by somebody else is to be changed at first use', async () => {
    rules({ change_password_upon_first_use: true })
    const p = await c.person('first-use')
    expect((await login(p.id, p.password)).status).toBe(401)
    expect((await change(p.id, p.password, 'my-own-1')).status).toBe(204)
    expect((await login(p.id, 'my-own-1')).status).toBe(201)
  })
  it('does not come back, nor change too soon, nor by the user where that is locked', async () => {
    rules({ unique_last_password_count: 3 })
    const p = await c.person('again')
    expect((await change(p.id, p.password, p.password)).status).toBe(400)
    expect((await change(p.id, p.password, 'second-1')).status).toBe(204)
    expect((await change(p.id, 'second-1', 'third-1')).status).toBe(204)
    expect(words(await change(p.id, 'third-1', p.password))).toEqual([400, expect.stringContaining('previous password')])
    expect((await change(p.id, 'third-1', 'fourth-1')).status).toBe(204)
    expect((await change(p.id, 'fourth-1', p.password)).status).toBe(204)
    rules({ minimum_password_age: 2 })
    expect((await change(p.id, p.password, 'soon-1')).status).toBe(400)
    await age(p.id, 3)
    expect((await change(p.id, p.password, 'soon-1')).status).toBe(204)
    await age(p.id, 3)
    await c.v3('PATCH', `/users/${p.id}`, admin, { user: { options: { lock_password: true } } })
    expect((await change(p.id, 'soon-1', 'locked-1')).status).toBe(403)
  })
  it('of an account that nobody used for long is none', async () => {
    const p = await c.person('sleeping')
    await c.db().write([q.update(user).set({ createdAt: c.world.now() - 91 * 86_400e6 }).where(eq(user.id, p.id))])
    rules({ disable_user_account_days_inactive: 90 })
    expect((await login(p.id, p.password)).status).toBe(401)
    await c.v3('PATCH', `/users/${p.id}`, admin, { user: { enabled: true } })
    expect((await login(p.id, p.password)).status).toBe(201)
  })
})

describe('a second factor', () => {
  const seed = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', step = () => Math.floor(Date.now() / 30_000)
  const totp = (id: string, code: string) => ({ methods: ['totp'], totp: { user: { id, passcode: code } } })
  const both = (p: { id: string; password: string }, code: string) => ({ methods: ['password', 'totp'], password: { user: { id: p.id, password: p.password } }, totp: { user: { id: p.id, passcode: code } } })
  async function guarded() {
    const p = await c.person(`two-${crypto.randomUUID()}`)
    await c.v3('POST', '/credentials', await p.token(), { credential: { type: 'totp', blob: seed, user_id: p.id } })
    await c.v3('PATCH', `/users/${p.id}`, admin, { user: { options: { multi_factor_auth_enabled: true, multi_factor_auth_rules: [['password', 'totp'], ['password', 'carrier-pigeon']] } } })
    return p
  }
  it('gives the codes of RFC 6238', () => expect([1, 37037036, 666666666].map((s) => passcode(seed, s))).toEqual(['287082', '081804', '353130']))
  it('is asked for: both at once, or one after the other with a receipt', async () => {
    const p = await guarded(), half = await login(p.id, p.password)
    expect([half.status, half.body.required_auth_methods, half.body.receipt.methods, half.body.receipt.user.id]).toEqual([401, [['totp']], ['password'], p.id])
    expect(half.headers.get('x-subject-token')).toBeNull()
    const r = half.headers.get('openstack-auth-receipt')!, rest = (identity: object, receipt = r) => c.v3('POST', '/auth/tokens', undefined, { auth: { identity } }, { 'openstack-auth-receipt': receipt })
    const whole = await rest(totp(p.id, passcode(seed, step())))
    expect([whole.status, whole.body.token?.methods.sort()]).toEqual([201, ['password', 'totp']])
    const once = await guarded()
    expect((await c.auth(both(once, passcode(seed, step())))).status).toBe(201)
    // A scoped token from it needs nothing more.
    const again = await c.auth(c.by.token(whole.headers.get('x-subject-token')!), { project: { id: p.project } })
    expect(again.status).toBe(201)
  })
  it('is refused when it is wrong, old, used already, another user\'s, or its receipt is', async () => {
    const p = await guarded(), other = await guarded(), now = passcode(seed, step())
    expect((await c.auth(both(p, '000000'))).status).toBe(401)
    expect((await c.auth(both(p, passcode(seed, step() - 5)))).status).toBe(401)
    expect((await c.auth(both({ ...p, password: 'wrong' }, now))).status).toBe(401)
    expect((await c.auth({ ...both(p, now), totp: { user: { id: other.id, passcode: now } } })).status).toBe(401)
    expect((await c.auth(both(p, now))).status).toBe(201)
    expect((await c.auth(both(p, now))).status).toBe(401)
    const r = (await login(other.id, other.password)).headers.get('openstack-auth-receipt')!
    const third = await guarded(), steal = (receipt: string) => c.v3('POST', '/auth/tokens', undefined, { auth: { identity: totp(third.id, passcode(seed, step())) } }, { 'openstack-auth-receipt': receipt })
    expect([(await steal(r)).status, (await steal('junk')).status]).toEqual([401, 401])
    expect((await c.auth(totp(third.id, passcode(seed, step())))).headers.get('x-subject-token')).toBeNull()
  })
  it('counts as guessing when it is wrong', async () => {
    rules({ lockout_failure_attempts: 2, lockout_duration: 60 })
    const p = await guarded()
    for (let i = 0; i < 3; i++) await c.auth(both(p, '111111'))
    expect((await c.auth(both(p, passcode(seed, step())))).status).toBe(401)
  })
})
