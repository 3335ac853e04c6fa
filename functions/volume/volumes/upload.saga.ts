import { and, eq } from 'drizzle-orm'
import { volume } from '../../../schema/volume.ts'
import { completeImage, failImage } from '../../image/images/use.ts'
import { q } from '../../kernel/db.ts'
import { saga } from '../../kernel/saga.ts'
import { message } from './use.ts'
import type { Ctx } from '../../kernel/ctx.ts'

export interface Upload { volume: string; project: string; host: string; image: string; format: 'raw' | 'qcow2'; back: string; server?: string }

const back = (ctx: Ctx, a: Upload) => ctx.stage(q.update(volume).set({ status: a.back, previousStatus: null, updatedAt: ctx.now() }).where(and(eq(volume.id, a.volume), eq(volume.status, 'uploading'))))

/** The host writes the image's bytes; only when they are all there does the image become active. */
export default saga<Upload & Record<string, unknown>>('volume.upload', { deadline: 3600 })
  .host('bytes', 'disk.upload', { on: ({ args }) => args.host, args: ({ args }) => ({ disk: { kind: 'volume', id: args.volume }, image: args.image, format: args.format, ...(args.server ? { server: args.server } : {}) }) })
  .local('active', { run: ({ ctx, args, out }) => { completeImage(ctx, args.image, out.bytes); back(ctx, args) } })
  .failed(({ ctx, args }, why) => {
    failImage(ctx, args.image, why)
    back(ctx, args)
    message(ctx, { project: args.project, resourceType: 'VOLUME', resource: args.volume, action: 'copy volume to image', message: `The volume could not be uploaded: ${why}` })
  })
