import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { DomainState, Virt } from '../drivers.ts'
import { powerOff } from './poweroff.ts'

beforeEach(() => { vi.useFakeTimers({ toFake: ['performance'] }) })
afterEach(() => { vi.useRealTimers() })

/** A guest that hears the n'th request to power off, or none. Time passes as it is looked at. */
function guest(hears: number) {
  const said: string[] = []
  let state: DomainState = 'running'
  const virt = {
    async state() { vi.advanceTimersByTime(400); return state },
    async shutdown() { said.push('asked'); if (said.length === hears) state = 'shutoff' },
    async powerOff() { said.push('plug pulled'); state = 'shutoff' },
  } as unknown as Virt
  return { said, stop: (seconds: number) => powerOff({ virt, signal: AbortSignal.timeout(60_000), progress() {} }, 'uuid', seconds) }
}

test('a guest that hears is asked once', async () => {
  const { said, stop } = guest(1)
  await stop(30)
  expect(said).toEqual(['asked'])
})

test('a guest that was still booting is asked again', async () => {
  const { said, stop } = guest(2)
  await stop(30)
  expect(said).toEqual(['asked', 'asked'])
}, 10_000)

test('a guest that never hears loses its power after the grace, at once without any', async () => {
  const deaf = guest(0), hasty = guest(0)
  await deaf.stop(3)
  expect(deaf.said).toEqual(['asked', 'plug pulled'])
  await hasty.stop(0)
  expect(hasty.said).toEqual(['plug pulled'])
})
