import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { q } from '../../functions/kernel/db.ts'
import { percentile } from '../bench/load.ts'
import { until } from '../steps.ts'
import { Fleet } from './fleet.ts'
import { ingredients } from './operations.ts'
import { rest, unlimited } from './trials.ts'
import { wrongs } from './truth.ts'

/** Longer than a host is marked as seen without a write, so that the mark of each tells when it was served again. */
const AWAY = 12

export interface Storm { hosts: number; jobs: number; lost: number; served: number[]; settled: number }

/**
 * So many bridges lose the control plane and all find it again at the same instant: it is killed while the claims of all of
 * them wait, and cut off meanwhile. Half of the jobs were handed out before that in answers nobody heard, half have come
 * since. Every bridge must be served, every job be done by one host and once.
 */
export async function storm(hosts: number, jobs: number, seed: number): Promise<Storm> {
  const c = await Fleet.simulated(hosts, { seed, latencyMs: [5, 60] })
  process.on('exit', () => c.abandon())
  try {
    await c.begin(60 + hosts / 5)
    const of = await ingredients(c), db = c.db()
    await unlimited(c)
    const all = async <T>(what: ReturnType<typeof sql>) => (await db.read([q.all<T>(what)]) as unknown as [T[]])[0]
    const count = async (what: ReturnType<typeof sql>) => (await all<{ n: number }>(what))[0].n
    const create = async (from: number, to: number) => {
      for (let n = from; n < to; n += 20) await Promise.all(Array.from({ length: Math.min(20, to - n) }, (_, i) => c.call('demo', 'POST', '/compute/v2.1/servers', { server: { name: `storm-${n + i}`, imageRef: of.image, flavorRef: of.flavor, networks: [{ uuid: of.network }] } })))
    }
    const half = Math.ceil(jobs / 2)
    c.wire.deaf = 1
    await create(0, half)
    await until('the jobs of the first half are handed out', 30, async () => await count(sql`select count(*) as n from job where state = 'running'`) === half)
    const pid = c.kill('functions')
    c.wire.sever()
    c.wire.deaf = 0
    const lost = new Set((await all<{ id: string }>(sql`select id from job where state = 'running'`)).map((j) => j.id))
    await c.back('functions', pid, 60)
    await create(half, jobs)
    const waiting = await count(sql`select count(*) as n from job where state = 'queued'`)
    if (lost.size !== half || waiting !== jobs - half) throw new Error(`${lost.size} jobs were handed out and ${waiting} wait for the hosts, not ${half} and ${jobs - half}`)
    await sleep(AWAY * 1000)
    c.wire.tally = { handed: new Map(), reported: new Map(), told: new Set() }
    const since = Date.now(), begun = performance.now(), served: number[] = []
    c.wire.mend()
    for (const end = performance.now() + 60_000; served.length < hosts && performance.now() < end; await sleep(50)) {
      const seen = await count(sql`select count(*) as n from host where seen_at >= ${since * 1000}`), at = performance.now() - begun
      while (served.length < seen) served.push(at)
    }
    const left = await rest(c, 90), settled = performance.now() - begun
    const { handed, reported, told } = c.wire.tally
    const rows = await all<{ id: string; state: string; attempt: number; kind: string }>(sql`select id, state, attempt, kind from job`)
    const states = await count(sql`select count(*) as n from server where state = 'active' and name like 'storm-%'`)
    const wrong = [
      ...left.map((l) => `${l.lane} ${l.what}`), ...served.length < hosts ? [`only ${served.length} of ${hosts} hosts were served within a minute`] : [],
      ...rows.filter((r) => r.state !== 'done').map((r) => `job ${r.kind} is ${r.state}`), ...rows.filter((r) => (r.attempt === 1) === lost.has(r.id)).map((r) => `job ${r.kind}, ${lost.has(r.id) ? '' : 'not '}lost before the storm, was handed out ${r.attempt} times`),
      ...[...handed].filter(([, n]) => n !== 1).map(([id, n]) => `job ${id} went out in ${n} answers`), ...[...reported].filter(([, n]) => n !== 1).map(([id, n]) => `job ${id} was reported done ${n} times`),
      ...rows.filter((r) => !told.has(r.id)).map((r) => `job ${r.kind} was done and nobody said so`), ...states === jobs ? [] : [`${states} of ${jobs} servers are ACTIVE`], ...await wrongs(c),
    ]
    if (wrong.length) throw new Error(`${wrong.length} wrong:\n${wrong.slice(0, 10).join('\n')}`)
    const last = percentile(served, 100)!
    if (last > 10_000) throw new Error(`the last of ${hosts} was served after ${(last / 1000).toFixed(1)} s, promised are 10 s`)
    return { hosts, jobs: rows.length, lost: lost.size, served, settled }
  } finally {
    await until('the storm is over', 60, () => c.reset().then(() => true))
  }
}
