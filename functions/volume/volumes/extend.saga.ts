import { and, eq } from 'drizzle-orm'
import { volume } from '../../../schema/volume.ts'
import { q } from '../../kernel/db.ts'
import { saga } from '../../kernel/saga.ts'
import { message } from './use.ts'

export interface Extend { volume: string; project: string; host: string; from: number; to: number; back: string; server?: string }

/** The row has the new size since it was asked for, which is what the quota counts; a failure gives it back. */
export default saga<Extend & Record<string, unknown>>('volume.extend', { deadline: 1800 })
  .host('resize', 'disk.resize', { on: ({ args }) => args.host, args: ({ args }) => ({ disk: { kind: 'volume', id: args.volume }, sizeGb: args.to, ...(args.server ? { server: args.server } : {}) }) })
  .local('done', {
    run: ({ ctx, args }) => {
      ctx.stage(q.update(volume).set({ status: args.back, previousStatus: null, updatedAt: ctx.now() }).where(and(eq(volume.id, args.volume), eq(volume.status, 'extending'))))
      ctx.event('volume.resize.end', args.volume, { size: args.to }, args.project)
    },
  })
  .failed(({ ctx, args }, why) => {
    ctx.stage(q.update(volume).set({ status: args.server ? args.back : 'error_extending', previousStatus: null, sizeGb: args.from, updatedAt: ctx.now() }).where(and(eq(volume.id, args.volume), eq(volume.status, 'extending'))))
    message(ctx, { project: args.project, resourceType: 'VOLUME', resource: args.volume, action: 'extend', message: `The volume could not be extended: ${why}` })
  })
