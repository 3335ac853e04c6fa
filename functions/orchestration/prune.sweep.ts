import { and, inArray, isNotNull, lt } from 'drizzle-orm'
import { stack, stackEvent, stackTemplate } from '../../schema/orchestration.ts'
import { q } from '../kernel/db.ts'
import { seconds } from '../kernel/env.ts'
import type { Sweep } from '../kernel/sweep.ts'
import { KEPT } from './engine/limits.ts'

/** Stacks that ended some days ago, with their story. */
export const stackSweep: Sweep = {
  name: 'stacks', every: 3600,
  async run(basis) {
    const [rows] = await basis.db.read([q.select({ id: stack.id }).from(stack).where(and(isNotNull(stack.deletedAt), lt(stack.deletedAt, basis.world.now() - seconds(KEPT)))).limit(500)])
    if (!rows.length) return
    const ids = rows.map((r) => r.id)
    await basis.db.write([q.delete(stackEvent).where(inArray(stackEvent.stack, ids)), q.delete(stackTemplate).where(inArray(stackTemplate.stack, ids)), q.delete(stack).where(inArray(stack.id, ids))])
  },
}
