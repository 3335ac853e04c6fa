import { afterAll, afterEach, expect, vi } from 'vitest'
import { clouds } from './clouds.ts'

// Once for each file: those of the file before are over.
clouds.length = 0
afterAll(() => { vi.restoreAllMocks() })

/** After every test in workerd: what was left for after the answers is done, and then the rows of its clouds break no invariant. */
afterEach(async ({ task }) => {
  if (!clouds.length || task.result?.state === 'fail') return
  const { violations } = await import('./invariants.ts')
  for (const c of clouds) {
    await c.settle()
    expect(await violations(c.db()), `invariants after “${task.name}”`).toEqual([])
  }
})
