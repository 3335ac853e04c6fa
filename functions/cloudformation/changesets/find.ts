import { and, eq } from 'drizzle-orm'
import { changeSet } from '../../../schema/cloudformation.ts'
import { stack } from '../../../schema/orchestration.ts'
import { arn, arnParts } from '../../aws/arn.ts'
import { awsFault } from '../../aws/faults.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { StackRow } from '../../orchestration/engine/record.ts'
import { open } from '../../orchestration/engine/sealed.ts'
import type { StackUpdate } from '../../orchestration/stacks/verbs.ts'
import { stackQuery, validation } from '../find.ts'
import { iso, stackArn } from '../view.ts'

export type ChangeSetRow = typeof changeSet.$inferSelect
export type Content = Pick<StackUpdate, 'source' | 'keep' | 'tags' | 'extra' | 'onFailure' | 'policy'>
export const missing = (name: string) => awsFault('ChangeSetNotFound', `ChangeSet [${name.slice(0, 300)}] does not exist`, { status: 404 })
export const setArn = (ctx: Ctx, c: Pick<ChangeSetRow, 'id' | 'name'>) => arn(ctx, 'cloudformation', `changeSet/${c.name}/${c.id}`)

/** By ARN, or by name and stack. */
export async function changeSetNamed(ctx: Ctx, name: string, stackName?: string): Promise<{ set: ChangeSetRow; stack: StackRow }> {
  const parts = arnParts(name)
  if (!parts && !stackName) throw validation('StackName must be specified if ChangeSetName is not specified as an ARN.')
  if (parts) {
    const id = parts.account === ctx.project ? /^changeSet\/[^/]+\/([^/]+)$/.exec(parts.resource)?.[1] : undefined
    const [[row]] = await ctx.read(q.select({ set: changeSet, stack }).from(changeSet).innerJoin(stack, eq(stack.id, changeSet.stack)).where(and(eq(changeSet.id, id ?? ''), eq(stack.project, ctx.project))))
    if (!row) throw missing(name)
    return row
  }
  const [[s]] = await ctx.read(stackQuery(ctx, stackName!))
  if (!s || s.deletedAt !== null) throw validation(`Stack [${stackName}] does not exist`)
  const [[set]] = await ctx.read(q.select().from(changeSet).where(and(eq(changeSet.stack, s.id), eq(changeSet.name, name))))
  if (!set) throw missing(name)
  return { set, stack: s }
}
export const contentOf = (ctx: Ctx, c: ChangeSetRow) => open(ctx, c.id, c.content) as Content

export function executionOf(c: ChangeSetRow, s: StackRow): string {
  if (c.executedAt !== null) return s.status === 'IN_PROGRESS' && s.extra.changeSet !== undefined && String(s.extra.changeSet).endsWith(c.id) ? 'EXECUTE_IN_PROGRESS' : s.status === 'FAILED' ? 'EXECUTE_FAILED' : 'EXECUTE_COMPLETE'
  if (c.status === 'FAILED') return 'UNAVAILABLE'
  return c.generation === s.generation ? 'AVAILABLE' : 'OBSOLETE'
}
export const setSummary = (ctx: Ctx, c: ChangeSetRow, s: StackRow) => ({
  StackId: stackArn(ctx, s), StackName: s.name, ChangeSetId: setArn(ctx, c), ChangeSetName: c.name, ExecutionStatus: executionOf(c, s), Status: c.status, StatusReason: c.reason ?? undefined, CreationTime: iso(c.createdAt), Description: c.description ?? undefined, IncludeNestedStacks: false,
})
