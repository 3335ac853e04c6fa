import { expect, it } from 'vitest'
import { cloud, type Cloud } from '../../tests/harness/cloud.ts'
import { TestHost } from '../../tests/harness/host.ts'
import { eq } from 'drizzle-orm'
import { enrollment, host } from '../../schema/host.ts'
import { job } from '../../schema/kernel.ts'
import { q } from '../kernel/db.ts'
import { seconds } from '../kernel/env.ts'

/** Mints without a user: hosts need no catalog, no project. */
async function mint(c: Cloud, uses: number): Promise<string> {
  const token = crypto.randomUUID(), now = c.world.now()
  const hash = [...new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token)))].map((b) => b.toString(16).padStart(2, '0')).join('')
  await c.db().write([q.insert(enrollment).values({ hash, uses, expiresAt: now + seconds(60), createdAt: now })])
  return token
}

it('a bridge that has just started gets back at once what its predecessor held', async () => {
  const c = await cloud({ seed: false })
  const host = await TestHost.enroll(c.call, await mint(c, 1), 'one')
  const now = c.world.now(), id = crypto.randomUUID()
  await c.db().write([q.insert(job).values({ id, host: host.id, kind: 'disk.delete', lane: 'l', args: {}, state: 'queued', attempt: 0, runAt: now, createdAt: now, updatedAt: now, priority: 5, undo: false, requestId: 'req-x' })])
  expect((await host.claim()).body.jobs).toMatchObject([{ id, attempt: 1 }])
  expect((await host.claim()).body.jobs).toEqual([])
  const fresh = await host.signed('POST', '/claim', { slots: 1, running: [], wait: 0, bell: 0, revision: 0, fresh: true })
  expect(fresh.body.jobs).toMatchObject([{ id, attempt: 2 }])
  expect((await host.done({ id, attempt: 1 } as never)).status).toBe(409)
  expect((await host.done({ id, attempt: 2 } as never)).status).toBe(200)
})

it('enrolling again with the same key is the same host and spends no use; another key under that name is refused', async () => {
  const c = await cloud({ seed: false })
  const token = await mint(c, 2)
  const enrol = (x: string) => c.call('POST', '/hosts/enroll', { body: { token, name: 'same', publicKey: { kty: 'OKP', crv: 'Ed25519', x } } })
  const first = await enrol('a'.repeat(43))
  expect(first.status).toBe(201)
  for (let n = 0; n < 3; n++) expect((await enrol('a'.repeat(43))).body).toEqual(first.body)
  expect((await enrol('b'.repeat(43))).status).toBe(409)
})

it('a job whose answer was lost on the way is handed out again within seconds, one being worked on is not', async () => {
  const c = await cloud({ seed: false })
  const host = await TestHost.enroll(c.call, await mint(c, 1), 'one')
  const now = c.world.now(), id = crypto.randomUUID()
  await c.db().write([q.insert(job).values({ id, host: host.id, kind: 'disk.delete', lane: 'l', args: {}, state: 'queued', attempt: 0, runAt: now, createdAt: now, updatedAt: now, priority: 5, undo: false, requestId: 'req-x' })])
  expect((await host.claim()).body.jobs).toMatchObject([{ id, attempt: 1 }])
  await c.db().write([q.update(job).set({ leaseUntil: now + seconds(56) })])
  expect((await host.claim(16, [{ id, attempt: 1 }])).body).toMatchObject({ jobs: [], lost: [] })
  await c.db().write([q.update(job).set({ leaseUntil: now + seconds(56) })])
  expect((await host.claim()).body.jobs).toMatchObject([{ id, attempt: 2 }])
  host.revision = 1
  const asked = Date.now()
  expect((await host.claim(16, [], 20)).body.jobs).toEqual([])
  expect(Date.now() - asked).toBeGreaterThan(2500)
  expect(Date.now() - asked).toBeLessThan(9000)
})

it('a host that waits is handed its work by the one trip that looks for it; one that was forgotten meanwhile is refused', async () => {
  const c = await cloud({ seed: false })
  const one = await TestHost.enroll(c.call, await mint(c, 1), 'one')
  const ring = () => c.env.DOORBELL!.get(c.env.DOORBELL!.idFromName(one.id)).fetch('http://doorbell/ring')
  const waits = async () => {
    const { body } = await one.claim()
    Object.assign(one, { bell: body.bell, revision: body.revision })
    const answer = one.claim(16, [], 20)
    await new Promise((r) => setTimeout(r, 300))
    return { answer }
  }
  const first = await waits(), now = c.world.now(), id = crypto.randomUUID()
  await c.db().write([q.insert(job).values({ id, host: one.id, kind: 'disk.delete', lane: 'l', args: {}, state: 'queued', attempt: 0, runAt: now, createdAt: now, updatedAt: now, priority: 5, undo: false, requestId: 'req-x' })])
  await ring()
  const handed = await first.answer
  expect(handed.body.jobs).toMatchObject([{ id, attempt: 1 }])
  expect(handed.trips).toMatch(/^1r 1w/)
  expect((await one.done({ id, attempt: 1 } as never)).status).toBe(200)
  const second = await waits()
  await c.db().write([q.delete(job), q.delete(host).where(eq(host.id, one.id))])
  await ring()
  expect((await second.answer).status).toBe(401)
})
