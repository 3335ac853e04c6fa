import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { q } from '../../functions/kernel/db.ts'
import type { Process, Running } from '../harness/running.ts'
import type { Chance } from './chance.ts'
import type { Disk } from './disk.ts'
import type { Fleet } from './fleet.ts'
import { drain, evacuation } from './hosts.ts'
import type { Send } from './operations.ts'
import type { Held, Wire } from './wire.ts'

/** Something that goes wrong; resolves when what it did is over and everything that died answers again. */
export type Fault<C extends Running = Fleet> = (c: C, chance: Chance, send: Send) => Promise<void>
/** A cloud whose hosts are behind a wire of the test's, and keep what they have on disks of the test's. */
export type HeldHosts = Running & { wire: Wire; disks: Disk[] }

const killed = (...victims: Process[]): Fault => async (c) => {
  const pids = victims.map((v) => [v, c.kill(v)] as const)
  await Promise.all(pids.map(([v, pid]) => c.back(v, pid)))
}
/** There, and deaf: connections are taken by the kernel and nobody answers. */
const hung = (victim: Process, most: number): Fault => async (c, chance) => {
  const pid = c.kill(victim, 'SIGSTOP')
  await sleep(300 + chance.below(most))
  if (pid) try { process.kill(pid, 'SIGCONT') } catch { /* it was ended meanwhile, and another runs */ }
}

/** What may go wrong between control plane and hosts of any kind, and with what they write to. */
export const held: Record<string, Fault<HeldHosts>> = {
  /** Asked and done, but the answer does not arrive. */
  deaf: async (c, chance) => {
    const dice = chance.fork()
    c.wire.chance = () => dice.next()
    c.wire.deaf = 0.4
    await sleep(500 + chance.below(1500))
    c.wire.deaf = 0
  },
  /** Jobs delivered twice: at once, while they run, and after they ended. */
  twice: async (c, chance) => {
    c.wire.stutter = true
    await sleep(800 + chance.below(1500))
    c.wire.stutter = false
  },
  late: (c) => late(c),
  'disk-full': async (c, chance) => {
    const disk = chance.of(c.disks)
    disk.fill()
    await sleep(300 + chance.below(2000))
    disk.unfill()
  },
}

export const menu: Record<string, Fault> = {
  functions: killed('functions'),
  bridge: killed('bridge'),
  'functions+bridge': killed('functions', 'bridge'),
  database: killed('libsql'),
  store: killed('s3'),
  everything: killed('libsql', 's3', 'functions', 'bridge'),
  'database-hangs': hung('libsql', 3000),
  'store-hangs': hung('s3', 3000),
  'bridge-hangs': hung('bridge', 3000),
  /** The link between hosts and control plane is cut, with all that is under way on it, and mended. */
  cut: async (c, chance) => {
    c.wire.sever()
    await sleep(100 + chance.below(3000))
    c.wire.mend()
  },
  /** The hosts' clock jumps, by up to two days, and stays there until the next trial has begun. */
  clock: async (c, chance) => {
    c.setClock((chance.next() < 0.5 ? -1 : 1) * chance.of([7, 90, 3600, 86_400, 172_800]))
    await sleep(300 + chance.below(700))
  },
  ...held,
  evacuation: evacuation(async (c: Fleet, { id }) => { c.wire.away.add(id); return () => c.wire.away.delete(id) }, 30),
  drain,
}

/** A report that arrives after its lease has run out and the job was handed out again. Sixty seconds pass in the row, not for us. */
async function late(c: HeldHosts) {
  const held = await Promise.race([new Promise<Held>((take) => { c.wire.hold = take }), sleep(2500)])
  c.wire.hold = undefined
  if (!held) return
  const { job, said } = held
  try {
    await c.db().write([q.run(sql`update job set lease_until = 1 where id = ${job} and attempt = ${said.attempt} and state = 'running'`)])
    for (const end = Date.now() + 8000; Date.now() < end; await sleep(50)) {
      const [[row]] = await c.db().read([q.all<{ attempt: number; state: string }>(sql`select attempt, state from job where id = ${job}`)]) as unknown as [{ attempt: number; state: string }[]]
      if (!row || row.attempt > said.attempt || !['queued', 'running'].includes(row.state)) break
    }
  } finally { held.go() }
}
