import { setTimeout as sleep } from 'node:timers/promises'
import { count, eq } from 'drizzle-orm'
import { volume } from '../../schema/volume.ts'
import { q } from '../../functions/kernel/db.ts'
import { loop } from './load.ts'
import { spent } from './figures.ts'
import type { Subject } from './subject.ts'

export async function volumes(s: Subject) {
  const n = s.scaled(200)
  s.figures.title(`${n} empty volumes`)
  const db = s.cloud.db()
  const available = async () => (await db.read([q.select({ n: count() }).from(volume).where(eq(volume.status, 'available'))]))[0][0].n
  const { out, cpu } = await spent(s.processes, async () => {
    const run = await loop({ n, at: 8, seconds: 120 }, (i) => s.call('POST', '/volume/v3/volumes', { volume: { size: 1, name: `bench-${i}` } }))
    for (const end = Date.now() + 60_000; Date.now() < end && await available() < run.done.length; await sleep(50));
    return run
  })
  s.told('volume create', out, cpu, { at: 8, p99: 500, rate: 20, cpu: 1.7 })
  const there = await available()
  if (there < out.done.length) s.figures.fail('volumes available', `${out.done.length - there} of ${out.done.length} are not`)
}
