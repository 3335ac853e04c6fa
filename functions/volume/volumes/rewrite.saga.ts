import { and, eq } from 'drizzle-orm'
import { volume } from '../../../schema/volume.ts'
import type { JobArgs } from '../../../schema/jobs.ts'
import { q } from '../../kernel/db.ts'
import { saga } from '../../kernel/saga.ts'
import { failVolume } from './use.ts'

export interface Rewrite { volume: string; project: string; host: string; sizeGb: number; source: JobArgs<'disk.create'>['source']; during: string; back: string; imageMeta?: Record<string, string> }

/** The volume keeps its id and gets new content: of one of its snapshots (revert), or of an image (reimage). */
export default saga<Rewrite & Record<string, unknown>>('volume.rewrite', { deadline: 3600 })
  .host('empty', 'disk.delete', { on: ({ args }) => args.host, args: ({ args }) => ({ disk: { kind: 'volume', id: args.volume } }) })
  .host('fill', 'disk.create', { on: ({ args }) => args.host, args: ({ args }) => ({ disk: { kind: 'volume', id: args.volume }, sizeGb: args.sizeGb, source: args.source }) })
  .local('ready', {
    run: ({ ctx, args }) => {
      ctx.stage(q.update(volume).set({ status: args.back, previousStatus: null, updatedAt: ctx.now(), ...(args.imageMeta ? { imageMeta: args.imageMeta, bootable: true } : {}) }).where(and(eq(volume.id, args.volume), eq(volume.status, args.during))))
      ctx.event('volume.rewrite.end', args.volume, undefined, args.project)
    },
  })
  .failed(({ ctx, args }, why) => failVolume(ctx, { id: args.volume, project: args.project }, `The volume's content could not be replaced: ${why}`, 'reimage'))
