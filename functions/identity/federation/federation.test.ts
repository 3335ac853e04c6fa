import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { identityCloud, type IdentityCloud } from '../test-kit.ts'
import { map } from './rules.ts'

let c: IdentityCloud, admin: string, key: CryptoKey, other: CryptoKey, group: string
const issuer = 'https://idp.test', asked: string[] = []
let codeGives: Record<string, unknown> = {}
beforeAll(async () => {
  c = await identityCloud(); admin = await c.admin()
  const pair = await generateKeyPair('RS256'); key = pair.privateKey; other = (await generateKeyPair('RS256')).privateKey
  const jwk = { ...await exportJWK(pair.publicKey), kid: 'one', alg: 'RS256' }, real = globalThis.fetch
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const url = String(input instanceof Request ? input.url : input)
    if (!url.startsWith(issuer)) return real(input, init)
    asked.push(url)
    if (url.endsWith('/openid-configuration')) return Response.json({ issuer, authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys` })
    if (url.endsWith('/keys')) return Response.json({ keys: [jwk] })
    if (url.endsWith('/token')) return Response.json({ id_token: await said(codeGives) })
    return new Response(null, { status: 404 })
  })
  group = (await c.v3('POST', '/groups', admin, { group: { name: 'from-afar', domain_id: 'default' } })).body.group.id
  const roles = (await c.v3('GET', '/roles', admin)).body.roles
  await c.v3('PUT', `/projects/${c.seeded.demo.project}/groups/${group}/roles/${roles.find((r: any) => r.name === 'member').id}`, admin)
  expect((await c.v3('PUT', '/OS-FEDERATION/identity_providers/far', admin, { identity_provider: { enabled: true, remote_ids: [issuer] } })).status).toBe(201)
  const rules = [
    { local: [{ user: { name: '{0}', id: '{1}', email: '{2}' } }], remote: [{ type: 'OIDC-preferred_username' }, { type: 'OIDC-sub' }, { type: 'OIDC-email' }] },
    { local: [{ groups: '{0}', domain: { name: 'Default' } }], remote: [{ type: 'HTTP_OIDC_GROUPS', whitelist: ['from-afar'] }] },
  ]
  expect((await c.v3('PUT', '/OS-FEDERATION/mappings/far', admin, { mapping: { rules } })).status).toBe(201)
  expect((await c.v3('PUT', '/OS-FEDERATION/identity_providers/far/protocols/openid', admin, { protocol: { mapping_id: 'far', client: { issuer, client_id: 'virga', client_secret: 'shared-with-the-provider' } } })).status).toBe(201)
})
afterAll(() => { vi.restoreAllMocks() })
const who = { sub: 'u-1', preferred_username: 'ada', email: 'ada@far.test', groups: ['from-afar', 'chess'] }
const said = (claims: Record<string, unknown>, by = key, more: { iss?: string; aud?: string; exp?: string } = {}) =>
  new SignJWT({ ...who, ...claims }).setProtectedHeader({ alg: 'RS256', kid: 'one' }).setIssuer(more.iss ?? issuer).setAudience(more.aud ?? 'virga').setExpirationTime(more.exp ?? '5m').setIssuedAt().sign(by)
const path = '/OS-FEDERATION/identity_providers/far/protocols/openid/auth'
const enter = async (token: string) => c.v3('POST', path, undefined, undefined, { authorization: `Bearer ${token}` })
const idOf = (r: { headers: Headers }) => r.headers.get('x-subject-token')!

describe('a token of an identity provider', () => {
  it('gives one without scope, for a user made on the way, whose groups open projects', async () => {
    const r = await enter(await said({}))
    expect(r.status).toBe(201)
    expect(r.body.token.user).toMatchObject({ name: 'ada', 'OS-FEDERATION': { identity_provider: { id: 'far' }, protocol: { id: 'openid' }, groups: [{ id: group }] } })
    expect((await c.v3('GET', '/OS-FEDERATION/projects', idOf(r))).body.projects.map((p: any) => p.id)).toEqual([c.seeded.demo.project])
    const scoped = await c.auth(c.by.token(idOf(r)), { project: { id: c.seeded.demo.project } })
    expect([scoped.status, scoped.body.token.methods.sort(), scoped.body.token.roles.map((x: any) => x.name).sort()]).toEqual([201, ['openid', 'token'], ['member', 'reader']])
    expect(scoped.body.token.user['OS-FEDERATION'].identity_provider.id).toBe('far')
    const again = await enter(await said({ email: 'new@far.test' }))
    expect(again.body.token.user.id).toBe(r.body.token.user.id)
    // A group lost at the provider is lost here with the next login.
    const less = await enter(await said({ groups: ['chess'] }))
    expect((await c.auth(c.by.token(idOf(less)), { project: { id: c.seeded.demo.project } })).status).toBe(401)
    const both = await Promise.all([1, 2, 3].map(async () => enter(await said({ sub: 'u-9', preferred_username: 'new' }))))
    expect(both.map((x) => x.status)).toEqual([201, 201, 201])
    expect(new Set(both.map((x) => x.body.token.user.id)).size).toBe(1)
  })
  it('is refused when another signed it, for another program, from another issuer, too late, or without one', async () => {
    const now = Math.floor(Date.now() / 1000)
    for (const [why, token] of Object.entries({
      other: await said({}, other), aud: await said({}, key, { aud: 'somebody-else' }), azp: await said({ azp: 'somebody-else' }), iss: await said({}, key, { iss: 'https://evil.test' }), late: await said({}, key, { exp: new Date((now - 3600) * 1000) as never }), opaque: 'abc',
      none: `${btoa('{"alg":"none"}').replaceAll('=', '')}.${btoa(JSON.stringify({ ...who, iss: issuer, aud: 'virga', exp: now + 99 })).replaceAll('=', '')}.`,
    })) expect([why, (await enter(token)).status]).toEqual([why, 401])
    expect((await c.v3('POST', path)).status).toBe(401)
    const before = asked.filter((u) => u.endsWith('/keys')).length
    for (let i = 0; i < 5; i++) await enter((await said({})).replace(/^[^.]+/, btoa(JSON.stringify({ alg: 'RS256', kid: `made-up-${i}` })).replaceAll('=', '')))
    expect(asked.filter((u) => u.endsWith('/keys')).length - before).toBeLessThan(3)
  })
  it('does not take over the name of somebody else', async () => {
    const one = await enter(await said({ sub: 'first', preferred_username: 'same' })), two = await enter(await said({ sub: 'second', preferred_username: 'same' }))
    expect(one.body.token.user.name).toBe('same')
    expect(two.body.token.user.name).toMatch(/^same#/)
    expect(two.body.token.user.id).not.toBe(one.body.token.user.id)
  })
  it('ends with the provider, and a disabled user stays out', async () => {
    const r = await enter(await said({ sub: 'off', preferred_username: 'off' }))
    await c.v3('PATCH', `/users/${r.body.token.user.id}`, admin, { user: { enabled: false } })
    expect((await enter(await said({ sub: 'off', preferred_username: 'off' }))).status).toBe(401)
    const live = idOf(await enter(await said({ sub: 'on', preferred_username: 'on' })))
    await c.v3('PATCH', '/OS-FEDERATION/identity_providers/far', admin, { identity_provider: { enabled: false } })
    expect([await c.alive(live), (await enter(await said({}))).status]).toEqual([false, 401])
    await c.v3('PATCH', '/OS-FEDERATION/identity_providers/far', admin, { identity_provider: { enabled: true } })
  })
})

describe('a browser', () => {
  const at = '/identity/v3/auth/OS-FEDERATION/identity_providers/far/protocols/openid/websso', origin = 'http://cloud.test/dashboard/auth/websso/'
  it('goes to the provider and comes back with a code, once, to whom it began with', async () => {
    const out = await c.call('GET', `${at}?origin=${encodeURIComponent(origin)}`)
    expect(out.status).toBe(302)
    const to = new URL(out.headers.get('location')!), cookie = out.headers.get('set-cookie')!.split(';')[0]
    expect(Object.fromEntries(to.searchParams)).toMatchObject({ client_id: 'virga', response_type: 'code', code_challenge_method: 'S256', redirect_uri: `http://cloud.test${at}` })
    codeGives = { nonce: to.searchParams.get('nonce') }
    const back = `${at}?code=x&state=${to.searchParams.get('state')}`
    const r = await c.call('GET', back, { headers: { cookie } })
    expect([r.status, r.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(r.text).toContain(`action="${origin}"`)
    const token = /name="token" value="([^"]+)"/.exec(r.text)![1]
    expect((await c.v3('GET', '/auth/projects', token)).status).toBe(200)
    expect((await c.call('GET', back)).status).toBe(401)
    expect((await c.call('GET', `${at}?code=x&state=other`, { headers: { cookie } })).status).toBe(401)
    codeGives = { nonce: 'of-another-login' }
    expect((await c.call('GET', back, { headers: { cookie } })).status).toBe(401)
  })
  it('is sent to dashboards we trust only', async () => {
    for (const bad of ['https://evil.test/', `${origin}x`, 'http://cloud.test.evil.test/dashboard/auth/websso/', '', 'javascript:alert(1)']) expect((await c.call('GET', `${at}?origin=${encodeURIComponent(bad)}`)).status).toBe(401)
  })
})

it('what operators set is shown again, but no secret; names are one of a kind', async () => {
  const shown = await c.v3('GET', '/OS-FEDERATION/identity_providers/far/protocols/openid', admin)
  expect(shown.body.protocol).toMatchObject({ id: 'openid', mapping_id: 'far', client: { issuer, client_id: 'virga' } })
  expect(shown.text).not.toContain('shared-with-the-provider')
  expect((await c.v3('PUT', '/OS-FEDERATION/identity_providers/far', admin, { identity_provider: {} })).status).toBe(409)
  expect((await c.v3('PUT', '/OS-FEDERATION/identity_providers/near', admin, { identity_provider: { remote_ids: [issuer] } })).status).toBe(409)
  expect((await c.v3('PATCH', '/OS-FEDERATION/identity_providers/far', admin, { identity_provider: { domain_id: 'default' } })).status).toBe(400)
  expect((await c.v3('PUT', '/OS-FEDERATION/identity_providers/far/protocols/openid', admin, { protocol: { mapping_id: 'far' } })).status).toBe(409)
  expect((await c.v3('PUT', '/OS-FEDERATION/mappings/bad', admin, { mapping: { rules: [{ local: [{}], remote: [{ type: 'a', regex: true, any_one_of: ['('] }] }] } })).status).toBe(400)
  expect((await c.v3('PUT', '/OS-FEDERATION/service_providers/other', admin, { service_provider: { auth_url: 'https://other/auth', sp_url: 'https://other/sp', enabled: true } })).status).toBe(201)
  const { token } = (await c.auth(c.by.password({ name: 'demo', domain: { id: 'default' } }, 'demo-secret'))).body
  expect(token.service_providers).toEqual([{ id: 'other', auth_url: 'https://other/auth', sp_url: 'https://other/sp' }])
})

it('rules hold as operators know them', () => {
  const said = { name: ['ada'], groups: ['a', 'b', 'c'], org: ['x-y'] }
  const g = (remote: object, template = '{0}') => map([{ local: [{ groups: template, domain: { id: 'd' } }], remote: [remote as never] }], said).groups.map((x) => ('name' in x ? x.name : x.id))
  expect(g({ type: 'groups' })).toEqual(['a', 'b', 'c'])
  expect(g({ type: 'groups', whitelist: ['a', 'z'] })).toEqual(['a'])
  expect(g({ type: 'groups', blacklist: ['a'] })).toEqual(['b', 'c'])
  expect(g({ type: 'org', any_one_of: ['^x-'], regex: true }, 'fixed')).toEqual(['fixed'])
  expect(g({ type: 'org', not_any_of: ['x-y'] }, 'fixed')).toEqual([])
  expect(g({ type: 'missing' }, 'fixed')).toEqual([])
  expect(map([{ local: [{ user: { name: '{0}@{1}' } }], remote: [{ type: 'name' }, { type: 'org' }] }], said).user?.name).toBe('ada@x-y')
})
