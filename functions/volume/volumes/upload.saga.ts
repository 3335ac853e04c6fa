import { completeImage, failImage } from '../../image/images/use.ts'
import { saga } from '../../kernel/saga.ts'
import { message, settleVolume } from './use.ts'

export interface Upload { volume: string; project: string; host: string; image: string; format: 'raw' | 'qcow2'; server?: string }

/** The host writes the image's bytes; only when they are all there does the image become active. */
export default saga<Upload & Record<string, unknown>>('volume.upload', { deadline: 3600 })
  .host('bytes', 'disk.upload', { on: ({ args }) => args.host, args: ({ args }) => ({ disk: { kind: 'volume', id: args.volume }, image: args.image, format: args.format, ...(args.server ? { server: args.server } : {}) }) })
  .local('active', { run: ({ ctx, args, out }) => { completeImage(ctx, args.image, out.bytes); settleVolume(ctx, args.volume, 'uploading') } })
  .failed(({ ctx, args }, why) => {
    failImage(ctx, args.image, why)
    settleVolume(ctx, args.volume, 'uploading')
    message(ctx, { project: args.project, resourceType: 'VOLUME', resource: args.volume, action: 'copy volume to image', message: `The volume could not be uploaded: ${why}` })
  })
