import { decodeProtectedHeader } from 'jose'
import { beforeAll, expect, it } from 'vitest'
import { signingKey } from '../../../schema/identity.ts'
import { q } from '../../kernel/db.ts'
import { Database } from '../../kernel/db.ts'
import { directoryFor } from '../directory.ts'
import { identityCloud, type IdentityCloud } from '../test-kit.ts'
import { forget } from './authenticate.ts'
import { rotateKeys } from './keys.ts'

let c: IdentityCloud, ahead = 0
beforeAll(async () => { c = await identityCloud() })
/** The sweep as if that much later. */
const sweep = async (seconds: number) => {
  ahead += seconds
  const world = { ...c.world, now: () => c.world.now() + ahead * 1e6 }
  await rotateKeys.run({ ...c.basis(), world, db: new Database(c.env, world) }, async () => {})
  forget()
}
const states = async () => { const [rows] = await c.db().read([q.select().from(signingKey)]); return rows.map((r) => r.state).sort() }
const kid = (token: string) => decodeProtectedHeader(token).kid

it('a key is staged, then signs, then only verifies, then is gone; tokens outlive every step', async () => {
  const tokens = [await c.demo()]
  expect(kid(tokens[0])).toBeUndefined()
  await sweep(0)
  expect(await states()).toEqual(['staged'])
  tokens.push(await c.demo())
  expect(kid(tokens[1])).toBeUndefined()
  await sweep(10)
  expect(await states()).toEqual(['staged'])
  await sweep(61)
  expect(await states()).toEqual(['primary', 'staged'])
  tokens.push(await c.demo())
  expect(kid(tokens[2])).toMatch(/^[0-9a-f]{32}$/)
  await sweep(86_400)
  expect(await states()).toEqual(['primary', 'staged'])
  await sweep(30 * 86_400)
  expect(await states()).toEqual(['primary', 'secondary', 'staged'])
  tokens.push(await c.demo())
  expect(kid(tokens[3])).not.toBe(kid(tokens[2]))
  for (const t of tokens) expect(await c.alive(t)).toBe(true)
  await sweep(5 * 86_400)
  expect(await states()).toEqual(['primary', 'staged'])
  // Over for long by then; its key is not kept.
  expect([await c.alive(tokens[2]), await c.alive(tokens[3])].at(1)).toBe(true)
})
it('an instance that has just started takes every one of the requests that meet it at once', async () => {
  const token = await c.demo()
  expect(kid(token)).toMatch(/^[0-9a-f]{32}$/)
  // Another database: what was known of this one is forgotten.
  directoryFor('http://elsewhere.test')
  expect(await Promise.all(Array.from({ length: 8 }, () => c.alive(token)))).toEqual(Array(8).fill(true))
})
it('rotated while tokens are made and used: none is refused', async () => {
  c.env.KEY_SECONDS = '1'
  let done = false, made = 0, refused = 0
  const kids = new Set<unknown>()
  const work = Array.from({ length: 4 }, async () => {
    const mine: string[] = []
    while (!done) {
      const token = await c.demo()
      kids.add(kid(token)); mine.push(token); made++
      for (const t of mine.slice(-8)) if (!await c.alive(t)) refused++
    }
  })
  for (let i = 0; i < 4; i++) { await new Promise((r) => setTimeout(r, 250)); await sweep(61) }
  await new Promise((r) => setTimeout(r, 250))
  done = true
  await Promise.all(work)
  console.log(`rotation under load: ${made} tokens of ${kids.size} keys, ${refused} refused`)
  expect([refused, kids.size > 2, made > 10]).toEqual([0, true, true])
})
it('keys lie encrypted, a made-up one is no key, and losing the master secret begins anew', async () => {
  const token = await c.demo(), [rows] = await c.db().read([q.select().from(signingKey)])
  for (const r of rows) expect(r.key).toMatch(/^v1:/)
  const forged = `${btoa(JSON.stringify({ alg: 'HS256', kid: 'made-up' })).replaceAll('=', '')}.${token.split('.').slice(1).join('.')}`
  const none = `${btoa(JSON.stringify({ alg: 'none', kid: kid(token) })).replaceAll('=', '')}.${token.split('.')[1]}.`
  for (const bad of [forged, none, token.slice(0, -4)]) expect(await c.alive(bad)).toBe(false)
  c.env.MASTER_SECRET = 'another'
  await sweep(0)
  expect(await states()).toEqual(['staged'])
  expect(await c.alive(await c.demo())).toBe(true)
})
