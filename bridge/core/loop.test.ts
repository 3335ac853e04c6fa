import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Hopeless, Terminal } from '../drivers.ts'
import type { JobName } from '../../schema/jobs.ts'
import { Simulation } from '../simulated/index.ts'
import { temporary, trialHost, trialSpec } from '../simulated/testing.ts'
import { byKind, executor, type AnyExecutor } from './executor.ts'
import { FakeCloud } from './testing.ts'

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
  return one
}

/** An executor of `domain.pause` that ends when told, and says what happened when. */
function gated(more: Partial<AnyExecutor> = {}) {
  const said: string[] = []
  const open = new Map<string, () => void>()
  const one = executor('domain.pause', {
    async act({ signal }, { uuid }) {
      said.push(`begin ${uuid}`)
      signal.addEventListener('abort', () => said.push(`abort ${uuid}`))
      await new Promise<void>((resolve) => open.set(uuid, resolve))
      said.push(`end ${uuid}`)
      return {}
    },
  })
  return { said, open, executors: byKind([{ ...one, ...more }]) }
}

test('a job is claimed, done and reported; only the first claim of a bridge is fresh', async () => {
  const { id } = await host()
  const disk = { kind: 'volume' as const, id: randomUUID() }
  const job = cloud.add(id, 'disk.create', { disk, sizeGb: 1, source: { blank: true } })
  expect(await cloud.settled(job)).toMatchObject({ state: 'done', attempt: 1, result: { bytes: 0 } })
  await cloud.until(() => cloud.claims.length > 1)
  expect(cloud.claims.map(({ fresh }) => fresh)).toEqual([true, ...cloud.claims.slice(1).map(() => false)])
})

test('jobs of one lane run one after the other, lanes beside each other', async () => {
  const { said, open, executors } = gated()
  const { id } = await host({ executors })
  const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()]
  const jobs = [cloud.add(id, 'domain.pause', { uuid: a }, { lane: 'one' }), cloud.add(id, 'domain.pause', { uuid: b }, { lane: 'one' }), cloud.add(id, 'domain.pause', { uuid: c }, { lane: 'two' })]
  await cloud.until(() => open.has(a) && open.has(c))
  expect(open.has(b)).toBe(false)
  open.get(a)!()
  await cloud.until(() => open.has(b))
  expect(said).toEqual([`begin ${a}`, `begin ${c}`, `end ${a}`, `begin ${b}`])
  open.get(b)!(); open.get(c)!()
  await Promise.all(jobs.map((job) => cloud.settled(job)))
})

test('what is to take away what a server left waits for what is still being done to that server', async () => {
  const { open, executors } = gated()
  const { id } = await host({ executors })
  const [a, b] = [randomUUID(), randomUUID()]
  const jobs = [cloud.add(id, 'domain.pause', { uuid: a }, { lane: 'one' })]
  await cloud.until(() => open.has(a))
  jobs.push(cloud.add(id, 'domain.pause', { uuid: b }, { lane: 'fence:one' }))
  await cloud.until(() => jobs[1].state === 'running')
  expect(open.has(b)).toBe(false)
  open.get(a)!()
  await cloud.until(() => open.has(b))
  open.get(b)!()
  await Promise.all(jobs.map((job) => cloud.settled(job)))
})

test('a failure that would befall any host says so', async () => {
  const { id } = await host({ executors: byKind([executor('domain.pause', { async act() { throw new Hopeless('not an image') } })]) })
  const job = cloud.add(id, 'domain.pause', { uuid: randomUUID() })
  expect(await cloud.settled(job)).toMatchObject({ state: 'failed', error: 'not an image', terminal: true, anywhere: true })
})

test('a lost lease aborts the job and drops its result', async () => {
  const { said, open, executors } = gated()
  const { id } = await host({ executors, wait: 1 })
  const uuid = randomUUID()
  const job = cloud.add(id, 'domain.pause', { uuid })
  await cloud.until(() => open.has(uuid))
  job.host = 'another'
  job.attempt++
  await cloud.until(() => said.includes(`abort ${uuid}`))
  open.get(uuid)!()
  await cloud.until(() => said.includes(`end ${uuid}`))
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(cloud.calls).not.toContain('POST /hosts/jobs')
  expect(job.state).toBe('running')
})

test('a newer attempt waits until the older one has ended, and only the newer one is reported', async () => {
  const { said, open, executors } = gated()
  const { id } = await host({ executors, wait: 1 })
  const uuid = randomUUID()
  const job = cloud.add(id, 'domain.pause', { uuid })
  const first = await cloud.until(() => open.get(uuid))
  open.clear()
  job.leaseUntil = 0
  cloud.ring(id)
  await cloud.until(() => job.attempt === 2)
  await cloud.until(() => said.includes(`abort ${uuid}`))
  expect(said).toEqual([`begin ${uuid}`, `abort ${uuid}`])
  first()
  const second = await cloud.until(() => open.get(uuid))
  second()
  expect(await cloud.settled(job)).toMatchObject({ attempt: 2, state: 'done' })
  expect(cloud.calls.filter((call) => call === 'POST /hosts/jobs')).toHaveLength(1)
})

test('leases are renewed while every slot is taken', async () => {
  const { open, executors } = gated()
  const { id } = await host({ executors, wait: 1, slots: 1 })
  const [a, b] = [randomUUID(), randomUUID()]
  const long = cloud.add(id, 'domain.pause', { uuid: a }), next = cloud.add(id, 'domain.pause', { uuid: b })
  await cloud.until(() => open.has(a))
  const before = cloud.claims.length
  await cloud.until(() => cloud.claims.length >= before + 2)
  expect(cloud.claims.slice(before).every(({ running, slots }) => running[0] === long.id && slots === 0)).toBe(true)
  expect(next.state).toBe('queued')
  open.get(a)!()
  open.get(await cloud.until(() => open.has(b) && b))!()
  await cloud.settled(next)
})

test('a job delivered twice does the work once', async () => {
  let acts = 0
  const { id } = await host({ executors: byKind([executor('domain.reboot', { once: true, async act() { acts++; return {} } })]), wait: 1 })
  const job = cloud.add(id, 'domain.reboot', { spec: trialSpec(), graceSeconds: 0 })
  cloud.before = (what) => { if (what === 'POST /hosts/jobs' && job.attempt === 1) { job.state = 'queued'; cloud.ring(id) } }
  expect(await cloud.settled(job)).toMatchObject({ state: 'done', attempt: 2 })
  expect(acts).toBe(1)
})

test('a job delivered once more after it ended is not done again', async () => {
  const { id } = await host({ wait: 1 })
  const disk = { kind: 'volume' as const, id: randomUUID() }
  const make = cloud.add(id, 'disk.create', { disk, sizeGb: 1, source: { blank: true } })
  await cloud.settled(make)
  await cloud.settled(cloud.add(id, 'disk.delete', { disk }))
  const reports = () => cloud.calls.filter((call) => call === 'POST /hosts/jobs').length, before = reports()
  Object.assign(make, { state: 'queued', attempt: make.attempt - 1 })
  cloud.ring(id)
  await cloud.until(() => make.state === 'running')
  await cloud.settled(cloud.add(id, 'disk.delete', { disk: { kind: 'volume', id: randomUUID() } }))
  expect(make.state).toBe('running')
  expect(reports()).toBe(before + 1)
})

test('a report is said until it is answered', async () => {
  const { id } = await host()
  let cuts = 0
  cloud.before = (what) => { if (what === 'POST /hosts/jobs' && cuts++ < 3) throw new Error('cut') }
  const job = cloud.add(id, 'disk.delete', { disk: { kind: 'volume', id: randomUUID() } })
  expect(await cloud.settled(job)).toMatchObject({ state: 'done' })
  expect(cuts).toBe(4)
})

test('a report whose answer was lost is dropped, by 409 or by the next claim; work goes on', async () => {
  const { id } = await host()
  let cuts = 0
  cloud.after = (what) => { if (what === 'POST /hosts/jobs' && cuts++ === 0) throw new Error('cut') }
  const first = cloud.add(id, 'disk.delete', { disk: { kind: 'volume', id: randomUUID() } })
  await cloud.settled(first)
  await cloud.settled(cloud.add(id, 'disk.delete', { disk: { kind: 'volume', id: randomUUID() } }))
  const last = () => { cloud.ring(id); return cloud.claims.at(-1)!.running.length === 0 && cloud.claims.length > 2 }
  expect(await cloud.until(last)).toBe(true)
  expect(first.outcomes).toHaveLength(1)
})

test('what a report set free is run from its answer', async () => {
  const { open, executors } = gated()
  const { id } = await host({ executors, slots: 1, wait: 20 })
  const [a, b] = [randomUUID(), randomUUID()]
  cloud.add(id, 'domain.pause', { uuid: a })
  const next = cloud.add(id, 'domain.pause', { uuid: b })
  await cloud.until(() => open.has(a))
  const claims = cloud.claims.length
  open.get(a)!()
  await cloud.until(() => open.has(b))
  expect(cloud.claims.length).toBe(claims)
  open.get(b)!()
  await cloud.settled(next)
})

test('what the vocabulary does not allow fails for good, before anything is looked at', async () => {
  const { id } = await host()
  const bad = cloud.add(id, 'disk.delete', { disk: { kind: 'volume', id: '../../etc' } } as never)
  expect(await cloud.settled(bad)).toMatchObject({ state: 'failed', terminal: true, error: expect.stringContaining('/disk/id') })
  const unknown = cloud.add(id, 'host.explode' as JobName, {} as never)
  expect(await cloud.settled(unknown)).toMatchObject({ state: 'failed', terminal: true, error: expect.stringContaining('host.explode') })
  const inherited = cloud.add(id, 'constructor' as JobName, {} as never)
  expect(await cloud.settled(inherited)).toMatchObject({ state: 'failed', terminal: true })
})

test('a failure is retried unless it is terminal, and what was half done is taken back in reverse', async () => {
  const undone: string[] = []
  let tries = 0
  const { id } = await host({ wait: 1, executors: byKind([executor('domain.pause', { async act({ revert }) {
    revert(async () => { undone.push('first') })
    revert(async () => { undone.push('second') })
    if (tries++ === 0) throw new Error('cannot open /var/lib/secret/place at https://s3/x?X-Amz-Signature=abc')
    throw new Terminal('this guest is not here')
  } })]) })
  const job = cloud.add(id, 'domain.pause', { uuid: randomUUID() })
  await cloud.settled(job)
  expect(job.outcomes).toMatchObject([
    { state: 'failed', terminal: false, error: 'cannot open (file) at (address)', attempt: 1 },
    { state: 'failed', terminal: true, error: 'this guest is not here', attempt: 2 },
  ])
  expect(undone).toEqual(['second', 'first', 'second', 'first'])
})

test('an attempt past its limit is reported, and its lane stays taken until it really ends', async () => {
  const { said, open, executors } = gated()
  const { id } = await host({ executors, wait: 1 })
  const [a, b] = [randomUUID(), randomUUID()]
  const stuck = cloud.add(id, 'domain.pause', { uuid: a }, { lane: 'one', limit: 0.2, attempt: 4 })
  expect(await cloud.until(() => said.includes(`abort ${a}`))).toBe(true)
  const behind = cloud.add(id, 'domain.pause', { uuid: b }, { lane: 'one', attempt: 4 })
  expect(await cloud.settled(stuck, 7000)).toMatchObject({ state: 'failed', error: 'took longer than 0.2 s' })
  expect(await cloud.settled(behind, 7000)).toMatchObject({ state: 'failed', error: expect.stringContaining('does not end') })
  expect(said).not.toContain(`begin ${b}`)
  open.get(a)!()
  const after = cloud.add(id, 'domain.pause', { uuid: b }, { lane: 'one' })
  open.get(await cloud.until(() => open.has(b) && b))!()
  expect(await cloud.settled(after)).toMatchObject({ state: 'done' })
}, 15000)

test('progress is told at most once a second', async () => {
  const { id } = await host({ executors: byKind([executor('domain.pause', { async act({ progress }) {
    for (let at = 0; at < 100; at++) { progress(`${at}%`); await new Promise((resolve) => setTimeout(resolve, 15)) }
    return {}
  } })]) })
  const job = cloud.add(id, 'domain.pause', { uuid: randomUUID() })
  await cloud.settled(job)
  expect(job.progress).toHaveLength(1)
  expect(job.progress[0]).toMatch(/^\d+%$/)
})

test('a clock that runs differently is corrected from the refusal', async () => {
  const state = temporary()
  const one = await host({ state })
  await one.stop(0)
  one.signer.ahead = -7200
  const again = await host({ state, signer: one.signer })
  const job = cloud.add(again.id, 'disk.delete', { disk: { kind: 'volume', id: randomUUID() } })
  expect(await cloud.settled(job)).toMatchObject({ state: 'done' })
  expect(Math.abs(one.signer.ahead)).toBeLessThan(3)
})

test('a start waits for a desired state that has its port, and inventory then shows revision and port', async () => {
  const { id } = await host()
  const port = randomUUID(), network = randomUUID(), spec = trialSpec()
  const nic = { port, network, mac: 'fa:16:3e:00:00:01', mtu: 1450, model: 'virtio' as const }
  cloud.ports = [{ id: port, network, mac: nic.mac, server: spec.uuid, up: true, addresses: [], dhcpOptions: [] }]
  const job = cloud.add(id, 'domain.start', { spec: { ...spec, nics: [nic] } })
  expect(await cloud.settled(job)).toMatchObject({ state: 'done', result: { vncPort: 5900 } })
  cloud.moved(id)
  const seen = await cloud.until(() => cloud.hosts.get(id)!.inventory?.revision === 2 && cloud.hosts.get(id)!.inventory)
  expect(seen).toMatchObject({ ports: [port], domains: [{ uuid: spec.uuid, state: 'running', vncPort: 5900 }] })
})

test('a host whose images cannot be read shows all the rest', async () => {
  const drivers = new Simulation(temporary()).host('trial')
  const { id } = await host({ drivers: { ...drivers, images: { ...drivers.images, list: async () => { throw new Error('not a directory') } } } })
  expect(await cloud.until(() => cloud.hosts.get(id)!.inventory)).toMatchObject({ images: [], storage: 'simulated' })
})

test('a guest starts without a port that has been deleted since; one that cannot be asked about makes it wait', async () => {
  const one = await host({ wait: 1 }), network = randomUUID()
  const nics = [1, 2].map((n) => ({ port: randomUUID(), network, mac: `fa:16:3e:00:00:0${n}`, mtu: 1450, model: 'virtio' as const })), spec = trialSpec({ nics })
  cloud.ports = [{ id: nics[0].port, network, mac: nics[0].mac, server: spec.uuid, up: true, addresses: [], dhcpOptions: [] }]
  let deaf = true
  cloud.before = (what) => { if (deaf && what.includes('/desired')) throw new Error('cut') }
  const job = cloud.add(one.id, 'domain.start', { spec })
  expect(await cloud.until(() => job.outcome)).toMatchObject({ state: 'failed', terminal: false })
  expect(await one.drivers.virt.state(spec.uuid)).toBe('absent')
  deaf = false
  expect(await cloud.settled(cloud.add(one.id, 'domain.start', { spec }))).toMatchObject({ state: 'done' })
  expect(await one.drivers.virt.nics(spec.uuid)).toEqual([nics[0].mac])
  expect(await cloud.settled(cloud.add(one.id, 'domain.attach-port', { uuid: spec.uuid, nic: nics[1] }))).toMatchObject({ state: 'failed', terminal: true })
})

test('stopping lets running jobs end and report', async () => {
  const { open, executors } = gated()
  const one = await host({ executors })
  const uuid = randomUUID()
  const job = cloud.add(one.id, 'domain.pause', { uuid })
  await cloud.until(() => open.has(uuid))
  const stopped = one.stop(5000)
  open.get(uuid)!()
  await stopped
  expect(job.state).toBe('done')
  const claims = cloud.claims.length
  cloud.ring(one.id)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(cloud.claims.length).toBe(claims)
})
