import type { Work } from '../core/executor.ts'
import { pause } from '../core/pause.ts'
import { off } from './state.ts'

/** Asks, waits as long as the guest is given, then pulls the plug. A paused guest cannot hear, so it is not asked. */
export async function powerOff({ virt, signal, progress }: Pick<Work, 'virt' | 'signal' | 'progress'>, uuid: string, graceSeconds: number): Promise<void> {
  const state = await virt.state(uuid)
  if (off(state) && state !== 'crashed') return
  if (graceSeconds > 0 && state === 'running') {
    await virt.shutdown(uuid)
    if (await within(graceSeconds * 1000, async () => off(await virt.state(uuid)), signal)) return
    progress('the guest did not power off in time')
  }
  signal.throwIfAborted()
  await virt.powerOff(uuid)
}

/** Looks at once, then less and less often. */
async function within(ms: number, so: () => Promise<boolean>, signal: AbortSignal): Promise<boolean> {
  const until = performance.now() + ms
  for (let wait = 50; ; wait = Math.min(500, wait * 1.5)) {
    if (await so()) return true
    if (performance.now() + wait > until || signal.aborted) return false
    await pause(wait, signal)
  }
}
