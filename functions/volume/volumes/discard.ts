import { eq } from 'drizzle-orm'
import { snapshot, volume } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { start } from '../../kernel/engine.ts'
import deleteSaga, { forgetVolume } from './delete.saga.ts'
import type { VolumeRow } from './model.ts'

/** Deletes a volume whose server is going and takes it along; one that has snapshots stays. Staged after its release. */
export async function discardVolume(ctx: Ctx, v: VolumeRow) {
  const [[kept]] = await ctx.read(q.select({ id: snapshot.id }).from(snapshot).where(eq(snapshot.volume, v.id)).limit(1))
  if (kept) return
  if (!v.host) return forgetVolume(ctx, v.id, v.project)
  ctx.stage(q.update(volume).set({ status: 'deleting', updatedAt: ctx.now() }).where(eq(volume.id, v.id)))
  await start(ctx, deleteSaga, { volume: v.id, project: v.project, host: v.host }, { lane: v.id, supersede: true, project: v.project })
}
