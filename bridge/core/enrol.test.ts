import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { temporary } from '../simulated/testing.ts'
import { identity } from './enrol.ts'
import { quiet } from './log.ts'
import { FakeCloud } from './testing.ts'

let cloud: FakeCloud
beforeEach(async () => { cloud = new FakeCloud(); await cloud.listen() })
afterEach(() => cloud.close())

const enrol = (file: string, token?: string) => identity({ cloud: cloud.url, token, name: 'one', file, log: quiet })

test('a host enrols once and is the same host after a restart, without the token', async () => {
  const file = join(temporary(), 'deep', 'host.json')
  const first = await enrol(file, 'token')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect((await enrol(file)).host).toBe(first.host)
  expect((await enrol(file, 'another token')).host).toBe(first.host)
  expect(cloud.hosts.size).toBe(1)
  expect(Object.keys(cloud.hosts.get(first.host)!.key).sort()).toEqual(['crv', 'kty', 'x'])
})

test('without a token a new host says what to do; a token that is not valid is final', async () => {
  const file = join(temporary(), 'host.json')
  await expect(enrol(file)).rejects.toThrow('--enroll TOKEN')
  await expect(enrol(file, 'wrong')).rejects.toThrow('401')
})

test('a control plane that does not answer is asked again, with the same key', async () => {
  const file = join(temporary(), 'host.json')
  let cuts = 0
  cloud.before = () => { if (cuts++ < 2) throw new Error('cut') }
  const { host } = await enrol(file, 'token')
  expect(cloud.hosts.get(host)!.key.x).toBe(JSON.parse(readFileSync(file, 'utf8')).key.x)
  expect(cuts).toBe(3)
})
