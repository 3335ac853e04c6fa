import type { DomainSpec, JobArgs } from '../../../schema/jobs.ts'
import { saga, type Run } from '../../kernel/saga.ts'
import { activatePorts } from '../../network/ports/plan.ts'
import type { DiskArgs } from './boot.saga.ts'
import { faultOf, power, set, type ServerState } from './model.ts'

/** New disks from an image, the same ports and volumes; a server that was off stays off. */
export type Rebuild = { server: string; host: string; spec: DomainSpec; disks: DiskArgs[]; was: ServerState; start: boolean }
type R = Run<Rebuild, any>
const on = ({ args }: R) => args.host

const rebuild = saga<Rebuild>('server.rebuild', { deadline: 3600 })
  .host('destroy', 'domain.destroy', { on, args: ({ args }) => ({ uuid: args.server }) })
for (const n of [0, 1, 2]) {
  // A volume keeps its place: its old content goes first.
  rebuild.host(`clear${n}`, 'disk.delete', { when: ({ args }) => args.disks[n]?.disk.kind === 'volume', on, args: ({ args }) => ({ disk: args.disks[n].disk }) as JobArgs<'disk.delete'> })
  rebuild.host(`disk${n}`, 'disk.create', { when: ({ args }) => !!args.disks[n], on, args: ({ args }) => args.disks[n] })
}

export default rebuild
  .host('start', 'domain.start', { when: ({ args }) => args.start, on, args: ({ args }) => ({ spec: args.spec }) })
  .local('done', {
    run({ ctx, args, out }) {
      set(ctx, args.server, { state: args.start ? 'active' : 'stopped', power: args.start ? power.running : power.off, task: null, fault: null, launchedAt: ctx.now(), vncPort: (out as { start?: { vncPort?: number } }).start?.vncPort ?? null })
      if (args.start) activatePorts(ctx, args.server)
      ctx.event('compute.instance.rebuild.end', args.server)
    },
  })
  .failed(({ ctx, args, requestId }, why) => {
    set(ctx, args.server, { state: 'error', task: null, power: power.off, fault: faultOf(ctx, `The server could not be rebuilt: ${why}`, requestId) })
    ctx.event('compute.instance.rebuild.error', args.server, { why })
  })
