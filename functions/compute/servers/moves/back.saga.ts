import type { DiskRef, DomainSpec } from '../../../../schema/jobs.ts'
import { saga, type Run } from '../../../kernel/saga.ts'
import { activatePorts } from '../../../network/ports/plan.ts'
import { stageLeave } from '../../../placement/claim.ts'
import { faultOf, power, set, type Shape } from '../model.ts'
import { GRACE } from '../spec.ts'
import { clearAway, markMove, rehouse } from './model.ts'

/**
 * Back to the host and the shape before. Its own disks are still there, as they were; volumes are the user's and were
 * written to since, so they come back as they are now.
 */
export type Back = {
  server: string; host: string; back: string; address: string; move: string; storage: [string | null, string | null]; to: Shape; spec: DomainSpec; current: DomainSpec
  wasOn: boolean; grace?: number; own: DiskRef[]; along: DiskRef[]; stale: DiskRef[]; shared: boolean; ports: string[]
}
type R = Run<Back, any>
const here = ({ args }: R) => args.host, there = ({ args }: R) => args.back
const carries = ({ args }: R) => args.along.length + args.stale.length > 0

export default saga<Back>('server.move-back', { deadline: 6 * 3600 })
  .host('stop', 'domain.stop', { when: ({ args }) => args.wasOn, on: here, args: ({ args }) => ({ uuid: args.server, graceSeconds: args.grace ?? GRACE }), undo: ['domain.start', ({ args }) => ({ spec: args.current })] })
  // What was left there of volumes is old by now, and goes with the opening.
  .host('open', 'move.open', {
    when: carries, on: there, args: ({ args }) => ({ move: args.move, server: args.server, disks: [...args.along, ...args.stale], nics: [], live: false, shared: args.shared }),
    undo: ['move.close', ({ args }) => ({ move: args.move, server: args.server, disks: args.along, drop: false })],
  })
  .host('send', 'move.send', { when: ({ args }) => args.along.length > 0, on: here, args: ({ args, out }) => ({ move: args.move, disks: args.along, to: { address: args.address, port: (out as { open: { port: number } }).open.port } }) })
  .host('close', 'move.close', { when: carries, on: there, args: ({ args }) => ({ move: args.move, server: args.server, disks: [], drop: false }) })
  .local('switch', {
    run({ ctx, args }) { rehouse(ctx, args, args.host, args.back, args.storage[1]) },
    undo({ ctx, args }) { rehouse(ctx, args, args.back, args.host, args.storage[0]) },
  })
  .host('start', 'domain.start', { when: ({ args }) => args.wasOn, on: there, args: ({ args }) => ({ spec: args.spec }), undo: ['domain.stop', ({ args }) => ({ uuid: args.server, graceSeconds: 0 })] })
  .local('done', {
    run({ ctx, args, out }) {
      const on = args.wasOn, vncPort = (out as { start?: { vncPort?: number } }).start?.vncPort
      set(ctx, args.server, { task: null, state: on ? 'active' : 'stopped', power: on ? power.running : power.off, otherHost: null, shape: args.to, oldShape: null, vcpus: args.to.vcpus, memoryMb: args.to.memoryMb, fault: null, vncPort: vncPort ?? null })
      stageLeave(ctx, args.server, args.host)
      clearAway(ctx, { server: args.server, host: args.host, move: args.move, disks: [...args.own, ...args.along], shared: args.shared })
      if (on) activatePorts(ctx, args.server)
      markMove(ctx, args.move, 'reverted')
      ctx.event('compute.instance.revertResize.end', args.server)
    },
  })
  .failed(({ ctx, args, requestId }, why) => {
    set(ctx, args.server, { task: null, fault: faultOf(ctx, `'revertResize' did not succeed: ${why}`, requestId) })
    markMove(ctx, args.move, 'finished')
    ctx.event('compute.instance.revertResize.error', args.server, { why })
  })
