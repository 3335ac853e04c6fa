import { sql } from 'drizzle-orm'
import { q } from '../../functions/kernel/db.ts'
import type { Running } from '../harness/running.ts'
import { ingredients } from './operations.ts'
import { rest, unlimited } from './trials.ts'
import { wrongs } from './truth.ts'

/** Many creates at the same instant want what only as many as there are hosts can have. */
export async function crowd(c: Running, many: number): Promise<void> {
  const { image, flavor, network } = await ingredients(c)
  await unlimited(c)
  const { server_group: group } = await c.call('demo', 'POST', '/compute/v2.1/os-server-groups', { server_group: { name: 'apart', policy: 'anti-affinity' } })
  const token = await c.token('demo')
  const answers = await Promise.all(Array.from({ length: many }, (_, n) => c.ask('POST', '/compute/v2.1/servers', {
    token, body: { server: { name: `crowd-${n}`, imageRef: image, flavorRef: flavor, networks: [{ uuid: network }] }, 'os:scheduler_hints': { group: group.id } },
  })))
  const codes = Map.groupBy(answers, (a) => a.status)
  const odd = answers.filter((a) => a.status !== 202)
  if (odd.length) throw new Error(`not every create was taken: ${[...codes].map(([code, all]) => `${all.length} × ${code}`).join(', ')}; ${odd[0].text.slice(0, 300)}`)
  const left = await rest(c, 120)
  if (left.length) throw new Error(`${left.length} did not come to rest: ${left[0].what}`)
  const [servers] = await c.db().read([q.all<{ state: string; fault: string | null; host: string | null }>(sql`select state, fault, host from server where group_id = ${group.id}`)]) as unknown as [{ state: string; fault: string | null; host: string | null }[]]
  const active = servers.filter((s) => s.state === 'active'), refused = servers.filter((s) => s.state === 'error' && /No valid host was found/.test(s.fault ?? ''))
  const hosts = new Set(active.map((s) => s.host)).size
  if (active.length !== 3 || hosts !== 3 || refused.length !== many - 3) throw new Error(`${active.length} active on ${hosts} hosts, ${refused.length} refused for want of a host, ${servers.length} in all`)
  const wrong = await wrongs(c)
  if (wrong.length) throw new Error(wrong.slice(0, 10).join('\n'))
}
