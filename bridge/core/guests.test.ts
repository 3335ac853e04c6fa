import { readdirSync, statSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { temporary, trialGuest, trialHost } from '../simulated/testing.ts'
import { Cloud } from './cloud.ts'
import { Guests } from './guests.ts'
import { quiet } from './log.ts'
import { FakeCloud } from './testing.ts'

let cloud: FakeCloud
beforeEach(async () => { cloud = new FakeCloud(); await cloud.listen() })
afterEach(() => cloud.close())

test('metadata is answered while the control plane is away or hangs, also after a restart, and asked for anew when it moved', async () => {
  const { signer, stop } = await trialHost(cloud)
  await stop(0)
  const folder = join(temporary(), 'guests'), server = randomUUID()
  const open = async () => {
    const guests = new Guests({ cloud: new Cloud(cloud.url, signer), folder, log: quiet })
    await guests.load()
    return guests
  }
  cloud.guests.set(server, trialGuest(server))
  const first = await open()
  await first.follow([{ server, etag: '1' }])
  expect(statSync(join(folder, `${server}.json`)).mode & 0o777).toBe(0o600)

  let away = true
  cloud.before = () => { if (away) throw new Error('cut') }
  const second = await open()
  await second.follow([{ server, etag: '1' }])
  expect((await second.lookup(server))?.etag).toBe('1')
  await second.follow([{ server, etag: '2' }])
  expect((await second.lookup(server))?.etag).toBe('1')
  // One that hangs is not waited for.
  let end = () => {}
  cloud.before = () => new Promise<void>((go, cut) => { end = () => cut(new Error('cut')) })
  expect((await second.lookup(server))?.etag).toBe('1')
  end()
  cloud.before = () => { if (away) throw new Error('cut') }
  const unknown = randomUUID()
  await second.follow([{ server, etag: '2' }, { server: unknown, etag: '1' }])
  await expect(second.lookup(unknown)).rejects.toThrow()

  away = false
  cloud.guests.set(server, trialGuest(server, { etag: '2' }))
  cloud.calls.length = 0
  expect((await Promise.all([second.lookup(server), second.lookup(server)])).map((guest) => guest?.etag)).toEqual(['2', '2'])
  expect(cloud.calls).toHaveLength(1)
  await second.follow([])
  expect(await second.lookup(server)).toBeUndefined()
  expect(readdirSync(folder)).toEqual([])
})
