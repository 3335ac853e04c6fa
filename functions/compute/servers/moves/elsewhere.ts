import type { DiskRef } from '../../../../schema/jobs.ts'
import type { Failure } from '../../../../schema/kernel.ts'
import { isUp } from '../../../hosts/up.ts'
import type { Ctx } from '../../../kernel/ctx.ts'
import { MAX_HOSTS } from '../../../kernel/queue.ts'
import type { Run } from '../../../kernel/saga.ts'
import { awaitPortsNoMore, bindPorts, expectPorts } from '../../../network/ports/plan.ts'
import { stageClaim, stageLeave } from '../../../placement/claim.ts'
import { lookElsewhere } from '../elsewhere.ts'
import { needOn, type Candidate } from '../../schedule/hosts.ts'
import { needOf, set, type Server } from '../model.ts'
import type { Cold } from './cold.saga.ts'
import type { Evacuate } from './evacuate.saga.ts'
import type { Live } from './live.saga.ts'
import { beginMove, clearAway, ended, lastMove, leftBehind, luggage, markMove, rehouse, sharesAll, type Place } from './model.ts'
import { guardGroup } from './where.ts'

type Found = NonNullable<Awaited<ReturnType<typeof lookElsewhere>>>
/** What ran on one runs on the other, in the zone that was asked for. */
const alike = (h: Candidate, home: Place, s: Server) => h.simulated === home.simulated && !!h.address && (!s.zone || h.zone === s.zone)
/** The one that failed has no claim any more and is ordered to clear away; the other has the claim. */
function leave(ctx: Ctx, a: { server: string; target: string; move: string; along?: DiskRef[]; shared?: boolean }, { s, to, group, need }: Found, failure: Failure, action: string, status = 'error') {
  markMove(ctx, a.move, status)
  guardGroup(ctx, { group, s }, to.id)
  stageLeave(ctx, a.server, a.target)
  stageClaim(ctx, { consumer: a.server, host: to.id, project: s.project, user: s.user, ...need })
  clearAway(ctx, { server: a.server, host: a.target, move: a.move, ...leftBehind(a.server, !!a.shared, a.along ?? []) })
  ctx.event(`compute.instance.${action}.retry`, a.server, { why: failure.why, host: a.target, target: to.id }, s.project)
}

/**
 * The host it was to go to failed it: it goes to another that suits it, from where it is, off as it is by now. What came to
 * the failed one is ordered away. Nothing when there is no other, or when it is its own host that failed.
 */
export async function anotherTarget({ ctx, args, out }: Run<Cold, any>, failure: Failure): Promise<Cold | undefined> {
  const { server: id, host, target: failed } = args, tried = [...args.tried ?? [], failed]
  // One that may have started it there all the same is waited for.
  if (!args.tried || tried.length >= MAX_HOSTS || failure.step === 'stop' || (failure.doubt && failure.step === 'start')) return
  const onVolume = args.spec.disks.some((d) => d.boot === 0 && d.ref.kind === 'volume')
  const found = await lookElsewhere(ctx, id, { tried: [...tried, host], home: host, shape: args.to, need: needOf(args.to, onVolume), alike })
  if (!found || !isUp(found.home, ctx.now())) return
  const { s, to, home } = found
  if ('switch' in out) rehouse(ctx, args, failed, host, args.storage[0])
  // Whatever rows said a moment ago, what it takes along is at home.
  const here = <V extends { id: string; host: string | null; storage: string | null }>(v: V): V => (args.along.some((d) => d.id === v.id) ? { ...v, host, storage: args.storage[0] } : v)
  const goes = luggage(s, found.attached.map((a) => ({ ...a, volume: here(a.volume) })), found.snapshots.map(here), home, to)
  set(ctx, id, { otherHost: to.id })
  leave(ctx, args, found, failure, args.action)
  const move = beginMove(ctx, { server: { ...s, shape: args.from }, kind: args.action === 'resize' ? 'resize' : 'migration', status: 'migrating', from: home, to, along: goes.along, flavor: args.to.id })
  return { ...args, target: to.id, address: to.address!, move, storage: [home.storage, to.storage], own: goes.own, along: goes.along, shared: goes.shared, tried }
}

/** The same for one that goes while it runs, as long as it has not gone; never when somebody wants it to stay. */
export async function anotherWay({ ctx, args }: Run<Live, any>, failure: Failure): Promise<Live | undefined> {
  const { server: id, host, target: failed, ports } = args, tried = [...args.tried ?? [], failed]
  if (!args.tried || tried.length >= MAX_HOSTS || !['open', 'live'].includes(failure.step) || (failure.doubt && failure.step === 'live') || failure.why?.includes(ended)) return
  const found = await lookElsewhere(ctx, id, { tried: [...tried, host], home: host, need: needOn(id), alike: (h, home, s) => alike(h, home, s) && sharesAll(home, h) === args.shared })
  const [[last]] = await ctx.read(lastMove(id))
  if (!found || !isUp(found.home, ctx.now()) || last?.status === 'cancelling') return
  const { s, to, home } = found, goes = luggage(s, found.attached, found.snapshots, home, to)
  set(ctx, id, { otherHost: to.id })
  leave(ctx, args, found, failure, 'live-migration', failure.step === 'live' ? 'failed' : 'error')
  const move = beginMove(ctx, { server: s, kind: 'live-migration', status: 'preparing', from: home, to, along: goes.along })
  awaitPortsNoMore(ctx, ports, failed)
  expectPorts(ctx, ports, to.id)
  return { ...args, target: to.id, address: to.address!, move, storage: to.storage, disks: goes.disks, own: goes.own, along: goes.along, shared: goes.shared, tried }
}

/** The same for a server of a dead host, which the host it came up on has failed. */
export async function anotherRefuge({ ctx, args }: Run<Evacuate, any>, failure: Failure): Promise<Evacuate | undefined> {
  const { server: id, target: failed, from } = args, tried = [...args.tried ?? [], failed]
  if (!args.tried || !from || tried.length >= MAX_HOSTS || (failure.doubt && failure.step === 'start')) return
  // With the dead host's files, if those were to be had; else where nobody else's are, made anew.
  const found = await lookElsewhere(ctx, id, {
    tried: [...tried, from.id], home: failed, need: needOn(id), storage: args.storage,
    alike: (h, home, s) => alike(h, home, s) && sharesAll(home, h) === !!args.shared,
  })
  if (!found) return
  const { s, to } = found
  set(ctx, id, { host: to.id })
  leave(ctx, args, found, failure, 'evacuate')
  const move = beginMove(ctx, { server: s, kind: 'evacuation', status: 'pre-migrating', from, to })
  bindPorts(ctx, found.wires.map((w) => w.id), to.id)
  return { ...args, target: to.id, move, tried }
}
