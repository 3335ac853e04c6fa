import type { Ctx } from '../../kernel/ctx.ts'
import { isoSeconds } from '../../kernel/view.ts'
import { regionOf } from '../engine/place.ts'
import type { Output, StackRow } from '../engine/record.ts'
import { open, openOutputs } from '../engine/sealed.ts'

export const hrefOf = (ctx: Ctx, s: { project: string; name: string; id: string }, rest = '') => `${ctx.origin}/orchestration/v1/${s.project}/stacks/${encodeURIComponent(s.name)}/${s.id}${rest}`
const self = (href: string, rel = 'self') => ({ href, rel })
export const linksOf = (ctx: Ctx, s: { project: string; name: string; id: string }) => [self(hrefOf(ctx, s))]

/** A line of a list. */
export const brief = (ctx: Ctx, s: StackRow) => ({
  id: s.id, links: linksOf(ctx, s), stack_name: s.name, description: s.description || null, stack_status: `${s.action}_${s.status}`, stack_status_reason: s.reason, creation_time: isoSeconds(s.createdAt), updated_time: s.updatedAt ? isoSeconds(s.updatedAt) : null,
  deletion_time: s.deletedAt ? isoSeconds(s.deletedAt) : null, stack_owner: null, parent: s.owner, tags: s.tags.length ? s.tags : null, ...(ctx.caller.admin ? { project: s.project } : {}), stack_user_project_id: s.project,
})

export const full = (ctx: Ctx, s: StackRow, outputs = true) => ({
  ...brief(ctx, s), stack_owner: s.userName, disable_rollback: s.onFailure === 'keep', timeout_mins: s.timeout, capabilities: [], notification_topics: [], template_description: s.description || 'No description',
  parameters: { 'OS::project_id': s.project, 'OS::stack_id': s.id, 'OS::stack_name': s.name, ...(s.front === 'heat' ? {} : { 'AWS::Region': regionOf(ctx) }), ...open(ctx, s.id, s.parameters) },
  // An update under way has no outputs to show yet but those of before.
  ...(outputs ? { outputs: openOutputs(ctx, s).map(outputView) } : {}),
})
export const outputView = (o: Output) => ({ output_key: o.key, output_value: o.value ?? null, description: o.description, ...(o.error ? { output_error: o.error } : {}) })
