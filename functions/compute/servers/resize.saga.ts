import type { DomainSpec } from '../../../schema/jobs.ts'
import { saga, type Run } from '../../kernel/saga.ts'
import { activatePorts } from '../../network/ports/plan.ts'
import { stageClaim } from '../../placement/claim.ts'
import type { DiskArgs } from './boot.saga.ts'
import { faultOf, needOf, power, set, type Shape } from './model.ts'
import { cutMoves } from './moves/model.ts'
import { GRACE } from './spec.ts'

/**
 * Another shape on the same host: off, disks, on again; then the user confirms or goes back. Reverting is the same saga
 * with the shapes exchanged; a disk that grew stays so.
 */
export type Resize = {
  server: string; host: string; project: string; user: string; from: Shape; to: Shape; old: DomainSpec; spec: DomainSpec
  wasOn: boolean; grace?: number; revert: boolean; growGb?: number; made: DiskArgs[]; rootOnVolume: boolean
}
type R = Run<Resize, any>
const on = ({ args }: R) => args.host

const resize = saga<Resize>('server.resize', { deadline: 3600 })
  .host('stop', 'domain.stop', { when: ({ args }) => args.wasOn, on, args: ({ args }) => ({ uuid: args.server, graceSeconds: args.grace ?? GRACE }), undo: ['domain.start', ({ args }) => ({ spec: args.old })] })
  .host('grow', 'disk.resize', { when: ({ args }) => !!args.growGb, on, args: ({ args }) => ({ disk: { kind: 'root', id: args.server }, sizeGb: args.growGb! }) })
for (const n of [0, 1]) resize.host(`make${n}`, 'disk.create', { when: ({ args }) => !!args.made[n], on, args: ({ args }) => args.made[n] })

export default resize
  .host('start', 'domain.start', { when: ({ args }) => args.wasOn, on, args: ({ args }) => ({ spec: args.spec }), undo: ['domain.stop', ({ args }) => ({ uuid: args.server, graceSeconds: 0 })] })
  .local('done', {
    run({ ctx, args, out }) {
      const on = args.wasOn, vncPort = (out as { start?: { vncPort?: number } }).start?.vncPort
      set(ctx, args.server, {
        task: null, shape: args.to, fault: null, power: on ? power.running : power.off, ...(vncPort ? { vncPort } : {}),
        ...(args.revert ? { state: on ? 'active' : 'stopped', oldShape: null, vcpus: args.to.vcpus, memoryMb: args.to.memoryMb } : { state: 'resized', oldShape: args.from }),
      })
      if (args.revert) settleClaim(args, ctx, args.to)
      if (on) activatePorts(ctx, args.server)
      cutMoves(ctx, args.server, args.revert ? 'reverted' : 'finished')
      ctx.event(`compute.instance.${args.revert ? 'revertResize' : 'resize'}.end`, args.server)
    },
  })
  .failed(({ ctx, args, requestId }, why) => {
    const what = args.revert ? 'revertResize' : 'resize'
    set(ctx, args.server, { task: null, fault: faultOf(ctx, `'${what}' did not succeed: ${why}`, requestId), ...(args.revert ? {} : { vcpus: args.from.vcpus, memoryMb: args.from.memoryMb }) })
    if (!args.revert) {
      settleClaim(args, ctx, args.from)
      cutMoves(ctx, args.server, 'error')
    }
    ctx.event(`compute.instance.${what}.error`, args.server, { why })
  })

/** What is held on the host is what the shape takes, no more. */
export const settleClaim = (a: Pick<Resize, 'server' | 'host' | 'project' | 'user' | 'rootOnVolume'>, ctx: Run<Resize>['ctx'], shape: Shape) =>
  stageClaim(ctx, { consumer: a.server, host: a.host, project: a.project, user: a.user, ...needOf(shape, a.rootOnVolume) })
