import { and, eq, isNull } from 'drizzle-orm'
import { stack } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { notFound } from '../../kernel/fault.ts'
import type { StackRow } from '../engine/record.ts'

const missing = (name: string) => notFound('Stack', name, `The Stack (${name}) could not be found.`, { type: 'EntityNotFound' })
/** Stacks of other projects are not there; whoever administers the cloud sees all by id. */
const mine = (ctx: Ctx) => (ctx.caller.admin ? undefined : eq(stack.project, ctx.project))
export const stackQuery = (ctx: Ctx, id: string) => q.select().from(stack).where(and(eq(stack.id, id), mine(ctx)))

/** By name and id, as its own address has them. */
export async function findStack(ctx: Ctx, name: string, id: string, o: { gone?: boolean } = {}): Promise<StackRow> {
  const [[row]] = await ctx.read(stackQuery(ctx, id))
  return theStack(row, name, id, o)
}
export function theStack(row: StackRow | undefined, name: string, id: string, o: { gone?: boolean } = {}): StackRow {
  if (!row || (row.deletedAt !== null && !o.gone) || (row.name !== name && row.id !== name)) throw missing(row ? name : id)
  return row
}

/** By name, or by id: where its canonical address is asked for. */
export async function lookUp(ctx: Ctx, name: string): Promise<StackRow> {
  const [byName, byId] = await ctx.read(
    q.select().from(stack).where(and(eq(stack.name, name), eq(stack.project, ctx.project), isNull(stack.deletedAt))), q.select().from(stack).where(and(eq(stack.id, name), mine(ctx))))
  const row = byName[0] ?? byId[0]
  if (!row) throw missing(name)
  return row
}
