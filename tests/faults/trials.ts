import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { q } from '../../functions/kernel/db.ts'
import type { Running } from '../harness/running.ts'
import { Chance } from './chance.ts'
import { kinds, look, newServer, round, type Ingredients, type Kind, type Send } from './operations.ts'
import { unsettled, wrongs } from './truth.ts'

export interface Trials {
  trials: number; asked: Record<string, number>; taken: Record<string, number>; refused: Record<string, string>
  stuck: string[]; wrong: string[]; errors: string[]
  /** Milliseconds from recovery to rest, of each thing that still moved then, by what had gone wrong. */
  took: Record<string, number[]>
  /** What took longest. */
  slowest: { ms: number; what: string }[]
}
export interface Plan<C extends Running> {
  count: number; from: number; seed: number; faults: string[]; menu: Record<string, (c: C, chance: Chance, send: Send) => Promise<void>>; operations: ReadonlySet<Kind>; of: Ingredients
  /** Operations of each kind in a round: the more, the more of them a fault meets under way. */
  size: number
  /** Ends when each operation was taken so often. */
  each: number
  /** No trial begins after this, by performance.now(). */
  end: number
  /** What is wrong when all has come to rest. */
  check: (c: C) => Promise<string[]>
  say: (line: string) => void
}
/** Seconds after which what still moves counts as stuck. */
export const PATIENCE = 90

/**
 * One trial: a round of operations at once, and somewhere in the middle something goes wrong. Then everything is left alone
 * until it has come to rest, and looked over. What goes wrong, and when, follows from the seed and the trial's number.
 */
export async function trials<C extends Running>(c: C, plan: Plan<C>): Promise<Trials> {
  const out: Trials = { trials: 0, asked: {}, taken: {}, refused: {}, stuck: [], wrong: [], errors: [], took: {}, slowest: [] }
  const { faults, of } = plan
  if (!faults.length) throw new Error('none of these faults can be made here')
  // An answer that was swallowed is part of the game: what came of the request is read from the rows afterwards.
  const send: Send = async (kind, method, path, body, as = 'demo') => {
    out.asked[kind] = (out.asked[kind] ?? 0) + 1
    try {
      const r = await c.ask(method, path, { token: await c.token(as), body })
      if (r.status >= 500 && r.status !== 503) out.wrong.push(`${method} ${path}: ${r.status} ${r.text.slice(0, 200)}`)
      if (r.status < 300) out.taken[kind] = (out.taken[kind] ?? 0) + 1
      else out.refused[kind] = `${r.status} ${r.text.slice(0, 150)}`
      return r.status < 300 ? r : undefined
    } catch { return undefined }
  }
  await unlimited(c)
  for (let n = 0; n < 8 * plan.size; n++) await c.call('demo', 'POST', '/compute/v2.1/servers', newServer(of))
  for (let n = 0; n < 4 * plan.size; n++) await c.call('demo', 'POST', '/volume/v3/volumes', { volume: { size: 1, name: `v-first-${n}` } })
  await rest(c, PATIENCE)

  const enough = (kind: Kind) => (out.taken[kind] ?? 0) >= plan.each
  for (let n = plan.from; n < plan.from + plan.count && performance.now() < plan.end && ![...plan.operations].every(enough); n++) {
    const chance = Chance.of(plan.seed, n), fault = chance.of(faults), at = chance.below(400), told = `trial ${n}, ${fault}`
    const dice = chance.fork(), delays = chance.fork()
    const work = round(await look(c), of, dice, send, plan.operations, plan.size, enough)
    const going = Promise.all(work.map(async (w) => { await sleep(delays.below(150)); await w.run() }))
    await sleep(at)
    await plan.menu[fault](c, chance, send)
    const took = out.took[fault] ??= [], since = performance.now(), began = Date.now()
    const slow: { ms: number; what: string; lane: string }[] = []
    await going
    const left = await rest(c, PATIENCE, since, (ms, what, lane) => {
      took.push(ms)
      slow.push({ ms, what: `${told}: ${what}`, lane })
    })
    slow.sort((a, b) => b.ms - a.ms)
    out.slowest = [...out.slowest, ...await Promise.all(slow.slice(0, 3).map(async (s) => ({ ms: s.ms, what: `${s.what} (${await history(c, s.lane, began)})` })))].sort((a, b) => b.ms - a.ms).slice(0, 6)
    out.trials++
    if (left.length) { out.stuck.push(...left.map((l) => `${told}: ${l.lane} ${l.what}`)); break }
    const wrong = [...await plan.check(c), ...await quotas(c)]
    out.wrong.push(...wrong.map((w) => `${told}: ${w}`))
    const failed = (await look(c)).servers.filter((s) => s.state === 'error')
    out.errors.push(...failed.map((s) => `${told}: server ${s.name}: ${JSON.parse(s.fault ?? '{}').message}`))
    if (wrong.length || out.wrong.length || out.errors.length) break
    if (out.trials % 10 === 0) plan.say(`${out.trials} trials, ${total(out.asked)} requests${plan.each === Infinity ? '' : `; not often enough yet: ${[...plan.operations].filter((k) => !enough(k)).map((k) => `${k} ${out.taken[k] ?? 0}`).join(', ') || 'none'}`}`)
  }
  return out
}

export const total = (of: Record<string, number>) => Object.values(of).reduce((a, b) => a + b, 0)
export const everything = new Set<Kind>(kinds)

/** What the quotas say is used, beside what there is. */
export async function quotas(c: Running): Promise<string[]> {
  const { id: project } = await demoProject(c)
  const [compute, volume, network] = [
    (await c.call('demo', 'GET', '/compute/v2.1/limits')).limits.absolute, (await c.call('demo', 'GET', '/volume/v3/limits')).limits.absolute,
    (await c.call('demo', 'GET', `/network/v2.0/quotas/${project}/details`)).quota,
  ]
  const own = (table: string) => sql.raw(`(select count(*) from ${table} where project = '${project}')`)
  const [[real]] = await c.db().read([q.all<Record<string, number>>(sql`select ${own('server')} as instances, (select coalesce(sum(vcpus), 0) from server where project = ${project}) as cores,
    (select coalesce(sum(memory_mb), 0) from server where project = ${project}) as ram, ${own('volume')} as volumes, ${own('snapshot')} as snapshots, ${own('volume_backup')} as backups,
    (select coalesce(sum(size_gb), 0) from volume where project = ${project}) + (select coalesce(sum(size_gb), 0) from snapshot where project = ${project}) as gigabytes,
    ${own('port')} as ports, ${own('network')} as networks, ${own('subnet')} as subnets, ${own('router')} as routers, ${own('floating_ip')} as floatingips`)]) as unknown as [Record<string, number>[]]
  const said: Record<string, number> = {
    instances: compute.totalInstancesUsed, cores: compute.totalCoresUsed, ram: compute.totalRAMUsed, volumes: volume.totalVolumesUsed, snapshots: volume.totalSnapshotsUsed, backups: volume.totalBackupsUsed, gigabytes: volume.totalGigabytesUsed,
    ports: network.port.used, networks: network.network.used, subnets: network.subnet.used, routers: network.router.used, floatingips: network.floatingip.used,
  }
  return Object.keys(said).filter((k) => said[k] !== real[k]).map((k) => `${k}: the quota says ${said[k]} are used, there are ${real[k]}`)
}
export async function demoProject(c: Running): Promise<{ id: string }> {
  const [[row]] = await c.db().read([q.all<{ id: string }>(sql`select id from project where name = 'demo'`)]) as unknown as [{ id: string }[]]
  return row
}

/** Limits are not what is tried here. */
export async function unlimited(c: Running): Promise<void> {
  const { id } = await demoProject(c), none = (...what: string[]) => Object.fromEntries(what.map((w) => [w, -1]))
  await c.call('admin', 'PUT', `/compute/v2.1/os-quota-sets/${id}`, { quota_set: none('instances', 'cores', 'ram', 'server_group_members') })
  await c.call('admin', 'PUT', `/volume/v3/os-quota-sets/${id}`, { quota_set: none('volumes', 'snapshots', 'gigabytes', 'backups', 'backup_gigabytes') })
  await c.call('admin', 'PUT', `/network/v2.0/quotas/${id}`, { quota: none('port', 'network', 'subnet', 'router', 'floatingip') })
}

/** Waits until nothing moves; tells when each thing that moved had come to rest, and what it was last. What has not after all that time is given back. */
export async function rest(c: Running, seconds: number, since = performance.now(), rested: (ms: number, what: string, lane: string) => void = () => {}) {
  let before = new Map<string, string>()
  for (;;) {
    const now = await unsettled(c), at = performance.now() - since
    const lanes = new Map(now.map((n) => [n.lane, n.what]))
    for (const [lane, what] of before) if (!lanes.has(lane)) rested(at, what, lane)
    if (!now.length || at > seconds * 1000) return now
    before = lanes
    await sleep(40)
  }
}

/** What hosts were asked of a resource since the recovery: when, which attempt it was, and why the last one failed. */
async function history(c: Running, lane: string, since: number): Promise<string> {
  const [jobs] = await c.db().read([q.all<{ kind: string; attempt: number; made: number; ended: number; error: string | null }>(sql`select kind, attempt, created_at / 1000 - ${since} as made, updated_at / 1000 - ${since} as ended, error from job
    where lane = ${lane} and updated_at > ${since * 1000} order by created_at`)]) as unknown as [{ kind: string; attempt: number; made: number; ended: number; error: string | null }[]]
  return jobs.map((j) => `${j.kind} ${(j.made / 1000).toFixed(1)}-${(j.ended / 1000).toFixed(1)} s${j.attempt > 1 ? `, attempt ${j.attempt}` : ''}${j.error ? `, ${j.error.slice(0, 80)}` : ''}`).join('; ')
}

/** Everything of the demo project goes, and then nothing may be left, in the rows or on the hosts. */
export async function cleanUp(c: Running, check: (c: Running) => Promise<string[]> = wrongs): Promise<string[]> {
  const rows = await look(c), all = async <T>(of: T[], go: (it: T) => Promise<unknown>) => { for (const it of of) await go(it) }
  const left: { lane: string; what: string }[] = []
  const rested = async () => { left.push(...await rest(c, PATIENCE)) }
  const servers = (await c.call('admin', 'GET', '/compute/v2.1/servers?all_tenants=1')).servers as { id: string }[]
  await all(servers, (s) => c.call('admin', 'DELETE', `/compute/v2.1/servers/${s.id}`))
  await rested()
  await all((await c.call('demo', 'GET', '/volume/v3/backups?sort=data_timestamp:desc')).backups as { id: string }[], (b) => c.call('demo', 'DELETE', `/volume/v3/backups/${b.id}`))
  await all((await c.call('demo', 'GET', '/volume/v3/snapshots')).snapshots as { id: string }[], (s) => c.call('demo', 'DELETE', `/volume/v3/snapshots/${s.id}`))
  await rested()
  await all((await c.call('demo', 'GET', '/volume/v3/volumes')).volumes as { id: string }[], (v) => c.call('demo', 'DELETE', `/volume/v3/volumes/${v.id}`))
  await all(rows.images, (i) => c.call('demo', 'DELETE', `/image/v2/images/${i.id}`))
  await all(rows.floating, (f) => c.call('demo', 'DELETE', `/network/v2.0/floatingips/${f.id}`))
  for (const r of rows.routers) {
    if (r.subnet) await c.call('demo', 'PUT', `/network/v2.0/routers/${r.id}/remove_router_interface`, { subnet_id: r.subnet })
    await c.call('demo', 'DELETE', `/network/v2.0/routers/${r.id}`)
  }
  await all(rows.networks, (n) => c.call('demo', 'DELETE', `/network/v2.0/networks/${n.id}`))
  await rested()
  const [[n]] = await c.db().read([q.all<Record<string, number>>(sql`select (select count(*) from server) as servers, (select count(*) from volume) as volumes, (select count(*) from snapshot) as snapshots, (select count(*) from volume_backup) as backups, (select count(*) from attachment) as attachments,
    (select count(*) from allocation) as allocations, (select count(*) from placement_consumer) as consumers, (select coalesce(sum(used), 0) from provider_usage) as usage, (select count(*) from port where device_owner like 'compute:%') as ports,
    (select count(*) from floating_ip) as floating, (select count(*) from image where name like 'i-%') as images`)]) as unknown as [Record<string, number>[]]
  return [...left.map((l) => `${l.lane} ${l.what}`), ...Object.entries(n).filter(([, count]) => count !== 0).map(([what, count]) => `${count} ${what} left`), ...await check(c)]
}
