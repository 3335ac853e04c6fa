import { eq, sql } from 'drizzle-orm'
import { groupSnapshot, snapshot } from '../../../schema/volume.ts'
import { q } from '../../kernel/db.ts'
import { saga } from '../../kernel/saga.ts'
import { message } from '../volumes/use.ts'

export default saga<{ snapshot: string; project: string; host: string }>('snapshot.delete', { deadline: 7 * 86400 })
  .host('disk', 'disk.delete', { on: ({ args }) => args.host, args: ({ args }) => ({ disk: { kind: 'snapshot', id: args.snapshot } }) })
  .local('forget', {
    run: ({ ctx, args }) => {
      // A group snapshot that is being deleted goes with the last of its parts.
      ctx.stage(q.run(sql`delete from ${groupSnapshot} where status = 'deleting' and id = (select group_snapshot from ${snapshot} where id = ${args.snapshot}) and not exists (select 1 from ${snapshot} s where s.group_snapshot = ${groupSnapshot}.id and s.id <> ${args.snapshot})`))
      ctx.stage(q.delete(snapshot).where(eq(snapshot.id, args.snapshot)))
      ctx.event('snapshot.delete.end', args.snapshot, undefined, args.project)
    },
  })
  .failed(({ ctx, args }, why) => {
    ctx.stage(q.update(snapshot).set({ status: 'error_deleting', updatedAt: ctx.now() }).where(eq(snapshot.id, args.snapshot)))
    message(ctx, { project: args.project, resourceType: 'VOLUME_SNAPSHOT', resource: args.snapshot, action: 'snapshot delete', message: `The snapshot could not be deleted: ${why}` })
  })
