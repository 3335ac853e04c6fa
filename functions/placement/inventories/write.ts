import { and, eq, inArray, sql } from 'drizzle-orm'
import { host } from '../../../schema/host.ts'
import { inventory, provider, providerUsage } from '../../../schema/placement.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, run } from '../../kernel/db.ts'
import { conflict } from '../../kernel/fault.ts'
import { bump, type ProviderRow } from '../providers/read.ts'
import { code } from '../service.ts'
import { reported, type InventoryRow } from './shape.ts'

export const usagesQuery = (providers: string[]) => q.select().from(providerUsage).where(inArray(providerUsage.provider, providers))
export type Usage = typeof providerUsage.$inferSelect

/** Puts `rows` in place and takes the classes `gone` away. Whether anyone still holds those is for `whileUnused`. */
export function stageInventories(ctx: Ctx, p: ProviderRow, rows: InventoryRow[], gone: string[] = []): ProviderRow {
  const fixed = gone.filter((name) => reported(p, name))
  if (fixed.length) throw conflict(`Host ${p.name} reports its ${fixed.join(', ')} by itself: that inventory stays.`, { type: code.inUse })
  const next = bump(ctx, p)
  const own = Object.assign({}, ...rows.filter((r) => reported(p, r.class)).map(hostColumns)) as ReturnType<typeof hostColumns>
  if (Object.keys(own).length) {
    // The host's row is what lasts; its trigger counts a generation of its own when something changed.
    ctx.stage(q.update(host).set({ ...own, updatedAt: ctx.now() }).where(eq(host.id, p.id)))
    ctx.stage(q.update(provider).set({ generation: next.generation }).where(eq(provider.id, p.id)))
  }
  if (gone.length) ctx.stage(q.delete(inventory).where(and(eq(inventory.provider, p.id), inArray(inventory.class, gone))))
  for (const { provider: _, class: name, ...set } of rows) ctx.stage(q.insert(inventory).values({ provider: p.id, class: name, ...set }).onConflictDoUpdate({ target: [inventory.provider, inventory.class], set }))
  return next
}

const hostColumns = (r: InventoryRow): { cpuRatio?: number; memoryRatio?: number; diskRatio?: number; reservedMemoryMb?: number } =>
  r.class === 'VCPU' ? { cpuRatio: r.ratio } : r.class === 'MEMORY_MB' ? { memoryRatio: r.ratio, reservedMemoryMb: r.reserved } : { diskRatio: r.ratio }

/** Inventory that somebody holds stays; asked again at the end of the batch. */
export function whileUnused(ctx: Ctx, p: ProviderRow, gone: string[]) {
  if (gone.length) ctx.stage(run(sql`insert into guard select 'stale', not exists (select 1 from ${providerUsage} where ${eq(providerUsage.provider, p.id)} and ${inArray(providerUsage.class, gone)} and used > 0)`))
}
export function checkUnused(p: ProviderRow, gone: string[], usages: Usage[]) {
  const held = usages.filter((u) => u.provider === p.id && u.used > 0 && gone.includes(u.class)).map((u) => u.class)
  if (held.length) throw conflict(`Inventory for ${held.join(', ')} on resource provider ${p.id} is in use.`, { type: code.inUse })
}
