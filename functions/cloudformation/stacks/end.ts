import { and, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { stackResource } from '../../../schema/orchestration.ts'
import { shape } from '../../aws/front.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { StackRow } from '../../orchestration/engine/record.ts'
import { cancelUpdate, continueRollback, rollbackStack } from '../../orchestration/stacks/actions.ts'
import { deleteStack } from '../../orchestration/stacks/verbs.ts'
import { findStack, idOf, noStack, stackQuery, validation } from '../find.ts'
import { importing } from '../imports.ts'
import { action } from '../service.ts'
import { clientToken, logicalId, mode, role, stackName } from '../shapes.ts'
import { once } from '../tokens.ts'
import { stackArn, statusOf } from '../view.ts'

/** What others import must stay. */
async function notImported(ctx: Ctx, s: StackRow) {
  const mine = s.outputs.flatMap((o) => (o.export ? [o.export] : []))
  if (!mine.length) return
  const user = (await importing(ctx)).find((x) => x.stack !== s.name && x.names.some((n) => mine.includes(n)))
  if (user) throw validation(`Export ${user.names.find((n) => mine.includes(n))} cannot be deleted as it is in use by ${user.stack}`)
}

export const remove = action('DeleteStack', {
  policy: 'cloudformation:DeleteStack', summary: 'Delete a stack and what it made', input: shape({ StackName: stackName, RetainResources: t.Optional(t.Array(logicalId, { maxItems: 500 })), RoleARN: role, ClientRequestToken: clientToken, DeletionMode: t.Optional(t.Enum(['STANDARD', 'FORCE_DELETE_STACK'])), DeploymentConfig: mode }),
  handle: (ctx, i) => once(ctx, 'DeleteStack', i, async () => {
    const [rows] = await ctx.read(stackQuery(ctx, i.StackName)), [s] = rows
    // What is not there any more is as it should be; of an ARN that never was of this project nothing is known.
    if (!s) { if (idOf(ctx, i.StackName) === '') throw noStack(i.StackName); return undefined }
    if (s.deletedAt !== null) return undefined
    if (s.protected) throw validation(`Stack [${s.name}] cannot be deleted while TerminationProtection is enabled`)
    const failed = s.action === 'DELETE' && s.status === 'FAILED'
    if (i.RetainResources?.length && !failed) throw validation(`Invalid operation on stack [${stackArn(ctx, s)}]. RetainResources can only be specified when the stack is in the DELETE_FAILED state.`)
    if (s.action === 'DELETE' && s.status === 'IN_PROGRESS') return undefined
    await notImported(ctx, s)
    let retain = i.RetainResources
    if (failed && (retain?.length || i.DeletionMode === 'FORCE_DELETE_STACK')) {
      const [left] = await ctx.read(q.select({ name: stackResource.name, status: stackResource.status, action: stackResource.action }).from(stackResource).where(and(eq(stackResource.stack, s.id))))
      const stuck = left.filter((r) => r.action === 'DELETE' && r.status === 'FAILED').map((r) => r.name), wrong = retain?.find((n) => !stuck.includes(n))
      if (wrong) throw validation(`The specified resources to retain must be in a valid state [DELETE_FAILED]: ${wrong}`)
      retain ??= stuck
    }
    await deleteStack(ctx, s, { retain, token: i.ClientRequestToken })
    return undefined
  }),
})

export const cancel = action('CancelUpdateStack', {
  policy: 'cloudformation:CancelUpdateStack', summary: 'Stop an update and go back', input: shape({ StackName: stackName, ClientRequestToken: clientToken }),
  handle: (ctx, i) => once(ctx, 'CancelUpdateStack', i, async () => {
    const s = await findStack(ctx, i.StackName), status = statusOf(s)
    if (status !== 'UPDATE_IN_PROGRESS') throw validation(`CancelUpdateStack cannot be called from current stack status ${status}`)
    await cancelUpdate(ctx, s)
    return undefined
  }),
})
export const rollback = action('RollbackStack', {
  policy: 'cloudformation:RollbackStack', summary: 'Go back from a failure that was kept', input: shape({ StackName: stackName, RoleARN: role, ClientRequestToken: clientToken, RetainExceptOnCreate: t.Optional(t.Boolean()), DeploymentConfig: mode }),
  handle: (ctx, i) => once(ctx, 'RollbackStack', i, async () => {
    const s = await findStack(ctx, i.StackName), status = statusOf(s)
    if (!/^(CREATE|UPDATE)_FAILED$/.test(status)) throw validation(`Stack:${stackArn(ctx, s)} is in ${status} state and can not be rolled back.`)
    await rollbackStack(ctx, s)
    return { StackId: stackArn(ctx, s) }
  }),
})
export const goOn = action('ContinueUpdateRollback', {
  policy: 'cloudformation:ContinueUpdateRollback', summary: 'Go on with a rollback that failed', input: shape({ StackName: stackName, RoleARN: role, ResourcesToSkip: t.Optional(t.Array(t.String({ maxLength: 400 }))), ClientRequestToken: clientToken }),
  handle: (ctx, i) => once(ctx, 'ContinueUpdateRollback', i, async () => {
    const s = await findStack(ctx, i.StackName), status = statusOf(s)
    if (status !== 'UPDATE_ROLLBACK_FAILED') throw validation(`Stack:${stackArn(ctx, s)} is in ${status} state and can not continue update rollback.`)
    const [rows] = await ctx.read(q.select({ name: stackResource.name, status: stackResource.status }).from(stackResource).where(eq(stackResource.stack, s.id)))
    for (const name of i.ResourcesToSkip ?? []) if (!rows.some((r) => r.name === name && r.status === 'FAILED')) throw validation(`Resource [${name}] cannot be skipped: it is not in a FAILED state.`)
    await continueRollback(ctx, s, { skip: i.ResourcesToSkip })
    return {}
  }),
})
