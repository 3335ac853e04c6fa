import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { q } from '../../functions/kernel/db.ts'
import type { Figures } from './figures.ts'
import { benchNetwork, noLimits } from './servers.ts'
import { queue } from './queue.ts'
import { Subject } from './subject.ts'
import { across, reconcile, unable } from './wires.ts'

export interface Many { boots: number; ports: number }

/** What hosts do, on real ones: needs root on Linux. Each part by itself, whatever becomes of the others. */
export async function hosts(figures: Figures, scale: number, many: Many) {
  await queue(figures, scale)
  const why = unable()
  if (why) return figures.fail('hosts', `cannot be measured here: ${why}`)
  for (const [name, part] of [['across', () => across(figures)], ['reconcile', () => reconcile(figures, many.ports)], ['boots', () => boots(figures, many.boots)]] as const) {
    await part().catch((e) => figures.fail(name, (e as Error).message))
  }
}

interface Row { id: string; state: string; fault: string | null; created: number; launched: number | null; jobs: string }

/**
 * One server, then many at once, of an image that no host has yet and that holds no system: what is measured is the cloud
 * and its host, not the guest's own boot. A server is ACTIVE when its emulator runs.
 */
async function boots(figures: Figures, n: number) {
  figures.title(`${n} servers at once on one real host (libvirt, QEMU)`)
  const s = await Subject.start(['--hypervisor', 'libvirt', '--hosts', '1'], figures, 1)
  const end = async () => { await s.cloud.reset() }
  try {
    await noLimits(s)
    const bytes = Buffer.alloc(64 << 20, 'not a system')
    const { id: image } = await s.call('POST', '/image/v2/images', { name: 'blank', disk_format: 'raw', container_format: 'bare' })
    const up = await fetch(`${s.cloud.url}/image/v2/images/${image}/file`, { method: 'PUT', headers: { 'x-auth-token': s.token, 'content-type': 'application/octet-stream' }, body: bytes })
    if (up.status !== 204) throw new Error(`upload: ${up.status} ${await up.text()}`)
    const flavor = `bench-${process.pid}`
    await s.call('POST', '/compute/v2.1/flavors', { flavor: { id: flavor, name: flavor, vcpus: 1, ram: 64, disk: 1 } })
    const network = await benchNetwork(s, 'boots', '10.78.0.0/16')
    // The emulators are given as much processor as they ask for by overcommit: blank guests halt at once.
    const { resource_providers: providers } = await s.call('GET', '/placement/resource_providers', undefined, { 'openstack-api-version': 'placement 1.38' })
    for (const p of providers) {
      const inventory = await s.call('GET', `/placement/resource_providers/${p.uuid}/inventories/VCPU`, undefined, { 'openstack-api-version': 'placement 1.38' }).catch(() => undefined)
      if (inventory) await s.call('PUT', `/placement/resource_providers/${p.uuid}/inventories/VCPU`, { ...inventory, allocation_ratio: 64 }, { 'openstack-api-version': 'placement 1.38' }).catch((e) => figures.fail('overcommit', (e as Error).message))
    }
    const create = (i: number) => s.call('POST', '/compute/v2.1/servers', { server: { name: `boot-${i}`, imageRef: image, flavorRef: flavor, networks: [{ uuid: network }] } })
    const settled = async (all: number) => {
      for (const end = Date.now() + 600_000; Date.now() < end; await sleep(200)) {
        const rows = await look(s)
        if (rows.length >= all && rows.every((r) => r.state === 'active' || r.state === 'error')) return rows
      }
      throw new Error(`not all of ${all} servers settled within ten minutes`)
    }
    await create(0)
    await settled(1)
    await create(1)
    told('one server, image kept by the host', figures, s, (await settled(2)).slice(1), 500)
    const since = performance.now()
    await Promise.all(Array.from({ length: n }, (_, i) => create(i + 2)))
    const accepted = performance.now() - since, rows = (await settled(n + 2)).slice(2), all = performance.now() - since
    figures.put(`${n} creates accepted`, accepted, 'ms')
    figures.put(`${n} servers all ACTIVE`, all / 1000, 's')
    told(`${n} at once`, figures, s, rows)
    const fetched = log(s).filter((l) => /image fetched|fetched image|fetching/.test(l.message ?? '')).length
    if (fetched) figures.put('times the image was fetched', fetched, 'times')
  } finally { await end() }
}

async function look(s: Subject): Promise<Row[]> {
  const [rows] = await s.cloud.db().read([q.all<Row>(sql`select id, state, fault, created_at as created, launched_at as launched, (select json_group_array(j.id) from job j where j.lane = s.id) as jobs from server s where name like 'boot-%' order by created_at, id`)])
  return rows as unknown as Row[]
}
interface Line { job?: string; ms?: number; message?: string }
const log = (s: Subject): Line[] => readFileSync(path.join(s.cloud.data, 'log', 'bridge.log'), 'utf8').split('\n').flatMap((l) => { try { return [JSON.parse(l) as Line] } catch { return [] } })

/** Of each server's way to ACTIVE, what its host worked (and waited within itself); the rest is the control plane and the way between. */
function told(name: string, figures: Figures, s: Subject, rows: Row[], bar?: number) {
  const failed = rows.filter((r) => r.state !== 'active')
  for (const r of failed.slice(0, 3)) figures.fail(name, `server ${r.state}: ${r.fault}`)
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
