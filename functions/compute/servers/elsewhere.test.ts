import { eq, sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import { host as hostTable } from '../../../schema/host.ts'
import type { Job } from '../../../schema/jobs.ts'
import { stage, type Stage } from '../../../tests/contract/stories.ts'
import type { TestHost } from '../../../tests/harness/host.ts'
import { seconds } from '../../kernel/env.ts'
import { q } from '../../kernel/db.ts'

/** Four hosts, each much roomier than the next, so that they are tried in this order; none opens another's store. */
let w: Stage, admin: string, first: TestHost, second: TestHost, third: TestHost, last: TestHost, hosts: TestHost[]
beforeEach(async () => {
  w = await stage()
  admin = await w.c.admin()
  for (const [name, times] of [['third', 2], ['second', 3], ['first', 4]] as const) {
    const h = await w.c.host(name, { vcpus: 16 * times, memoryMb: 65536 * times, diskGb: 1000 * times })
    h.storage = name
    await h.report()
    w.host.peers.push(h)
  }
  ;[third, second, first] = w.host.peers
  last = w.host
  hosts = [first, second, third, last]
}, 30_000)

/** These fail such jobs for good, half done. */
const broken = (which: TestHost[], kind: 'domain.start' | 'disk.create' = 'domain.start', more: object = {}) => { for (const h of which) h.on[kind] = (job) => { h.obey(job); throw Object.assign(new Error(`${h.name} is broken`), { terminal: true, ...more }) } }
const work = async () => { for (let n = 1; n;) { n = 0; for (const h of hosts) n += await h.work(); await w.c.settle() } }
const show = async () => (await w.call('GET', `/compute/v2.1/servers/${w.server}`, undefined, admin)).server
const rows = async <T>(text: string) => ((await w.c.db().read([q.all<T>(sql.raw(text))])) as unknown as [T[]])[0]
const asked = () => hosts.filter((h) => h.log.some((j) => j.kind === 'disk.create' || j.kind === 'domain.start'))
const holders = async () => (await rows<{ provider: string }>(`select distinct provider from allocation where consumer = '${w.server}'`)).map((r) => hosts.find((h) => h.id === r.provider)?.name)
const bound = async () => (await rows<{ host: string }>(`select host from port where device = '${w.server}'`)).map((r) => hosts.find((h) => h.id === r.host)?.name)
const bare = (...which: TestHost[]) => { for (const h of which) expect([h.name, [...h.disks], [...h.domains.keys()]]).toEqual([h.name, [], []]) }
const boot = { boot_index: 0, source_type: 'image', destination_type: 'volume', volume_size: 1, delete_on_termination: true }
const gone = async () => {
  await w.call('DELETE', `/compute/v2.1/servers/${w.server}`)
  await work()
  bare(...hosts)
  expect(await w.left()).toEqual({})
}

describe('a server whose host fails', () => {
  it('runs on another, with all that belongs to it; what failed keeps nothing, and its timeline tells of every attempt', async () => {
    broken([first]); broken([second], 'disk.create')
    await w.newServer({ flavorRef: 'rich' })
    await work()
    expect(await show()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null, 'OS-EXT-SRV-ATTR:host': 'third' })
    expect([await holders(), await bound()]).toEqual([['third'], ['third']])
    bare(first, second, last)
    expect([third.disks.size, third.domains.size]).toEqual([3, 1])
    const actions = (await w.call('GET', `/compute/v2.1/servers/${w.server}/os-instance-actions`)).instanceActions
    expect(actions).toMatchObject([{ action: 'create', message: null }])
    const { events } = (await w.call('GET', `/compute/v2.1/servers/${w.server}/os-instance-actions/${actions[0].request_id}`, undefined, admin)).instanceAction
    expect(events.map((e: any) => [e.event, e.host, e.result, e.details])).toEqual([
      ['compute__do_build_and_run_instance', 'third', 'Success', null], ['compute__do_build_and_run_instance', 'second', 'Error', 'second is broken'], ['compute__do_build_and_run_instance', 'first', 'Error', 'first is broken']])
    expect(new Set(events.map((e: any) => e.hostId)).size).toBe(3)
    expect(events[0].start_time).toBe(events[1].finish_time)
    await gone()
  })

  it('is in ERROR when three have failed, says what the last one said, and leaves nothing', async () => {
    broken(hosts)
    await w.newServer()
    await work()
    expect(await show()).toMatchObject({ status: 'ERROR', fault: { message: expect.stringMatching(/on any of 3 hosts: third is broken/) } })
    expect(asked()).toEqual([first, second, third])
    expect(await holders()).toEqual(['third'])
    bare(...hosts)
    await gone()
  })

  it('is not tried again when it would fail anywhere, where its host was named, or when nothing else fits', async () => {
    const end = async (tried: TestHost[]) => {
      await work()
      expect([(await show()).status, asked()]).toEqual(['ERROR', tried])
      for (const h of hosts) h.log.length = 0
      await gone()
    }
    broken([first], 'disk.create', { anywhere: true })
    await w.newServer()
    await end([first])
    broken([third])
    w.server = (await w.call('POST', '/compute/v2.1/servers', { server: { name: 's', flavorRef: 'plain', imageRef: w.image, networks: 'none', host: 'third' } }, admin)).server.id
    await work()
    expect([(await show()).status, asked()]).toEqual(['ERROR', [third]])
    await w.call('DELETE', `/compute/v2.1/servers/${w.server}`, undefined, admin)
    await work()
    for (const h of hosts) h.log.length = 0
    delete first.on['disk.create']
    broken([first])
    for (const h of [second, third, last]) await w.call('PATCH', `/hosts/${h.id}`, { enabled: false }, admin)
    await w.newServer()
    await end([first])
  })

  it('stays where its volumes are', async () => {
    broken([first])
    await w.newVolume()
    await work()
    const [{ host }] = await rows<{ host: string }>('select host from volume')
    const holder = hosts.find((h) => h.id === host)!
    broken([holder])
    for (const h of hosts) h.log.length = 0
    await w.newServer({ block_device_mapping_v2: [{ boot_index: 0, uuid: w.image, source_type: 'image', destination_type: 'local' }, { boot_index: -1, uuid: w.volume, source_type: 'volume', destination_type: 'volume' }] })
    await work()
    expect([(await show()).status, asked()]).toEqual(['ERROR', [holder]])
    await w.call('DELETE', `/compute/v2.1/servers/${w.server}`)
    await work()
    expect((await w.call('GET', `/volume/v3/volumes/${w.volume}`)).volume.status).toBe('available')
  })

  it('takes along the volumes that are made with it', async () => {
    broken([first]); broken([second], 'disk.create')
    await w.newServer({ imageRef: undefined, block_device_mapping_v2: [{ ...boot, uuid: w.image }] })
    await work()
    expect((await show()).status).toBe('ACTIVE')
    expect(await rows('select status, host, storage from volume')).toEqual([{ status: 'in-use', host: third.id, storage: 'third' }])
    expect(await rows('select host from attachment')).toEqual([{ host: third.id }])
    bare(first, second)
    await gone()
  })

  it('finds disks of the attempt before, in a store that both open, taken away by the one that makes them anew', async () => {
    for (const h of hosts) { h.storage = 'nfs'; await h.report({ hypervisor: { type: 'QEMU', virtType: 'qemu', version: 1, hostname: h.name, address: '127.0.0.1', cpuModel: 'test', arch: 'x86_64', uptimeSeconds: 1, load: [0, 0, 0] } }) }
    broken([first])
    await w.newServer({ block_device_mapping_v2: [{ boot_index: 0, uuid: w.image, source_type: 'image', destination_type: 'local' }, { ...boot, boot_index: -1, uuid: w.image }] })
    await work()
    expect((await show()).status).toBe('ACTIVE')
    expect(second.log.map((j) => j.kind)).toEqual(['move.close', 'disk.create', 'disk.create', 'domain.start'])
    const [volume] = await rows<{ id: string }>('select id from volume')
    expect(second.log[0].args).toMatchObject({ drop: true, disks: [{ kind: 'root', id: w.server }, { kind: 'volume', id: volume.id }] })
    // The one that failed touches no file: they may be the other's by then.
    expect(first.log.at(-1)).toMatchObject({ kind: 'move.close', args: { shared: true, disks: [] } })
  })

  it('keeps the rules of its group, and hints', async () => {
    const g = (await w.call('POST', '/compute/v2.1/os-server-groups', { server_group: { name: 'apart', policy: 'anti-affinity' } })).server_group.id
    await w.call('PATCH', `/hosts/${first.id}`, { enabled: false }, admin)
    const make = async (hints: object) => (await w.call('POST', '/compute/v2.1/servers', { server: { name: 's', flavorRef: 'plain', imageRef: w.image, networks: 'auto' }, 'os:scheduler_hints': hints })).server.id as string
    const member = await make({ group: g })
    await work()
    expect(second.domains.has(member)).toBe(true)
    await w.call('PATCH', `/hosts/${first.id}`, { enabled: true }, admin)
    broken([first])
    for (const hints of [{ group: g }, { different_host: member }]) {
      w.server = await make(hints)
      await work()
      expect((await show())['OS-EXT-SRV-ATTR:host']).toBe('third')
      await w.call('DELETE', `/compute/v2.1/servers/${w.server}`)
      await work()
    }
    w.server = await make({ same_host: member })
    await work()
    expect((await show())['OS-EXT-SRV-ATTR:host']).toBe('second')
  })

  it('that is deleted meanwhile is not tried again', async () => {
    first.on['domain.start'] = () => 'hold'
    await w.newServer()
    await first.work()
    const job = first.log.at(-1)!
    await w.call('DELETE', `/compute/v2.1/servers/${w.server}`)
    expect((await first.fail(job, 'too late')).status).toBe(409)
    await work()
    expect(asked()).toEqual([first])
    expect(await w.left()).toEqual({})
  })
})

describe('a server whose host falls silent before it ever ran', () => {
  const age = (h: TestHost) => w.c.db().write([q.update(hostTable).set({ seenAt: w.c.world.now() - seconds(61) }).where(eq(hostTable.id, h.id))])
  const sweep = async () => { await w.c.db().write([q.run(sql`update sweep set next_at = 0 where name = 'silent'`)]); await w.c.tick(); await w.c.settle() }

  it('runs on another; the silent one hears first, when it is back, what to clear away, and nothing it says counts', async () => {
    first.on['domain.start'] = () => 'hold'
    await w.newServer()
    await first.work()
    const late = first.log.at(-1)!
    await sweep()
    expect((await show())['OS-EXT-SRV-ATTR:host']).toBe('first')
    await age(first)
    await sweep()
    for (const h of [second, third, last]) await h.work()
    expect(await show()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': 'second' })
    expect((await first.done(late, first.obey(late))).status).toBe(409)
    const orders = (await first.claim()).body.jobs as Job[]
    expect(orders.map((j) => [j.kind, j.lane])).toEqual([['move.close', `fence:${w.server}`]])
    await first.perform(orders[0])
    bare(first)
    await gone()
  })

  it('waits for it when no other fits, and then runs there', async () => {
    for (const h of [second, third, last]) await w.call('PATCH', `/hosts/${h.id}`, { enabled: false }, admin)
    await w.newServer()
    await age(first)
    await sweep()
    expect(await show()).toMatchObject({ status: 'BUILD', 'OS-EXT-SRV-ATTR:host': 'first' })
    await first.report()
    await work()
    expect(await show()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': 'first' })
    await gone()
  })

  it('that may have started it, with a volume others have written, is waited for until its operator says that it is down', async () => {
    for (const h of hosts) { h.storage = 'nfs'; await h.report() }
    await w.newVolume()
    await work()
    first.on['domain.start'] = () => 'hold'
    await w.newServer({ block_device_mapping_v2: [{ boot_index: 0, uuid: w.image, source_type: 'image', destination_type: 'local' }, { boot_index: -1, uuid: w.volume, source_type: 'volume', destination_type: 'volume' }] })
    await first.work()
    await age(first)
    await sweep()
    expect(await show()).toMatchObject({ status: 'BUILD', 'OS-EXT-SRV-ATTR:host': 'first' })
    await w.call('PATCH', `/hosts/${first.id}`, { forced_down: true }, admin)
    await sweep()
    await second.work()
    expect(await show()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': 'second' })
  })

  it('is not waited for once its operator says that it is down', async () => {
    await w.newServer()
    await w.call('PATCH', `/hosts/${first.id}`, { forced_down: true }, admin)
    await sweep()
    await second.work()
    expect(await show()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': 'second' })
  })
})
