import { saga, type Run } from '../../kernel/saga.ts'
import { completeImage, failImage } from '../../image/images/use.ts'
import { set } from './model.ts'

/** A server's root disk as an image, as it is at one instant; the server goes on. */
export type Capture = { server: string; host: string; image: string; running: boolean; move: 'createImage' | 'backup' }
type C = Run<Capture, any>

export default saga<Capture>('server.image', { deadline: 7200 })
  .host('upload', 'disk.upload', {
    on: ({ args }: C) => args.host,
    args: ({ args }: C) => ({ disk: { kind: 'root', id: args.server }, image: args.image, format: 'qcow2', ...(args.running ? { server: args.server } : {}) }),
  })
  .local('done', {
    run({ ctx, args, out }) {
      completeImage(ctx, args.image, out.upload)
      set(ctx, args.server, { task: null })
      ctx.event(`compute.instance.${args.move}.end`, args.server, { image: args.image })
    },
  })
  .failed(({ ctx, args }, why) => {
    failImage(ctx, args.image, why)
    set(ctx, args.server, { task: null })
    ctx.event(`compute.instance.${args.move}.error`, args.server, { why })
  })
