import { eq } from 'drizzle-orm'
import { server } from '../../../schema/compute.ts'
import type { DomainSpec } from '../../../schema/jobs.ts'
import { dropImage } from '../../image/images/rotate.ts'
import { q } from '../../kernel/db.ts'
import { saga, type Run } from '../../kernel/saga.ts'
import { activatePorts } from '../../network/ports/plan.ts'
import { bindNowhere } from '../../network/ports/of-servers.ts'
import { stageRelease } from '../../placement/claim.ts'
import type { DiskArgs } from './boot.saga.ts'
import { anotherHost, type Begun } from './elsewhere.ts'
import { faultOf, power, set } from './model.ts'

/** A shelved server on a new host, from the image its disk was kept as; back to the shelf when that fails. */
export type Unshelve = Begun & { spec: DomainSpec; disks: DiskArgs[]; image?: string }
type U = Run<Unshelve, any>
const on = ({ args }: U) => args.host

const unshelve = saga<Unshelve>('server.unshelve', { deadline: 3600 })
  .host('clean', 'move.close', { when: ({ args }) => !!args.clean?.length, on, args: ({ id, args }) => ({ move: id, server: args.server, disks: args.clean!, drop: true }) })
for (const n of [0, 1, 2]) unshelve.host(`disk${n}`, 'disk.create', { when: ({ args }) => !!args.disks[n], on, args: ({ args }) => args.disks[n], undo: ['disk.delete', ({ args }) => ({ disk: args.disks[n].disk })] })

export default unshelve
  .host('start', 'domain.start', { on, args: ({ args }) => ({ spec: args.spec }), undo: ['domain.destroy', ({ args }) => ({ uuid: args.server })] })
  .local('active', {
    async run({ ctx, args, out }) {
      const [[s]] = await ctx.read(q.select({ hints: server.hints }).from(server).where(eq(server.id, args.server)))
      const { 'virga:shelved': _kept, ...hints } = s?.hints ?? {}
      set(ctx, args.server, { state: 'active', task: null, power: power.running, fault: null, hints: Object.keys(hints).length ? hints : null, vncPort: (out as { start: { vncPort?: number } }).start.vncPort ?? null })
      activatePorts(ctx, args.server)
      if (args.image) await dropImage(ctx, args.image)
      ctx.event('compute.instance.unshelve.end', args.server)
    },
  })
  .elsewhere(({ ctx, args }, failure) => anotherHost(ctx, args, [], 'unshelve', failure))
  .failed(({ ctx, args, requestId }, why) => {
    stageRelease(ctx, args.server)
    bindNowhere(ctx, args.server)
    set(ctx, args.server, { state: 'shelved_offloaded', host: null, task: null, power: power.none, fault: faultOf(ctx, `'unshelve' did not succeed: ${why}`, requestId) })
    ctx.event('compute.instance.unshelve.error', args.server, { why })
  })
