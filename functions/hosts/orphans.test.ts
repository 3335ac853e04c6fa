import { expect, it } from 'vitest'
import { stage } from '../../tests/contract/stories.ts'
import { cloud } from '../../tests/harness/cloud.ts'

it('a guest no server is: listed, left alone, removed on request', async () => {
  const c = await cloud(), host = await c.host('one'), other = await c.host('two'), admin = await c.admin(), demo = await c.demo(), id = crypto.randomUUID()
  const ask = (method: string, path: string, token = admin) => c.call(method, `/hosts/${path}`, { token })
  const listed = async () => (await ask('GET', `${host.id}/orphans`)).body.orphans
  host.domains.set(id, { uuid: id, state: 'running' })
  host.disks.add(`root/${id}`)
  await host.report()
  expect(await listed()).toEqual([{ id, kind: 'domain', name: id, seen_at: expect.stringMatching(/^20/), removal: null, error: null }])
  expect((await ask('GET', `${other.id}/orphans`)).body).toEqual({ orphans: [] })
  expect(await host.work()).toBe(0)
  // Not everybody's to see, less to remove; and only where it is.
  expect((await ask('DELETE', `${host.id}/orphans/${id}`, demo)).status).toBe(403)
  for (const path of [`${other.id}/orphans/${id}`, `${host.id}/orphans/${crypto.randomUUID()}`]) expect((await ask('DELETE', path)).status).toBe(404)
  expect((await ask('GET', `${crypto.randomUUID()}/orphans`)).status).toBe(404)

  host.on['domain.destroy'] = () => { throw new Error('the disk is busy') }
  expect((await ask('DELETE', `${host.id}/orphans/${id}`)).status).toBe(202)
  expect((await ask('DELETE', `${host.id}/orphans/${id}`)).status, 'asked for twice, done once').toBe(202)
  expect(await host.work()).toBe(1)
  await host.report()
  expect(await listed()).toMatchObject([{ id, removal: 'failed', error: expect.stringContaining('the disk is busy') }])

  host.on = {}
  expect((await ask('DELETE', `${host.id}/orphans/${id}`)).status).toBe(202)
  expect(await host.work()).toBe(1)
  await host.report()
  expect([await listed(), [...host.domains], [...host.disks]]).toEqual([[], [], []])
})

it('what shows on one host and is a server of another is not removed', async () => {
  const w = await stage()
  await w.newServer()
  await w.done()
  const other = await w.second()
  other.domains.set(w.server, { uuid: w.server, state: 'running' })
  await other.report()
  const refused = await w.c.call('DELETE', `/hosts/${other.id}/orphans/${w.server}`, { token: await w.c.admin() })
  expect([refused.status, refused.text]).toEqual([409, expect.stringContaining('is the server s')])
  expect(await other.work()).toBe(0)
})
