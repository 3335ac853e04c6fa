import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeCloud } from './core/testing.ts'
import { temporary, trialGuest, trialSpec } from './simulated/testing.ts'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
let cloud: FakeCloud
let running: { end(signal: NodeJS.Signals): Promise<unknown> }[] = []
beforeEach(async () => { cloud = new FakeCloud(); await cloud.listen() })
afterEach(async () => {
  await Promise.all(running.map((one) => one.end('SIGKILL')))
  running = []
  await cloud.close()
})

function start(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { text += chunk })
  const one = { child, exited, said: () => text, end: (signal: NodeJS.Signals) => { child.kill(signal); return exited } }
  running.push(one)
  return one
}
const simulated = (state: string, ...more: string[]) => ['--cloud', cloud.url, '--state', state, '--hypervisor', 'simulated', '--name', 'h', ...more]

test('killed in the middle of each act of a server, it comes back with everything and finishes', async () => {
  const state = temporary()
  const bytes = Buffer.from('image'), image = randomUUID()
  cloud.bytes.set(image, bytes)
  const spec = trialSpec({ configDrive: true })
  cloud.guests.set(spec.uuid, trialGuest(spec.uuid, { adminPass: 'hush-hush', userData: Buffer.from('hidden').toString('base64') }))
  const ref = { kind: 'root' as const, id: spec.uuid }
  const steps = [
    ['disk.create', { disk: ref, sizeGb: 1, source: { image: { id: image, format: 'raw', size: bytes.length, sha512: createHash('sha512').update(bytes).digest('hex') } } }],
    ['domain.start', { spec: { ...spec, disks: [{ ref, device: 'vda', bus: 'virtio' }] } }],
    ['domain.stop', { uuid: spec.uuid, graceSeconds: 0 }],
  ] as const
  let crashes = 0, said = ''
  let one = start(simulated(state, '--enroll', 'token'))
  const host = await cloud.until(() => [...cloud.hosts.keys()][0], 10_000)
  await cloud.until(() => cloud.claims.length > 0)
  for (const [kind, args] of steps) {
    await one.end('SIGKILL')
    said += one.said()
    const job = cloud.add(host, kind, args as never)
    for (let at = 1; job.state !== 'done'; at++) {
      one = start(simulated(state), { VIRGA_SIM: JSON.stringify({ crashAfter: at }) })
      const died = await Promise.race([one.exited.then(([, signal]) => signal === 'SIGKILL'), cloud.settled(job, 20_000).then(() => false)])
      said += one.said()
      if (died) crashes++
      expect(at).toBeLessThan(12)
    }
    expect(job.outcome).toMatchObject({ state: 'done' })
  }
  expect(crashes).toBeGreaterThan(3)
  expect(cloud.hosts.size).toBe(1)
  const seen = await cloud.until(() => cloud.hosts.get(host)!.inventory?.domains[0]?.state === 'shutoff' && cloud.hosts.get(host)!.inventory)
  expect(seen).toMatchObject({ domains: [{ uuid: spec.uuid }], disks: [`root/${spec.uuid}`] })
  const key = JSON.parse(readFileSync(join(state, 'host.json'), 'utf8')).key.d
  for (const secret of ['hush-hush', Buffer.from('hidden').toString('base64'), key, 'signature=', 'Bearer']) expect(said + one.said()).not.toContain(secret)
}, 60_000)

test('many hosts in one process: each enrols, claims and reports; TERM ends it and the next start needs no token', async () => {
  const state = temporary(), pidfile = join(state, 'pid')
  const one = start(simulated(state, '--enroll', 'token', '--hosts', '5', '--pidfile', pidfile, '--vcpus', '3'))
  await cloud.until(() => [...cloud.hosts.values()].filter(({ inventory }) => inventory).length === 5, 15_000)
  expect([...cloud.hosts.values()].map(({ name }) => name).sort()).toEqual(['h-1', 'h-2', 'h-3', 'h-4', 'h-5'])
  expect([...cloud.hosts.values()].every(({ inventory }) => inventory!.capacity.vcpus === 3 && inventory!.hypervisor.type === 'simulated')).toBe(true)
  for (const name of readdirSync(join(state, 'hosts'))) expect(statSync(join(state, 'hosts', name, 'host.json')).mode & 0o777).toBe(0o600)
  const jobs = [...cloud.hosts.keys()].map((host) => cloud.add(host, 'disk.create', { disk: { kind: 'root', id: randomUUID() }, sizeGb: 1, source: { blank: true } }))
  await Promise.all(jobs.map((job) => cloud.settled(job)))
  expect(Number(readFileSync(pidfile, 'utf8'))).toBe(one.child.pid)
  expect(await one.end('SIGTERM')).toEqual([0, null])
  expect(existsSync(pidfile)).toBe(false)
  const claims = cloud.claims.length
  start(simulated(state, '--hosts', '5'))
  await cloud.until(() => cloud.claims.length >= claims + 5, 15_000)
  expect(cloud.hosts.size).toBe(5)
}, 40_000)

test('a command line that cannot be meant is refused with the flag it is about', async () => {
  for (const [args, says] of [
    [['--state', '/tmp/x'], '--cloud'], [['--cloud', 'http://x'], '--state'], [simulated('/tmp/x', '--hosts', 'many'), '--hosts'],
    [simulated('/tmp/x', '--tag', 'xyz'), '--tag'], [simulated('/tmp/x', '--what'), '--what'], [[...simulated('/tmp/x'), '--hypervisor', 'xen'], '--hypervisor'],
  ] as const) {
    const one = start([...args])
    expect(await one.exited).toEqual([2, null])
    expect(one.said()).toContain(says)
  }
}, 30_000)

test('wiping leaves nothing of the host behind', async () => {
  const state = temporary()
  const one = start(simulated(state, '--enroll', 'token'))
  await cloud.until(() => cloud.claims.length > 0, 10_000)
  await one.end('SIGTERM')
  const wiping = start(['--state', state, '--hypervisor', 'simulated', '--name', 'h', '--wipe'])
  expect(await wiping.exited).toEqual([0, null])
  expect(readdirSync(state)).toEqual([])
}, 20_000)
