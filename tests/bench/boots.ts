import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { q } from '../../functions/kernel/db.ts'
import { until } from '../steps.ts'
import type { Figures } from './figures.ts'
import { benchNetwork } from './servers.ts'
import type { CountedStore } from './store.ts'
import type { Subject } from './subject.ts'

interface Row { id: string; state: string; fault: string | null; created: number; launched: number | null; jobs: string }
export const home = 'host-1'

/**
 * Many small guests at once on one host, of an image that it does not have yet; then one by itself, of the image it keeps.
 * A server is ACTIVE when its emulator runs; the guest is ready when it says so on its console.
 */
export async function boots(s: Subject, store: CountedStore, n: number) {
  const { figures } = s
  figures.title(`${n} servers at once on one real host (libvirt, QEMU), then one`)
  const { images: [image] } = await s.call('GET', '/image/v2/images?name=tiny')
  const network = await benchNetwork(s, 'boots', '10.78.0.0/16')
  const flavor = await smallest(s)
  await overcommit(s)
  const create = (name: string) => s.call('POST', '/compute/v2.1/servers', { server: { name, imageRef: image.id, flavorRef: flavor, networks: [{ uuid: network }], host: home } })
  const settled = (like: string, all: number) => until(`${all} servers at rest`, 900, async () => {
    const rows = await look(s, like)
    return rows.length >= all && rows.every((r) => r.state === 'active' || r.state === 'error') && rows
  })

  const before = store.fetched(image.id), since = performance.now()
  await Promise.all(Array.from({ length: n }, (_, i) => create(`many-${i}`)))
  const accepted = performance.now() - since, rows = await settled('many-%', n), all = performance.now() - since
  const after = store.fetched(image.id)
  figures.put(`${n} creates accepted`, accepted, 'ms')
  figures.put(`${n} servers all ACTIVE`, all / 1000, 's')
  told(`${n} at once`, s, rows)
  figures.put('times the image was fetched', after.times - before.times, 'times', { bar: { least: 1, most: 1 }, note: `of ${n} boots; ${((after.bytes - before.bytes) / 2 ** 20).toFixed(1)} MiB of ${(image.size / 2 ** 20).toFixed(1)} left the store` })
  const up = await ready(s, rows.filter((r) => r.state === 'active'), 900)
  figures.put(`${n} guests up`, Math.max(...up.values()) / 1e6 - rows[0]!.created / 1e6, 's', { note: `${up.size} of ${n} said so` })
  if (up.size < n) figures.fail(`${n} guests up`, `${n - up.size} have not said that they are ready`)

  await Promise.all(rows.map((r) => s.call('DELETE', `/compute/v2.1/servers/${r.id}`)))
  await until('all of them deleted', 300, async () => !(await look(s, 'many-%')).length)
  for (let i = 0; i < 3; i++) {
    await create(`one-${i}`)
    await settled('one-%', i + 1)
    await ready(s, await look(s, 'one-%'), 300)
  }
  const single = await look(s, 'one-%'), booted = await ready(s, single, 1)
  told('one server', s, single, 500)
  figures.latency('one server: then the guest, until it is ready', single.map((r) => (booted.get(r.id)! - r.launched!) / 1000))
  await Promise.all(single.map((r) => s.call('DELETE', `/compute/v2.1/servers/${r.id}`)))
  await until('all of them deleted', 120, async () => !(await look(s, 'one-%')).length)
}

/** A flavor that the tiny guest just fits in. */
export async function smallest(s: Subject): Promise<string> {
  const name = `bench-${process.pid}`
  await s.call('POST', '/compute/v2.1/flavors', { flavor: { id: name, name, vcpus: 1, ram: 96, disk: 1 } })
  return name
}

/** More processors promised than there are, as operators do where guests are mostly idle. */
async function overcommit(s: Subject) {
  const version = { 'openstack-api-version': 'placement 1.38' }
  const { resource_providers: providers } = await s.call('GET', '/placement/resource_providers', undefined, version)
  for (const { uuid } of providers) {
    const inventory = await s.call('GET', `/placement/resource_providers/${uuid}/inventories/VCPU`, undefined, version)
    await s.call('PUT', `/placement/resource_providers/${uuid}/inventories/VCPU`, { ...inventory, allocation_ratio: 64 }, version)
  }
}

async function look(s: Subject, name: string): Promise<Row[]> {
  const [rows] = await s.cloud.db().read([q.all<Row>(sql`select id, state, fault, created_at as created, launched_at as launched, (select json_group_array(j.id) from job j where j.lane = s.id) as jobs from server s where name like ${name} order by created_at, id`)])
  return rows as unknown as Row[]
}

const seen = new Map<string, number>()
/** When each guest said on its console that it is ready, microseconds since 1970; those that have not within `seconds` are left out. */
export async function ready(s: Subject, rows: { id: string }[], seconds: number): Promise<Map<string, number>> {
  const consoles = path.join(s.cloud.data, 'hosts', home.slice(5), 'bridge', 'console')
  for (const end = Date.now() + seconds * 1000; ; await sleep(100)) {
    for (const { id } of rows) if (!seen.has(id) && read(path.join(consoles, `${id}.log`)).includes('guest: ready')) seen.set(id, Date.now() * 1000)
    if (Date.now() > end || rows.every((r) => seen.has(r.id))) return new Map(rows.flatMap((r) => seen.has(r.id) ? [[r.id, seen.get(r.id)!] as const] : []))
  }
}
const read = (file: string) => { try { return readFileSync(file, 'utf8') } catch { return '' } }

interface Line { job?: string; ms?: number }
const log = (s: Subject): Line[] => read(path.join(s.cloud.data, 'log', 'bridge.log')).split('\n').flatMap((l) => { try { return [JSON.parse(l) as Line] } catch { return [] } })

/** Of each server's way to ACTIVE, what its host worked (and waited within itself); the rest is the control plane and the way between. */
function told(name: string, s: Subject, rows: Row[], bar?: number) {
  const figures: Figures = s.figures
  for (const r of rows.filter((r) => r.state !== 'active').slice(0, 3)) figures.fail(name, `server ${r.state}: ${r.fault}`)
  const took = new Map(log(s).flatMap((l) => l.job && l.ms !== undefined ? [[l.job, l.ms] as const] : []))
  const split = rows.filter((r) => r.state === 'active').map((r) => {
    const total = ((r.launched ?? 0) - r.created) / 1000, host = (JSON.parse(r.jobs) as string[]).reduce((sum, id) => sum + (took.get(id) ?? 0), 0)
    return { total, host, control: total - host }
  })
  if (!split.length) return
  figures.latency(`${name}: create to ACTIVE`, split.map((r) => r.total))
  figures.latency(`${name}: of that the host`, split.map((r) => r.host))
  // With more servers than a host works on at once, the wait for a turn is in here too.
  figures.latency(`${name}: of that the control plane${bar ? '' : ' and the wait for a turn'}`, split.map((r) => r.control), bar ? { p50: bar } : {})
}
