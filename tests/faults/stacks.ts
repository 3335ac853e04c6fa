import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { q } from '../../functions/kernel/db.ts'
import type { Running } from '../harness/running.ts'
import { Chance } from './chance.ts'
import { unlimited } from './trials.ts'

export interface StackTrials { trials: number; kills: number; ends: Record<string, number>; wrong: string[]; took: number[] }
export interface StackPlan { count: number; from: number; seed: number; resources: number; say: (line: string) => void }
const NAME = 'faulty', at = '/orchestration/v1/stacks', PATIENCE = 240_000

/**
 * A stack of words, values, networks and servers that need each other; some words are renewed, some networks renamed, added
 * and taken away from one generation to the next; `bad`: one near the end fails, so that everything goes back.
 */
function template(n: number, chance: Chance, generation: number, bad: boolean) {
  const resources: Record<string, unknown> = {}
  const names: string[] = []
  for (let i = 0; i < n; i++) {
    const dice = (i * 7919 + generation * 104_729) % 100, before = names.length > 3 ? names[chance.below(names.length)] : undefined
    const add = (name: string, body: object) => { resources[name] = { ...body, ...(before && i % 3 === 0 ? { depends_on: before } : {}) }; names.push(name) }
    if (dice < 4 && generation > 0) continue
    if (i % 50 === 49) add(`server${i}`, { type: 'OS::Nova::Server', properties: { name: `${NAME}-${i}`, image: 'tiny', flavor: 'm1.nano', networks: [{ network: 'demo' }], metadata: { generation: String(dice < 50 ? generation : 0) } } })
    else if (i % 3 === 0) add(`net${i}`, { type: 'OS::Neutron::Net', properties: { name: dice < 25 ? `${NAME}-${i}-${generation}` : `${NAME}-${i}`, ...(dice > 90 && generation ? { availability_zone_hints: ['nova'] } : {}) } })
    else if (i % 3 === 1) add(`word${i}`, { type: 'OS::Heat::RandomString', properties: { length: dice < 10 ? 10 + generation % 5 : 16 } })
    else add(`value${i}`, { type: 'OS::Heat::Value', properties: { value: before ? { get_resource: before } : i } })
  }
  if (bad) resources.bad = { type: 'OS::Heat::TestResource', properties: { fail: true, value: String(generation) }, depends_on: names.slice(-20) }
  return { heat_template_version: '2021-04-16', resources }
}

/** One trial is one turn of the stack with the functions killed up to three times in it; then it must come to rest by itself. */
export async function stackTrials(c: Running, plan: StackPlan): Promise<StackTrials> {
  const out: StackTrials = { trials: 0, kills: 0, ends: {}, wrong: [], took: [] }
  const show = async () => (await c.ask('GET', `${at}?name=${NAME}`, { token: await c.token('demo') })).body?.stacks?.[0] as { id: string; stack_status: string; stack_status_reason: string } | undefined
  await unlimited(c)
  for (let n = plan.from; n < plan.from + plan.count; n++) {
    const chance = Chance.of(plan.seed, n), before = await show().catch(() => undefined)
    const what = !before ? 'create' : chance.below(3) === 0 || before.stack_status.startsWith('ROLLBACK') && chance.below(2) === 0 ? 'delete' : 'update'
    const bad = what !== 'delete' && chance.below(4) === 0, body = what === 'delete' ? undefined : { stack_name: NAME, template: template(plan.resources, chance.fork(), what === 'create' ? 0 : n + 1, bad), disable_rollback: false }
    const told = `trial ${n} (${what}${bad ? ', one fails' : ''})`, since = performance.now()
    const order = async () => {
      const s = await show()
      if (what === 'create') return s ? undefined : c.ask('POST', at, { token: await c.token('demo'), body })
      if (!s) return undefined
      return c.ask(what === 'delete' ? 'DELETE' : 'PUT', `${at}/${NAME}/${s.id}`, { token: await c.token('demo'), body: body && { template: body.template, disable_rollback: false } })
    }
    const first = await order()
    if (first && first.status >= 300) { out.wrong.push(`${told}: ${first.status} ${first.text.slice(0, 300)}`); break }
    const kills = 1 + chance.below(3)
    for (let k = 0; k < kills; k++) { await sleep(chance.below(1500)); const pid = c.kill('functions'); out.kills++; await c.back('functions', pid) }
    const end = await settled(show)
    out.took.push(performance.now() - since)
    const wanted = what === 'delete' ? ['gone'] : bad ? ['ROLLBACK_COMPLETE'] : [`${what.toUpperCase()}_COMPLETE`]
    out.ends[end.status] = (out.ends[end.status] ?? 0) + 1
    if (!wanted.includes(end.status)) out.wrong.push(`${told} ended ${end.status}: ${end.reason}; ${await why(c)}`)
    out.wrong.push(...(await leftovers(c, end.status === 'gone')).map((w) => `${told}: ${w}`))
    out.trials++
    if (out.wrong.length) break
    if (out.trials % 10 === 0) plan.say(`${out.trials} of ${plan.count} stack turns, ${out.kills} kills`)
  }
  const last = await show()
  if (last && !out.wrong.length) {
    await c.ask('DELETE', `${at}/${NAME}/${last.id}`, { token: await c.token('demo') })
    const end = await settled(show)
    if (end.status !== 'gone') out.wrong.push(`the last delete ended ${end.status}: ${end.reason}`)
    out.wrong.push(...await leftovers(c, true))
  }
  return out
}

/** What failed, in the stack's own words. */
async function why(c: Running): Promise<string> {
  const [rows] = await c.db().read([q.all<{ name: string; said: string }>(sql`select name, reason as said from stack_event where status = 'FAILED' order by seq limit 5`)])
  return (rows as { name: string; said: string }[]).map((r) => `${r.name}: ${r.said}`).join('; ') || 'no event says why'
}

async function settled(show: () => Promise<{ stack_status: string; stack_status_reason: string } | undefined>) {
  for (const end = Date.now() + PATIENCE; ; await sleep(150)) {
    const s = await show().catch(() => ({ stack_status: 'X_IN_PROGRESS', stack_status_reason: 'no answer' }))
    if (!s) return { status: 'gone', reason: '' }
    if (!s.stack_status.endsWith('IN_PROGRESS')) return { status: s.stack_status, reason: s.stack_status_reason }
    if (Date.now() > end) return { status: `still ${s.stack_status}`, reason: s.stack_status_reason }
  }
}

/** What the rows of the stack and of the services say of each other: nothing is there that no resource stands for, nothing twice. */
async function leftovers(c: Running, gone: boolean): Promise<string[]> {
  const mine = sql.raw(`name like '${NAME}-%'`), live = sql`stack in (select id from stack where name = ${NAME} and deleted_at is null)`
  for (let tries = 0; ; tries++) {
    const [[n]] = await c.db().read([q.all<Record<string, number>>(sql`select
      (select count(*) from network where ${mine} and id not in (select coalesce(physical_id, '') from stack_resource where ${live})) as networks, (select count(*) from server where ${mine} and id not in (select coalesce(physical_id, '') from stack_resource where ${live})) as servers,
      (select count(*) from stack_resource where ${live} and (current = 0 or status = 'IN_PROGRESS')) as unfinished, (select count(*) from stack_resource where stack not in (select id from stack where deleted_at is null)) as orphans,
      (select count(*) from saga_node) as nodes, (select count(*) from saga where unfinished is not null and state in ('open', 'unwinding', 'stuck')) as turns,
      (select count(*) from network where ${mine}) as allNetworks, (select count(*) from server where ${mine}) as allServers`)]) as unknown as [Record<string, number>[]]
    const bad = Object.entries(n).filter(([k, v]) => v > 0 && (!k.startsWith('all') || gone))
    if (!bad.length || tries > 40) return bad.map(([k, v]) => `${v} ${k} that should not be there`)
    await sleep(250)
  }
}
