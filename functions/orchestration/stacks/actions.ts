import { and, eq } from 'drizzle-orm'
import { stackResource, stackSnapshot, stackTemplate } from '../../../schema/orchestration.ts'
import { delegationOf } from '../../identity/standin.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { stageStop } from '../../kernel/graph.ts'
import { sagaOf } from '../../sagas.ts'
import { placeOf } from '../engine/place.ts'
import { applyNodes, removeNodes } from '../engine/plan.ts'
import { programOf } from '../engine/program.ts'
import { turnTo, type StackRow } from '../engine/record.ts'
import { openRows, openTemplate, shut } from '../engine/sealed.ts'
import { abandonTurn, actOn, begin } from './verbs.ts'

/** Stops a change that is being made: back to what was before, or (`stay`) no further. */
export async function cancelUpdate(ctx: Ctx, s: StackRow, o: { stay?: boolean } = {}): Promise<void> {
  const may = s.status === 'IN_PROGRESS' && !s.cleaning && (s.action === 'UPDATE' || (o.stay && s.action === 'CREATE'))
  if (!may) throw invalid(s.front === 'aws' ? `CancelUpdateStack cannot be called from current stack status` : `Cancelling update when stack is (${s.action}, ${s.status}) is not supported.`, { type: 'NotSupported' })
  if (!await stageStop(ctx, s.id, `Stack ${s.action} cancelled`, sagaOf, undefined, o.stay ? { stay: true } : { onFailure: 'rollback' })) throw conflict(`Stack ${s.name} is not being changed any more.`, { type: 'ActionInProgress' })
}

/** From a failure that was kept, back to what was before it. */
export async function rollbackStack(ctx: Ctx, s: StackRow): Promise<void> {
  if (s.status !== 'FAILED' || !['CREATE', 'UPDATE'].includes(s.action)) throw invalid(`Stack:${s.id} is in ${s.action}_${s.status} state and can not be rolled back.`, { type: 'ValidationError' })
  const creating = s.action === 'CREATE', to = creating ? null : s.previous
  if (!creating && !to) throw invalid(`Stack:${s.id} has no last stable state to go back to.`, { type: 'ValidationError' })
  await goBack(ctx, s, to, creating ? 'CREATE' : 'UPDATE')
}
/** A rollback that failed goes on; resources named in `skip` are taken as they are. */
export async function continueRollback(ctx: Ctx, s: StackRow, o: { skip?: string[] } = {}): Promise<void> {
  if (s.action !== 'ROLLBACK' || s.status !== 'FAILED') throw invalid(`Stack:${s.id} is in ${s.action}_${s.status} state and can not continue its rollback.`, { type: 'ValidationError' })
  for (const name of o.skip ?? []) ctx.stage(q.update(stackResource).set({ status: 'COMPLETE', action: 'UPDATE', reason: 'Skipped on request' }).where(and(eq(stackResource.stack, s.id), eq(stackResource.name, name))))
  await goBack(ctx, s, s.origin === 'UPDATE' ? s.template : null, s.origin ?? 'CREATE')
}
async function goBack(ctx: Ctx, s: StackRow, to: string | null, origin: 'CREATE' | 'UPDATE') {
  const [rows] = await ctx.read(q.select().from(stackResource).where(eq(stackResource.stack, s.id)))
  const program = to ? await programOf(ctx, await placeOf(ctx, s), to) : undefined
  turnTo(ctx, s, 'ROLLBACK', 'IN_PROGRESS', 'User Initiated', { origin, updatedAt: ctx.now(), delegation: delegationOf(ctx), ...(program ? { template: to, parameters: shut(ctx, s.id, program.parameters.shown) } : {}) })
  await begin(ctx, s, { action: origin, phase: 'rollback', template: to, previous: to, onFailure: 'rollback' }, program ? applyNodes(program) : removeNodes(rows))
}

/** What is kept of a stack when it is let go: enough to take it on again elsewhere. */
export async function exported(ctx: Ctx, s: StackRow) {
  const [rows, [stored]] = await ctx.read(q.select().from(stackResource).where(eq(stackResource.stack, s.id)), q.select().from(stackTemplate).where(eq(stackTemplate.id, s.template ?? '')))
  const program = s.template ? await programOf(ctx, await placeOf(ctx, s), s.template) : undefined, t = stored && openTemplate(ctx, stored)
  return {
    name: s.name, id: s.id, action: s.action, status: s.status, project_id: s.project, stack_user_project_id: s.project, tags: s.tags, template: program?.template.raw ?? {}, files: t?.files ?? {},
    environment: { ...(t?.environment ?? {}), parameter_defaults: Object.fromEntries(Object.entries((t?.environment.parameter_defaults ?? {}) as object).filter(([k]) => !program?.template.parameters.get(k)?.hidden)), parameters: Object.fromEntries(Object.entries(program?.parameters.given ?? {}).filter(([k]) => !program?.template.parameters.get(k)?.hidden)) },
    resources: Object.fromEntries(openRows(ctx, rows).filter((r) => r.current).map((r) => [r.name, { name: r.name, resource_id: r.physicalId, type: r.type, action: r.action, status: r.status, metadata: r.metadata, resource_data: dataOf(r.data) }])),
  }
}
const dataOf = (d: Record<string, unknown>) => Object.fromEntries(Object.entries(d).filter(([k]) => !k.startsWith('$') && k !== 'value'))

/** The stack goes, what it made stays. */
export async function abandonStack(ctx: Ctx, s: StackRow) {
  const out = await exported(ctx, s)
  abandonTurn(ctx, s)
  turnTo(ctx, s, 'DELETE', 'COMPLETE', 'Stack abandoned', { deletedAt: ctx.now(), outputs: [] })
  ctx.stage(q.delete(stackResource).where(eq(stackResource.stack, s.id)))
  return out
}

export type SnapshotRow = typeof stackSnapshot.$inferSelect
export async function snapshotStack(ctx: Ctx, s: StackRow, name: string | undefined): Promise<SnapshotRow> {
  const id = ctx.uuid(), now = ctx.now()
  if (!s.template) throw invalid(`Stack ${s.name} has nothing to keep.`)
  const row: SnapshotRow = { id, stack: s.id, name: name ?? `${s.name}-snapshot-${now}`, status: 'IN_PROGRESS', reason: 'Snapshot started', template: s.template, data: {}, createdAt: now }
  await actOn(ctx, s, 'SNAPSHOT', { snapshot: id })
  ctx.stage(q.insert(stackSnapshot).values(row))
  return row
}
export async function snapshotOf(ctx: Ctx, s: StackRow, id: string): Promise<SnapshotRow> {
  const [[row]] = await ctx.read(q.select().from(stackSnapshot).where(eq(stackSnapshot.id, id)))
  if (!row || row.stack !== s.id) throw notFound('Snapshot', id, `The Snapshot (${id}) could not be found.`, { type: 'EntityNotFound' })
  return row
}
/** Back to the template and what its resources remember of that time. */
export async function restoreStack(ctx: Ctx, s: StackRow, id: string): Promise<void> {
  const snap = await snapshotOf(ctx, s, id)
  if (s.status === 'IN_PROGRESS') throw conflict(`Stack ${s.name} already has an action (${s.action}) in progress.`, { type: 'ActionInProgress' })
  if (snap.status !== 'COMPLETE') throw invalid(`Snapshot ${id} is not complete.`)
  const program = await programOf(ctx, await placeOf(ctx, s), snap.template)
  turnTo(ctx, s, 'RESTORE', 'IN_PROGRESS', 'Stack RESTORE started', { template: snap.template, previous: s.template, parameters: shut(ctx, s.id, program.parameters.shown), updatedAt: ctx.now(), delegation: delegationOf(ctx) })
  await begin(ctx, s, { action: 'RESTORE', phase: 'apply', template: snap.template, snapshot: id, onFailure: 'keep' }, applyNodes(program))
}
