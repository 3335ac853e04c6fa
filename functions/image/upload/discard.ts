import { and, eq, isNotNull, lt, or, sql } from 'drizzle-orm'
import { discard, image } from '../../../schema/image.ts'
import { Bytes } from '../../kernel/bytes.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
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

/** Bytes that nothing will name once this batch is in. */
export const drop = (key: string, until: number, upload?: string | null): Query =>
  q.insert(discard).values({ key, until, upload: upload ?? null }).onConflictDoUpdate({ target: discard.key, set: { until, upload: upload ?? null } })

/** The bytes of a deleted image, whatever state it was in. */
export function dropBytesOf(ctx: Ctx, i: ImageRow): void {
  const now = ctx.now()
  const keys: [string, number, string | null][] = []
  if (i.blob) keys.push([i.blob, now, null])
  if (i.attempt) keys.push([i.attempt, now + seconds(600), i.attemptUpload])
  if (!i.blob && !i.attempt && i.status === 'saving') keys.push([imageKey(i.id), now + HOST_UPLOAD, null])
  for (const [key, until, upload] of keys) ctx.stage(drop(key, until, upload))
  if (keys.length) ctx.afterCommit(() => remove(ctx.basis, keys.filter(([, until]) => until <= now).map(([key]) => ({ key, upload: null }))))
}

type Base = Ctx['basis']
async function remove(basis: Base, rows: { key: string; upload: string | null }[]) {
  const bytes = new Bytes(basis.env, basis.world)
  for (const r of rows) {
    if (r.upload) await bytes.abort(r.key, r.upload)
    await bytes.delete(r.key)
    await basis.db.write([q.delete(discard).where(eq(discard.key, r.key))])
  }
}
export const removeNow = (basis: Base, key: string) => remove(basis, [{ key, upload: null }])

/** Uploads whose client or isolate has gone go back to where they began; bytes without a name go away. */
export const uploadSweep: Sweep = {
  name: 'image.uploads', every: 15,
  async run(basis) {
    const now = basis.world.now(), stale = now - seconds(150)
    const overdue = or(and(eq(image.status, 'saving'), lt(image.attemptAt, stale)), and(eq(image.status, 'uploading'), lt(image.attemptAt, now - STAGED)))
    const [late, gone] = await basis.db.read([
      q.select().from(image).where(and(isNotNull(image.attempt), overdue)).limit(50),
      q.select().from(discard).where(lt(discard.until, now)).limit(100),
    ])
    for (const i of late) {
      await basis.db.write([
        q.update(image).set({ ...EMPTY, updatedAt: now }).where(and(eq(image.id, i.id), eq(image.attempt, i.attempt!), overdue)),
        q.run(sql`insert or ignore into ${discard} (key, until, upload) select ${i.attempt}, ${now}, ${i.attemptUpload} where not exists (select 1 from ${image} where attempt = ${i.attempt} or blob = ${i.attempt})`),
      ])
    }
    for (const r of gone) await remove(basis, [r]).catch(() => {})
  },
}
