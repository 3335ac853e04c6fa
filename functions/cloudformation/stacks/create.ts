import { Type as t } from 'typebox'
import { shape } from '../../aws/front.ts'
import { storeHooks } from '../../orchestration/engine/lookups.ts'
import { parse } from '../../orchestration/template/index.ts'
import { createStack } from '../../orchestration/stacks/verbs.ts'
import { validation } from '../find.ts'
import { readPolicy } from '../policy.ts'
import { action } from '../service.ts'
import { clientToken, failure, flag, options, policies, stackName, type Options } from '../shapes.ts'
import { mustBeCapable, mustBeOf, needed, parametersOf } from '../template.ts'
import { once } from '../tokens.ts'
import { stackArn } from '../view.ts'

/** What only this API knows of a stack. */
export const extraOf = (i: Options) => ({
  tags: i.Tags ?? [], capabilities: i.Capabilities ?? [], notifications: i.NotificationARNs ?? [], ...(i.RoleARN ? { role: i.RoleARN } : {}),
})
export const whenFailed = (i: { OnFailure?: string; OnStackFailure?: string; DisableRollback?: boolean; DeploymentConfig?: { DisableRollback?: boolean } }) => {
  const asked = i.OnFailure ?? i.OnStackFailure ?? (i.DeploymentConfig?.DisableRollback ? 'DO_NOTHING' : undefined)
  if (asked !== undefined && i.DisableRollback !== undefined) throw validation('You can specify either DisableRollback or OnFailure, but not both.')
  return asked === 'DO_NOTHING' || i.DisableRollback ? 'keep' as const : asked === 'DELETE' ? 'delete' as const : 'rollback' as const
}
export function refuseTriggers(i: Options) {
  if (i.DeploymentConfig?.Mode === 'EXPRESS') throw validation('DeploymentConfig: only Mode STANDARD is supported: a stack is complete once its resources are.')
  if (i.RollbackConfiguration?.RollbackTriggers?.length) throw validation('Rollback triggers are not supported: there are no alarms to watch.')
}
/** Before anything is asked of the database: a template that is none is refused in words that say why. */
export function judged(body: string, i: Options) {
  const template = parse(body, { front: 'aws', parameters: parametersOf(i, true).given })
  mustBeCapable(template, i.Capabilities)
  mustBeOf(template, i.ResourceTypes)
}

export const create = action('CreateStack', {
  policy: 'cloudformation:CreateStack', summary: 'Create a stack',
  input: shape({ StackName: stackName, ...options, DisableRollback: flag, OnFailure: failure, TimeoutInMinutes: t.Optional(t.Integer({ minimum: 1, maximum: 1440 })), ...policies, ClientRequestToken: clientToken, EnableTerminationProtection: flag, RetainExceptOnCreate: flag }),
  handle: (ctx, i) => once(ctx, 'CreateStack', i, async () => {
    refuseTriggers(i)
    const body = await needed(ctx, i)
    judged(body, i)
    const { given } = parametersOf(i, false), policy = await readPolicy(ctx, i)
    const s = await createStack(ctx, {
      name: i.StackName, front: 'aws', source: { body, given }, onFailure: whenFailed(i), timeout: i.TimeoutInMinutes, protected: i.EnableTerminationProtection, policy, token: i.ClientRequestToken,
      tags: tagNames(i), extra: extraOf(i), hooks: storeHooks(ctx, ctx.project),
    })
    return { StackId: stackArn(ctx, s) }
  }),
})
/** The native API shows tags as words. */
export const tagNames = (i: Options) => (i.Tags ?? []).map((x) => (x.Value ? `${x.Key}=${x.Value}` : x.Key).replaceAll(',', ' ').slice(0, 80))
