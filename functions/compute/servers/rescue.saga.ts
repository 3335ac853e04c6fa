import type { DomainSpec } from '../../../schema/jobs.ts'
import { saga, type Run } from '../../kernel/saga.ts'
import type { DiskArgs } from './boot.saga.ts'
import { faultOf, power, set } from './model.ts'
import { GRACE } from './spec.ts'

/** Off, another root disk in front of the own ones, on; and back. The rescue disk is kept as a snapshot of the server's id. */
export type Rescue = { server: string; host: string; spec: DomainSpec; old: DomainSpec; disk?: DiskArgs; back: boolean; wasOn: boolean; grace?: number }
type R = Run<Rescue, any>
const on = ({ args }: R) => args.host
export const rescueDisk = (server: string) => ({ kind: 'snapshot' as const, id: server })

export default saga<Rescue>('server.rescue', { deadline: 1800 })
  .host('stop', 'domain.stop', { on, args: ({ args }) => ({ uuid: args.server, graceSeconds: args.back ? 0 : args.grace ?? GRACE }) })
  .host('disk', 'disk.create', { when: ({ args }) => !!args.disk, on, args: ({ args }) => args.disk!, undo: ['disk.delete', ({ args }) => ({ disk: rescueDisk(args.server) })] })
  .host('start', 'domain.start', { on, args: ({ args }) => ({ spec: args.spec }) })
  .host('clean', 'disk.delete', { when: ({ args }) => args.back, on, args: ({ args }) => ({ disk: rescueDisk(args.server) }) })
  .local('done', {
    run({ ctx, args }) {
      set(ctx, args.server, { state: args.back ? 'active' : 'rescued', task: null, power: power.running, fault: null })
      ctx.event(`compute.instance.${args.back ? 'unrescue' : 'rescue'}.end`, args.server)
    },
  })
  .failed(({ ctx, args, requestId }, why) => {
    set(ctx, args.server, { state: 'error', task: null, power: power.off, fault: faultOf(ctx, `'${args.back ? 'unrescue' : 'rescue'}' did not succeed: ${why}`, requestId) })
    ctx.event(`compute.instance.${args.back ? 'unrescue' : 'rescue'}.error`, args.server, { why })
  })
