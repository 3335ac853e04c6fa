import type { DomainSpec, JobArgs } from '../../../schema/jobs.ts'
import { saga, type Run } from '../../kernel/saga.ts'
import { activatePorts } from '../../network/ports/plan.ts'
import { completeAttach, failVolume } from '../../volume/volumes/use.ts'
import { anotherHost, type Begun } from './elsewhere.ts'
import { faultOf, power, set } from './model.ts'

export type DiskArgs = JobArgs<'disk.create'>
/** All that booting needs, so that no step reads before its host can act. */
export interface Boot extends Begun, Record<string, unknown> {
  project: string; spec: DomainSpec
  root?: DiskArgs; ephemeral?: DiskArgs; swap?: DiskArgs
  /** Volumes made with the server, each to be filled; then all it starts with. */
  filled: DiskArgs[]; volumes: string[]
}
type B = Run<Boot, any>
const on = ({ args }: B) => args.host
const dropDisk = (kind: 'root' | 'ephemeral' | 'swap'): ['disk.delete', (r: B) => JobArgs<'disk.delete'>] => ['disk.delete', ({ args }) => ({ disk: { kind, id: args.server } })]

const boot = saga<Boot>('server.boot', { deadline: 3600 })
  .host('clean', 'move.close', { when: ({ args }) => !!args.clean?.length, on, args: ({ id, args }) => ({ move: id, server: args.server, disks: args.clean!, drop: true }) })
  .host('root', 'disk.create', { when: ({ args }) => !!args.root, on, args: ({ args }) => args.root!, undo: dropDisk('root') })
  .host('ephemeral', 'disk.create', { when: ({ args }) => !!args.ephemeral, on, args: ({ args }) => args.ephemeral!, undo: dropDisk('ephemeral') })
  .host('swap', 'disk.create', { when: ({ args }) => !!args.swap, on, args: ({ args }) => args.swap!, undo: dropDisk('swap') })

for (const n of [0, 1, 2, 3]) {
  boot.host(`volume${n}`, 'disk.create', { when: ({ args }) => !!args.filled[n], on, args: ({ args }) => args.filled[n] })
}

export default boot
  .host('start', 'domain.start', {
    on, args: ({ args }) => ({ spec: args.spec }),
    // Covers the disks too: whatever this server left on the host goes.
    undo: ['domain.destroy', ({ args }) => ({ uuid: args.server })],
  })
  .local('active', {
    run({ ctx, args, out }) {
      set(ctx, args.server, { state: 'active', task: null, power: power.running, launchedAt: ctx.now(), vncPort: out.start.vncPort ?? null, fault: null })
      activatePorts(ctx, args.server)
      for (const v of args.volumes) completeAttach(ctx, v, args.server, args.host)
      ctx.event('compute.instance.create.end', args.server, { host: args.host })
    },
  })
  .elsewhere(({ ctx, args }, failure) => anotherHost(ctx, args, args.filled.map((f) => f.disk), 'create', failure))
  .failed(({ ctx, args, requestId }, why) => {
    const tried = args.elsewhere?.tried.length ? ` on any of ${args.elsewhere.tried.length + 1} hosts` : ''
    set(ctx, args.server, { state: 'error', task: null, power: power.none, fault: faultOf(ctx, `The server could not be started${tried}: ${why}`, requestId) })
    for (const { disk } of args.filled) failVolume(ctx, { id: disk.id, project: args.project }, why)
    ctx.event('compute.instance.create.error', args.server, { why })
  })
