import { eq, sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import { host as hostTable } from '../../../../schema/host.ts'
import { drive, stage, type Stage } from '../../../../tests/contract/stories.ts'
import type { TestHost } from '../../../../tests/harness/host.ts'
import { violations } from '../../../../tests/harness/invariants.ts'
import { seconds } from '../../../kernel/env.ts'
import { q } from '../../../kernel/db.ts'

/** A server on `home`, and two hosts it could go to, `first` the roomier; each with a store of its own. */
let w: Stage, admin: string, home: TestHost, first: TestHost, second: TestHost, hosts: TestHost[]
beforeEach(async () => {
  w = await stage()
  admin = await w.c.admin()
  home = w.host
  for (const [name, times] of [['second', 2], ['first', 3]] as const) {
    const h = await w.c.host(name, { vcpus: 16 * times, memoryMb: 65536 * times, diskGb: 1000 * times })
    h.storage = name
    await h.report()
    w.host.peers.push(h)
  }
  ;[second, first] = home.peers
  hosts = [home, first, second]
  await allowed(false)
}, 30_000)

const allowed = async (enabled: boolean) => { for (const h of [first, second]) await w.call('PATCH', `/hosts/${h.id}`, { enabled }, admin) }
const begin = async (more: object = {}) => { await w.newServer(more); await w.done(); await allowed(true) }
const withVolume = async () => {
  await w.newVolume()
  await w.done()
  await begin({ block_device_mapping_v2: [{ boot_index: 0, uuid: w.image, source_type: 'image', destination_type: 'local' }, { boot_index: -1, uuid: w.volume, source_type: 'volume', destination_type: 'volume' }] })
}
const work = async () => { for (let n = 1; n;) { n = 0; for (const h of hosts) n += await h.work(); await w.c.settle() } }
const show = async () => (await w.call('GET', `/compute/v2.1/servers/${w.server}`, undefined, admin)).server
const rows = async <T>(text: string) => ((await w.c.db().read([q.all<T>(sql.raw(text))])) as unknown as [T[]])[0]
const named = (id: string | null) => hosts.find((h) => h.id === id)?.name
const moved = async () => (await rows<{ target_name: string; status: string }>('select target_name, status from server_move order by id')).map((m) => [m.target_name, m.status])
const holders = async () => (await rows<{ provider: string }>(`select distinct provider from allocation where consumer = '${w.server}'`)).map((r) => named(r.provider)).sort()
const fails = (h: TestHost, kind: 'domain.start' | 'move.open' | 'move.send' | 'move.live') => { h.on[kind] = (job) => { if (kind !== 'move.send' && kind !== 'move.live') h.obey(job); throw new Error(`${h.name} is broken`) } }
const bare = (h: TestHost) => expect([h.name, [...h.disks], [...h.domains.keys()]]).toEqual([h.name, [], []])
const gone = async () => {
  await w.erase()
  expect(await w.left()).toEqual({})
  hosts.forEach(bare)
  expect(await violations(w.c.db(), { quiet: true })).toEqual([])
}

describe('a move whose target fails', () => {
  it.each(['move.open', 'domain.start'] as const)('goes to another: %s', async (kind) => {
    await withVolume()
    fails(first, kind)
    await w.admin({ migrate: null })
    await work()
    expect(await show()).toMatchObject({ status: 'VERIFY_RESIZE', 'OS-EXT-SRV-ATTR:host': 'second' })
    expect(await moved()).toEqual([['first', 'error'], ['second', 'finished']])
    expect(await holders()).toEqual(['second', home.name].sort())
    bare(first)
    expect((await rows<{ host: string }>('select host from volume')).map((v) => named(v.host))).toEqual(['second'])
    const { request_id } = (await w.call('GET', `/compute/v2.1/servers/${w.server}/os-instance-actions`)).instanceActions[0]
    const { events } = (await w.call('GET', `/compute/v2.1/servers/${w.server}/os-instance-actions/${request_id}`, undefined, admin)).instanceAction
    expect(events.map((e: any) => [e.result, e.host])).toEqual([['Success', 'second'], ['Error', 'first']])
    await w.act({ revertResize: null })
    await work()
    expect(await show()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': home.name })
    await gone()
  })

  it('takes the new flavor along', async () => {
    await begin()
    await w.call('PATCH', `/hosts/${home.id}`, { enabled: false }, admin)
    fails(first, 'domain.start')
    await w.act({ resize: { flavorRef: 'rich' } })
    await work()
    expect(await show()).toMatchObject({ status: 'VERIFY_RESIZE', 'OS-EXT-SRV-ATTR:host': 'second' })
    await w.act({ confirmResize: null })
    await work()
    expect([await show(), await holders(), [...second.disks].sort()]).toMatchObject([{ status: 'ACTIVE', flavor: { original_name: 'rich' } }, ['second'], ['ephemeral', 'root', 'swap'].map((kind) => `${kind}/${w.server}`)])
    await gone()
  })

  it('stays, runs again and says why when every target has failed, when its target was named, or when its own host fails', async () => {
    await begin()
    const stays = async (why: string, records: string[][]) => {
      await work()
      expect(await show()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null, 'OS-EXT-SRV-ATTR:host': home.name })
      expect((await rows<{ fault: string }>('select fault from server'))[0].fault).toContain(why)
      expect([await moved(), await holders()]).toEqual([records, [home.name]])
      ;[first, second].forEach(bare)
      await w.c.db().write([q.run(sql`delete from server_move`)])
    }
    fails(first, 'move.open'); fails(second, 'domain.start')
    await w.admin({ migrate: null })
    await stays('second is broken', [['first', 'error'], ['second', 'error']])
    await w.admin({ migrate: { host: 'first' } })
    await stays('first is broken', [['first', 'error']])
    first.on = {}
    home.on['domain.stop'] = () => { throw new Error('will not stop') }
    await w.admin({ migrate: null })
    await stays('will not stop', [['first', 'error']])
    home.on = {}
    await gone()
  })

  it('leaves nothing behind, whichever of its jobs fails', async () => {
    let ended = ''
    for (let n = 0; ended !== 'no job left'; n++) {
      await allowed(false)
      await withVolume()
      await w.admin({ migrate: null })
      const seen = await drive(w.c, home, { failAt: n, twice: true })
      if (seen.length <= n) ended = 'no job left'
      const { status } = await show()
      expect([n, status]).toEqual([n, seen[n]?.kind === 'domain.stop' ? 'ACTIVE' : 'VERIFY_RESIZE'])
      expect(await violations(w.c.db(), { quiet: true }), `after failing job ${n + 1}`).toEqual([])
      await gone()
    }
  }, 60_000)

  it('does not wait for one that falls silent before it was told to start the guest, and waits for it after', async () => {
    await begin()
    const age = (h: TestHost) => w.c.db().write([q.update(hostTable).set({ seenAt: w.c.world.now() - seconds(61) }).where(eq(hostTable.id, h.id))])
    const sweep = async () => { await w.c.db().write([q.run(sql`update sweep set next_at = 0 where name = 'silent'`)]); await w.c.tick(); await w.c.settle() }
    first.on['move.open'] = () => 'hold'
    await w.admin({ migrate: null })
    await work()
    await age(first)
    await sweep()
    second.on['domain.start'] = () => 'hold'
    for (let n = 1; n;) { n = await home.work() + await second.work(); await w.c.settle() }
    expect(await moved()).toEqual([['first', 'error'], ['second', 'post-migrating']])
    first.on = {}
    await first.work()
    await age(second)
    await sweep()
    expect(await moved()).toEqual([['first', 'error'], ['second', 'post-migrating']])
    await second.report()
    const late = second.log.at(-1)!
    await second.done(late, second.obey(late))
    await work()
    expect(await show()).toMatchObject({ status: 'VERIFY_RESIZE', 'OS-EXT-SRV-ATTR:host': 'second' })
    await gone()
  })
})

describe('a server of a dead host, whose new host fails', () => {
  it('comes up on another, and what failed keeps nothing', async () => {
    await begin()
    await w.call('PATCH', `/hosts/${home.id}`, { forced_down: true }, admin)
    fails(first, 'domain.start')
    await w.admin({ evacuate: {} })
    await work()
    expect(await show()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': 'second' })
    expect([await moved(), await holders()]).toEqual([[['first', 'error'], ['second', 'done']], ['second']])
    ;[home, first].forEach(bare)
    await gone()
  })

  it('is in ERROR and says why when its new host was named', async () => {
    await begin()
    await w.call('PATCH', `/hosts/${home.id}`, { forced_down: true }, admin)
    fails(first, 'domain.start')
    await w.admin({ evacuate: { host: 'first' } })
    await work()
    expect(await show()).toMatchObject({ status: 'ERROR', 'OS-EXT-SRV-ATTR:host': 'first', fault: { message: expect.stringContaining('first is broken') } })
    await gone()
  })
})

describe('a live move', () => {
  const live = (host: string | null = null) => w.admin({ 'os-migrateLive': { host, block_migration: 'auto' } })
  const awaited = async () => (await rows<{ arriving: string | null }>(`select arriving from port where device = '${w.server}'`)).map((p) => named(p.arriving))

  it('goes to another host when its target does not let it in, or it cannot get there', async () => {
    await withVolume()
    fails(first, 'move.open')
    await live()
    await work()
    expect(await show()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null, 'OS-EXT-SRV-ATTR:host': 'second' })
    expect([await moved(), await holders(), await awaited()]).toEqual([[['first', 'error'], ['second', 'completed']], ['second'], [undefined]])
    ;[home, first].forEach(bare)
    await gone()
    hosts.forEach((h) => { h.on = {} })
    await allowed(false)
    await begin()
    let once = true
    home.on['move.live'] = (job) => { if (once) { once = false; throw Object.assign(new Error('another kind of processor'), { terminal: true }) } return home.obey(job) }
    await live()
    await work()
    expect(await show()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': 'second' })
    await gone()
  })

  it('stays when its target was named, when nobody lets it in, and when it is to stay', async () => {
    await begin()
    const stays = async (records: string[][]) => {
      await work()
      expect(await show()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null, 'OS-EXT-SRV-ATTR:host': home.name })
      expect([await moved(), await holders(), await awaited()]).toEqual([records, [home.name], [undefined]])
      ;[first, second].forEach(bare)
      await w.c.db().write([q.run(sql`delete from server_move`)])
    }
    fails(first, 'move.open'); fails(second, 'move.open')
    await live('first')
    await stays([['first', 'error']])
    await live()
    await stays([['first', 'error'], ['second', 'error']])
    first.on = {}
    home.on['move.live'] = () => { throw Object.assign(new Error('the move was ended on request'), { terminal: true }) }
    await live()
    await stays([['first', 'cancelled']])
    home.on = {}
    await gone()
  })

  it('leaves nothing behind, whichever of its jobs fails', async () => {
    let ended = ''
    for (let n = 0; ended !== 'no job left'; n++) {
      await allowed(false)
      await withVolume()
      await live()
      const seen = await drive(w.c, home, { failAt: n, twice: true })
      if (seen.length <= n) ended = 'no job left'
      expect(await violations(w.c.db(), { quiet: true }), `after failing job ${n + 1}`).toEqual([])
      await gone()
    }
  }, 60_000)
})
