import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { q } from '../../functions/kernel/db.ts'
import type { Process, Running } from '../harness/running.ts'
import { Chance } from './chance.ts'
import { unsettled, wrongs } from './truth.ts'

export interface Trials { trials: number; interrupted: number; stuck: string[]; wrong: string[]; errors: string[]; p50: number; p99: number; worst: number; killed: Record<string, number>; taken: Record<string, number> }
/** Seconds after which what still moves counts as stuck. */
const PATIENCE = 90

interface Server { id: string; name: string; state: string; task: string | null; fault: string | null }
interface Volume { id: string; status: string; server: string | null }

/**
 * One trial: several creates, deletes, attaches and detaches at once, and somewhere in the middle a kill -9 of the
 * functions, the bridge, the database, or of all. Then everything is left alone until it has come to rest, and looked over.
 */
export async function trials(c: Running, count: number, seed: number, say: (line: string) => void): Promise<Trials> {
  const chance = new Chance(seed), took: number[] = []
  const out: Trials = { trials: 0, interrupted: 0, stuck: [], wrong: [], errors: [], p50: 0, p99: 0, worst: 0, killed: {}, taken: { create: 0, delete: 0, attach: 0, detach: 0 } }
  const { image, flavor, network } = await ingredients(c)
  let made = 0
  const compute = '/compute/v2.1/servers'
  // An answer that the kill swallowed is part of the game: what came of the request is read from the rows afterwards.
  const send = (kind: string, method: string, path: string, body?: unknown) => async () => {
    try {
      const r = await c.ask(method, path, { token: await c.token('demo'), body })
      if (r.status >= 500 && r.status !== 503) out.wrong.push(`${method} ${path}: ${r.status} ${r.text.slice(0, 200)}`)
      if (r.status < 300) out.taken[kind]++
    } catch { /* no answer */ }
  }
  const create = () => send('create', 'POST', compute, { server: { name: `t${made++}`, imageRef: image, flavorRef: flavor, networks: [{ uuid: network }] } })
  const volumes = Array.from({ length: 4 }, () => ({ volume: { size: 1, name: `v${made++}` } }))
  await Promise.all([...Array.from({ length: 6 }, () => create()()), ...volumes.map((v) => c.call('demo', 'POST', '/volume/v3/volumes', v))])
  await rest(c, PATIENCE)

  for (let n = 0; n < count; n++) {
    const { servers, disks } = await rows(c)
    const idle = servers.filter((s) => s.state === 'active' && !disks.some((d) => d.server === s.id)), free = disks.filter((d) => d.status === 'available'), used = disks.filter((d) => d.status === 'in-use')
    const work: (() => Promise<void>)[] = [
      ...Array.from({ length: servers.length > 7 ? 1 : 3 }, create),
      ...chance.take(free, 2).flatMap((v) => chance.take(idle, 1).map((s) => send('attach', 'POST', `${compute}/${s.id}/os-volume_attachments`, { volumeAttachment: { volumeId: v.id } }))),
      ...chance.take(used, 1 + chance.below(2)).map((v) => send('detach', 'DELETE', `${compute}/${v.server}/os-volume_attachments/${v.id}`)),
      // Deleted with their volumes, or while they boot, or twice: all of it must end well.
      ...chance.take(servers.filter((s) => chance.next() < (idle.includes(s) ? 0.7 : 0.25)), 3).map((s) => send('delete', 'DELETE', `${compute}/${s.id}`)),
    ]
    const going = Promise.all(work.map(async (w) => { await sleep(chance.below(120)); await w() }))
    await sleep(chance.below(400))
    const victims = chance.of<Process[]>([['functions'], ['bridge'], ['functions'], ['bridge'], ['functions', 'bridge'], ['libsql'], ['libsql', 'functions', 'bridge']])
    const pids = victims.map((v) => [v, c.kill(v)] as const)
    for (const v of victims) out.killed[v] = (out.killed[v] ?? 0) + 1
    await Promise.all(pids.map(([v, pid]) => c.back(v, pid)))
    const since = performance.now()
    await going
    const left = await rest(c, PATIENCE, since, took)
    out.trials++
    out.interrupted += work.length
    if (left.length) { out.stuck.push(...left.map((l) => `trial ${n + 1}, ${victims.join(' and ')} killed: ${l.lane} ${l.what}`)); break }
    const wrong = [...await wrongs(c), ...await quotas(c)]
    out.wrong.push(...wrong.map((w) => `trial ${n + 1}, ${victims.join(' and ')} killed: ${w}`))
    const failed = (await rows(c)).servers.filter((s) => s.state === 'error')
    out.errors.push(...failed.map((s) => `trial ${n + 1}: server ${s.name}: ${JSON.parse(s.fault ?? '{}').message}`))
    if (wrong.length) break
    if ((n + 1) % 10 === 0) say(`${n + 1} of ${count} trials, ${out.interrupted} operations`)
  }
  took.sort((a, b) => a - b)
  out.p50 = took[Math.floor(took.length * 0.5)] ?? 0
  out.p99 = took[Math.min(took.length - 1, Math.floor(took.length * 0.99))] ?? 0
  out.worst = took.at(-1) ?? 0
  return out
}

/** What a server is made of. */
export async function ingredients(c: Running): Promise<{ image: string; flavor: string; network: string }> {
  const [[found]] = await c.db().read([q.all<Record<string, string>>(sql`select (select id from image where name = 'tiny') as image, (select id from flavor where name = 'm1.nano') as flavor, (select id from network where name = 'demo') as network`)]) as unknown as [{ image: string; flavor: string; network: string }[]]
  return found
}

/** What the quotas say is used, beside what there is. */
export async function quotas(c: Running): Promise<string[]> {
  const { id: project } = await demoProject(c)
  const [compute, volume, network] = [
    (await c.call('demo', 'GET', '/compute/v2.1/limits')).limits.absolute, (await c.call('demo', 'GET', '/volume/v3/limits')).limits.absolute,
    (await c.call('demo', 'GET', `/network/v2.0/quotas/${project}/details`)).quota,
  ]
  const [[real]] = await c.db().read([q.all<Record<string, number>>(sql`select (select count(*) from server where project = ${project}) as instances, (select coalesce(sum(vcpus), 0) from server where project = ${project}) as cores,
    (select coalesce(sum(memory_mb), 0) from server where project = ${project}) as ram, (select count(*) from volume where project = ${project}) as volumes, (select coalesce(sum(size_gb), 0) from volume where project = ${project}) as gigabytes, (select count(*) from port where project = ${project}) as ports`)]) as unknown as [Record<string, number>[]]
  const said: Record<string, number> = { instances: compute.totalInstancesUsed, cores: compute.totalCoresUsed, ram: compute.totalRAMUsed, volumes: volume.totalVolumesUsed, gigabytes: volume.totalGigabytesUsed, ports: network.port.used }
  return Object.keys(said).filter((k) => said[k] !== real[k]).map((k) => `${k}: the quota says ${said[k]} are used, there are ${real[k]}`)
}
export async function demoProject(c: Running): Promise<{ id: string }> {
  const [[row]] = await c.db().read([q.all<{ id: string }>(sql`select id from project where name = 'demo'`)]) as unknown as [{ id: string }[]]
  return row
}

async function rows(c: Running): Promise<{ servers: Server[]; disks: Volume[] }> {
  const [servers, disks] = await c.db().read([
    q.all<Server>(sql`select id, name, state, task, fault from server order by created_at`),
    q.all<Volume>(sql`select v.id, v.status, a.server from volume v left join attachment a on a.volume = v.id order by v.created_at`)]) as unknown as [Server[], Volume[]]
  return { servers, disks }
}

/** Waits until nothing moves; notes when each thing that moved had come to rest. What has not after all that time is given back. */
export async function rest(c: Running, seconds: number, since = performance.now(), took: number[] = []) {
  let before = new Set<string>()
  for (;;) {
    const now = await unsettled(c), at = performance.now() - since
    const lanes = new Set(now.map((n) => n.lane))
    for (const lane of before) if (!lanes.has(lane)) took.push(at)
    if (!now.length || at > seconds * 1000) return now
    before = lanes
    await sleep(40)
  }
}

/** Everything of the demo project goes, and then nothing may be left, in the rows or on the hosts. */
export async function cleanUp(c: Running): Promise<string[]> {
  const { servers, disks } = await rows(c)
  await Promise.all(servers.map((s) => c.call('admin', 'DELETE', `/compute/v2.1/servers/${s.id}`)))
  const left = [...await rest(c, PATIENCE)]
  await Promise.all(disks.map((d) => c.call('demo', 'DELETE', `/volume/v3/volumes/${d.id}`)))
  left.push(...await rest(c, PATIENCE))
  const [[n]] = await c.db().read([q.all<Record<string, number>>(sql`select (select count(*) from server) as servers, (select count(*) from volume) as volumes, (select count(*) from attachment) as attachments,
    (select count(*) from allocation) as allocations, (select count(*) from placement_consumer) as consumers, (select coalesce(sum(used), 0) from provider_usage) as usage, (select count(*) from port where device_owner like 'compute:%') as ports`)]) as unknown as [Record<string, number>[]]
  return [...left.map((l) => `${l.lane} ${l.what}`), ...Object.entries(n).filter(([, count]) => count !== 0).map(([what, count]) => `${count} ${what} left`), ...await wrongs(c)]
}
