import { sql } from 'drizzle-orm'
import { beforeEach, describe, expect, it } from 'vitest'
import { q } from '../../../kernel/db.ts'
import { stage, drive, isOrder, type Stage } from '../../../../tests/contract/stories.ts'
import type { TestHost } from '../../../../tests/harness/host.ts'

let w: Stage, other: TestHost
beforeEach(async () => {
  w = await stage()
  other = await w.second()
  await w.newServer()
  await w.done()
}, 30_000)

const shown = async () => (await w.call('GET', `/compute/v2.1/servers/${w.server}`, undefined, await w.c.admin())).server
const moves = async (query = '') => (await w.call('GET', `/compute/v2.1/os-migrations${query}`, undefined, await w.c.admin())).migrations
const ask = async (method: string, path: string, body?: unknown, version = 'compute 2.90') => w.c.call(method, path, { token: await w.c.admin(), body, version })
const act = (body: unknown, version?: string) => ask('POST', `/compute/v2.1/servers/${w.server}/action`, body, version)
const otherThan = (h: TestHost) => (h === w.host ? other : w.host)
const rows = async <T>(text: string) => ((await w.c.db().read([q.all<T>(sql.raw(text))])) as unknown as [T[]])[0]

describe('a live move', () => {
  it('shows as MIGRATING, then on the other host; its record tells', async () => {
    const from = await w.home(), to = otherThan(from)
    expect((await act({ 'os-migrateLive': { host: to.name, block_migration: 'auto' } })).status).toBe(202)
    expect(await shown()).toMatchObject({ status: 'MIGRATING', 'OS-EXT-STS:task_state': 'migrating', 'OS-EXT-SRV-ATTR:host': from.name })
    expect((await ask('GET', `/compute/v2.1/servers/${w.server}/migrations`)).body.migrations).toMatchObject([{ status: 'preparing', source_compute: from.name, dest_compute: to.name, server_uuid: w.server }])
    await w.done()
    expect(await shown()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': to.name })
    expect(await moves()).toMatchObject([{ status: 'completed', migration_type: 'live-migration', source_compute: from.name, dest_compute: to.name, instance_uuid: w.server }])
    expect([from.domains.size, from.disks.size, to.domains.size, to.disks.size]).toEqual([0, 0, 1, 1])
    expect((await ask('GET', `/compute/v2.1/servers/${w.server}/migrations`)).body.migrations).toEqual([])
  })

  it('is connected on both hosts while it goes on, and found by all that have its network', async () => {
    const from = await w.home(), to = otherThan(from), desired = async (h: TestHost) => (await h.signed('GET', '/desired')).body
    await act({ 'os-migrateLive': { host: null, block_migration: 'auto' } })
    await w.c.settle()
    expect([(await desired(from)).ports.length, (await desired(to)).ports.length]).toEqual([1, 1])
    await w.done()
    expect([(await desired(from)).ports.length, (await desired(to)).ports.length]).toEqual([0, 1])
  })

  it('that fails leaves the server where it is, claims and ports too', async () => {
    const from = await w.home(), to = otherThan(from)
    await act({ 'os-migrateLive': { host: null, block_migration: 'auto' } })
    await drive(w.c, w.host, { failAt: 1 })
    expect(await shown()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null, 'OS-EXT-SRV-ATTR:host': from.name })
    expect(await moves('?status=failed')).toHaveLength(1)
    expect([from.domains.size, to.domains.size, to.disks.size]).toEqual([1, 0, 0])
    expect(await rows('select * from port where arriving is not null')).toEqual([])
    expect(await rows(`select * from allocation where provider = '${to.id}'`)).toEqual([])
  })

  it('is ended on request: before it goes, and while it does', async () => {
    const from = await w.home()
    await act({ 'os-migrateLive': { host: null, block_migration: 'auto' } })
    const [{ id }] = await moves(), path = `/compute/v2.1/servers/${w.server}/migrations/${id}`
    expect((await ask('DELETE', path, undefined, 'compute 2.64')).status).toBe(400)
    expect((await ask('POST', `${path}/action`, { force_complete: null })).status).toBe(400)
    expect((await ask('DELETE', path)).status).toBe(202)
    await w.done()
    expect(await moves('?status=cancelled')).toHaveLength(1)
    expect(await shown()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': from.name })
    await act({ 'os-migrateLive': { host: null, block_migration: 'auto' } })
    from.on['move.live'] = () => 'hold'
    for (const h of [w.host, other]) await h.work()
    const [next] = await moves('?status=running')
    expect((await ask('POST', `/compute/v2.1/servers/${w.server}/migrations/${next.id}/action`, { force_complete: null })).status).toBe(202)
    expect((await ask('DELETE', `/compute/v2.1/servers/${w.server}/migrations/${next.id}`)).status).toBe(202)
    expect((await rows<{ kind: string }>(`select kind from job where lane like 'abort:%' or lane like 'hurry:%' order by kind`)).map((r) => r.kind)).toEqual(['move.abort', 'move.hurry'])
  })

  it('is refused in words: unknown host, its own, a host that is disabled, a server that is off, force without a host', async () => {
    const from = await w.home(), live = (host: string | null, more = {}, version?: string) => act({ 'os-migrateLive': { host, block_migration: 'auto', ...more } }, version)
    const refused = async (r: Promise<{ status: number; text: string }>) => { const { status, text } = await r; return `${status} ${text}` }
    expect(await refused(live('nowhere'))).toMatch(/^400 .*Compute host nowhere could not be found/)
    expect(await refused(live(from.name))).toMatch(/^400 .*to current host/)
    expect(await refused(live(null, { force: true }, 'compute 2.30'))).toMatch(/^400/)
    expect(await refused(live(null, { disk_over_commit: false }))).toMatch(/^400/)
    await ask('PATCH', `/hosts/${otherThan(from).id}`, { enabled: false })
    expect(await refused(live(null))).toMatch(/^400 .*No valid host/)
    expect(await refused(live(otherThan(from).name))).toMatch(/^400 .*No valid host/)
    await w.act({ 'os-stop': null })
    await w.done()
    expect(await refused(live(null))).toMatch(/^409/)
  })

  it('ends with the server: deleting it takes it off both hosts', async () => {
    await act({ 'os-migrateLive': { host: null, block_migration: 'auto' } })
    for (const h of [w.host, other]) h.on['move.live'] = () => 'hold'
    for (const h of [w.host, other]) await h.work()
    for (const h of [w.host, other]) delete h.on['move.live']
    await w.call('DELETE', `/compute/v2.1/servers/${w.server}`)
    await w.done()
    expect([w.host.domains.size, other.domains.size, w.host.disks.size, other.disks.size]).toEqual([0, 0, 0, 0])
    expect(await moves('?status=cancelled')).toHaveLength(1)
  })
})

describe('a cold move', () => {
  it('waits to be confirmed; then the old host forgets', async () => {
    const from = await w.home(), to = otherThan(from)
    await act({ migrate: null })
    expect((await shown()).status).toBe('RESIZE')
    await w.done()
    expect(await shown()).toMatchObject({ status: 'VERIFY_RESIZE', 'OS-EXT-SRV-ATTR:host': to.name })
    expect(await moves('?status=finished')).toMatchObject([{ migration_type: 'migration' }])
    expect(from.disks.size).toBe(1)
    expect((await rows<{ provider: string }>(`select distinct provider from allocation`)).length).toBe(2)
    await w.act({ confirmResize: null })
    await w.done()
    expect([from.disks.size, from.domains.size, to.disks.size]).toEqual([0, 0, 1])
    expect((await rows<{ provider: string }>(`select distinct provider from allocation`)).map((r) => r.provider)).toEqual([to.id])
    expect(await moves('?status=confirmed')).toHaveLength(1)
  })

  it('is taken back: the old host has it as it was', async () => {
    const from = await w.home()
    await act({ migrate: { host: otherThan(from).name } })
    await w.done()
    await w.act({ revertResize: null })
    await w.done()
    expect(await shown()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': from.name })
    expect([from.disks.size, otherThan(from).disks.size, otherThan(from).domains.size]).toEqual([1, 0, 0])
    expect(await moves('?status=reverted')).toHaveLength(1)
  })
})

describe('a host that is dead', () => {
  it('keeps its servers while it is up; what it had comes up elsewhere; and back again it ends the old guest first', async () => {
    const from = await w.home(), to = otherThan(from)
    expect((await act({ evacuate: {} })).status).toBe(400)
    await w.down(true)
    const before = await shown()
    expect((await act({ evacuate: { host: from.name } })).status).toBe(400)
    expect((await act({ evacuate: {} })).status).toBe(200)
    expect((await shown()).status).toBe('REBUILD')
    await to.work()
    expect(await shown()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': to.name, addresses: before.addresses })
    expect(await moves('?migration_type=evacuation')).toMatchObject([{ status: 'done', source_compute: from.name }])
    // It comes back with its guest still there: its first order ends it.
    expect([...from.domains.values()].map((d) => d.state)).toEqual(['running'])
    await from.report()
    expect((await shown())['OS-EXT-SRV-ATTR:host']).toBe(to.name)
    const [first] = (await from.claim()).body.jobs
    expect([first.kind, first.args.uuid, isOrder(first)]).toEqual(['domain.destroy', w.server, true])
    // Deleting the server does not take the order back, nor does it come here again before that is done.
    await w.down(false)
    expect((await act({ 'os-migrateLive': { host: from.name, block_migration: 'auto' } })).status).toBe(400)
    await w.call('DELETE', `/compute/v2.1/servers/${w.server}`)
    expect((await rows<{ state: string }>(`select state from job where id = '${first.id}'`))[0].state).toBe('running')
    await from.done(first, from.obey(first))
    await w.done()
    expect(from.domains.size).toBe(0)
  })

  it('takes along what was joining the server, and leaves what was leaving it: the dead host is not waited for', async () => {
    const made = async (name: string) => (await w.call('POST', '/volume/v3/volumes', { volume: { size: 1, name } })).volume.id as string
    other.storage = w.host.storage
    await other.report()
    const [going, coming] = [await made('going'), await made('coming')]
    await w.done()
    const at = `/compute/v2.1/servers/${w.server}/os-volume_attachments`
    await w.call('POST', at, { volumeAttachment: { volumeId: going } })
    await w.done()
    const from = await w.home(), to = otherThan(from), [{ network }] = await rows<{ network: string }>(`select network from port where device = '${w.server}'`)
    await w.call('DELETE', `${at}/${going}`)
    await w.call('POST', at, { volumeAttachment: { volumeId: coming } })
    const { interfaceAttachment: nic } = await w.call('POST', `/compute/v2.1/servers/${w.server}/os-interface`, { interfaceAttachment: { net_id: network } })
    await w.down(true)
    expect((await act({ evacuate: {} })).status).toBe(200)
    await to.work()
    const { spec } = to.log.findLast((j) => j.kind === 'domain.start')!.args as { spec: { disks: { ref: { kind: string; id: string } }[]; nics: { port: string }[] } }
    expect([spec.disks.flatMap((d) => (d.ref.kind === 'volume' ? d.ref.id : [])), spec.nics.length, spec.nics[1].port]).toEqual([[coming], 2, nic.port_id])
    expect(await rows('select id, status, attach_status as attached from volume order by name')).toEqual([{ id: coming, status: 'in-use', attached: 'attached' }, { id: going, status: 'available', attached: 'detached' }])
    expect(await rows(`select status from port where id = '${nic.port_id}'`)).toEqual([{ status: 'ACTIVE' }])
    // What the dead host was still to do about them interests nobody.
    await w.down(false)
    await w.done()
    expect(await rows(`select kind from job where state in ('queued', 'running') union all select kind from saga where state in ('open', 'unwinding', 'stuck')`)).toEqual([])
    expect(await rows('select volume from attachment')).toEqual([{ volume: coming }])
  })

  it('leaves a stopped server stopped, and gives no password where none was set anew', async () => {
    await w.act({ 'os-stop': null })
    await w.done()
    await w.down(true)
    expect((await act({ evacuate: { adminPass: 'a-new-Secret-1' } }, 'compute 2.13')).status).toBe(400)
    const r = await act({ evacuate: { onSharedStorage: false, adminPass: 'a-new-Secret-1' } }, 'compute 2.13')
    expect([r.status, r.body]).toEqual([200, { adminPass: 'a-new-Secret-1' }])
    await w.done()
    expect((await shown()).status).toBe('SHUTOFF')
  })
})

describe('a host that started anew', () => {
  const reboot = async (h: TestHost) => { h.domains.clear(); await h.report({ bootId: 'boot-2' }); await w.c.settle() }
  it('starts the guests that ran', async () => {
    const h = await w.home()
    await reboot(h)
    expect((await shown())['OS-EXT-STS:task_state']).toBe('powering-on')
    await w.done()
    expect((await shown()).status).toBe('ACTIVE')
    expect([...h.domains.values()].map((d) => d.state)).toEqual(['running'])
  })
  it('leaves them off when its operator says so; and those that were off', async () => {
    const h = await w.home()
    await ask('PATCH', `/hosts/${h.id}`, { resume_guests: false })
    await reboot(h)
    expect((await rows<{ n: number }>(`select count(*) as n from job where state in ('queued', 'running')`))[0].n).toBe(0)
  })
})

describe('draining a host', () => {
  it('moves running servers live, stopped ones cold, says what stays, and then it can go', async () => {
    const h = await w.home(), to = otherThan(h), running = w.server
    await ask('PATCH', `/hosts/${to.id}`, { enabled: false })
    for (const wanted of ['stopped', 'suspended']) {
      await w.newServer()
      await w.done()
      await w.act(wanted === 'stopped' ? { 'os-stop': null } : { suspend: null })
      await w.done()
    }
    const suspended = w.server
    await ask('PATCH', `/hosts/${to.id}`, { enabled: true })
    expect((await ask('POST', `/hosts/${h.id}/drain`, { reason: 'new disks' })).status).toBe(202)
    expect((await ask('DELETE', `/hosts/${h.id}`)).status).toBe(409)
    for (let n = 0; n < 4; n++) {
      await rows(`select 1`)
      await w.c.db().write([q.run(sql`update sweep set next_at = 0`)])
      await w.c.tick()
      await w.done()
    }
    const { body: { drain } } = await ask('GET', `/hosts/${h.id}/drain`)
    expect(drain).toMatchObject({ draining: true, servers: 1, moving: [], stays: [{ id: suspended, state: 'suspended' }] })
    w.server = running
    expect(await shown()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': to.name })
    expect((await moves('?migration_type=migration')).map((m: { status: string }) => m.status)).toEqual(['confirmed'])
    await w.call('DELETE', `/compute/v2.1/servers/${suspended}`)
    await w.done()
    await h.report()
    for (let n = 0; n < 3; n++) { await w.c.db().write([q.run(sql`update sweep set next_at = 0`)]); await w.c.tick(); await h.report() }
    const gone = await ask('DELETE', `/hosts/${h.id}`)
    expect([gone.status, gone.text]).toEqual([204, ''])
    expect((await h.claim()).status).toBe(401)
  })
  it('is taken back', async () => {
    const h = await w.home()
    await ask('POST', `/hosts/${h.id}/drain`, {})
    expect((await ask('DELETE', `/hosts/${h.id}/drain`)).status).toBe(204)
    expect((await ask('GET', `/hosts/${h.id}`)).body.host).toMatchObject({ enabled: true, draining: false })
  })
})

describe('what goes along with a server on its way', () => {
  const volume = async (method: string, path: string, body?: unknown) => w.c.call(method, `/volume/v3${path}`, { token: await w.c.demo(), body, version: 'volume 3.68' })
  const withVolume = async () => {
    const elsewhere = otherThan(await w.home()).id
    await ask('PATCH', `/hosts/${elsewhere}`, { enabled: false })
    await w.newVolume()
    await w.done()
    await ask('PATCH', `/hosts/${elsewhere}`, { enabled: true })
    await w.attach()
    await w.done()
    await w.newSnapshot()
    await w.done()
  }
  /** On its way, and not there yet. */
  const underway = async () => {
    expect((await act({ 'os-migrateLive': { host: null, block_migration: 'auto' } })).status).toBe(202)
    const from = await w.home()
    from.on['move.live'] = () => 'hold'
    for (const h of [w.host, other]) await h.work()
    return from
  }
  const arrives = async (from: TestHost) => {
    delete from.on['move.live']
    await w.c.db().write([q.run(sql`update job set state = 'queued', lease_until = null where kind = 'move.live' and state = 'running'`)])
    await w.done()
  }
  const live = () => rows<{ kind: string; state: string }>("select kind, state from saga where state in ('open', 'unwinding', 'stuck')")

  it('a volume and its snapshots are not worked on where they are; afterwards they are, where they are then', async () => {
    await withVolume()
    const from = await underway(), snap = { snapshot: { volume_id: w.volume } }
    for (const r of [await volume('POST', '/snapshots', snap), await volume('DELETE', `/snapshots/${w.snapshot}`), await volume('POST', `/volumes/${w.volume}/action`, { 'os-extend': { new_size: 2 } })]) {
      expect([r.status, r.text]).toEqual([409, expect.stringContaining('on its way to another host')])
    }
    await arrives(from)
    expect(await shown()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': otherThan(from).name })
    for (const r of [await volume('POST', '/snapshots', snap), await volume('DELETE', `/snapshots/${w.snapshot}`)]) expect(r.status).toBe(202)
    await w.done()
    expect([from.disks.size, [...otherThan(from).disks].filter((d) => d.startsWith('snapshot')).length]).toEqual([0, 1])
    expect(await live()).toEqual([])
  })

  it('nor does a server leave while they are; a snapshot that failed does not hold it', async () => {
    await withVolume()
    const from = await w.home()
    from.on['disk.snapshot'] = () => { throw new Error('no') }
    expect((await volume('POST', '/snapshots', { snapshot: { volume_id: w.volume } })).status).toBe(202)
    const refused = await act({ 'os-migrateLive': { host: null, block_migration: 'auto' } })
    expect([refused.status, refused.text]).toEqual([409, expect.stringContaining('a snapshot of one, is being worked on')])
    expect((await act({ migrate: null })).status).toBe(409)
    await from.work()
    await w.done()
    expect((await rows<{ status: string }>('select status from snapshot order by status')).map((s) => s.status)).toEqual(['available', 'error'])
    await act({ 'os-migrateLive': { host: null, block_migration: 'auto' } })
    await w.done()
    expect(await shown()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': otherThan(from).name })
  })

  it('its port is deleted, changed or taken away: the move ends either way, and nothing is stuck', async () => {
    const net = async (method: string, path: string, body?: unknown) => w.c.call(method, `/network/v2.0${path}`, { token: await w.c.demo(), body })
    for (const fails of [false, true]) {
      const from = await underway()
      const { ports: [p] } = (await net('GET', `/ports?device_id=${w.server}`)).body, { security_group } = (await net('POST', '/security-groups', { security_group: { name: `g${fails}` } })).body
      expect((await net('PUT', `/ports/${p.id}`, { port: { security_groups: [security_group.id] } })).status).toBe(200)
      expect((await w.c.call('DELETE', `/compute/v2.1/servers/${w.server}/os-interface/${p.id}`, { token: await w.c.demo(), version: 'compute 2.90' })).status).toBe(409)
      expect((await net('DELETE', `/ports/${p.id}`)).status).toBe(204)
      if (fails) from.on['move.live'] = () => { throw new Error('the link broke') }
      else delete from.on['move.live']
      await w.c.db().write([q.run(sql`update job set state = 'queued', lease_until = null where kind = 'move.live' and state = 'running'`)])
      await from.work()
      delete from.on['move.live']
      await w.done()
      expect(await shown()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null, 'OS-EXT-SRV-ATTR:host': (fails ? from : otherThan(from)).name, addresses: {} })
      expect(from.log.filter((j) => j.kind === 'domain.detach-port')).toMatchObject([{ args: { uuid: w.server, port: p.id, mac: p.mac_address } }])
      expect(await live()).toEqual([])
      expect((await rows('select * from port where arriving is not null'))).toEqual([])
      await w.call('DELETE', `/compute/v2.1/servers/${w.server}`)
      await w.done()
      w.host.log.length = other.log.length = 0
      await w.newServer()
      await w.done()
    }
  })

  it('a cold move that fails after its port was deleted ends where it was, off nor stuck', async () => {
    const from = await w.home()
    await act({ migrate: null })
    from.on['move.send'] = () => { throw new Error('the link broke') }
    const { ports: [p] } = (await w.c.call('GET', `/network/v2.0/ports?device_id=${w.server}`, { token: await w.c.demo() })).body
    expect((await w.c.call('DELETE', `/network/v2.0/ports/${p.id}`, { token: await w.c.demo() })).status).toBe(204)
    for (let n = 0; n < 3; n++) for (const h of [w.host, other]) await h.work()
    expect(await shown()).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': from.name })
    expect(await live()).toEqual([])
  })
})
