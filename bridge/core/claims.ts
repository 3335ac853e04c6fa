import type { Cloud } from './cloud.ts'
import type { Desk } from './desk.ts'
import { logged } from './fault.ts'
import type { Log } from './log.ts'
import { atMost, backoff, pause } from './pause.ts'

export interface Claiming {
  cloud: Cloud
  desk: Desk
  /** The desired revision last heard of, and what to do when another is heard of. */
  desired: { readonly seen: number; heard(revision: number): void }
  /** Seconds a claim waits for work; also the longest time between two renewals. */
  wait: number
  log: Log
  signal: AbortSignal
}

/** Asks for work until told to stop. Every claim renews what runs; with no slot free it still does, without waiting for more. */
export async function claims({ cloud, desk, desired, wait, log, signal }: Claiming): Promise<void> {
  let bell = 0
  let fresh = true
  let failures = 0
  while (!signal.aborted) {
    const renew = performance.now() + wait * 500
    while (desk.free === 0 && performance.now() < renew && !signal.aborted) await atMost(renew - performance.now(), desk.freed(), signal)
    if (signal.aborted) return
    const running = desk.running()
    const slots = Math.min(256, desk.free)
    const asked = performance.now()
    try {
      const answer = await cloud.claim({ slots, running, wait: slots ? wait : 0, bell, revision: desired.seen, ...(fresh && { fresh }) }, signal)
      if (failures) log('the control plane answers again', { after: failures })
      failures = 0
      fresh = false
      const news = answer.jobs.length || answer.lost.length || answer.bell !== bell || answer.revision !== desired.seen
      bell = answer.bell
      desk.lost(answer.lost, running)
      if (answer.revision !== desired.seen) desired.heard(answer.revision)
      desk.take(answer.jobs)
      // An answer that neither waited nor said anything: do not spin.
      if (!news && slots && performance.now() - asked < 100) await pause(250, signal)
    } catch (error) {
      if (signal.aborted) return
      if (failures++ % 10 === 0) log('claim failed', { error: logged(error), failures })
      await pause(backoff(failures), signal)
    }
  }
}
