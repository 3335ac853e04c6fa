import { beforeAll, describe, expect, it } from 'vitest'
import { services } from '../../functions/index.ts'
import type { Endpoint } from '../../functions/kernel/endpoint.ts'
import type { Service } from '../../functions/kernel/service.ts'
import { callerOf } from '../../functions/identity/tokens/authenticate.ts'
import { readToken } from '../../functions/identity/tokens/claims.ts'
import type { Caller } from '../../functions/kernel/policy.ts'
import { cloud, type Cloud } from '../harness/cloud.ts'

/**
 * Every endpoint by every persona, from the declarations: who is refused by the rule is refused by the endpoint, nobody
 * else is refused for lack of a token, and no answer is a 5xx, whatever is asked about.
 */
const personas = ['reader', 'member', 'manager', 'admin', 'service'] as const
let c: Cloud
const tokens = new Map<string, { token: string; caller: Caller }>()

beforeAll(async () => {
  c = await cloud()
  const admin = await c.admin()
  const make = async (path: string, body: unknown) => {
    const r = await c.call('POST', path, { token: admin, body })
    if (r.status >= 300) throw new Error(`${path}: ${r.status} ${r.text}`)
    return r.body
  }
  const { project } = await make('/identity/v3/projects', { project: { name: 'personas', domain_id: 'default' } })
  const roles = (await c.call('GET', '/identity/v3/roles', { token: admin })).body.roles as { id: string; name: string }[]
  for (const name of personas) {
    const { user } = await make('/identity/v3/users', { user: { name: `persona-${name}`, password: 'a-long-password', domain_id: 'default' } })
    const r = await c.call('PUT', `/identity/v3/projects/${project.id}/users/${user.id}/roles/${roles.find((x) => x.name === name)!.id}`, { token: admin })
    expect(r.status).toBe(204)
    const token = await c.login(`persona-${name}`, 'a-long-password', 'personas')
    tokens.set(name, { token, caller: callerOf(await readToken(c.env, token)) })
  }
}, 60_000)

/** Image properties may have any name; everything else is listed. */
const closed = (e: Endpoint) => !Object.values(e.body!).some((b) => { const more = (b as { additionalProperties?: unknown }).additionalProperties; return more !== undefined && more !== false })

const fill = (s: Service, e: Endpoint) => `${s.mount}${e.atRoot ? '' : s.prefixes[0]}${e.path.replace(/\{\w+\}/g, () => crypto.randomUUID())}`
/** Actions of a service with a protocol of its own, with a parameter there is not. */
const act = (s: Service, e: Endpoint, token?: string) => (s.protocol!.media.includes('json')
  ? c.call('POST', fill(s, e), { token, body: { 'probe-invalid': null }, headers: { 'content-type': s.protocol!.media, 'x-amz-target': `AmazonSSM.${e.key}` } })
  : c.call('POST', fill(s, e), { token, raw: `Action=${e.key}&ProbeInvalid.1=x`, headers: { 'content-type': s.protocol!.media } }))
const ask = (s: Service, e: Endpoint, token?: string, body: unknown = e.key ? { [e.key]: null } : e.body ? { 'probe-invalid': null } : undefined) => s.protocol && e.key ? act(s, e, token) : c.call(e.method, fill(s, e), {
  token, body: e.raw || e.method === 'GET' || e.method === 'HEAD' || e.method === 'DELETE' ? undefined : body,
  version: s.microversions && `${s.microversions.name} ${e.until ?? s.microversions.max}`,
})

for (const [name, load] of Object.entries(services)) {
  describe(name, async () => {
    const { default: s } = await load()
    const own = s.endpoints.filter((e) => e.policy !== 'public')

    it(`asks for a token at each of ${own.length} endpoints`, async () => {
      const open: string[] = []
      for (const e of own) {
        const r = await ask(s, e)
        if (s.protocol && e.key ? !r.text.includes('MissingAuthenticationToken') || r.status !== 403 : r.status !== 401) open.push(e.id)
      }
      expect(open).toEqual([])
    }, 60_000)

    it('lists its public endpoints', () => {
      expect(s.endpoints.filter((e) => e.policy === 'public').map((e) => e.id).sort()).toMatchSnapshot()
    })

    it.each(personas)('answers a %s as its rules say, and never with a 5xx', async (who) => {
      const { token, caller } = tokens.get(who)!
      const wrong: string[] = []
      for (const e of own) {
        const allowed = s.rules[e.policy](caller, { project: caller.project!.id, user: caller.user.id })
        const r = await ask(s, e, token)
        if (r.status >= 500 && r.status !== 501 && r.status !== 503) wrong.push(`${e.id}: ${r.status} ${r.text.slice(0, 200)}`)
        else if (r.status === 401) wrong.push(`${e.id}: 401`)
        else if (!allowed && r.status !== 403 && r.status !== 410 && !(s.protocol && r.text.includes('AccessDenied'))) wrong.push(`${e.id}: refused by ${e.policy}, answered ${r.status}`)
      }
      expect(wrong).toEqual([])
    }, 120_000)

    it('refuses fields it does not know', async () => {
      const { token } = tokens.get('admin')!
      const wrong: string[] = []
      for (const e of own.filter((x) => x.body && !x.bodyOptional && (s.protocol || !x.key) && closed(x))) {
        const r = await ask(s, e, token)
        if (![400, 404, 415].includes(r.status)) wrong.push(`${e.id}: ${r.status} ${r.text.slice(0, 120)}`)
      }
      expect(wrong).toEqual([])
    }, 60_000)
  })
}
