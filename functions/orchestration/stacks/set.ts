import { eq } from 'drizzle-orm'
import { stack } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { StackRow } from '../engine/record.ts'

/** What a stack has besides its resources: nothing is worked on for it. */
export function setOnStack(ctx: Ctx, s: Pick<StackRow, 'id'>, set: Partial<Pick<StackRow, 'protected' | 'policy' | 'extra' | 'tags'>>) {
  ctx.about(s.id)
  ctx.stage(q.update(stack).set(set).where(eq(stack.id, s.id)), 'stale')
}
