import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { FakeCloud } from '../../bridge/core/testing.ts'
import type { Net } from '../../bridge/drivers.ts'
import { linuxNet } from '../../bridge/network/index.ts'
import { Simulation } from '../../bridge/simulated/index.ts'
import { trialHost, trialSpec } from '../../bridge/simulated/testing.ts'
import { anything, run, unable, uuid, type Network, type Port } from './lab.ts'
import { unswitched, Vswitch } from './vswitch.ts'
import type { Desired } from '../../schema/hosts.ts'

/** What every network driver must do, whatever it is made of; and what a bridge asks of one, when. */
const tag = '7e60', folder = mkdtempSync(join(tmpdir(), 'virga-seam-')), unfit = unable()
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const network: Network = {
  id: uuid('seam net'), vni: 9001, mtu: 1450, external: false, peers: ['192.0.2.61'], dnsDomain: 'example.org', dhcp: { port: uuid('seam dhcp'), mac: 'fa:16:3e:60:00:02', addresses: ['10.60.0.2'] },
  subnets: [{ id: uuid('seam subnet'), cidr: '10.60.0.0/24', gateway: '10.60.0.1', dhcp: true, dns: [], routes: [] }],
}
const port = (n: number, more: Partial<Port> = {}): Port => ({
  id: uuid(`seam port ${n}`), network: network.id, mac: `fa:16:3e:60:01:0${n}`, server: uuid(`seam server ${n}`), up: true, hostname: `seam-${n}`, dhcpOptions: [],
  addresses: [{ subnet: network.subnets[0]!.id, address: `10.60.0.1${n}` }], security: { ingress: anything, egress: anything, pairs: [] }, ...more,
})
const nic = (p: Port) => ({ port: p.id, network: p.network, mac: p.mac, mtu: 1450, model: 'virtio' as const })
const document = (revision: number, ...ports: Port[]): Desired => ({ revision, networks: ports.length ? [network] : [], ports, elsewhere: [], routers: [], guests: [] })

const linux = { stateDir: join(folder, 'linux'), tag, readySeconds: 1, underlay: '192.0.2.60' }
const left = (...more: string[]) => [run('ip', '-o', 'link'), run('ip', 'netns'), run('nft', 'list', 'tables'), ...more].flatMap((text) => text.split('\n')).filter((l) => l.includes(`v${tag}`) || l.includes(`virga_${tag}`))
let vswitch: Vswitch
const drivers: { name: string; why?: string; before?: () => Promise<void>; make: () => Promise<Net>; left: () => string[]; after?: () => Promise<void> }[] = [
  { name: 'Linux bridges', why: unfit, make: () => linuxNet(linux), left },
  { name: 'Open vSwitch', why: unfit ?? unswitched(), make: () => linuxNet({ ...linux, driver: 'openvswitch' }), left: () => left(vswitch.ask('list-br')),
    async before() {
      vswitch = await new Vswitch().open()
      await vswitch.underlay('virgaseam', '192.0.2.60/32')
      Object.assign(process.env, vswitch.env)
    },
    async after() {
      for (const key of Object.keys(vswitch.env)) delete process.env[key]
      vswitch.ask('del-br', 'virgaseam')
      await vswitch.close()
    } },
  { name: 'simulated', make: async () => new Simulation(join(folder, 'simulated')).host('seam').net, left: () => [] },
]

describe.each(drivers)('a network of $name', ({ why, before, make, left, after }) => {
  describe.skipIf(why)(why ? `(skipped: ${why})` : 'does what a driver must', () => {
    let net: Net
    const [one, two, off] = [port(1), port(2), port(3, { up: false })]
    beforeAll(async () => { await before?.(); net = await make(); net.guests(async () => undefined) })
    afterAll(async () => { await net.wipe(); await net.close(); await after?.() })

    test('ports are there once the document is applied, and say so; again, nothing changes', async () => {
      for (const revision of [1, 2]) {
        await net.apply(document(revision, one, two, off))
        expect((await net.ports()).filter((id) => id !== off.id).sort()).toEqual([one.id, two.id].sort())
      }
      await net.ready([nic(one), nic(two)])
      await net.ready([])
    })
    test('each port has one tap, by a name that fits a device and is the same for whoever asks', async () => {
      const names = [one, two, off].map((p) => net.tap(p.id)), other = await make()
      expect(new Set(names).size).toBe(3)
      for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_.-]{1,15}$/)
      expect([one, two, off].map((p) => other.tap(p.id))).toEqual(names)
      await other.close()
    })
    test('what the document does not name any more is gone, the rest stays', async () => {
      await net.apply(document(3, two))
      expect(await net.ports()).toEqual([two.id])
    })
    test('a document from before is taken, too', async () => {
      await net.apply(document(4, two), true)
      expect(await net.ports()).toEqual([two.id])
    })
    test('connections of nobody are none; those of a network that is not here are nobody\'s business', async () => {
      expect([...(await net.connections([nic(one)])).values()].flat()).toEqual([])
      await net.takeOn(uuid('elsewhere'), [{ family: 4, protocol: 6, source: '10.60.0.11', destination: '10.60.0.12', sport: 1, dport: 2, seconds: 60, assured: true }])
    })
    test('a driver that ends takes nothing with it; the next one finds what is there', async () => {
      await net.close()
      net = await make()
      net.guests(async () => undefined)
      await net.apply(document(5, two))
      expect(await net.ports()).toEqual([two.id])
    })
    test('wiped, nothing is left, twice', async () => {
      for (const _ of [1, 2]) await net.wipe()
      expect(left()).toEqual([])
    })
  })
})

test('a bridge asks of a driver: guests first, the document before a port is used, the port before its guest starts', async () => {
  const cloud = new FakeCloud()
  await cloud.listen()
  const drivers = new Simulation(join(folder, 'recorded')).host('recorded'), asked: string[] = []
  /** Everything that is asked of it, in order, passed on to another. */
  const net = new Proxy(drivers.net, { get: (of, name: keyof Net) => typeof of[name] !== 'function' ? of[name] : (...args: unknown[]) => {
    asked.push(name === 'apply' ? `apply ${(args[0] as Desired).ports.length}` : name === 'ready' ? `ready ${(args[0] as unknown[]).length}` : name)
    return (of[name] as (...args: unknown[]) => unknown)(...args)
  } })
  const virt = new Proxy(drivers.virt, { get: (of, name) => name === 'start' ? (...args: Parameters<typeof of.start>) => { asked.push('guest starts'); return of.start(...args) } : Reflect.get(of, name) })
  const one = await trialHost(cloud, { name: 'recorded', drivers: { ...drivers, net, virt }, state: join(folder, 'recorded') })
  onTestFinished(async () => { await one.stop(0); await cloud.close() })
  const p = port(4)
  cloud.ports = [p]
  expect(await cloud.settled(cloud.add(one.id, 'domain.start', { spec: trialSpec({ nics: [nic(p)] }) }))).toMatchObject({ state: 'done' })
  const order = ['guests', 'apply 1', 'ready 1', 'guest starts'].map((what) => asked.indexOf(what))
  expect(order).toEqual(order.toSorted((a, b) => a - b))
  expect(order[0]).toBeGreaterThanOrEqual(0)
})
