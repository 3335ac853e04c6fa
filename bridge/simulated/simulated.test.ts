import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Hopeless } from '../drivers.ts'
import { FakeCloud } from '../core/testing.ts'
import { Simulation } from './index.ts'
import { Journal } from './journal.ts'
import { mischief } from './mischief.ts'
import { emptyQcow2 } from './qcow2.ts'
import { temporary, trialGuest, trialHost, trialSpec } from './testing.ts'

let cloud: FakeCloud
let stop: (() => Promise<void>)[] = []
beforeEach(async () => { cloud = new FakeCloud(); await cloud.listen() })
afterEach(async () => {
  await Promise.all(stop.map((one) => one()))
  stop = []
  await cloud.close()
})
const host = async (of: Parameters<typeof trialHost>[1] = {}) => {
  const one = await trialHost(cloud, of)
  stop.push(() => one.stop(0))
  const run = async (kind: Parameters<typeof cloud.add>[1], args: unknown) => cloud.settled(cloud.add(one.id, kind, args as never, { lane: 'all' }))
  return { ...one, run }
}
const picture = () => {
  const bytes = Buffer.from(`image ${randomUUID()}`), id = randomUUID()
  cloud.bytes.set(id, bytes)
  return { id, format: 'raw' as const, size: bytes.length, sha512: createHash('sha512').update(bytes).digest('hex') }
}

test('an image is fetched ahead of need, shown with the disks that stand on it, and let go of', async () => {
  const { run, drivers, id } = await host(), image = picture(), digest = image.sha512.slice(0, 64)
  expect(await run('image.fetch', { image })).toMatchObject({ state: 'done' })
  cloud.bytes.delete(image.id)
  expect(await run('disk.create', { disk: { kind: 'root', id: randomUUID() }, sizeGb: 1, source: { image } })).toMatchObject({ state: 'done' })
  await cloud.until(() => cloud.hosts.get(id)!.inventory?.images?.some((i) => i.disks === 1))
  expect(cloud.hosts.get(id)!.inventory!.images).toMatchObject([{ digest, format: 'raw', size: image.size, disks: 1 }])
  for (let twice = 0; twice < 2; twice++) expect(await run('image.forget', { images: [{ digest, format: 'raw' }] })).toMatchObject({ state: 'done' })
  expect(await drivers.images.list()).toEqual([])
})

test("a server's whole life", async () => {
  const { run, drivers } = await host()
  const spec = trialSpec({ configDrive: true })
  const ref = { kind: 'root' as const, id: spec.uuid }, volume = { kind: 'volume' as const, id: randomUUID() }
  cloud.guests.set(spec.uuid, trialGuest(spec.uuid, { adminPass: 'secret' }))
  const whole = { ...spec, disks: [{ ref, device: 'vda', bus: 'virtio' as const, boot: 0 }] }
  expect(await run('domain.start', { spec: whole })).toMatchObject({ state: 'failed', terminal: true, error: expect.stringContaining('vda') })
  expect(await run('disk.create', { disk: ref, sizeGb: 1, source: { image: picture() } })).toMatchObject({ state: 'done' })
  expect(await run('domain.start', { spec: whole })).toMatchObject({ state: 'done', result: { vncPort: 5900 } })
  expect(await run('domain.pause', { uuid: spec.uuid })).toMatchObject({ state: 'done' })
  expect(await run('domain.save', { uuid: spec.uuid })).toMatchObject({ state: 'done' })
  expect(await run('domain.resume', { uuid: spec.uuid })).toMatchObject({ state: 'failed', terminal: true, error: expect.stringContaining('saved') })
  const nic = { port: randomUUID(), network: randomUUID(), mac: 'fa:16:3e:00:00:01', mtu: 1450, model: 'virtio' }
  expect(await run('domain.attach-disk', { uuid: spec.uuid, disk: { ref: volume, device: 'vdb', bus: 'virtio' } })).toMatchObject({ state: 'failed', terminal: true, error: expect.stringContaining('saved') })
  expect(await run('domain.attach-port', { uuid: spec.uuid, nic })).toMatchObject({ state: 'failed', terminal: true, error: expect.stringContaining('saved') })
  expect(await run('domain.start', { spec: whole })).toMatchObject({ state: 'done' })
  expect(await run('disk.create', { disk: volume, sizeGb: 2, source: { blank: true } })).toMatchObject({ state: 'done' })
  for (let twice = 0; twice < 2; twice++) {
    expect(await run('domain.attach-disk', { uuid: spec.uuid, disk: { ref: volume, device: 'vdb', bus: 'virtio' } })).toMatchObject({ state: 'done' })
    expect(await drivers.virt.disks(spec.uuid)).toEqual([ref, volume])
  }
  expect(await run('domain.stats', { uuid: spec.uuid })).toMatchObject({ state: 'done', result: { state: 'running', disks: [{ device: 'vda' }, { device: 'vdb' }] } })
  for (let twice = 0; twice < 2; twice++) expect(await run('domain.detach-disk', { uuid: spec.uuid, disk: volume })).toMatchObject({ state: 'done' })
  cloud.ports = [{ id: nic.port, network: nic.network, mac: nic.mac, server: spec.uuid, up: true, addresses: [], dhcpOptions: [] }]
  for (let twice = 0; twice < 2; twice++) expect(await run('domain.attach-port', { uuid: spec.uuid, nic })).toMatchObject({ state: 'done' })
  expect(await drivers.virt.nics(spec.uuid)).toEqual([nic.mac])
  for (let twice = 0; twice < 2; twice++) expect(await run('domain.detach-port', { uuid: spec.uuid, port: nic.port, mac: nic.mac })).toMatchObject({ state: 'done' })
  expect(await drivers.virt.nics(spec.uuid)).toEqual([])
  expect(await run('domain.set-password', { uuid: spec.uuid, revision: 1 })).toMatchObject({ state: 'done', result: {} })
  expect(await run('domain.stop', { uuid: spec.uuid, graceSeconds: 5 })).toMatchObject({ state: 'done' })
  expect(await drivers.virt.state(spec.uuid)).toBe('shutoff')
  expect(await run('domain.reboot', { spec: whole, graceSeconds: 5 })).toMatchObject({ state: 'done' })
  expect(await drivers.virt.state(spec.uuid)).toBe('running')
  for (let twice = 0; twice < 2; twice++) expect(await run('domain.destroy', { uuid: spec.uuid })).toMatchObject({ state: 'done' })
  expect(await drivers.virt.list()).toEqual([])
  expect(await drivers.disks.list()).toEqual([volume])
  expect(await run('domain.console', { uuid: spec.uuid, bytes: 10 })).toMatchObject({ state: 'failed', terminal: true })
})

test('destroy is content after any partial start', async () => {
  const { run, drivers } = await host()
  const uuid = randomUUID()
  await drivers.disks.create({ disk: { kind: 'swap', id: uuid }, sizeGb: 1, source: { blank: true } }, { image: async () => '' })
  await drivers.disks.configDrive(uuid, { a: 'b' })
  expect(await run('domain.destroy', { uuid, keepDisks: true })).toMatchObject({ state: 'done' })
  expect(await drivers.disks.list()).toHaveLength(1)
  expect(await run('domain.destroy', { uuid })).toMatchObject({ state: 'done' })
  expect(await drivers.disks.list()).toEqual([])
})

test('the console tells of a boot and ends with a login; a soft reboot adds another', async () => {
  const drivers = new Simulation(temporary()).host('one')
  const spec = trialSpec({ name: 'Web Server', disks: [] })
  await drivers.virt.start(spec)
  await new Promise((resolve) => setTimeout(resolve, 600))
  const text = await drivers.virt.console(spec.uuid, 100_000)
  expect(text.trimEnd().split('\n').length).toBeGreaterThan(30)
  expect(text).toMatch(/web-server login: \n$/)
  expect(await drivers.virt.reboot(spec.uuid, 10)).toBe(true)
  expect((await drivers.virt.console(spec.uuid, 100_000)).length).toBeGreaterThan(text.length)
  expect(await drivers.virt.console(spec.uuid, 20)).toHaveLength(20)
})

test('an image whose bytes are not what they should be is refused for good; a good one is fetched once', async () => {
  const { run } = await host()
  const image = picture()
  const create = (source: unknown) => run('disk.create', { disk: { kind: 'volume', id: randomUUID() }, sizeGb: 1, source })
  expect(await create({ image: { ...image, sha512: '0'.repeat(128) } })).toMatchObject({ state: 'failed', terminal: true })
  await Promise.all([create({ image }), create({ image }), create({ image })])
  expect(cloud.calls.filter((call) => call.startsWith('GET /bytes'))).toHaveLength(2)
})

test.each(['qcow2', 'raw'] as const)('an uploaded %s is a real image, told with the digests of its bytes', async (format) => {
  const { run, state } = await host()
  const disk = { kind: 'root' as const, id: randomUUID() }, image = randomUUID()
  await run('disk.create', { disk, sizeGb: 3, source: { blank: true } })
  const said = await run('disk.upload', { disk, image, format })
  const bytes = cloud.bytes.get(image)!
  expect(said).toMatchObject({ state: 'done', result: {
    size: bytes.length, virtualSize: format === 'qcow2' ? 3 * 2 ** 30 : bytes.length,
    md5: createHash('md5').update(bytes).digest('hex'), sha512: createHash('sha512').update(bytes).digest('hex'),
  } })
  expect(readdirSync(join(state, 'simulated', 'scratch'))).toEqual([])
})

const qemu = spawnSync('qemu-img', ['--version']).status === 0
test.skipIf(!qemu).each([1, 40, 5000, 65536])('a made qcow2 of %i GiB satisfies qemu-img', (gb) => {
  const file = join(temporary(), 'made.qcow2')
  writeFileSync(file, emptyQcow2(gb * 2 ** 30, 'mark'))
  expect(JSON.parse(execFileSync('qemu-img', ['check', '--output=json', '-f', 'qcow2', file], { encoding: 'utf8' }))).toMatchObject({ 'check-errors': 0 })
  expect(JSON.parse(execFileSync('qemu-img', ['info', '--output=json', '-f', 'qcow2', file], { encoding: 'utf8' }))['virtual-size']).toBe(gb * 2 ** 30)
})

test('what was written is still there after a kill, and a line cut short is as if never written', () => {
  const file = join(mkdtempSync(join(temporary(), 'j-')), 'a.jsonl')
  const one = new Journal<number>(file)
  for (let n = 0; n < 3000; n++) one.set(`k${n % 3}`, n)
  one.delete('k0')
  appendFileSync(file, '["k1",12')
  const two = new Journal<number>(file)
  expect(two.entries().sort()).toEqual([['k1', 2998], ['k2', 2999]])
  expect(readFileSync(file, 'utf8').split('\n').length).toBeLessThan(10)
})

test('volumes are shared between hosts, a root disk is not; each host lists what it made', async () => {
  const simulation = new Simulation(temporary())
  const [a, b] = [simulation.host('a'), simulation.host('b')]
  const root = { kind: 'root' as const, id: randomUUID() }, volume = { kind: 'volume' as const, id: randomUUID() }
  for (const disk of [root, volume]) await a.disks.create({ disk, sizeGb: 1, source: { blank: true } }, { image: async () => '' })
  expect([await b.disks.exists(root), await b.disks.exists(volume)]).toEqual([false, true])
  expect([await a.disks.list(), await b.disks.list()]).toEqual([[root, volume], []])
})

test('mischief follows its seed', async () => {
  const run = async (seed: number) => {
    const act = mischief({ seed, failRate: 0.3, failKinds: ['x'] })('one')
    return Promise.all(Array.from({ length: 50 }, () => act('x', () => '.').catch(() => '!'))).then((all) => all.join(''))
  }
  expect(await run(7)).toBe(await run(7))
  expect(await run(7)).not.toBe(await run(8))
  expect(await run(7)).toMatch(/!/)
  expect(await mischief({ failRate: 1, failKinds: ['x'] })('one')('y', () => 1)).toBe(1)
  const some = mischief({ failRate: 1, failHosts: ['one'], hopeless: true })
  expect(await some('two')('x', () => 1)).toBe(1)
  await expect(some('one')('x', () => 1)).rejects.toBeInstanceOf(Hopeless)
})
