import { Type as t } from 'typebox'
import { shape } from '../../aws/front.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { storeHooks } from '../../orchestration/engine/lookups.ts'
import type { StackRow } from '../../orchestration/engine/record.ts'
import { open } from '../../orchestration/engine/sealed.ts'
import { setOnStack } from '../../orchestration/stacks/set.ts'
import { prepareUpdate, updateStack, type StackUpdate } from '../../orchestration/stacks/verbs.ts'
import { otherwise, plan, touches, type Planned } from '../changesets/plan.ts'
import { findStack, validation } from '../find.ts'
import { allowed, readPolicy, type Policy } from '../policy.ts'
import { action } from '../service.ts'
import { clientToken, duringUpdate, flag, options, policies, stackName, type Options } from '../shapes.ts'
import { bodyOf, parametersOf, templateOf } from '../template.ts'
import { once } from '../tokens.ts'
import { stackArn, statusOf } from '../view.ts'
import { extraOf, judged, refuseTriggers, tagNames } from './create.ts'

const SETTLED = /^(CREATE_COMPLETE|UPDATE_COMPLETE|UPDATE_ROLLBACK_COMPLETE|UPDATE_FAILED|IMPORT_COMPLETE|CREATE_FAILED|UPDATE_COMPLETE_CLEANUP_IN_PROGRESS)$/

/** What an update and a change set ask of the engine alike. */
export async function asked(ctx: Ctx, s: StackRow, i: Options & { UsePreviousTemplate?: boolean }): Promise<StackUpdate> {
  refuseTriggers(i)
  const body = await bodyOf(ctx, i)
  if (body !== undefined && i.UsePreviousTemplate) throw validation('Specify either UsePreviousTemplate or a template, not both.')
  if (body === undefined && !i.UsePreviousTemplate) throw validation('Either UsePreviousTemplate, TemplateBody or TemplateURL must be specified.')
  if (body === undefined && !s.template) throw validation(`Stack [${s.name}] has no template yet.`)
  const { given, keep } = parametersOf(i, true), text = body ?? await templateOf(ctx, s)
  if (text !== undefined) judged(text, i)
  const before = open(ctx, s.id, s.parameters), unknown = keep.filter((k) => !Object.hasOwn(before, k))
  if (unknown.length) throw validation(`Invalid input for parameter key ${unknown[0]}. Cannot specify usePreviousValue as true for a parameter key not in the previous template`)
  return {
    source: { body, given }, existing: true, keep, hooks: storeHooks(ctx, ctx.project), meanwhile: 'refuse',
    ...(i.Tags === undefined ? {} : { tags: tagNames(i) }), extra: { ...s.extra, ...extraOf({ ...i, Tags: i.Tags ?? (s.extra.tags as Options['Tags']), NotificationARNs: i.NotificationARNs ?? (s.extra.notifications as string[]) }), drift: undefined },
  }
}

/** In words, when the stack policy is against any of it. */
export function againstPolicy(policy: unknown, planned: Planned[]): string | undefined {
  if (!policy) return undefined
  const bad = planned.find((p) => { const what = touches(p); return what && !allowed(policy as Policy, what, p) })
  return bad && `Action denied by stack policy: Statement does not allow ${touches(bad)} of LogicalResourceId/${bad.name}`
}
export function settled(s: StackRow) {
  const status = statusOf(s)
  if (!SETTLED.test(status)) throw validation(`Stack:${s.id} is in ${status} state and can not be updated.`)
}

export const update = action('UpdateStack', {
  policy: 'cloudformation:UpdateStack', summary: 'Change a stack',
  input: shape({ StackName: stackName, ...options, UsePreviousTemplate: flag, DisableRollback: flag, ...policies, ...duringUpdate, ClientRequestToken: clientToken, RetainExceptOnCreate: flag }),
  handle: (ctx, i) => once(ctx, 'UpdateStack', i, async () => {
    const s = await findStack(ctx, i.StackName)
    settled(s)
    const ask = await asked(ctx, s, i), prepared = await prepareUpdate(ctx, s, ask), planned = await plan(ctx, s, prepared)
    if (!planned.length && !await otherwise(ctx, s, prepared.program, { tags: i.Tags, notifications: i.NotificationARNs })) throw validation('No updates are to be performed.')
    const policy = await readPolicy(ctx, i), during = await readPolicy(ctx, { StackPolicyBody: i.StackPolicyDuringUpdateBody, StackPolicyURL: i.StackPolicyDuringUpdateURL })
    const denied = againstPolicy(during ?? s.policy, planned)
    if (denied) throw validation(denied)
    await updateStack(ctx, s, { ...ask, onFailure: i.DisableRollback ? 'keep' : 'rollback', token: i.ClientRequestToken, ...(policy ? { policy } : {}) })
    return { StackId: stackArn(ctx, s) }
  }),
})

export const protect = action('UpdateTerminationProtection', {
  policy: 'cloudformation:UpdateTerminationProtection', summary: 'Protect a stack from being deleted, or no longer', input: shape({ StackName: stackName, EnableTerminationProtection: t.Boolean() }),
  async handle(ctx, i) {
    const s = await findStack(ctx, i.StackName)
    if (s.owner) throw validation(`Termination protection of the nested stack ${s.name} is its root stack's.`)
    setOnStack(ctx, s, { protected: i.EnableTerminationProtection })
    return { StackId: stackArn(ctx, s) }
  },
})
export const setPolicy = action('SetStackPolicy', {
  policy: 'cloudformation:SetStackPolicy', summary: 'Say which resources updates may touch', input: shape({ StackName: stackName, ...policies }),
  async handle(ctx, i) {
    const policy = await readPolicy(ctx, i)
    if (!policy) throw validation('One of StackPolicyBody and StackPolicyURL must be specified.')
    setOnStack(ctx, await findStack(ctx, i.StackName), { policy })
  },
})
export const getPolicy = action('GetStackPolicy', {
  policy: 'cloudformation:GetStackPolicy', summary: 'Read which resources updates may touch', input: shape({ StackName: stackName }),
  async handle(ctx, i) { const s = await findStack(ctx, i.StackName); return { StackPolicyBody: s.policy ? JSON.stringify(s.policy) : undefined } },
})
