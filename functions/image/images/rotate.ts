import { and, desc, eq, sql } from 'drizzle-orm'
import { image } from '../../../schema/image.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { dropBytesOf } from '../upload/discard.ts'

/** Of a server's backups of one type only the newest are kept; `keep` counts those that were there before this batch. */
export async function rotateBackups(ctx: Ctx, server: string, type: string, keep: number) {
  const property = (name: string) => sql`json_extract(${image.properties}, ${`$.${name}`})`
  const [rows] = await ctx.read(q.select().from(image).where(and(eq(image.owner, ctx.project), eq(property('instance_uuid'), server), eq(property('image_type'), 'backup'), eq(property('backup_type'), type)))
    .orderBy(desc(image.createdAt), desc(image.id)).limit(1000))
  for (const row of rows.slice(Math.max(0, keep)).filter((r) => !r.protected)) {
    ctx.stage(q.delete(image).where(eq(image.id, row.id)))
    dropBytesOf(ctx, row)
    ctx.event('image.delete', row.id, undefined, row.owner)
  }
}

/** An image made for the cloud's own use that has served. */
export async function dropImage(ctx: Ctx, id: string) {
  const [[row]] = await ctx.read(q.select().from(image).where(eq(image.id, id)))
  if (!row) return
  ctx.stage(q.delete(image).where(eq(image.id, id)))
  dropBytesOf(ctx, row)
  ctx.event('image.delete', id, undefined, row.owner)
}
