import { and, eq } from 'drizzle-orm'
import { snapshot } from '../../../schema/volume.ts'
import { q } from '../../kernel/db.ts'
import { saga } from '../../kernel/saga.ts'
import { message } from '../volumes/use.ts'

export interface Snap { snapshot: string; volume: string; project: string; host: string; server?: string }

export default saga<Snap & Record<string, unknown>>('snapshot.create', { deadline: 3600 })
  .host('copy', 'disk.snapshot', {
    on: ({ args }) => args.host,
    args: ({ args }) => ({ disk: { kind: 'volume', id: args.volume }, snapshot: { kind: 'snapshot', id: args.snapshot }, ...(args.server ? { server: args.server } : {}) }),
    undo: ['disk.delete', ({ args }) => ({ disk: { kind: 'snapshot', id: args.snapshot } })],
  })
  .local('ready', {
    run: ({ ctx, args }) => {
      ctx.stage(q.update(snapshot).set({ status: 'available', progress: '100%', updatedAt: ctx.now() }).where(and(eq(snapshot.id, args.snapshot), eq(snapshot.status, 'creating'))))
      ctx.event('snapshot.create.end', args.snapshot, { volume: args.volume }, args.project)
    },
  })
  .failed(({ ctx, args }, why) => {
    ctx.stage(q.update(snapshot).set({ status: 'error', updatedAt: ctx.now() }).where(eq(snapshot.id, args.snapshot)))
    message(ctx, { project: args.project, resourceType: 'VOLUME_SNAPSHOT', resource: args.snapshot, action: 'snapshot create', message: `The snapshot could not be made: ${why}` })
  })
