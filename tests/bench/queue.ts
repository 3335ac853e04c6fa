import { setTimeout as sleep } from 'node:timers/promises'
import { eq } from 'drizzle-orm'
import { job } from '../../schema/kernel.ts'
import type { Job } from '../../schema/jobs.ts'
import { q } from '../../functions/kernel/db.ts'
import { TestHost } from '../harness/host.ts'
import type { Figures } from './figures.ts'
import { ingredients, noLimits, serverBody } from './servers.ts'
import { Subject } from './subject.ts'

/** From the commit that made a job to the host that was waiting for one. */
export async function queue(figures: Figures, scale: number) {
  figures.title('From commit to host')
  const s = await Subject.start(['--hosts', '0', '--no-host-packages'], figures, scale)
  let stopping = false
  const received = new Map<string, number>()
  try {
    await noLimits(s)
    const { enrollment } = await s.call('POST', '/hosts', { uses: 1 })
    const host = await TestHost.enroll((method, path, ask) => s.cloud.ask(method, path, ask) as never, enrollment.token, 'bench', { vcpus: 512, memoryMb: 1 << 20, diskGb: 1 << 20, freeMemoryMb: 1 << 20, freeDiskGb: 1 << 20 })
    // As a bridge does: it goes on asking while it works, and names what it works on.
    const running = new Map<string, number>()
    const perform = async (j: Job): Promise<void> => {
      running.set(j.id, j.attempt)
      const more = await host.perform(j).finally(() => running.delete(j.id))
      await Promise.all(more.map(perform))
    }
    const claiming = (async () => {
      while (!stopping) {
        const { body, status } = await host.claim(16, [...running].map(([id, attempt]) => ({ id, attempt })), 5)
        if (status !== 200) throw new Error(`claim: ${status}`)
        host.bell = body.bell
        host.revision = body.revision
        const at = Date.now()
        for (const j of body.jobs as Job[]) {
          received.set(j.id, at)
          void perform(j).catch((e) => figures.fail('report', (e as Error).message))
        }
      }
    })()
    claiming.catch((e) => { if (!stopping) figures.fail('claim', (e as Error).message) })
    const of = await ingredients(s)
    for (let i = 0; i < s.scaled(200); i++) {
      const had = received.size
      await s.call('POST', '/compute/v2.1/servers', serverBody(of, `queue-${i}`))
      for (const end = Date.now() + 30_000; (received.size === had || running.size) && Date.now() < end;) await sleep(5)
      await sleep(30)   // until the host waits again
    }
    const [rows] = await s.cloud.db().read([q.select({ id: job.id, at: job.createdAt }).from(job).where(eq(job.host, host.id))])
    figures.latency('job, from its row to the waiting host', rows.filter((r) => received.has(r.id)).map((r) => received.get(r.id)! - r.at / 1000), { p50: 50, p99: 500 })
  } catch (e) { figures.fail('queue', (e as Error).message) } finally {
    stopping = true
    await s.cloud.reset()
  }
}
