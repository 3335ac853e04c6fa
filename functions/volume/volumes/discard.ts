import { eq } from 'drizzle-orm'
import { snapshot, volume } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { enqueue } from '../../kernel/queue.ts'
import type { VolumeRow } from './model.ts'

/** Deletes a volume whose server is going and takes it along; one that has snapshots stays. Staged after its release. */
export async function discardVolume(ctx: Ctx, v: VolumeRow) {
  const [[kept]] = await ctx.read(q.select({ id: snapshot.id }).from(snapshot).where(eq(snapshot.volume, v.id)).limit(1))
  if (kept) return
  ctx.stage(q.delete(volume).where(eq(volume.id, v.id)))
  if (v.host) enqueue(ctx, { host: v.host, kind: 'disk.delete', args: { disk: { kind: 'volume', id: v.id } }, lane: v.id })
  ctx.event('volume.delete.end', v.id, undefined, v.project)
}
