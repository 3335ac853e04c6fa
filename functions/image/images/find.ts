import { and, eq } from 'drizzle-orm'
import { image } from '../../../schema/image.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { forbidden, notFound } from '../../kernel/fault.ts'
import { tagsOf, type TaggedImage } from './model.ts'
import { visibleImages, type ImageRow } from './use.ts'

export const oneImage = (ctx: Ctx, id: string) => q.select({ image, tags: tagsOf.as('tags') }).from(image).where(and(eq(image.id, id), visibleImages(ctx)))

export const missing = (id: string) => notFound('image', id, `No image found with ID ${id}`)

/** The image of these rows, if the caller may do `rule` to it: invisible is 404, visible but refused 403. */
export function allowed(ctx: Ctx, rows: TaggedImage[], id: string, rule: string): TaggedImage {
  const [row] = rows
  if (!row) throw missing(id)
  const reads = rule === 'get_image' || rule === 'download_image' || rule === 'get_members'
  if (!ctx.can(rule, { project: reads ? ctx.anyone?.project?.id : row.image.owner })) throw forbidden(`You are not authorized to complete ${rule} action.`)
  return row
}

export async function findImage(ctx: Ctx, id: string, rule: string): Promise<TaggedImage> {
  const [rows] = await ctx.read(oneImage(ctx, id))
  return allowed(ctx, rows, id, rule)
}

/** Only while the row is as it was read. */
export const unchanged = (i: ImageRow) => and(eq(image.id, i.id), eq(image.status, i.status), eq(image.updatedAt, i.updatedAt))
