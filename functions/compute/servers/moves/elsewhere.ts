import type { Failure } from '../../../../schema/kernel.ts'
import { isUp } from '../../../hosts/up.ts'
import { MAX_HOSTS } from '../../../kernel/queue.ts'
import type { Run } from '../../../kernel/saga.ts'
import { bindPorts } from '../../../network/ports/plan.ts'
import { stageClaim, stageLeave } from '../../../placement/claim.ts'
import { lookElsewhere } from '../elsewhere.ts'
import { needOn } from '../../schedule/hosts.ts'
import { needOf, set } from '../model.ts'
import type { Cold } from './cold.saga.ts'
import type { Evacuate } from './evacuate.saga.ts'
import { beginMove, clearAway, leftBehind, luggage, markMove, rehouse, sharesAll } from './model.ts'
import { guardGroup } from './where.ts'

/**
 * The host it was to go to failed it: it goes to another that suits it, from where it is, off as it is by now. What came to
 * the failed one is ordered away. Nothing when there is no other, or when it is its own host that failed.
 */
export async function anotherTarget({ ctx, args, out }: Run<Cold, any>, failure: Failure): Promise<Cold | undefined> {
  const { server: id, host, target: failed } = args, tried = [...args.tried ?? [], failed]
  // One that may have started it there all the same is waited for.
  if (!args.tried || tried.length >= MAX_HOSTS || failure.step === 'stop' || (failure.doubt && failure.step === 'start')) return
  const onVolume = args.spec.disks.some((d) => d.boot === 0 && d.ref.kind === 'volume')
  const found = await lookElsewhere(ctx, id, { tried: [...tried, host], home: host, shape: args.to, need: needOf(args.to, onVolume), alike: (h, home, s) => h.simulated === home.simulated && !!h.address && (!s.zone || h.zone === s.zone) })
  if (!found || !isUp(found.home, ctx.now())) return
  const { s, to, home } = found
  if ('switch' in out) rehouse(ctx, args, failed, host, args.storage[0])
  // Whatever rows said a moment ago, what it takes along is at home.
  const here = <V extends { id: string; host: string | null; storage: string | null }>(v: V): V => (args.along.some((d) => d.id === v.id) ? { ...v, host, storage: args.storage[0] } : v)
  const goes = luggage(s, found.attached.map((a) => ({ ...a, volume: here(a.volume) })), found.snapshots.map(here), home, to)
  markMove(ctx, args.move, 'error')
  const move = beginMove(ctx, { server: { ...s, shape: args.from }, kind: args.action === 'resize' ? 'resize' : 'migration', status: 'migrating', from: home, to, along: goes.along, flavor: args.to.id })
  set(ctx, id, { otherHost: to.id })
  guardGroup(ctx, found, to.id)
  stageLeave(ctx, id, failed)
  stageClaim(ctx, { consumer: id, host: to.id, project: s.project, user: s.user, ...found.need })
  clearAway(ctx, { server: id, host: failed, move: args.move, ...leftBehind(id, args.shared, args.along) })
  ctx.event(`compute.instance.${args.action}.retry`, id, { why: failure.why, host: failed, target: to.id }, s.project)
  return { ...args, target: to.id, address: to.address!, move, storage: [home.storage, to.storage], own: goes.own, along: goes.along, shared: goes.shared, tried }
}

/** The same for a server of a dead host, which the host it came up on has failed. */
export async function anotherRefuge({ ctx, args }: Run<Evacuate, any>, failure: Failure): Promise<Evacuate | undefined> {
  const { server: id, target: failed, from } = args, tried = [...args.tried ?? [], failed]
  if (!args.tried || !from || tried.length >= MAX_HOSTS || (failure.doubt && failure.step === 'start')) return
  // With the dead host's files, if those were to be had; else where nobody else's are, made anew.
  const found = await lookElsewhere(ctx, id, {
    tried: [...tried, from.id], home: failed, need: needOn(id), storage: args.storage,
    alike: (h, home, s) => h.simulated === home.simulated && !!h.address && (!s.zone || h.zone === s.zone) && sharesAll(home, h) === !!args.shared,
  })
  if (!found) return
  const { s, to } = found
  markMove(ctx, args.move, 'error')
  const move = beginMove(ctx, { server: s, kind: 'evacuation', status: 'pre-migrating', from, to })
  set(ctx, id, { host: to.id })
  guardGroup(ctx, found, to.id)
  stageLeave(ctx, id, failed)
  stageClaim(ctx, { consumer: id, host: to.id, project: s.project, user: s.user, ...found.need })
  bindPorts(ctx, found.wires.map((w) => w.id), to.id)
  clearAway(ctx, { server: id, host: failed, move: args.move, ...leftBehind(id, !!args.shared, []) })
  ctx.event('compute.instance.evacuate.retry', id, { why: failure.why, host: failed, target: to.id }, s.project)
  return { ...args, target: to.id, move, tried }
}
