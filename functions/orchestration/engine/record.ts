import { and, eq } from 'drizzle-orm'
import { stack, stackEvent, stackResource, type Action, type Output, type Status } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { Fault } from '../../kernel/fault.ts'
import { shutRow } from './sealed.ts'

export type StackRow = typeof stack.$inferSelect
export type StoredResource = typeof stackResource.$inferSelect
type Extra = Record<string, unknown>
/** What stands readable in it. */
export type ResourceLine = Omit<StoredResource, 'metadata' | 'data' | 'attributes'>
/** A resource's row with what is sealed in it opened, but for its properties (`propertiesOf`). */
export interface ResourceRow extends ResourceLine { metadata: Extra; data: Extra; attributes: Extra }
export type { Output }
export type EventRow = typeof stackEvent.$inferInsert

export const typeOfStack = (s: Pick<StackRow, 'front'>) => (s.front === 'aws' ? 'AWS::CloudFormation::Stack' : 'OS::Heat::Stack')

/** Lines of a stack's story, in one statement. */
export function tell(ctx: Ctx, s: Pick<StackRow, 'id' | 'token'>, ...lines: Pick<EventRow, 'name' | 'physicalId' | 'action' | 'status' | 'reason' | 'type'>[]) {
  const at = ctx.now()
  if (lines.length) ctx.stage(q.insert(stackEvent).values(lines.map((l, i) => ({ ...l, id: ctx.uuid(), stack: s.id, token: s.token, at: at + i * 1000 }))))
}
export const line = (r: Pick<ResourceRow, 'name' | 'physicalId' | 'type'>, action: Action, status: Status, reason = '') => ({ name: r.name, physicalId: r.physicalId, type: r.type, action, status, reason: reason || 'state changed' })

/** A stack's new state, with its line. Demands the row that was read. */
export function turnTo(ctx: Ctx, s: StackRow, action: Action, status: Status, reason: string, more: Partial<StackRow> = {}) {
  const set = { action, status, reason: reason.slice(0, 4000), ...more }
  ctx.stage(q.update(stack).set({ ...set, generation: s.generation + 1, ...(status !== 'IN_PROGRESS' || action !== 'CREATE' ? {} : {}) }).where(and(eq(stack.id, s.id), eq(stack.generation, s.generation))), 'stale')
  Object.assign(s, set, { generation: s.generation + 1 })
  tell(ctx, s, { name: s.name, physicalId: s.id, type: typeOfStack(s), action, status, reason: set.reason })
}

const names: Partial<Record<Fault['kind'], string>> = { invalid: 'BadRequest', notFound: 'NotFound', conflict: 'Conflict', overQuota: 'Forbidden', forbidden: 'Forbidden', unauthorized: 'Unauthorized', tooLarge: 'OverLimit' }
/** Why a resource failed, as heat says it. */
export function reasonOf(e: Fault, name: string) {
  const type = e.message.startsWith('Went to status') ? 'ResourceInError' : e.detail.type && /^[A-Z][A-Za-z]+$/.test(e.detail.type) ? e.detail.type : names[e.kind] ?? 'Error'
  return `${type}: resources.${name}: ${e.message}`
}

export const stageRow = (ctx: Ctx, row: ResourceRow) => ctx.stage(q.insert(stackResource).values(shutRow(ctx, row.id, row)))
export const changeRow = (ctx: Ctx, row: ResourceRow, set: Partial<ResourceRow>) => {
  Object.assign(row, set, { updatedAt: ctx.now() })
  ctx.stage(q.update(stackResource).set({ ...shutRow(ctx, row.id, set), updatedAt: row.updatedAt }).where(eq(stackResource.id, row.id)), 'stale')
}
