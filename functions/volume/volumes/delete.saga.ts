import { and, eq, sql } from 'drizzle-orm'
import { attachment, snapshot, volume, volumeGroup, volumeTransfer } from '../../../schema/volume.ts'
import { q } from '../../kernel/db.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { saga } from '../../kernel/saga.ts'
import { message } from './use.ts'

export interface Delete { volume: string; project: string; host: string }

/** The disk first, then the row. A host that is down is waited for; one that refuses makes an error that can be deleted again. */
export default saga<Delete & Record<string, unknown>>('volume.delete', { deadline: 7 * 86400 })
  .host('disk', 'disk.delete', { on: ({ args }) => args.host, args: ({ args }) => ({ disk: { kind: 'volume', id: args.volume } }) })
  .local('forget', { run: ({ ctx, args }) => forgetVolume(ctx, args.volume, args.project) })
  .failed(({ ctx, args }, why) => {
    ctx.stage(q.update(volume).set({ status: 'error_deleting', updatedAt: ctx.now() }).where(eq(volume.id, args.volume)))
    message(ctx, { project: args.project, resourceType: 'VOLUME', resource: args.volume, action: 'delete', message: `The volume could not be deleted: ${why}` })
  })

/** Snapshots deleted along with it have sagas of their own for their disks. */
export function forgetVolume(ctx: Ctx, id: string, project: string) {
  ctx.stage(q.delete(snapshot).where(and(eq(snapshot.volume, id), eq(snapshot.status, 'deleting'))))
  ctx.stage(q.delete(attachment).where(eq(attachment.volume, id)))
  ctx.stage(q.delete(volumeTransfer).where(eq(volumeTransfer.volume, id)))
  // A group that is being deleted goes with the last of its volumes.
  ctx.stage(q.run(sql`delete from ${volumeGroup} where status = 'deleting' and id = (select group_id from ${volume} where id = ${id}) and not exists (select 1 from ${volume} v where v.group_id = ${volumeGroup}.id and v.id <> ${id})`))
  ctx.stage(q.delete(volume).where(eq(volume.id, id)))
  ctx.event('volume.delete.end', id, undefined, project)
}
