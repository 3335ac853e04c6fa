import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves after the time or as soon as the signal fires; never rejects, so loops read straight. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> => sleep(ms, undefined, { signal }).catch(() => {})

/** 0.2 s, 0.4 s, … 5 s, each with jitter, so that a thousand hosts do not come back in one instant. */
export const backoff = (failures: number): number => Math.min(5000, 200 * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2)

/** Waits for whichever comes first, and leaves no timer behind. */
export async function atMost(ms: number, until: Promise<unknown>, signal?: AbortSignal): Promise<void> {
  const enough = new AbortController()
  await Promise.race([until, pause(ms, signal ? AbortSignal.any([signal, enough.signal]) : enough.signal)])
  enough.abort()
}
