import type { DiskRef, DomainSpec } from '../../../../schema/jobs.ts'
import { saga, type Run } from '../../../kernel/saga.ts'
import { activatePorts } from '../../../network/ports/plan.ts'
import { stageLeave } from '../../../placement/claim.ts'
import type { DiskArgs } from '../boot.saga.ts'
import { faultOf, power, set, type Shape } from '../model.ts'
import { GRACE } from '../spec.ts'
import { anotherTarget } from './elsewhere.ts'
import { clearAway, markMove, rehouse } from './model.ts'

/**
 * To another host, with the same shape or another: off, its disks over, on again; then the user confirms or goes back.
 * Until then the old host keeps what it had. `confirm`: nobody is asked.
 */
export type Cold = {
  server: string; host: string; target: string; address: string; move: string; storage: [string | null, string | null]; from: Shape; to: Shape; old: DomainSpec; spec: DomainSpec
  wasOn: boolean; grace?: number; own: DiskRef[]; along: DiskRef[]; shared: boolean; ports: string[]; growGb?: number; made: DiskArgs[]; confirm: boolean; action: 'migrate' | 'resize'
  /** Hosts that have failed it. Absent: it was to go to this one. */
  tried?: string[]
}
type R = Run<Cold, any>
const there = ({ args }: R) => args.target, here = ({ args }: R) => args.host
const all = ({ args }: R) => [...args.own, ...args.along]

const cold = saga<Cold>('server.move', { deadline: 6 * 3600 })
  .host('stop', 'domain.stop', { when: ({ args }) => args.wasOn, on: here, args: ({ args }) => ({ uuid: args.server, graceSeconds: args.grace ?? GRACE }), undo: ['domain.start', ({ args }) => ({ spec: args.old })] })
  .host('open', 'move.open', {
    on: there, args: (r) => ({ move: r.args.move, server: r.args.server, disks: all(r), nics: [], live: false, shared: r.args.shared }),
    undo: ['move.close', (r) => ({ move: r.args.move, server: r.args.server, disks: all(r), drop: true, shared: r.args.shared })],
  })
  .host('send', 'move.send', { when: (r) => all(r).length > 0, on: here, args: (r) => ({ move: r.args.move, server: r.args.server, disks: all(r), to: { address: r.args.address, port: (r.out as { open: { port: number } }).open.port } }) })
  .host('close', 'move.close', { on: there, args: ({ args }) => ({ move: args.move, server: args.server, disks: [], drop: false }) })
  .host('grow', 'disk.resize', { when: ({ args }) => !!args.growGb, on: there, args: ({ args }) => ({ disk: { kind: 'root', id: args.server }, sizeGb: args.growGb! }) })
for (const n of [0, 1]) cold.host(`make${n}`, 'disk.create', { when: ({ args }) => !!args.made[n], on: there, args: ({ args }) => args.made[n], undo: ['disk.delete', ({ args }) => ({ disk: args.made[n].disk })] })

export default cold
  .local('switch', {
    run({ ctx, args }) { rehouse(ctx, args, args.host, args.target, args.storage[1]); markMove(ctx, args.move, 'post-migrating') },
    undo({ ctx, args }) { rehouse(ctx, args, args.target, args.host, args.storage[0]); set(ctx, args.server, { otherHost: null }) },
  })
  .host('start', 'domain.start', { when: ({ args }) => args.wasOn, on: there, args: ({ args }) => ({ spec: args.spec }), undo: ['domain.stop', ({ args }) => ({ uuid: args.server, graceSeconds: 0 })] })
  .local('done', {
    run({ ctx, args, out }) {
      const on = args.wasOn, vncPort = (out as { start?: { vncPort?: number } }).start?.vncPort
      const settled = args.confirm ? { state: on ? 'active' as const : 'stopped' as const, otherHost: null, oldShape: null, vcpus: args.to.vcpus, memoryMb: args.to.memoryMb } : { state: 'resized' as const, oldShape: args.from }
      set(ctx, args.server, { task: null, shape: args.to, fault: null, power: on ? power.running : power.off, vncPort: vncPort ?? null, ...settled })
      if (on) activatePorts(ctx, args.server)
      markMove(ctx, args.move, args.confirm ? 'confirmed' : 'finished')
      ctx.event(`compute.instance.${args.action}.end`, args.server)
      if (!args.confirm) return
      stageLeave(ctx, args.server, args.host)
      clearAway(ctx, { server: args.server, host: args.host, move: args.move, disks: [...args.own, ...args.along], shared: args.shared })
    },
  })
  .elsewhere(anotherTarget)
  .failed(({ ctx, args, requestId, out }, why) => {
    set(ctx, args.server, { task: null, fault: faultOf(ctx, `'${args.action}' did not succeed: ${why}`, requestId), vcpus: args.from.vcpus, memoryMb: args.from.memoryMb, ...('switch' in out ? {} : { otherHost: null }) })
    stageLeave(ctx, args.server, args.target)
    markMove(ctx, args.move, 'error')
    ctx.event(`compute.instance.${args.action}.error`, args.server, { why })
  })
