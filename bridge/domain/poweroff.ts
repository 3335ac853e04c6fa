import type { Work } from '../core/executor.ts'
import { pause } from '../core/pause.ts'
import { off } from './state.ts'

/** Asks, waits as long as the guest is given, then pulls the plug. A paused guest cannot hear, so it is not asked. */
export async function powerOff({ virt, signal, progress }: Pick<Work, 'virt' | 'signal' | 'progress'>, uuid: string, graceSeconds: number): Promise<void> {
  const state = await virt.state(uuid)
  if (off(state) && state !== 'crashed') return
  if (graceSeconds > 0 && state === 'running') {
    if (await shutDown({ virt, signal }, uuid, graceSeconds * 1000)) return
    progress('the guest did not power off in time')
  }
  signal.throwIfAborted()
  await virt.powerOff(uuid)
}

/** Milliseconds after which the guest is asked again: one that was still booting did not hear the first time. */
const again = 5000

/** Looks at once, then less and less often. */
async function shutDown({ virt, signal }: Pick<Work, 'virt' | 'signal'>, uuid: string, ms: number): Promise<boolean> {
  const until = performance.now() + ms
  let asked = -Infinity
  for (let wait = 50; ; wait = Math.min(500, wait * 1.5)) {
    const now = performance.now()
    if (now - asked >= again) {
      asked = now
      await virt.shutdown(uuid)
    }
    if (off(await virt.state(uuid))) return true
    if (now + wait > until || signal.aborted) return false
    await pause(wait, signal)
  }
}
