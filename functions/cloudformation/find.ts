import { and, desc, eq, isNull } from 'drizzle-orm'
import { stack } from '../../schema/orchestration.ts'
import { arnParts } from '../aws/arn.ts'
import { awsFault } from '../aws/faults.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import type { StackRow } from '../orchestration/engine/record.ts'

export const validation = (message: string) => awsFault('ValidationError', message)
export const noStack = (name: string) => validation(`Stack with id ${name.slice(0, 300)} does not exist`)

/** The id in an ARN of a stack of this project; other projects' stacks are not there. */
export function idOf(ctx: Ctx, name: string): string | undefined {
  const parts = arnParts(name)
  if (parts) return parts.service === 'cloudformation' && parts.account === ctx.project ? /^stack\/[^/]+\/([^/]+)$/.exec(parts.resource)?.[1] ?? '' : ''
  return /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(name) ? name : undefined
}
/** By name, those that are there; by ARN also one that has ended. */
export const stackQuery = (ctx: Ctx, name: string) => {
  const id = idOf(ctx, name)
  return q.select().from(stack).where(and(eq(stack.project, ctx.project), id === undefined ? and(eq(stack.name, name), isNull(stack.deletedAt)) : eq(stack.id, id))).orderBy(desc(stack.createdAt)).limit(1)
}
export function theStack(rows: StackRow[], name: string, o: { gone?: boolean } = {}): StackRow {
  const [row] = rows
  if (!row || (row.deletedAt !== null && !o.gone)) throw noStack(name)
  return row
}
export async function findStack(ctx: Ctx, name: string, o: { gone?: boolean } = {}): Promise<StackRow> {
  const [rows] = await ctx.read(stackQuery(ctx, name))
  return theStack(rows, name, o)
}
