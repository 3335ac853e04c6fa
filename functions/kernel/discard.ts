import { and, eq, lt, sql } from 'drizzle-orm'
import { discard } from '../../schema/kernel.ts'
import { Bytes } from './bytes.ts'
import type { Ctx } from './ctx.ts'
import { q, type Query } from './db.ts'
import type { Sweep } from './sweep.ts'

/** So many objects of one key are removed at a time; the rest is the next sweep's. */
const SLICE = 300
const AT_ONCE = 6

/** Bytes that nothing will name once this batch is in. */
export const drop = (key: string, until: number, upload?: string | null): Query =>
  q.insert(discard).values({ key, until, upload: upload ?? null }).onConflictDoUpdate({ target: discard.key, set: { until, upload: upload ?? null } })

/** The same for `objects` of them (a number, or a query for it), which lie numbered from 0 under `key`; `unless` is a condition on what is in the batch by then. */
export const dropNumbered = (key: string, until: number, objects: unknown, unless: unknown = sql`0`): Query => q.run(sql`insert into ${discard} (key, until, objects) select ${key}, ${until}, ${objects} where not (${unless}) and ${objects} > 0
  on conflict (key) do update set until = max(until, excluded.until), objects = max(objects, excluded.objects)`)

type Row = typeof discard.$inferSelect
async function remove(basis: Ctx['basis'], r: Pick<Row, 'key' | 'upload' | 'objects'>) {
  const bytes = new Bytes(basis.env, basis.world), from = Math.max(0, (r.objects ?? 0) - SLICE)
  if (r.upload) await bytes.abort(r.key, r.upload)
  if (r.objects === null) await bytes.delete(r.key)
  else for (let n = r.objects; n > from; n -= AT_ONCE) await Promise.all(Array.from({ length: Math.min(AT_ONCE, n - from) }, (_, i) => bytes.delete(`${r.key}/${n - 1 - i}`)))
  // From the end, so that what is left is numbered from 0 still.
  const asSeen = and(eq(discard.key, r.key), r.objects === null ? undefined : eq(discard.objects, r.objects))
  await basis.db.write([from > 0 ? q.update(discard).set({ objects: from }).where(asSeen) : q.delete(discard).where(asSeen)])
}
export const removeNow = (basis: Ctx['basis'], key: string) => remove(basis, { key, upload: null, objects: null })

/** Bytes without a name go away. */
export const discardSweep: Sweep = {
  name: 'discard', every: 15,
  async run(basis) {
    const [gone] = await basis.db.read([q.select().from(discard).where(lt(discard.until, basis.world.now())).orderBy(discard.until).limit(100)])
    let left = 2 * SLICE
    for (const r of gone) {
      if (left <= 0) return
      left -= Math.min(SLICE, r.objects ?? 1)
      await remove(basis, r).catch(() => {})
    }
  },
}
