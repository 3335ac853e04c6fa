import { and, eq, sql } from 'drizzle-orm'
import { volume, volumeType } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { conflict, forbidden, notFound } from '../../kernel/fault.ts'
import { view } from '../../kernel/view.ts'

export type TypeRow = typeof volumeType.$inferSelect
onDuplicate('volume_type.name', () => conflict('Volume Type of this name already exists.'))
onDuplicate('volume_type_access.type, volume_type_access.project', () => conflict('Volume type access for this project already exists.'))

export const visible = (ctx: Ctx) => ctx.caller.admin ? undefined
  : sql`(${volumeType.public} = 1 or exists (select 1 from volume_type_access a where a.type = ${volumeType.id} and a.project = ${ctx.anyone?.project?.id ?? ''}))`
export const oneType = (ctx: Ctx, id: string) => q.select().from(volumeType).where(and(eq(volumeType.id, id), visible(ctx)))
export const noType = (id: string) => notFound('volume type', id, `Volume type ${id.slice(0, 64)} could not be found.`)
export async function findType(ctx: Ctx, id: string, rule?: string): Promise<TypeRow> {
  const [[row]] = await ctx.read(oneType(ctx, id))
  if (!row) throw noType(id)
  if (rule && !ctx.can(rule)) throw forbidden(`Policy doesn't allow ${rule} to be performed.`)
  return row
}
export const inUse = (id: string) => q.select({ id: volume.id }).from(volume).where(eq(volume.type, id)).limit(1)

export const typeView = (ctx: Ctx) => view<TypeRow>((r) => ({
  id: r.id, name: r.name, is_public: r.public, description: r.description, 'os-volume-type-access:is_public': r.public,
  extra_specs: ctx.caller.admin ? r.extraSpecs : Object.fromEntries(Object.entries(r.extraSpecs).filter(([k]) => SHOWN.includes(k))),
  ...(ctx.caller.admin ? { qos_specs_id: r.qos } : {}),
})).at(ctx.version)
/** Extra specs every user may see; others are the operator's. */
const SHOWN = ['multiattach', 'RESKEY:availability_zones', 'replication_enabled']
