import type { DomainSpec } from '../../../../schema/jobs.ts'
import { saga, type Run } from '../../../kernel/saga.ts'
import { activatePorts } from '../../../network/ports/plan.ts'
import { completeAttach } from '../../../volume/volumes/use.ts'
import type { DiskArgs } from '../boot.saga.ts'
import { faultOf, power, set } from '../model.ts'
import { anotherRefuge } from './elsewhere.ts'
import { markMove, type Place } from './model.ts'

/** A server of a host that is dead, on another: disks the dead host had are made anew from the image, all else is as it was. */
export type Evacuate = {
  server: string; target: string; move: string; spec: DomainSpec; disks: DiskArgs[]; volumes: string[]; start: boolean
  /** The host that is dead, and whether its servers' files are on the target already. */
  from?: Place; shared?: boolean
  /** Stores it must open, and hosts that have failed it. Absent: it was to go to this one. */
  storage?: string[]; tried?: string[]
}
type R = Run<Evacuate, any>
const on = ({ args }: R) => args.target

const evacuate = saga<Evacuate>('server.evacuate', { deadline: 3600 })
for (const n of [0, 1, 2]) evacuate.host(`disk${n}`, 'disk.create', { when: ({ args }) => !!args.disks[n], on, args: ({ args }) => args.disks[n], undo: ['disk.delete', ({ args }) => ({ disk: args.disks[n].disk })] })

export default evacuate
  .host('start', 'domain.start', { when: ({ args }) => args.start, on, args: ({ args }) => ({ spec: args.spec }), undo: ['domain.destroy', ({ args }) => ({ uuid: args.server, keepDisks: !args.disks.length })] })
  .local('done', {
    run({ ctx, args, out }) {
      set(ctx, args.server, { state: args.start ? 'active' : 'stopped', power: args.start ? power.running : power.off, task: null, fault: null, vncPort: (out as { start?: { vncPort?: number } }).start?.vncPort ?? null, launchedAt: ctx.now() })
      if (args.start) activatePorts(ctx, args.server)
      for (const v of args.volumes) completeAttach(ctx, v, args.server, args.target)
      markMove(ctx, args.move, 'done')
      ctx.event('compute.instance.evacuate.end', args.server)
    },
  })
  .elsewhere(anotherRefuge)
  .failed(({ ctx, args, requestId }, why) => {
    set(ctx, args.server, { state: 'error', task: null, power: power.none, fault: faultOf(ctx, `The server could not be evacuated: ${why}`, requestId) })
    markMove(ctx, args.move, 'error')
    ctx.event('compute.instance.evacuate.error', args.server, { why })
  })
