import { setTimeout as sleep } from 'node:timers/promises'
import { and, count, inArray, like } from 'drizzle-orm'
import { server } from '../../schema/compute.ts'
import { host } from '../../schema/host.ts'
import { q } from '../../functions/kernel/db.ts'
import { loop } from './load.ts'
import { spent } from './figures.ts'
import { sum } from './processes.ts'
import { benchNetwork, ingredients, serverBody } from './servers.ts'
import type { Subject } from './subject.ts'

/**
 * What a server costs that all hosts have to hear of, because they share its network and its group, beside one whose
 * neighbours are few: the first is news to every host, and is still to cost no more than twice the second.
 */
export async function neighbours(s: Subject) {
  const n = s.scaled(1000), { figures } = s, db = s.cloud.db()
  figures.title(`${n} servers with many neighbours, and with few`)
  const of = await ingredients(s)
  const apart: string[] = []
  for (let i = 0; i < Math.max(4, n / 10); i++) apart.push(await benchNetwork(s, `apart-${i}`, `10.${80 + Math.floor(i / 250)}.${i % 250}.0/24`))
  const group = (await s.call('POST', '/network/v2.0/security-groups', { security_group: { name: 'bench-apart' } })).security_group.id as string
  const each = async (what: string, body: (i: number) => object) => {
    const name = `${what}-${process.pid}`
    const states = async (...of: ('active' | 'error')[]) => (await db.read([q.select({ n: count() }).from(server).where(and(like(server.name, `${name}-%`), inArray(server.state, of)))]))[0][0].n
    const { out: run, cpu } = await spent(s.processes, async () => {
      const run = await loop({ n, at: 8, seconds: 300 }, (i) => s.call('POST', '/compute/v2.1/servers', body(i)))
      for (const end = Date.now() + 300_000; Date.now() < end && await states('active', 'error') < run.done.length; await sleep(100));
      return run
    })
    figures.failed(`servers ${what}`, run)
    const active = await states('active')
    if (active < run.done.length) figures.fail(`servers ${what}`, `${run.done.length - active} are not ACTIVE`)
    figures.put(`servers ${what}`, run.done.length / run.seconds, '/s')
    figures.cpu(`servers ${what}`, cpu, active)
    return sum(cpu) / active
  }
  const few = await each('apart', (i) => serverBody({ ...of, network: apart[i % apart.length] }, `apart-${process.pid}-${i}`, { security_groups: [{ name: group }] }))
  const many = await each('together', (i) => serverBody(of, `together-${process.pid}-${i}`))
  figures.put('many neighbours beside few', many / few, 'times', { bar: { most: 2 } })
  const [[{ hosts }], at] = await db.read([q.select({ hosts: count() }).from(host), q.selectDistinct({ host: server.host }).from(server).where(like(server.name, `together-${process.pid}-%`))])
  figures.put('hosts that share the network', at.length, 'hosts', { note: `of ${hosts}` })
}
