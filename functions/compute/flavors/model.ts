import { and, eq, sql } from 'drizzle-orm'
import { flavor, flavorAccess, type Shape } from '../../../schema/compute.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'

export type Flavor = typeof flavor.$inferSelect
/** Private flavors are for the projects they name, and for admins. */
export const usable = (ctx: Ctx) => ctx.caller.admin ? undefined
  : sql`(${flavor.isPublic} = 1 or exists (select 1 from ${flavorAccess} fa where fa.flavor = ${flavor.id} and fa.project = ${ctx.caller.project?.id ?? ''}))`
export const flavorQuery = (ctx: Ctx, id: string) => q.select().from(flavor).where(and(eq(flavor.id, id), usable(ctx)))
export const shapeOf = (f: Flavor): Shape => ({
  id: f.id, name: f.name, vcpus: f.vcpus, memoryMb: f.memoryMb, diskGb: f.diskGb, ephemeralGb: f.ephemeralGb, swapMb: f.swapMb, extraSpecs: f.extraSpecs, description: f.description,
})
