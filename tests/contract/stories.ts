import { eq, sql } from 'drizzle-orm'
import { flavor } from '../../schema/compute.ts'
import { image } from '../../schema/image.ts'
import { job } from '../../schema/kernel.ts'
import type { Job } from '../../schema/jobs.ts'
import { q } from '../../functions/kernel/db.ts'
import { cloud, type Cloud } from '../harness/cloud.ts'
import type { TestHost } from '../harness/host.ts'

/** One long operation, begun by a real request. */
export interface Story {
  /** The saga it is. */
  kind: string
  name: string
  /** What must be there before: left alone by the counting and failing. */
  given?: (w: Stage) => Promise<void>
  /** The request that begins it. */
  begin: (w: Stage) => Promise<unknown>
}
export type Stage = Awaited<ReturnType<typeof stage>>

/** A cloud with one host, and short words for what stories need. */
export async function stage() {
  const c = await cloud(), host = await c.host(), token = await c.demo(), admin = await c.admin()
  const IMAGE = crypto.randomUUID()
  await c.db().write([
    q.insert(image).values({ id: IMAGE, name: 'tiny', status: 'active', visibility: 'public', diskFormat: 'qcow2', containerFormat: 'bare', size: 65536, virtualSize: 1 << 20, md5: '0'.repeat(32), sha512: 'a'.repeat(128), properties: {}, createdAt: 1, updatedAt: 1 }),
    q.insert(flavor).values([{ id: 'plain', name: 'plain', vcpus: 1, memoryMb: 128, diskGb: 1, extraSpecs: {}, createdAt: 1 }, { id: 'rich', name: 'rich', vcpus: 2, memoryMb: 256, diskGb: 2, ephemeralGb: 1, swapMb: 512, extraSpecs: {}, createdAt: 1 }]),
  ])
  const call = async (method: string, path: string, body?: unknown, as = token): Promise<any> => {
    const r = await c.call(method, path, { token: as, body, version: path.startsWith('/volume') ? 'volume 3.68' : 'compute 2.90' })
    if (r.status >= 300) throw new Error(`${method} ${path}: ${r.status} ${r.text.slice(0, 300)}`)
    await c.settle()
    return r.body
  }
  const self = {
    c, host, call, image: IMAGE, server: '', volume: '', snapshot: '', backup: '', port: '',
    act: (body: Record<string, unknown>) => call('POST', `/compute/v2.1/servers/${self.server}/action`, body),
    admin: (body: Record<string, unknown>) => call('POST', `/compute/v2.1/servers/${self.server}/action`, body, admin),
    /** The host its server is on. */
    async home() { const name = (await call('GET', `/compute/v2.1/servers/${self.server}`, undefined, admin)).server['OS-EXT-SRV-ATTR:host']; return [host, ...host.peers].find((h) => h.name === name)! },
    /** The host its server is on takes no more; every host does again. */
    async away() { await call('PATCH', `/hosts/${(await self.home()).id}`, { enabled: false }, admin) },
    async down(down: boolean) {
      if (down) await call('PATCH', `/hosts/${(await self.home()).id}`, { forced_down: true }, admin)
      else for (const h of [host, ...host.peers]) await call('PATCH', `/hosts/${h.id}`, { forced_down: false, enabled: true }, admin)
    },
    /** Only the first host takes anything: where things come to be is then no matter of chance. */
    async alone() { if (host.peers.length) for (const h of [host, ...host.peers]) await call('PATCH', `/hosts/${h.id}`, { forced_down: false, enabled: h === host }, admin) },
    onVolume: (body: Record<string, unknown>) => call('POST', `/volume/v3/volumes/${self.volume}/action`, body),
    async newServer(more: object = {}) { self.server = (await call('POST', '/compute/v2.1/servers', { server: { name: 's', flavorRef: 'plain', imageRef: IMAGE, networks: 'auto', ...more } })).server.id },
    async newVolume(more: object = {}) { self.volume = (await call('POST', '/volume/v3/volumes', { volume: { size: 1, name: 'v', ...more } })).volume.id },
    async newBackup(more: object = {}) { self.backup = (await call('POST', '/volume/v3/backups', { backup: { volume_id: self.volume, ...more } })).backup.id },
    async newSnapshot() { self.snapshot = (await call('POST', '/volume/v3/snapshots', { snapshot: { volume_id: self.volume } })).snapshot.id },
    /** A host beside the first; with a store of its own, so that volumes have to be carried. */
    async second(storage = 'other') {
      if (host.peers.length) return host.peers[0]
      const other = await c.host()
      other.storage = storage
      await other.report()
      host.peers.push(other)
      return other
    },
    attach: () => call('POST', `/compute/v2.1/servers/${self.server}/os-volume_attachments`, { volumeAttachment: { volumeId: self.volume } }),
    /** The host does all there is to do. */
    done: () => drive(c, host),
    /** Everything the project has goes, whatever state it is in. */
    async erase() {
      const [servers, snapshots] = [await call('GET', '/compute/v2.1/servers'), await call('GET', '/volume/v3/snapshots')]
      for (const s of servers.servers) await call('DELETE', `/compute/v2.1/servers/${s.id}`)
      await drive(c, host)
      // Those that hold differences first.
      for (const b of (await call('GET', '/volume/v3/backups?sort=data_timestamp:desc')).backups) await call('POST', `/volume/v3/backups/${b.id}/action`, { 'os-force_delete': {} }, admin)
      for (const s of snapshots.snapshots) await call('DELETE', `/volume/v3/snapshots/${s.id}`)
      await drive(c, host)
      for (const v of (await call('GET', '/volume/v3/volumes')).volumes) await call('DELETE', `/volume/v3/volumes/${v.id}`)
      for (const i of (await call('GET', '/image/v2/images?visibility=private')).images) await call('DELETE', `/image/v2/images/${i.id}`)
      await drive(c, host)
    },
    /** Rows that are left of anything, by table. */
    async left(): Promise<Record<string, number>> {
      const tables = ['server', 'server_guest', 'volume', 'snapshot', 'volume_backup', 'attachment', 'allocation', 'placement_consumer']
      const [[n]] = await c.db().read([q.all<Record<string, number>>(sql.raw(`select ${tables.map((t) => `(select count(*) from ${t}) as ${t}`).join(', ')}, (select count(*) from port where device_owner like 'compute:%') as port, (select coalesce(sum(used), 0) from provider_usage) as used, (select count(*) from image where visibility = 'private') as image`))]) as unknown as [Record<string, number>[]]
      return Object.fromEntries(Object.entries(n).filter(([, count]) => count))
    },
  }
  return self
}

/**
 * Gives the host every job there is, in order, and says which it got. `failAt`: the so-and-so-many'th fails for good.
 * `twice`: each is carried out, then thought lost and carried out again before it is reported, and reported twice.
 */
export async function drive(c: Cloud, host: TestHost, how: { failAt?: number; twice?: boolean } = {}): Promise<Job[]> {
  const seen: Job[] = []
  for (;;) {
    await c.settle()
    // One at a time: which one fails is then the same every time.
    let turn = host, claimed: Job[] = []
    for (turn of [host, ...host.peers]) if ((claimed = (await turn.claim(1)).body.jobs as Job[]).length) break
    if (!claimed.length) return seen
    let [job] = claimed
    seen.push(job)
    if (seen.length > 200) throw new Error('jobs without end')
    // What was left behind is cleared away by an order nobody waits for; it is not given up, so it does not fail.
    if (how.failAt === seen.length - 1 && !isOrder(job)) { await turn.fail(job, 'the test says no', true, 0); continue }
    if (how.twice) {
      turn.obey(job)
      await c.db().write([q.update(job_).set({ state: 'queued', leaseUntil: null }).where(eq(job_.id, job.id))])
      const late = job
      job = ((await turn.claim(1)).body.jobs as Job[])[0]
      if (job?.id !== late.id || job.attempt !== late.attempt + 1) throw new Error(`the job that was lost did not come again: ${JSON.stringify(job)}`)
      const refused = await turn.done(late, turn.obey(late), 0)
      if (refused.status !== 409) throw new Error(`a report of a lost attempt was answered ${refused.status}`)
    }
    const result = turn.obey(job)
    const taken = await turn.done(job, result, 0)
    if (taken.status !== 200) throw new Error(`${job.kind}: ${taken.status} ${taken.text}`)
    if (how.twice && (await turn.done(job, result, 0)).status !== 409) throw new Error('a report was taken twice')
  }
}
const job_ = job
export const isOrder = (j: Job) => j.lane.startsWith('fence:')

const running = async (w: Stage) => { await w.newServer(); await w.done() }
const stopped = async (w: Stage) => { await running(w); await w.act({ 'os-stop': null }); await w.done() }
const blank = async (w: Stage) => { await w.newVolume(); await w.done() }
const snapped = async (w: Stage) => { await blank(w); await w.newSnapshot(); await w.done() }
const backed = async (w: Stage) => { await blank(w); await w.newBackup(); await w.done() }
const turn = (name: string, body: Record<string, unknown>, given = running): Story => ({ kind: 'server.turn', name, given, begin: (w) => w.act(body) })
const after = (given: (w: Stage) => Promise<void>, body: Record<string, unknown>) => async (w: Stage) => { await given(w); await w.act(body); await w.done() }

/** With a second host that servers can move to; what it says is as if both had always been there. */
const apart = (given: (w: Stage) => Promise<void>) => async (w: Stage) => { await w.second(); await w.down(false); await given(w) }
const withVolume = async (w: Stage) => { await blank(w); await w.newServer({ block_device_mapping_v2: [{ boot_index: 0, uuid: w.image, source_type: 'image', destination_type: 'local' }, { boot_index: -1, uuid: w.volume, source_type: 'volume', destination_type: 'volume' }] }); await w.done() }

export const stories: Story[] = [
  { kind: 'server.boot', name: 'a server from an image', begin: (w) => w.newServer() },
  { kind: 'server.boot', name: 'a server with a port of its own', given: async (w) => {
    const net = (await w.call('GET', '/network/v2.0/networks?name=demo')).networks[0].id
    w.port = (await w.call('POST', '/network/v2.0/ports', { port: { network_id: net, name: 'mine' } })).port.id
  }, begin: (w) => w.newServer({ networks: [{ port: w.port }] }) },
  { kind: 'server.boot', name: 'a server with ephemeral and swap disks', begin: (w) => w.newServer({ flavorRef: 'rich' }) },
  { kind: 'server.boot', name: 'a server on a new volume', begin: (w) => w.newServer({ imageRef: undefined, block_device_mapping_v2: [{ boot_index: 0, uuid: w.image, source_type: 'image', destination_type: 'volume', volume_size: 1, delete_on_termination: true }] }) },
  { kind: 'server.boot', name: 'a server with a volume that is there', given: blank, begin: (w) => w.newServer({ block_device_mapping_v2: [{ boot_index: 0, uuid: w.image, source_type: 'image', destination_type: 'local' }, { boot_index: -1, uuid: w.volume, source_type: 'volume', destination_type: 'volume' }] }) },
  { kind: 'server.boot', name: 'a server, with another host to try', given: apart(async () => {}), begin: (w) => w.newServer({ flavorRef: 'rich' }) },
  { kind: 'server.boot', name: 'a server on a new volume, with another host to try', given: apart(async () => {}), begin: (w) => w.newServer({ imageRef: undefined, block_device_mapping_v2: [{ boot_index: 0, uuid: w.image, source_type: 'image', destination_type: 'volume', volume_size: 1, delete_on_termination: true }] }) },
  { kind: 'server.delete', name: 'deleting a server', given: running, begin: (w) => w.call('DELETE', `/compute/v2.1/servers/${w.server}`) },
  { kind: 'server.delete', name: 'deleting a server that is being made', given: (w) => w.newServer(), begin: (w) => w.call('DELETE', `/compute/v2.1/servers/${w.server}`) },
  { kind: 'server.delete', name: 'deleting a server with a volume', given: async (w) => { await running(w); await blank(w); await w.attach(); await w.done() }, begin: (w) => w.call('DELETE', `/compute/v2.1/servers/${w.server}`) },
  { kind: 'server.delete', name: 'deleting a rescued server', given: after(running, { rescue: null }), begin: (w) => w.call('DELETE', `/compute/v2.1/servers/${w.server}`) },
  turn('stopping', { 'os-stop': null }), turn('starting', { 'os-start': null }, stopped), turn('rebooting', { reboot: { type: 'SOFT' } }), turn('rebooting hard', { reboot: { type: 'HARD' } }),
  turn('pausing', { pause: null }), turn('unpausing', { unpause: null }, after(running, { pause: null })), turn('suspending', { suspend: null }), turn('resuming', { resume: null }, after(running, { suspend: null })),
  turn('another password', { changePassword: { adminPass: 'a-new-Secret-1' } }),
  { kind: 'server.rebuild', name: 'rebuilding', given: running, begin: (w) => w.act({ rebuild: { imageRef: w.image } }) },
  { kind: 'server.resize', name: 'resizing', given: running, begin: (w) => w.act({ resize: { flavorRef: 'rich' } }) },
  { kind: 'server.resize', name: 'reverting a resize', given: async (w) => { await running(w); await w.act({ resize: { flavorRef: 'rich' } }); await w.done() }, begin: (w) => w.act({ revertResize: null }) },
  { kind: 'server.move', name: 'to another host', given: apart(running), begin: (w) => w.admin({ migrate: null }) },
  { kind: 'server.move', name: 'to another host while it is off', given: apart(stopped), begin: (w) => w.admin({ migrate: null }) },
  { kind: 'server.move', name: 'to another host with a volume', given: apart(withVolume), begin: (w) => w.admin({ migrate: null }) },
  { kind: 'server.move', name: 'to another flavor on another host', given: async (w) => { await apart(running)(w); await w.away() }, begin: (w) => w.act({ resize: { flavorRef: 'rich' } }) },
  { kind: 'server.move-back', name: 'back from another host', given: async (w) => { await apart(running)(w); await w.admin({ migrate: null }); await w.done() }, begin: (w) => w.act({ revertResize: null }) },
  { kind: 'server.move-back', name: 'back from another host with a volume', given: async (w) => { await apart(withVolume)(w); await w.admin({ migrate: null }); await w.done() }, begin: (w) => w.act({ revertResize: null }) },
  { kind: 'server.live-migrate', name: 'to another host while it runs', given: apart(running), begin: (w) => w.admin({ 'os-migrateLive': { host: null, block_migration: 'auto' } }) },
  { kind: 'server.live-migrate', name: 'to another host while it runs, with a volume', given: apart(withVolume), begin: (w) => w.admin({ 'os-migrateLive': { host: null, block_migration: 'auto' } }) },
  { kind: 'server.live-migrate', name: 'to another host, paused', given: async (w) => { await apart(running)(w); await w.act({ pause: null }); await w.done() }, begin: (w) => w.admin({ 'os-migrateLive': { host: null, block_migration: 'auto' } }) },
  { kind: 'server.evacuate', name: 'from a host that is down', given: async (w) => { await apart(running)(w); await w.down(true) }, begin: (w) => w.admin({ evacuate: {} }) },
  { kind: 'server.image', name: 'an image of a server', given: running, begin: (w) => w.act({ createImage: { name: 'copy' } }) },
  { kind: 'server.rescue', name: 'rescuing', given: running, begin: (w) => w.act({ rescue: null }) },
  { kind: 'server.rescue', name: 'leaving the rescue', given: after(running, { rescue: null }), begin: (w) => w.act({ unrescue: null }) },
  { kind: 'server.shelve', name: 'shelving', given: running, begin: (w) => w.act({ shelve: null }) },
  { kind: 'server.unshelve', name: 'unshelving', given: after(running, { shelve: null }), begin: (w) => w.act({ unshelve: null }) },
  { kind: 'server.unshelve', name: 'unshelving, with another host to try', given: async (w) => { await apart(running)(w); await w.act({ shelve: null }); await w.done() }, begin: (w) => w.act({ unshelve: null }) },
  { kind: 'server.attach', name: 'attaching a volume', given: async (w) => { await running(w); await blank(w) }, begin: (w) => w.attach() },
  { kind: 'server.attach', name: 'detaching a volume', given: async (w) => { await running(w); await blank(w); await w.attach(); await w.done() }, begin: (w) => w.call('DELETE', `/compute/v2.1/servers/${w.server}/os-volume_attachments/${w.volume}`) },
  { kind: 'server.attach', name: 'attaching an interface', given: running, begin: (w) => w.call('POST', `/compute/v2.1/servers/${w.server}/os-interface`, { interfaceAttachment: {} }) },
  { kind: 'server.attach', name: 'detaching an interface', given: async (w) => { await running(w); w.port = (await w.call('GET', `/compute/v2.1/servers/${w.server}/os-interface`)).interfaceAttachments[0].port_id }, begin: (w) => w.call('DELETE', `/compute/v2.1/servers/${w.server}/os-interface/${w.port}`) },
  { kind: 'volume.create', name: 'a blank volume', begin: (w) => w.newVolume() },
  { kind: 'volume.create', name: 'a volume from an image', begin: (w) => w.newVolume({ imageRef: w.image }) },
  { kind: 'volume.create', name: 'a volume from a snapshot', given: snapped, begin: (w) => w.newVolume({ snapshot_id: w.snapshot }) },
  { kind: 'volume.create', name: 'a volume from a volume', given: blank, begin: (w) => w.newVolume({ source_volid: w.volume }) },
  { kind: 'volume.create', name: 'a volume, with another host to try', given: apart(async () => {}), begin: (w) => w.newVolume() },
  { kind: 'volume.delete', name: 'deleting a volume', given: blank, begin: (w) => w.call('DELETE', `/volume/v3/volumes/${w.volume}`) },
  { kind: 'volume.extend', name: 'extending a volume', given: blank, begin: (w) => w.onVolume({ 'os-extend': { new_size: 2 } }) },
  { kind: 'volume.upload', name: 'an image of a volume', given: blank, begin: (w) => w.onVolume({ 'os-volume_upload_image': { image_name: 'copy', disk_format: 'qcow2', container_format: 'bare' } }) },
  { kind: 'volume.rewrite', name: 'reverting to a snapshot', given: snapped, begin: (w) => w.onVolume({ revert: { snapshot_id: w.snapshot } }) },
  { kind: 'volume.rewrite', name: 'writing an image over a volume', given: blank, begin: (w) => w.onVolume({ 'os-reimage': { image_id: w.image } }) },
  { kind: 'snapshot.create', name: 'a snapshot', given: blank, begin: (w) => w.newSnapshot() },
  { kind: 'backup.create', name: 'a backup', given: blank, begin: (w) => w.newBackup() },
  { kind: 'backup.create', name: 'an incremental backup', given: backed, begin: (w) => w.newBackup({ incremental: true }) },
  { kind: 'backup.create', name: 'a backup of a snapshot', given: snapped, begin: (w) => w.newBackup({ snapshot_id: w.snapshot }) },
  { kind: 'backup.create', name: 'a backup of a volume in use', given: async (w) => { await running(w); await blank(w); await w.attach(); await w.done() }, begin: (w) => w.newBackup({ force: true }) },
  { kind: 'backup.restore', name: 'restoring to a new volume', given: backed, begin: (w) => w.call('POST', `/volume/v3/backups/${w.backup}/restore`, { restore: {} }) },
  { kind: 'backup.restore', name: 'restoring to the volume itself', given: backed, begin: (w) => w.call('POST', `/volume/v3/backups/${w.backup}/restore`, { restore: { volume_id: w.volume } }) },
  { kind: 'backup.restore', name: 'a volume from a backup', given: backed, begin: (w) => w.newVolume({ backup_id: w.backup }) },
  { kind: 'snapshot.delete', name: 'deleting a snapshot', given: snapped, begin: (w) => w.call('DELETE', `/volume/v3/snapshots/${w.snapshot}`) },
]
