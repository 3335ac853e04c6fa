import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import { stage, type Stage } from '../../../tests/contract/stories.ts'
import type { TestHost } from '../../../tests/harness/host.ts'
import { q } from '../../kernel/db.ts'

/** Four hosts, each with more room than the next, so that they are tried in this order; each with a store and a zone of its own. */
let w: Stage, admin: string, first: TestHost, second: TestHost, third: TestHost, last: TestHost, hosts: TestHost[]
beforeEach(async () => {
  w = await stage()
  admin = await w.c.admin()
  for (const [name, times] of [['third', 2], ['second', 3], ['first', 4]] as const) {
    const h = await w.c.host(name, { diskGb: 1000 * times })
    h.storage = name
    await h.report()
    w.host.peers.push(h)
    await w.call('PATCH', `/hosts/${h.id}`, { availability_zone: `zone-${name}` }, admin)
  }
  ;[third, second, first] = w.host.peers
  last = w.host
  hosts = [first, second, third, last]
}, 30_000)

const broken = (...which: TestHost[]) => { for (const h of which) h.on['disk.create'] = (job) => { h.obey(job); throw new Error(`${h.name} is broken`) } }
const work = async () => { for (let n = 1; n;) { n = 0; for (const h of hosts) n += await h.work(); await w.c.settle() } }
const show = async () => (await w.call('GET', `/volume/v3/volumes/${w.volume}`, undefined, admin)).volume
const where = () => hosts.filter((h) => h.disks.size)
const messages = async () => ((await w.c.db().read([q.all<{ message: string }>(sql`select message from volume_message`)])) as unknown as [{ message: string }[]])[0].map((m) => m.message)

describe('a volume whose host fails', () => {
  it('is made by another, and what failed keeps nothing', async () => {
    broken(first, second)
    await w.newVolume()
    await work()
    expect(await show()).toMatchObject({ status: 'available', availability_zone: 'zone-third', 'os-vol-host-attr:host': expect.stringContaining('third') })
    expect(where()).toEqual([third])
    expect(await messages()).toEqual([])
    await w.erase()
    expect([await w.left(), where()]).toEqual([{}, []])
  })

  it('is in error after three, says what the last one said, and leaves nothing', async () => {
    broken(...hosts)
    await w.newVolume()
    await work()
    expect([(await show()).status, where(), last.log.length]).toEqual(['error', [], 0])
    expect(await messages()).toEqual([expect.stringContaining('third is broken')])
  })

  it('stays in the zone that was asked for, and where its source is', async () => {
    broken(first)
    await w.newVolume({ availability_zone: 'zone-first' })
    await work()
    expect([(await show()).status, second.log.length]).toEqual(['error', 0])
    first.on = {}
    await w.newVolume()
    await work()
    await w.newSnapshot()
    await work()
    broken(first)
    await w.newVolume({ snapshot_id: w.snapshot })
    await work()
    expect([(await show()).status, second.log.length]).toEqual(['error', 0])
  })
})
