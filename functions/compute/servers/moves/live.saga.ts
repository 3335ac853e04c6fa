import type { DiskRef, Nic } from '../../../../schema/jobs.ts'
import { eq } from 'drizzle-orm'
import { serverMove } from '../../../../schema/compute.ts'
import { q } from '../../../kernel/db.ts'
import { conflict } from '../../../kernel/fault.ts'
import { saga, type Run } from '../../../kernel/saga.ts'
import { activatePorts, awaitPortsNoMore, bindPorts } from '../../../network/ports/plan.ts'
import { stageLeave } from '../../../placement/claim.ts'
import { relocate } from '../../../volume/volumes/use.ts'
import { faultOf, power, set } from '../model.ts'
import { anotherWay } from './elsewhere.ts'
import { clearAway, ended, markMove } from './model.ts'

/** A running server to another host while it runs. Until it has changed over, any failure leaves it where it is. */
export type Live = {
  server: string; host: string; target: string; address: string; move: string; storage: string | null; nics: Nic[]; ports: string[]; disks: DiskRef[]; along: DiskRef[]; own: DiskRef[]; shared: boolean; paused: boolean
  /** Hosts that have failed it. Absent: it was to go to this one. */
  tried?: string[]
}
type R = Run<Live, any>
const there = ({ args }: R) => args.target

export default saga<Live>('server.live-migrate', { deadline: 12 * 3600 })
  .host('open', 'move.open', {
    on: there, args: ({ args }) => ({ move: args.move, server: args.server, disks: args.disks, nics: args.nics, live: true, shared: args.shared }),
    // Once it runs there, what came stays.
    undo: ['move.close', ({ args, out }) => ({ move: args.move, server: args.server, disks: args.disks, drop: !('switch' in out), shared: args.shared })],
  })
  .local('running', {
    async run({ ctx, args }) {
      const [[m]] = await ctx.read(q.select({ status: serverMove.status }).from(serverMove).where(eq(serverMove.uuid, args.move)))
      if (m?.status === 'cancelling') throw conflict(ended)
      markMove(ctx, args.move, 'running')
    },
  })
  .host('live', 'move.live', {
    on: ({ args }) => args.host,
    args: ({ args, out }) => ({ move: args.move, uuid: args.server, disks: args.disks, nics: args.nics, to: { address: args.address, port: out.open.port } }),
  })
  .local('switch', {
    run({ ctx, args }) {
      set(ctx, args.server, { host: args.target, otherHost: args.host })
      bindPorts(ctx, args.ports, args.target)
      relocate(ctx, args.along, { host: args.target, storage: args.storage }, args.server)
    },
  })
  .host('arrive', 'move.arrive', { on: there, args: ({ args }) => ({ move: args.move, uuid: args.server, resume: !args.paused }) })
  .host('close', 'move.close', { on: there, args: ({ args }) => ({ move: args.move, server: args.server, disks: [], drop: false }) })
  .local('done', {
    run({ ctx, args, out }) {
      // Only now that it is seen to run there: what is still here would be all there is of it.
      stageLeave(ctx, args.server, args.host)
      clearAway(ctx, { server: args.server, host: args.host, move: args.move, disks: args.disks, shared: args.shared })
      set(ctx, args.server, { otherHost: null, task: null, power: args.paused ? power.paused : power.running, vncPort: out.arrive.vncPort ?? null, fault: null })
      activatePorts(ctx, args.server)
      markMove(ctx, args.move, 'completed')
      ctx.event('compute.instance.live-migration.end', args.server, { from: args.host, to: args.target, bytes: out.live.bytes, downtimeMs: out.live.downtimeMs })
    },
  })
  .elsewhere(anotherWay)
  .failed(({ ctx, args, out, requestId }, why) => {
    const moved = 'switch' in out
    set(ctx, args.server, { task: null, ...(moved ? { state: 'error', power: power.none, fault: faultOf(ctx, `The server moved and was not found running afterwards: ${why}`, requestId) } : { otherHost: null }) })
    if (!moved) {
      stageLeave(ctx, args.server, args.target)
      awaitPortsNoMore(ctx, args.ports, args.target)
    }
    markMove(ctx, args.move, why.includes(ended) ? 'cancelled' : 'running' in out ? 'failed' : 'error')
    ctx.event('compute.instance.live-migration.error', args.server, { why })
  })
