import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { q } from '../../functions/kernel/db.ts'
import type { Process } from '../harness/running.ts'
import { until } from '../steps.ts'
import type { Chance } from './chance.ts'
import type { Fleet } from './fleet.ts'
import type { Fault } from './menu.ts'

/** Asked until it is taken: what an operator does whatever else goes wrong. */
const insist = (c: Fleet, method: string, path: string, body?: unknown) => until(`${method} ${path}`, 30, () => c.call('admin', method, path, body).then(() => true))
const rows = async <T>(c: Fleet, what: ReturnType<typeof sql>) => (await c.db().read([q.all<T>(what)]) as unknown as [T[]])[0]
const one = async (c: Fleet, chance: Chance) => chance.of(await rows<{ id: string }>(c, sql`select id from host order by name`)).id

/** In some of these something else dies meanwhile. */
async function also(c: Fleet, chance: Chance, victims: Process[]) {
  const all: (Process | undefined)[] = [...victims, undefined, undefined], victim = chance.of(all)
  await sleep(chance.below(400))
  if (victim) await c.back(victim, c.kill(victim), 60)
}

/**
 * A host that nobody hears any more is forced down and its servers come up elsewhere, while its guests still run. Nothing
 * of that may wait for it. Then it is heard again, and lets go of them.
 */
export const evacuation: Fault = async (c, chance, send) => {
  const host = await one(c, chance)
  c.wire.away.add(host)
  try {
    await insist(c, 'PATCH', `/hosts/${host}`, { forced_down: true })
    const servers = await rows<{ id: string }>(c, sql`select id from server where host = ${host} order by created_at, id`)
    const taken = new Set<string>()
    for (const { id } of servers) if (await send('evacuate', 'POST', `/compute/v2.1/servers/${id}/action`, { evacuate: {} }, 'admin')) taken.add(id)
    await also(c, chance, ['functions', 'bridge', 'libsql'])
    await until('servers of a dead host come up elsewhere', 30, async () => !(await rows<{ lane: string }>(c, sql`select lane from saga where kind = 'server.evacuate' and state in ('open', 'unwinding', 'stuck')`)).some((s) => taken.has(s.lane)))
    const still = (await rows<{ id: string }>(c, sql`select id from server where host = ${host}`)).filter((s) => taken.has(s.id))
    if (still.length) throw new Error(`${still.length} servers were evacuated and are still on the dead host: ${still[0].id}`)
  } finally {
    c.wire.away.delete(host)
    await insist(c, 'PATCH', `/hosts/${host}`, { forced_down: false })
  }
}

/** A host takes no new servers, and those it has move away; it takes servers again before all have, or after. */
export const drain: Fault = async (c, chance, send) => {
  const host = await one(c, chance), whole = chance.next() < 0.7, at = `/hosts/${host}/drain`
  try {
    if (whole) await send('drain', 'POST', at, {}, 'admin')
    else await send('disable', 'PATCH', `/hosts/${host}`, { enabled: false }, 'admin')
    await insist(c, 'PATCH', `/hosts/${host}`, { enabled: false })
    const since = Date.now() * 1000
    await also(c, chance, ['functions', 'bridge', 'libsql'])
    const patience = performance.now() + chance.below(8000)
    if (whole) await until('what moves has moved', 60, async () => performance.now() > patience || (({ servers, stays }) => servers === stays.length)((await c.call('admin', 'GET', at)).drain))
    const placed = await rows<{ name: string }>(c, sql`select name from server where host = ${host} and created_at > ${since}`)
    if (placed.length) throw new Error(`${placed.length} servers were placed on a host that takes none: ${placed[0].name}`)
  } finally { await insist(c, 'DELETE', at) }
}
