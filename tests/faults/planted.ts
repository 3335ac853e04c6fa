import { randomUUID } from 'node:crypto'
import { appendFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { sql } from 'drizzle-orm'
import { q } from '../../functions/kernel/db.ts'
import type { Running } from '../harness/running.ts'
import { until } from '../steps.ts'
import { wrongs } from './truth.ts'

/** Nothing is wrong; then something is, and is found; then it goes again. */
export async function findsPlanted(look: () => Promise<string[]>, plant: () => unknown, pull: () => unknown, wanted: RegExp): Promise<void> {
  // Hosts that have just started are still becoming what they should be.
  await until('nothing is wrong before anything is planted', 30, async () => { const before = await look(); if (before.length) throw new Error(before[0]); return true })
  await plant()
  const seen = await look()
  await pull()
  if (!seen.some((w) => wanted.test(w))) throw new Error(`not found: ${wanted}; only ${JSON.stringify(seen)}`)
}

/** What looks for leaks would be worth nothing if it found none where there are some. */
export async function planted(c: Running): Promise<void> {
  const folder = path.join(c.data, 'bridge', 'simulated'), host = readdirSync(folder).find((n) => n !== 'shared' && n !== 'scratch')!
  const id = randomUUID(), domain = path.join(folder, host, 'guests.jsonl'), disk = path.join(folder, 'shared', 'volumes.jsonl')
  const run = (text: string) => q.run(sql.raw(text))
  const found = (plant: () => unknown, pull: () => unknown, wanted: RegExp) => findsPlanted(() => wrongs(c), plant, pull, wanted)
  const rows = (plant: string, pull: string, wanted: RegExp) => found(() => c.db().write([run(plant)]), () => c.db().write([run(pull)]), wanted)
  await found(() => appendFileSync(domain, JSON.stringify([id, { state: 'running', spec: { disks: [] } }]) + '\n'), () => appendFileSync(domain, JSON.stringify([id]) + '\n'), /domain .* belongs to no server/)
  await found(() => appendFileSync(disk, JSON.stringify([`volume/${id}`, {}]) + '\n'), () => appendFileSync(disk, JSON.stringify([`volume/${id}`]) + '\n'), /disk volume\/.* belongs to nothing/)
  await rows(`insert into provider_usage (provider, class, used) select id, 'VCPU', 1000000 from host limit 1 on conflict do update set used = used + 1000000`, `update provider_usage set used = used - 1000000 where used >= 1000000`, /no host is promised more than it has/)
  await rows(`insert into port (id, project, network, mac, device, device_owner, owned_by_server, created_at, updated_at) select '${id}', '', id, 'fa:16:3e:ff:ff:ff', '${id}', 'compute:nova', 1, 1, 1 from network limit 1`, `delete from port where id = '${id}'`, /a port made for a server goes with it/)
  await rows(`insert into saga (id, kind, lane, state, args, log, generation, deadline, request_id, created_at, updated_at) values ('${id}', 'server.turn', '${id}', 'stuck', '{"adminPass":"x"}', '[]', 0, 9e15, 'req-x', 1, 1)`, `delete from saga where id = '${id}'`, /nothing is overdue|no secret where many can read/)
}
