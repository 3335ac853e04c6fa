import { beforeAll, describe, expect, it } from 'vitest'
import { services } from '../../functions/index.ts'
import { signToken, readToken } from '../../functions/identity/tokens/claims.ts'
import { event } from '../../schema/kernel.ts'
import { q } from '../../functions/kernel/db.ts'
import { cloud, type Cloud } from '../harness/cloud.ts'

/** Bad input meets every service alike: the API's own 4xx, and nothing written. */
let c: Cloud, admin: string
beforeAll(async () => { c = await cloud(); admin = await c.admin() })
const events = async () => (await c.db().read([q.select({ seq: event.seq }).from(event)]))[0].length
const json = { 'content-type': 'application/json' }

for (const [name, load] of Object.entries(services)) {
  describe(name, async () => {
    const { default: s } = await load()
    // What has a protocol of its own is tried beside it (functions/aws).
    if (s.protocol) { it.skip('speaks no JSON over paths', () => {}); return }
    const create = s.endpoints.find((e) => e.method === 'POST' && e.body && !e.key && !e.path.includes('{') && e.policy !== 'public' && !e.bodyOptional)
    if (!create) { it.skip('takes no JSON', () => {}); return }
    const at = `${s.mount}${s.prefixes[0]}${create.path}`
    const version = s.microversions && `${s.microversions.name} ${s.microversions.max}`

    it('refuses JSON that is not JSON, and writes nothing', async () => {
      const before = await events()
      for (const raw of ['{', 'null', '[]', '"x"', '{"a":1}}', '\u0000']) {
        const r = await c.call('POST', at, { token: admin, raw, headers: json, version })
        expect([400, raw]).toEqual([r.status, raw])
      }
      expect(await events()).toBe(before)
    })

    it('refuses a body over the limit before reading it whole', async () => {
      const r = await c.call('POST', at, { token: admin, raw: `{"x":"${'y'.repeat(9_000_000)}"}`, headers: json, version })
      expect([400, 413]).toContain(r.status)
    })

    it('answers 405 with what is allowed, and 404 where nothing is', async () => {
      const wrong = await c.call('PATCH', at, { token: admin, body: {} })
      expect([404, 405]).toContain(wrong.status)
      if (wrong.status === 405) expect(wrong.headers.get('allow')).toMatch(/POST/)
      expect((await c.call('GET', `${s.mount}${s.prefixes[0]}/no-such-thing-xyz/a/b/c`, { token: admin })).status).toBe(404)
    })

    it('carries a request id on every answer', async () => {
      for (const token of [admin, undefined, 'nonsense']) {
        expect((await c.call('POST', at, { token, body: {} })).headers.get('x-openstack-request-id')).toMatch(/^req-[0-9a-f-]{36}$/)
      }
    })

    if (s.microversions) {
      it('answers 406 to a version it does not have, 400 to one that is none', async () => {
        const get = s.endpoints.find((e) => e.method === 'GET' && !e.path.includes('{') && !e.since && !e.until)!
        const path = `${s.mount}${s.prefixes[0]}${get.path}`
        expect((await c.call('GET', path, { token: admin, version: `${s.microversions!.name} 99.1` })).status).toBe(406)
        expect((await c.call('GET', path, { token: admin, version: `${s.microversions!.name} spam` })).status).toBe(400)
        const latest = await c.call('GET', path, { token: admin, version: `${s.microversions!.name} latest` })
        expect(latest.headers.get('openstack-api-version')).toBe(`${s.microversions!.name} ${s.microversions!.max}`)
        expect(latest.headers.get('vary')).toMatch(/openstack-api-version/i)
      })
    }
  })
}

describe('tokens', () => {
  const list = (token: string) => c.call('GET', '/compute/v2.1/servers', { token })
  it('that were tampered with are refused everywhere', async () => {
    const [head, body, mark] = admin.split('.')
    const forged = btoa(JSON.stringify({ ...JSON.parse(atob(body.replaceAll('-', '+').replaceAll('_', '/'))), r: [['x', 'admin']] })).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
    for (const t of [`${head}.${forged}.${mark}`, `${btoa('{"alg":"none"}').replaceAll('=', '')}.${body}.`, `${head}.${body}.${mark.slice(0, -2)}AA`, 'x', `${admin}x`, 'a'.repeat(20_000)]) expect((await list(t)).status).toBe(401)
  })
  it('that have expired are refused, with words that say so', async () => {
    const claims = await readToken(c.env, admin)
    const r = await list(await signToken(c.env, { ...claims, expiresAt: c.world.now() - 1 }))
    expect(r.status).toBe(401)
    expect(r.text).toMatch(/expired/)
  })
  it('are the only source of identity: headers that claim one are not looked at', async () => {
    const forged = { 'x-roles': 'admin', 'x-user-id': 'u', 'x-project-id': 'p', 'x-is-admin-project': 'True', 'x-identity-status': 'Confirmed' }
    expect((await c.call('GET', '/compute/v2.1/servers', { headers: forged })).status).toBe(401)
    const demo = await c.demo()
    expect((await c.call('GET', '/identity/v3/users', { token: demo, headers: forged })).status).toBe(403)
  })
})
