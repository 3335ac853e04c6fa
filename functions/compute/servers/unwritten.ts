import { and, eq, inArray, sql } from 'drizzle-orm'
import { image } from '../../../schema/image.ts'
import { saga } from '../../../schema/kernel.ts'
import { failImage } from '../../image/images/use.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { LIVE } from '../../kernel/engine.ts'

/** Images that are being made of a server's disk, and not yet there. */
export const unwritten = (server: string) => q.select({ id: image.id }).from(saga).innerJoin(image, eq(image.id, sql`json_extract(${saga.args}, '$.image')`))
  .where(and(eq(saga.lane, server), inArray(saga.state, [...LIVE]), inArray(saga.kind, ['server.image', 'server.shelve']), inArray(image.status, ['queued', 'saving'])))

/** What made them is superseded, so nobody else will say that they never come. */
export function abandon(ctx: Ctx, images: { id: string }[], why: string) {
  for (const { id } of images) failImage(ctx, id, why)
}
