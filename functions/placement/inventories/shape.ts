import { asc, inArray } from 'drizzle-orm'
import { Type as t, type Static } from 'typebox'
import { inventory } from '../../../schema/placement.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { conflict, invalid } from '../../kernel/fault.ts'
import { hostClasses } from '../classes/standard.ts'
import type { ProviderRow } from '../providers/read.ts'
import { className, closed, generation, MAX } from '../shapes.ts'

export type InventoryRow = typeof inventory.$inferSelect
const count = (minimum: number) => t.Optional(t.Integer({ minimum, maximum: MAX }))
export const fields = {
  total: t.Integer({ minimum: 1, maximum: MAX }), reserved: count(0), min_unit: count(1), max_unit: count(1), step_size: count(1),
  allocation_ratio: t.Optional(t.Number({ minimum: 0, maximum: 3.40282e38 })), resource_provider_generation: t.Optional(generation),
}
const record = t.Object(fields, closed)
export type Given = Static<typeof record>
export const whole = t.Object({ resource_provider_generation: generation, inventories: t.Record(className, record, closed) }, closed)

export const inventoriesQuery = (providers: string[]) => q.select().from(inventory).where(inArray(inventory.provider, providers)).orderBy(asc(inventory.class))
export const capacity = (i: { total: number; reserved: number; ratio: number }) => Math.trunc((i.total - i.reserved) * i.ratio)
export const inventoryView = (i: InventoryRow) => ({ total: i.total, reserved: i.reserved, min_unit: i.minUnit, max_unit: i.maxUnit, step_size: i.stepSize, allocation_ratio: i.ratio })

/** Whether how much there is of it is what a host says, and not to be written here. */
export const reported = (p: ProviderRow, name: string) => p.isHost === 1 && hostClasses.includes(name)

/** The row a request asks for. Of what a host reports, what is left out stays as it is; of all else it is as ever by default. */
export function rowOf(ctx: Ctx, p: ProviderRow, name: string, given: Given, now?: InventoryRow): InventoryRow {
  const keep = reported(p, name) ? now : undefined
  if (keep && given.total !== keep.total) throw conflict(`Host ${p.name} reports ${keep.total} ${name} by itself: the total cannot be set to ${given.total}. Ratio, reserve and units can.`)
  const row: InventoryRow = {
    provider: p.id, class: name, total: given.total, reserved: given.reserved ?? keep?.reserved ?? 0, minUnit: given.min_unit ?? keep?.minUnit ?? 1,
    maxUnit: given.max_unit ?? keep?.maxUnit ?? MAX, stepSize: given.step_size ?? keep?.stepSize ?? 1, ratio: given.allocation_ratio ?? keep?.ratio ?? 1,
  }
  const room = capacity(row)
  if (room < 0 || (room === 0 && ctx.version < 1026)) throw invalid(`Invalid inventory for ${name} on resource provider ${p.id}: the reserved value is greater than ${ctx.version < 1026 ? 'or equal to ' : ''}total.`)
  return row
}
