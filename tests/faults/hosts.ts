import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { q } from '../../functions/kernel/db.ts'
import type { Process, Running } from '../harness/running.ts'
import { until } from '../steps.ts'
import type { Chance } from './chance.ts'
import type { Send } from './operations.ts'

/** Asked until it is taken: what an operator does whatever else goes wrong. */
const insist = (c: Running, method: string, path: string, body?: unknown) => until(`${method} ${path}`, 30, () => c.call('admin', method, path, body).then(() => true))
const rows = async <T>(c: Running, what: ReturnType<typeof sql>) => (await c.db().read([q.all<T>(what)]) as unknown as [T[]])[0]
export interface Host { id: string; name: string }
const one = async (c: Running, chance: Chance) => chance.of(await rows<Host>(c, sql`select id, name from host order by name`))

/** In some of these something else dies meanwhile. */
async function also(c: Running, chance: Chance, victims: Process[]) {
  const all: (Process | undefined)[] = [...victims, undefined, undefined], victim = chance.of(all)
  await sleep(chance.below(400))
  if (victim) await c.back(victim, c.kill(victim), 60)
}

/**
 * A host that nobody hears any more is forced down and its servers come up elsewhere, while its guests still run. Nothing
 * of that may wait for it. Then it is heard again, and lets go of them. `mute` takes a host's voice, and gives back what
 * returns it; `seconds` is what the guests may take to start.
 */
export const evacuation = <C extends Running>(mute: (c: C, host: Host) => Promise<() => unknown>, seconds: number) => async (c: C, chance: Chance, send: Send): Promise<void> => {
  const found = await one(c, chance), host = found.id, voice = await mute(c, found)
  try {
    await insist(c, 'PATCH', `/hosts/${host}`, { forced_down: true })
    const servers = await rows<{ id: string }>(c, sql`select id from server where host = ${host} order by created_at, id`)
    const taken = new Set<string>()
    for (const { id } of servers) if (await send('evacuate', 'POST', `/compute/v2.1/servers/${id}/action`, { evacuate: {} }, 'admin')) taken.add(id)
    await also(c, chance, ['functions', 'bridge', 'libsql'])
    await until('servers of a dead host come up elsewhere', seconds, async () => !(await rows<{ lane: string }>(c, sql`select lane from saga where kind = 'server.evacuate' and state in ('open', 'unwinding', 'stuck')`)).some((s) => taken.has(s.lane)))
    const still = (await rows<{ id: string }>(c, sql`select id from server where host = ${host}`)).filter((s) => taken.has(s.id))
    if (still.length) throw new Error(`${still.length} servers were evacuated and are still on the dead host: ${still[0].id}`)
  } finally {
    await voice()
    await insist(c, 'PATCH', `/hosts/${host}`, { forced_down: false })
  }
}

/** A host takes no new servers, and those it has move away; it takes servers again before all have, or after. */
export const drain = async (c: Running, chance: Chance, send: Send): Promise<void> => {
  const { id: host } = await one(c, chance), whole = chance.next() < 0.7, at = `/hosts/${host}/drain`
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
