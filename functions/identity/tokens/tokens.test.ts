import { beforeAll, describe, expect, it } from 'vitest'
import { identityCloud, passwords, type IdentityCloud } from '../test-kit.ts'

let c: IdentityCloud
beforeAll(async () => { c = await identityCloud() })
const auth = (identity: object, scope?: unknown) => c.call('POST', '/identity/v3/auth/tokens', { body: { auth: { identity, scope } } })
const password = (name: string, secret: string) => ({ methods: ['password'], password: { user: { name, domain: { name: 'Default' }, password: secret } } })
const token = (id: string) => ({ methods: ['token'], token: { id } })

describe('a token', () => {
  it('by password, scoped to a project, costs one read and no write', async () => {
    const r = await auth(password('demo', passwords.demo), { project: { name: 'demo', domain: { id: 'default' } } })
    expect(r.status).toBe(201)
    console.log('token issue by password:', r.trips)
    expect(r.trips).toMatch(/^1r 0w/)
    const t = r.body.token
    expect(t.roles.map((x: any) => x.name).sort()).toEqual(['member', 'reader'])
    expect(t).toMatchObject({ methods: ['password'], is_domain: false, project: { name: 'demo', domain: { id: 'default', name: 'Default' } }, user: { name: 'demo', password_expires_at: null } })
    expect(t.issued_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    expect(t.catalog.find((s: any) => s.type === 'compute').endpoints[0].url).toBe('http://cloud.test/compute/v2.1')
    expect(t.catalog.find((s: any) => s.type === 'volumev3').endpoints[0].url).toBe(`http://cloud.test/volume/v3/${t.project.id}`)
  })
  it('is validated without a round trip', async () => {
    const id = await c.demo()
    await c.call('GET', '/identity/v3/auth/tokens', { token: id, headers: { 'x-subject-token': id } })
    const r = await c.call('GET', '/identity/v3/auth/tokens', { token: id, headers: { 'x-subject-token': id } })
    console.log('token validate:', r.trips)
    expect([r.status, r.trips]).toEqual([200, '0r 0w 0s'])
    expect(r.body.token.user.name).toBe('demo')
  })
})
