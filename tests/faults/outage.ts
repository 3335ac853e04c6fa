import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { q } from '../../functions/kernel/db.ts'
import type { Process, Running, Said } from '../harness/running.ts'
import { until } from '../steps.ts'
import { ingredients } from './operations.ts'
import { rest } from './trials.ts'
import { wrongs } from './truth.ts'

/** Keeps a process down, however often it is started again, while `work` goes on. */
async function without<T>(c: Running, name: Process, work: () => Promise<T>): Promise<T> {
  let last: number | undefined
  const strike = () => { const pid = c.pid(name); if (pid && pid !== last) { c.kill(name); last = pid } }
  strike()
  const timer = setInterval(strike, 3)
  try {
    await sleep(300)
    return await work()
  } finally {
    clearInterval(timer)
    await sleep(50)
    strike()
    await c.back(name, last)
  }
}

/** Each refused in the way that tells a client to come back; a fluke between two deaths of the process is tried again. */
async function refused(what: string, ask: () => Promise<Said>) {
  await until(`503 with Retry-After for ${what}`, 10, async () => {
    const r = await ask()
    if (r.status === 503 && Number(r.headers.get('retry-after')) >= 1) return true
    throw new Error(`${r.status}, Retry-After ${r.headers.get('retry-after')}: ${r.text.slice(0, 200)}`)
  })
}

async function well(c: Running, seconds = 60) {
  const left = await rest(c, seconds)
  const wrong = [...left.map((l) => `${l.lane} ${l.what}`), ...await wrongs(c)]
  if (wrong.length) throw new Error(wrong.slice(0, 10).join('\n'))
}

export async function databaseDown(c: Running): Promise<void> {
  const { image, flavor, network } = await ingredients(c), token = await c.token('demo'), admin = await c.token('admin')
  const body = (name: string) => ({ server: { name, imageRef: image, flavorRef: flavor, networks: [{ uuid: network }] } })
  const going = await Promise.all([1, 2].map((n) => c.call('demo', 'POST', '/compute/v2.1/servers', body(`before-${n}`))))
  await without(c, 'libsql', async () => {
    const asks: [string, string, string, unknown?][] = [
      ['GET', '/compute/v2.1/servers', token], ['POST', '/compute/v2.1/servers', token, body('during')], ['DELETE', `/compute/v2.1/servers/${going[0].server.id}`, token],
      ['GET', '/network/v2.0/networks', token], ['POST', '/network/v2.0/networks', token, { network: { name: 'during' } }], ['GET', '/volume/v3/volumes', token],
      ['POST', '/volume/v3/volumes', token, { volume: { size: 1, name: 'during' } }], ['GET', '/image/v2/images', token], ['GET', '/identity/v3/projects', admin], ['GET', '/placement/resource_providers', admin],
    ]
    for (const [method, path, with_, send] of asks) await refused(`${method} ${path.replace(/[0-9a-f-]{36}/, '{id}')}`, () => c.ask(method, path, { token: with_, body: send }))
    await refused('a token', () => c.ask('POST', '/identity/v3/auth/tokens', { body: { auth: { identity: { methods: ['password'], password: { user: { name: 'demo', domain: { id: 'default' }, password: 'whatever' } } } } } }))
  })
  const after = await until('creating again', 10, () => c.call('demo', 'POST', '/compute/v2.1/servers', body('after')))
  await well(c)
  const [rows] = await c.db().read([q.all<{ id: string; name: string; state: string }>(sql`select id, name, state from server where name in ('before-1', 'before-2', 'during', 'after')`)]) as unknown as [{ id: string; name: string; state: string }[]]
  for (const { server } of [...going, after]) if (rows.find((r) => r.id === server.id)?.state !== 'active') throw new Error(`server ${server.id} is ${rows.find((r) => r.id === server.id)?.state ?? 'gone'} after the database came back`)
  // A refused write may not have happened after all: 503 says so.
  if (rows.some((r) => r.name === 'during')) throw new Error('a create that was answered 503 happened all the same')
}

export async function storeDown(c: Running): Promise<void> {
  const { flavor, network } = await ingredients(c), token = await c.token('demo')
  const bytes = Buffer.alloc(1 << 20, 7)
  const image = async (name: string) => (await c.call('demo', 'POST', '/image/v2/images', { name, disk_format: 'raw', container_format: 'bare' })).id as string
  const put = (id: string) => c.ask('PUT', `/image/v2/images/${id}/file`, { token, raw: bytes, headers: { 'content-type': 'application/octet-stream' } })
  const there = await image('there'), late = await image('late')
  const uploaded = await put(there)
  if (uploaded.status !== 204) throw new Error(`upload: ${uploaded.status} ${uploaded.text}`)
  let server = ''
  await without(c, 's3', async () => {
    await refused('an upload', () => put(late))
    await refused('a download', () => c.ask('GET', `/image/v2/images/${there}/file`, { token }))
    const { status } = (await c.ask('GET', `/image/v2/images/${late}`, { token })).body
    if (status !== 'queued') throw new Error(`an image whose upload was refused is ${status}, not queued: it could not be uploaded again`)
    // No host has this image yet: booting from it has to wait for the store.
    server = (await c.call('demo', 'POST', '/compute/v2.1/servers', { server: { name: 'waits', imageRef: there, flavorRef: flavor, networks: [{ uuid: network }] } })).server.id
    await sleep(1500)
    const now = (await c.call('demo', 'GET', `/compute/v2.1/servers/${server}`)).server.status
    if (now !== 'BUILD') throw new Error(`a server whose image cannot be fetched is ${now}`)
  })
  await until('uploading again', 10, async () => (await put(late)).status === 204)
  const back = await fetch(`${c.url}/image/v2/images/${late}/file`, { headers: { 'x-auth-token': token } })
  if (!bytes.equals(Buffer.from(await back.arrayBuffer()))) throw new Error('other bytes came back than were sent')
  await well(c, 90)
  const end = (await c.call('demo', 'GET', `/compute/v2.1/servers/${server}`)).server
  if (end.status !== 'ACTIVE') throw new Error(`the server that waited for the store is ${end.status}: ${end.fault?.message}`)
}
