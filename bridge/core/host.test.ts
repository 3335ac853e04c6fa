import { randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Simulation } from '../simulated/index.ts'
import { temporary, trialGuest, trialHost, trialSpec } from '../simulated/testing.ts'
import type { Desired, GuestData } from '../../schema/hosts.ts'
import { FakeCloud } from './testing.ts'

let cloud: FakeCloud
beforeEach(async () => { cloud = new FakeCloud(); await cloud.listen() })
afterEach(() => cloud.close())

/** A simulated host whose network says what it was told. */
function watched(state: string) {
  const drivers = new Simulation(state).host('trial')
  const applied: Desired[] = []
  let lookup: (server: string) => Promise<GuestData | undefined> = async () => undefined
  const apply = drivers.net.apply
  drivers.net.apply = async (desired) => { await apply(desired); applied.push(desired) }
  drivers.net.guests = (by) => { lookup = by }
  return { drivers, applied, lookup: (server: string) => lookup(server) }
}

test('started again while the control plane is away, network and metadata are as they were', async () => {
  const state = temporary(), server = randomUUID(), port = randomUUID()
  cloud.guests.set(server, trialGuest(server))
  cloud.ports = [{ id: port, network: randomUUID(), mac: 'fa:16:3e:00:00:01', server, up: true, addresses: [], dhcpOptions: [] }]
  const before = watched(state)
  const first = await trialHost(cloud, { state, drivers: before.drivers, serves: true })
  await cloud.until(() => cloud.calls.includes('GET /hosts/guests') && before.applied.length)
  expect((await before.lookup(server))?.server).toBe(server)
  await first.stop(0)
  expect(statSync(join(state, 'desired.json')).mode & 0o777).toBe(0o600)

  cloud.before = () => { throw new Error('cut') }
  const after = watched(state)
  const second = await trialHost(cloud, { state, signer: first.signer, drivers: after.drivers, serves: true })
  expect(after.applied).toMatchObject([{ ports: [{ id: port }] }])
  expect((await after.lookup(server))?.server).toBe(server)
  await second.stop(0)
})

test('a desired state that cannot be applied is tried again, does not make claims spin, and is not told as applied', async () => {
  const { drivers, applied } = watched(temporary())
  const apply = drivers.net.apply
  let fails = 2
  drivers.net.apply = async (desired) => { if (fails-- > 0) throw new Error('busy'); return apply(desired) }
  const { id, stop } = await trialHost(cloud, { drivers })
  await cloud.until(() => cloud.hosts.get(id)!.inventory)
  expect(cloud.hosts.get(id)!.inventory!.revision).toBe(0)
  await cloud.until(() => cloud.hosts.get(id)!.inventory!.revision === 1)
  expect(applied).toHaveLength(1)
  expect(cloud.claims.length).toBeLessThan(4)
  await stop(0)
})

test('what of the network cannot be made keeps no guest from starting whose own ports are in force', async () => {
  const { drivers, lookup } = watched(temporary()), network = randomUUID()
  const [good, bad] = [randomUUID(), randomUUID()].map((port) => ({ port, network, mac: 'fa:16:3e:00:00:01' }))
  drivers.net.apply = async () => { throw new Error('one namespace is not to be had') }
  drivers.net.ready = async (nics) => { if (nics.some(({ port }) => port === bad!.port)) throw new Error('a port is not in force') }
  cloud.ports = [good!, bad!].map(({ port, mac }) => ({ id: port, network, mac, server: randomUUID(), up: true, addresses: [], dhcpOptions: [] }))
  const { server } = cloud.ports[0]!
  cloud.guests.set(server, trialGuest(server))
  const { id, stop } = await trialHost(cloud, { drivers, serves: true })
  const start = (nic: typeof good) => cloud.settled(cloud.add(id, 'domain.start', { spec: trialSpec({ nics: [{ ...nic!, mtu: 1450, model: 'virtio' }] }) }))
  expect(await start(good)).toMatchObject({ state: 'done' })
  expect(await start(bad)).toMatchObject({ state: 'failed', error: 'a port is not in force' })
  expect((await lookup(server))?.server).toBe(server)
  await stop(0)
})

test('what the guests did by themselves is told soon, once for many changes', async () => {
  const { drivers } = watched(temporary())
  let changed = () => {}
  drivers.virt.onChange = (by) => { changed = by }
  const { id, stop } = await trialHost(cloud, { drivers })
  await cloud.until(() => cloud.hosts.get(id)!.inventory?.revision === 1)
  const told = () => cloud.calls.filter((call) => call === 'PUT /hosts/inventory').length
  const before = told()
  for (let n = 0; n < 20; n++) changed()
  await cloud.until(() => told() > before)
  await new Promise((resolve) => setTimeout(resolve, 700))
  expect(told()).toBe(before + 1)
  await stop(0)
})
