import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { FakeCloud } from '../core/testing.ts'
import { Terminal } from '../drivers.ts'
import { dial, Door, type Serve } from '../peers/door.ts'
import { Simulation } from '../simulated/index.ts'
import { temporary, trialHost, trialSpec } from '../simulated/testing.ts'

const key = randomBytes(32), id = randomUUID()
async function door(serve: Serve) {
  const one = new Door({ address: '127.0.0.1' })
  onTestFinished(() => one.close())
  const way = { id, key, address: '127.0.0.1', port: await one.admit(id, key, serve) }
  return { one, way }
}

test('a door answers whom it knows, and then is a connection like any other', async () => {
  const { way } = await door(async (ask, accept) => { const stream = accept({ hello: ask.name }); stream.pipe(stream) })
  const { answer, stream } = await dial(way, { what: 'echo', name: 'there' })
  expect(answer).toEqual({ hello: 'there' })
  stream.write(Buffer.alloc(100_000, 7))
  let seen = 0
  for await (const chunk of stream) if ((seen += chunk.length) === 100_000) break
  expect(seen).toBe(100_000)
})

test('who has another key, another move, or none, gets nothing; what it refuses it says, and whether for good', async () => {
  const asked: string[] = []
  const { way, one } = await door(async (ask) => { asked.push(ask.what); throw ask.what === 'never' ? new Terminal('not here') : new Error('not now') })
  await expect(dial({ ...way, key: randomBytes(32) }, { what: 'a' })).rejects.toThrow()
  await expect(dial({ ...way, id: randomUUID() }, { what: 'b' })).rejects.toThrow()
  const plain = connect(way.port, '127.0.0.1')
  plain.on('error', () => {}).write('{"what":"c"}\n'.repeat(2000))
  let told = ''
  plain.on('data', (d) => { told += d })
  await once(plain, 'close')
  expect([asked, told.includes('not')]).toEqual([[], false])
  await expect(dial(way, { what: 'now' })).rejects.toThrow('the other host says: not now')
  await expect(dial(way, { what: 'never' })).rejects.toBeInstanceOf(Terminal)
  await one.dismiss(id)
  await expect(dial(way, { what: 'd' })).rejects.toThrow('cannot be reached')
})

let cloud: FakeCloud
const stop: (() => Promise<void>)[] = []
beforeEach(async () => { cloud = new FakeCloud(); await cloud.listen() })
afterEach(async () => {
  await Promise.all(stop.splice(0).map((one) => one()))
  await cloud.close()
})

/** Two simulated hosts of one process, each at work, with a door of its own. */
async function pair() {
  const state = temporary(), simulation = new Simulation(state)
  return Promise.all(['a', 'b'].map(async (name) => {
    const host = await trialHost(cloud, { name, state: temporary(), drivers: simulation.host(name) })
    stop.push(() => host.stop(0))
    return { ...host, run: (kind: Parameters<typeof cloud.add>[1], args: unknown) => cloud.settled(cloud.add(host.id, kind, args as never, { lane: 'all' }), 15_000) }
  }))
}
const spec = () => { const s = trialSpec(); return { ...s, disks: [{ ref: { kind: 'root' as const, id: s.uuid }, device: 'vda', bus: 'virtio' as const, boot: 0 }] } }

test('a running guest goes from host to host, and what is left is cleared away on order', async () => {
  const [a, b] = await pair(), s = spec(), move = randomUUID(), disks = [s.disks[0].ref]
  await a.run('disk.create', { disk: disks[0], sizeGb: 1, source: { blank: true } })
  await a.run('domain.start', { spec: s })
  const opened = await b.run('move.open', { move, server: s.uuid, disks, nics: [], live: true })
  expect(opened).toMatchObject({ state: 'done', result: { port: expect.any(Number) } })
  const live = { move, uuid: s.uuid, disks, nics: [], to: { address: '127.0.0.1', port: opened.result!.port } }
  expect(await a.run('move.live', live)).toMatchObject({ state: 'done' })
  // Delivered again, after a report that was lost: it has been done.
  expect(await a.run('move.live', live)).toMatchObject({ state: 'done' })
  expect(await b.run('move.arrive', { move, uuid: s.uuid, resume: true })).toMatchObject({ state: 'done', result: { vncPort: expect.any(Number) } })
  expect([await a.drivers.virt.state(s.uuid), await b.drivers.virt.state(s.uuid), await a.drivers.disks.exists(disks[0]), await b.drivers.disks.exists(disks[0])]).toEqual(['shutoff', 'running', true, true])
  await a.run('move.close', { move, server: s.uuid, disks, drop: true })
  await b.run('move.close', { move, server: s.uuid, disks: [], drop: false })
  expect([await a.drivers.virt.state(s.uuid), await b.drivers.virt.state(s.uuid), await a.drivers.disks.exists(disks[0]), await b.drivers.disks.exists(disks[0])]).toEqual(['absent', 'running', false, true])
  // One that came does not count as one that went.
  expect(await b.drivers.moves.gone(s.uuid)).toBe(false)
})

test('disks of a server that is off go over; only those that were named; nothing is opened over a guest that runs', async () => {
  const [a, b] = await pair(), s = spec(), move = randomUUID(), [root] = [s.disks[0].ref], other = { kind: 'root' as const, id: randomUUID() }
  for (const disk of [root, other]) await a.run('disk.create', { disk, sizeGb: 2, source: { blank: true } })
  const { result } = await b.run('move.open', { move, server: s.uuid, disks: [root], nics: [], live: false })
  const to = { address: '127.0.0.1', port: result!.port }
  expect(await a.run('move.send', { move, disks: [root], to })).toMatchObject({ state: 'done' })
  expect(await a.run('move.send', { move, disks: [other], to })).toMatchObject({ state: 'failed', terminal: true })
  expect([await b.drivers.disks.sizeGb(root), await b.drivers.disks.exists(other)]).toEqual([2, false])
  await b.run('move.close', { move, server: s.uuid, disks: [], drop: false })
  await b.run('domain.start', { spec: s })
  expect(await b.run('move.open', { move: randomUUID(), server: s.uuid, disks: [root], nics: [], live: false })).toMatchObject({ state: 'failed', terminal: true, error: expect.stringContaining('on this host already') })
  expect(await b.drivers.disks.exists(root)).toBe(true)
})

test('a host that ends and starts again in the middle of a move still takes it in', async () => {
  const state = temporary(), simulation = new Simulation(temporary()), [a] = await pair(), s = spec(), move = randomUUID(), disks = [s.disks[0].ref]
  const start = async () => {
    const host = await trialHost(cloud, { name: 'restarted', state, drivers: simulation.host('restarted') })
    stop.push(() => host.stop(0))
    return host
  }
  const before = await start(), say = (kind: Parameters<typeof cloud.add>[1], args: object) => cloud.settled(cloud.add(before.id, kind, args as never, { lane: 'all' }), 15_000)
  await a.run('disk.create', { disk: disks[0], sizeGb: 1, source: { blank: true } })
  await say('move.open', { move, server: s.uuid, disks, nics: [], live: false })
  const { key, port } = JSON.parse(readFileSync(join(state, 'arrivals', `${move}.json`), 'utf8'))
  const way = { id: move, key: Buffer.from(key, 'base64url'), address: '127.0.0.1', port }
  await before.stop(0)
  await expect(dial(way, { what: 'disk' })).rejects.toThrow('cannot be reached')
  const after = await start()
  expect(await a.run('move.send', { move, disks, to: { address: way.address, port: way.port } })).toMatchObject({ state: 'done' })
  expect(await after.drivers.disks.exists(disks[0])).toBe(true)
  expect(await say('move.close', { move, server: s.uuid, disks: [], drop: false })).toMatchObject({ state: 'done' })
  await after.stop(0)
  await start()
  await expect(dial(way, { what: 'disk' })).rejects.toThrow('cannot be reached')
})
