import { saga, type Run } from '../../kernel/saga.ts'
import { completeImage, failImage } from '../../image/images/use.ts'
import { stageRelease } from '../../placement/claim.ts'
import { bindNowhere } from '../../network/ports/of-servers.ts'
import { faultOf, power, set, type ServerState } from './model.ts'
import { GRACE } from './spec.ts'

/** Off, its disk kept as an image (a boot volume keeps itself), and off the host: what a shelved server holds is its name. */
export type Shelve = { server: string; host: string; project: string; image?: string; wasOn: boolean; grace?: number; was: ServerState; offload: boolean }
type S = Run<Shelve, any>
const on = ({ args }: S) => args.host

export default saga<Shelve>('server.shelve', { deadline: 7200 })
  .host('stop', 'domain.stop', { when: ({ args }) => args.wasOn, on, args: ({ args }) => ({ uuid: args.server, graceSeconds: args.grace ?? GRACE }) })
  .host('upload', 'disk.upload', { when: ({ args }) => !!args.image, on, args: ({ args }) => ({ disk: { kind: 'root', id: args.server }, image: args.image!, format: 'qcow2' }) })
  .local('kept', {
    run({ ctx, args, out }) {
      const bytes = (out as { upload?: Parameters<typeof completeImage>[2] }).upload
      if (args.image && bytes) completeImage(ctx, args.image, bytes)
      set(ctx, args.server, { state: 'shelved', power: power.off, fault: null, task: args.offload ? 'shelving_offloading' : null })
      ctx.event('compute.instance.shelve.end', args.server)
    },
  })
  .host('destroy', 'domain.destroy', { when: ({ args }) => args.offload, on, args: ({ args }) => ({ uuid: args.server }) })
  .local('off', {
    when: ({ args }) => args.offload,
    run({ ctx, args }) {
      stageRelease(ctx, args.server)
      bindNowhere(ctx, args.server)
      set(ctx, args.server, { state: 'shelved_offloaded', task: null, host: null, power: power.none, vncPort: null })
      ctx.event('compute.instance.shelveOffload.end', args.server)
    },
  })
  .failed(({ ctx, args, requestId }, why) => {
    if (args.image) failImage(ctx, args.image, why)
    set(ctx, args.server, { state: args.wasOn ? 'stopped' : args.was, task: null, fault: faultOf(ctx, `'shelve' did not succeed: ${why}`, requestId) })
    ctx.event('compute.instance.shelve.error', args.server, { why })
  })
