import { eq } from 'drizzle-orm'
import { decodeJwt, SignJWT, UnsecuredJWT } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { host } from '../../schema/host.ts'
import { job } from '../../schema/kernel.ts'
import { cloud, type Answer, type Cloud } from '../../tests/harness/cloud.ts'
import type { TestHost } from '../../tests/harness/host.ts'
import { q } from '../kernel/db.ts'
import { seconds } from '../kernel/env.ts'

let c: Cloud, a: TestHost, b: TestHost
beforeAll(async () => { c = await cloud(); a = await c.host(); b = await c.host() })

const claims = JSON.stringify({ slots: 1, running: [], wait: 0, bell: 0, revision: 0 })
const post = (host: TestHost, jwt: string | undefined, body = claims, path = '/claim') =>
  c.call('POST', `/hosts/${host.id}${path}`, { raw: body, headers: jwt === undefined ? {} : { authorization: `Bearer ${jwt}` } })
const sign = (by: TestHost, forge: Record<string, unknown> = {}, body = claims, at = a) => by.sign('POST', `/hosts/${at.id}/claim`, body, forge)
/** A job that A has in hand. */
async function leased() {
  const now = c.world.now(), id = crypto.randomUUID()
  await c.db().write([q.insert(job).values({ id, host: a.id, kind: 'disk.delete', lane: id, args: { disk: { kind: 'volume', id } }, state: 'queued', attempt: 0, runAt: now, createdAt: now, updatedAt: now, priority: 5, undo: false, requestId: 'req-x' })])
  const [mine] = (await a.claim(1)).body.jobs
  expect(mine.id).toBe(id)
  return mine
}
const done = (attempt: number) => ({ attempt, state: 'done', result: {} })
const stateOf = async (id: string) => ((await c.db().read([q.select().from(job)]))[0] as { id: string; state: string }[]).find((j) => j.id === id)!.state

describe('a bridge\'s call is refused', () => {
  const now = () => Math.floor(Date.now() / 1000)
  /** All a call must claim, and nobody's signature. */
  const right = async () => decodeJwt(await sign(a))
  const forgeries: Record<string, () => Promise<Answer>> = {
    'without a signature': () => post(a, undefined),
    'with something that is none': () => post(a, 'not.a.jwt'),
    'signed by another host': async () => post(a, await sign(b)),
    'signed by another host in this one\'s name': async () => post(a, await sign(b, { kid: a.id, iss: a.id })),
    'naming no issuer of that name': async () => post(a, await sign(a, { iss: b.id })),
    'made for another path': async () => post(a, await a.sign('POST', `/hosts/${a.id}/inventory`, claims)),
    'made for another method': async () => post(a, await a.sign('PUT', `/hosts/${a.id}/claim`, claims)),
    'made for another host\'s path': async () => post(b, await a.sign('POST', `/hosts/${b.id}/claim`, claims)),
    'with another body': async () => post(a, await sign(a), claims.replace('"slots":1', '"slots":9')),
    'of yesterday': async () => post(a, await sign(a, { iat: now() - 86_400, exp: now() + 60 })),
    'that ended': async () => post(a, await sign(a, { iat: now() - 50, exp: now() - 20 })),
    'of tomorrow': async () => post(a, await sign(a, { iat: now() + 3600, exp: now() + 3660 })),
    'that could be used again': async () => post(a, await sign(a, { jti: undefined })),
    'unsigned': async () => post(a, new UnsecuredJWT(await right()).encode()),
    'with the public key as if it were a secret': async () => {
      const [rows] = await c.db().read([q.select().from(host).where(eq(host.id, a.id))])
      return post(a, await new SignJWT(await right()).setProtectedHeader({ alg: 'HS256', kid: a.id }).sign(Buffer.from(rows[0].publicKey.x, 'base64url')))
    },
  }
  for (const [name, forge] of Object.entries(forgeries)) {
    it(`${name}`, async () => {
      const held = await leased()
      const r = await forge()
      expect([r.status, r.text.includes(held.id)]).toEqual([401, false])
      await a.done(held)
    })
  }

  it('when it is made a second time, word for word', async () => {
    const jwt = await sign(a)
    expect((await post(a, jwt)).status).toBe(200)
    for (let n = 0; n < 3; n++) expect((await post(a, jwt)).status).toBe(401)
  })

  it('when a host that is not enrolled makes it', async () => {
    const nobody = { id: crypto.randomUUID() } as TestHost
    expect((await c.call('POST', `/hosts/${nobody.id}/claim`, { raw: claims, headers: { authorization: `Bearer ${await a.sign('POST', `/hosts/${nobody.id}/claim`, claims)}` } })).status).toBe(401)
  })

  it('by a user\'s token, an administrator\'s too', async () => {
    expect((await c.call('POST', `/hosts/${a.id}/claim`, { token: await c.admin(), raw: claims })).status).toBe(401)
  })
})

describe('a job belongs to whom it was given', () => {
  it('another host neither reports it nor sees it', async () => {
    const held = await leased()
    expect((await b.signed('POST', `/jobs/${held.id}`, done(1))).status).toBe(409)
    expect((await b.claim(16, [{ id: held.id, attempt: 1 }])).body).toMatchObject({ jobs: [], lost: [held.id] })
    expect(await stateOf(held.id)).toBe('running')
    expect((await a.done(held)).status).toBe(200)
  })

  it('a report with an older or a guessed attempt is refused, and changes nothing', async () => {
    const held = await leased()
    for (const attempt of [2, 99]) expect((await a.signed('POST', `/jobs/${held.id}`, done(attempt))).status).toBe(409)
    expect((await a.signed('POST', `/jobs/${held.id}`, done(0))).status).toBe(400)
    expect(await stateOf(held.id)).toBe('running')
    expect((await a.done(held)).status).toBe(200)
    expect((await a.done(held)).status).toBe(409)
    expect(await stateOf(held.id)).toBe('done')
  })

  it('a report after its lease ended is refused; who has the next attempt is heard', async () => {
    const held = await leased()
    await c.db().write([q.update(job).set({ leaseUntil: c.world.now() - seconds(1) })])
    await new Promise((wake) => setTimeout(wake, 2100))
    await c.tick()
    expect(await stateOf(held.id)).toBe('queued')
    expect((await a.done(held)).status).toBe(409)
    const [again] = (await a.claim(1)).body.jobs
    expect(again).toMatchObject({ id: held.id, attempt: 2 })
    expect((await a.done(held)).status).toBe(409)
    expect((await a.done(again)).status).toBe(200)
  })

  it('it is handed out once, however many ask at the same time', async () => {
    const now = c.world.now(), ids = Array.from({ length: 40 }, () => crypto.randomUUID())
    await c.db().write([q.insert(job).values(ids.map((id) => ({ id, host: a.id, kind: 'disk.delete', lane: id, args: {}, state: 'queued' as const, attempt: 0, runAt: now, createdAt: now, updatedAt: now, priority: 5, undo: false, requestId: 'req-x' })))])
    const got = (await Promise.all(Array.from({ length: 12 }, () => a.claim(7)))).flatMap((r) => r.body.jobs as { id: string; attempt: number }[])
    expect(got.map((j) => j.id).sort()).toEqual(ids.sort())
    expect(got.every((j) => j.attempt === 1)).toBe(true)
  })

  it('a host gets bytes only of the image its running job names', async () => {
    const held = await leased()
    const ask = (host: TestHost, more = {}) => host.signed('POST', '/blobs', { job: held.id, attempt: 1, image: crypto.randomUUID(), method: 'GET', ...more })
    expect([(await ask(a)).status, (await ask(b)).status, (await ask(a, { attempt: 2 })).status, (await ask(a, { method: 'PUT' })).status]).toEqual([409, 409, 409, 409])
    await a.done(held)
  })
})
