import { and, eq, getTableColumns, sql } from 'drizzle-orm'
import { host } from '../../../schema/host.ts'
import { provider } from '../../../schema/placement.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { full, q } from '../../kernel/db.ts'
import { notFound } from '../../kernel/fault.ts'
import { canonical } from '../shapes.ts'

export type ProviderRow = typeof provider.$inferSelect & { isHost: number }
export const columns = { ...getTableColumns(provider), isHost: sql<number>`exists (select 1 from ${host} where ${full(host.id)} = ${full(provider.id)})`.as('is_host') }

export const providerQuery = (id: string) => q.select(columns).from(provider).where(eq(provider.id, canonical(id)))
export function theProvider(rows: ProviderRow[], id: string): ProviderRow {
  if (!rows[0]) throw notFound('resource provider', id, `No resource provider with uuid ${id} found.`)
  return rows[0]
}

/** What belongs to a provider changes with its generation, from the one that was read. */
export function bump(ctx: Ctx, p: ProviderRow): ProviderRow {
  const next = { generation: p.generation + 1, updatedAt: ctx.now() }
  ctx.stage(q.update(provider).set(next).where(and(eq(provider.id, p.id), eq(provider.generation, p.generation))), 'stale')
  return { ...p, ...next }
}
