import { and, eq, sql } from 'drizzle-orm'
import { volumeBackup } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { conflict } from '../../kernel/fault.ts'
import { objectKey } from './model.ts'

const gone = (id: string) => conflict(`Backup ${id} is not there, or not being made, any more.`)

/** Numbers for objects a host is about to write. The row has counted them before anybody can: what is written is never without a name. */
export async function takeObjects(ctx: Ctx, id: string, n: number): Promise<{ first: number; keys: string[] }> {
  const [[row]] = await ctx.read(q.select({ store: volumeBackup.store, objects: volumeBackup.objects }).from(volumeBackup).where(and(eq(volumeBackup.id, id), eq(volumeBackup.status, 'creating'))))
  if (!row) throw gone(id)
  ctx.stage(q.update(volumeBackup).set({ objects: row.objects + n }).where(and(eq(volumeBackup.id, id), eq(volumeBackup.status, 'creating'), eq(volumeBackup.objects, row.objects))), 'stale')
  return { first: row.objects, keys: Array.from({ length: n }, (_, i) => objectKey(row.store, row.objects + i)) }
}

/** Keys of objects a backup consists of: its own, and those of the backups it holds the differences to. No others. */
export async function readObjects(ctx: Ctx, id: string, wanted: { store: string; number: number }[]): Promise<string[]> {
  const [rows] = await ctx.read(q.all<{ store: string }>(sql`with recursive chain(id, parent, store) as (
    select id, parent, store from ${volumeBackup} where id = ${id} union select b.id, b.parent, b.store from ${volumeBackup} b join chain c on b.id = c.parent) select store from chain`))
  if (!rows.length) throw gone(id)
  const stores = new Set(rows.map((r) => r.store)), foreign = wanted.find((w) => !stores.has(w.store))
  if (foreign) throw conflict(`Backup ${id} does not consist of objects of ${foreign.store}.`)
  return wanted.map((w) => objectKey(w.store, w.number))
}
