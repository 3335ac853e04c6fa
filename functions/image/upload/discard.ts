import { and, eq, isNotNull, lt, or, sql } from 'drizzle-orm'
import { image } from '../../../schema/image.ts'
import { discard } from '../../../schema/kernel.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { drop, removeNow } from '../../kernel/discard.ts'
import { seconds } from '../../kernel/env.ts'
import type { Sweep } from '../../kernel/sweep.ts'
import { imageKey } from '../keys.ts'
import type { ImageRow } from '../images/use.ts'

/** A host's presigned URL may still be written through for this long. */
const HOST_UPLOAD = seconds(7200)

/** Staged bytes nobody imports. */
const STAGED = seconds(86400)
/** An image without data, as it was created. */
export const EMPTY = { status: 'queued', attempt: null, attemptUpload: null, attemptBytes: 0, attemptAt: null, size: null, virtualSize: null, md5: null, sha512: null } as const

/** The bytes of a deleted image, whatever state it was in. */
export function dropBytesOf(ctx: Ctx, i: ImageRow): void {
  const now = ctx.now()
  const keys: [string, number, string | null][] = []
  if (i.blob) keys.push([i.blob, now, null])
  if (i.attempt) keys.push([i.attempt, now + seconds(600), i.attemptUpload])
  if (!i.blob && !i.attempt && i.status === 'saving') keys.push([imageKey(i.id), now + HOST_UPLOAD, null])
  for (const [key, until, upload] of keys) ctx.stage(drop(key, until, upload))
  for (const [key, until] of keys) if (until <= now) ctx.afterCommit(() => removeNow(ctx.basis, key))
}

/** Uploads whose client or isolate has gone go back to where they began. */
export const uploadSweep: Sweep = {
  name: 'image.uploads', every: 15,
  async run(basis) {
    const now = basis.world.now(), stale = now - seconds(150)
    const overdue = or(and(eq(image.status, 'saving'), lt(image.attemptAt, stale)), and(eq(image.status, 'uploading'), lt(image.attemptAt, now - STAGED)))
    const [late] = await basis.db.read([q.select().from(image).where(and(isNotNull(image.attempt), overdue)).limit(50)])
    for (const i of late) {
      await basis.db.write([
        q.update(image).set({ ...EMPTY, updatedAt: now }).where(and(eq(image.id, i.id), eq(image.attempt, i.attempt!), overdue)),
        q.run(sql`insert or ignore into ${discard} (key, until, upload) select ${i.attempt}, ${now}, ${i.attemptUpload} where not exists (select 1 from ${image} where attempt = ${i.attempt} or blob = ${i.attempt})`),
      ])
    }
  },
}
