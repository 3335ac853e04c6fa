import { lt, notInArray } from 'drizzle-orm'
import { changeSet, driftDetection, resourceDrift } from '../../../schema/cloudformation.ts'
import { stack, stackResource } from '../../../schema/orchestration.ts'
import { q } from '../../kernel/db.ts'
import { seconds } from '../../kernel/env.ts'
import type { Sweep } from '../../kernel/sweep.ts'

/** What was noted about stacks and resources that are gone, and looks of long ago. */
export const sweepNotes: Sweep = {
  name: 'cloudformation', every: 900,
  async run(basis) {
    await basis.db.write([
      q.delete(changeSet).where(notInArray(changeSet.stack, q.select({ id: stack.id }).from(stack))), q.delete(resourceDrift).where(notInArray(resourceDrift.resource, q.select({ id: stackResource.id }).from(stackResource))),
      q.delete(driftDetection).where(lt(driftDetection.at, basis.world.now() - seconds(90 * 86_400))),
    ])
  },
}
