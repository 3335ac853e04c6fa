import { afterAll, expect, it } from 'vitest'
import { nudge, pace } from './nudge.ts'

const { ms } = pace
pace.ms = 500
afterAll(() => { pace.ms = ms })

it('hosts concerned by many changes are told of the first at once, and of the others together, once, a moment later', async () => {
  const told: { host: string; at: number }[] = []
  const ring = async (host: string) => { told.push({ host, at: Date.now() }) }
  const began = Date.now()
  const all = [nudge(['a', 'b'], ring), nudge(['a'], ring), nudge(['b', 'c'], ring), nudge(['a'], ring)]
  await all[0]
  expect(told.map((t) => t.host)).toEqual(['a', 'b'])
  await Promise.all(all)
  expect(told.slice(2).map((t) => t.host).sort()).toEqual(['a', 'b', 'c'])
  for (const { at } of told.slice(2)) expect(at - began).toBeGreaterThanOrEqual(495)
})
