import { and, eq, inArray, ne, sql } from 'drizzle-orm'
import { server, serverGroup } from '../../../schema/compute.ts'
import { host } from '../../../schema/host.ts'
import type { DiskRef } from '../../../schema/jobs.ts'
import type { Failure } from '../../../schema/kernel.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { MAX_HOSTS } from '../../kernel/queue.ts'
import { bindPorts, networksOf } from '../../network/ports/plan.ts'
import { wiresOf } from '../../network/ports/of-servers.ts'
import { stageClaim, stageLeave } from '../../placement/claim.ts'
import { attachmentsOf, relocate, snapshotsBeside } from '../../volume/volumes/use.ts'
import { guardAffinity } from '../groups/model.ts'
import { candidate, hostsQuery, needOn, type Candidate } from '../schedule/hosts.ts'
import { pick } from '../schedule/pick.ts'
import { wishOf } from '../schedule/wish.ts'
import { set, type Server, type Shape } from './model.ts'
import { clearAway, leftBehind, sharesAll, type Place } from './moves/model.ts'
import { ownDisks, rootOnVolume } from './spec.ts'

/** What binds a server that has not run yet to some hosts, beyond its own row. Absent: it was to be on this one. */
export interface Elsewhere { zone?: string; storage: string[]; sameHost?: string[]; differentHost?: string[]; tried: string[] }
export type Begun = { server: string; host: string; elsewhere?: Elsewhere; /** Disks of an attempt before, in a store that this host opens too. */ clean?: DiskRef[] }

type Home = Place & { seenAt: number; forcedDown: boolean }
interface Ask extends Partial<Elsewhere> { tried: string[]; need: Parameters<typeof hostsQuery>[1]; shape?: Shape; /** Beside that of the server, the host to know more of. */ home: string; alike?: (to: Candidate, home: Home, s: Server) => boolean }
/** All there is to know of a server when another host is looked for in the middle of things, and that host; nothing when none fits. */
export async function lookElsewhere(ctx: Ctx, id: string, ask: Ask) {
  const groupOf = sql`(select group_id from ${server} where id = ${id})`, hints = [...(ask.sameHost ?? []), ...(ask.differentHost ?? [])]
  const [[s], wires, attached, snapshots, [home], hosts, [group], others, hinted] = await ctx.read(
    q.select().from(server).where(eq(server.id, id)), wiresOf([id]), attachmentsOf([id]), snapshotsBeside(id),
    q.select({ id: host.id, name: host.name, storage: host.storage, simulated: host.simulated, seenAt: host.seenAt, forcedDown: host.forcedDown }).from(host).where(eq(host.id, ask.home)),
    hostsQuery(ctx.now(), ask.need, { zone: ask.zone, group: groupOf, moving: id, networks: networksOf(id) }),
    q.select().from(serverGroup).where(eq(serverGroup.id, groupOf)), q.select({ host: server.host }).from(server).where(and(eq(server.group, groupOf), ne(server.id, id))),
    q.select({ id: server.id, host: server.host }).from(server).where(inArray(server.id, hints)))
  if (!s || !home) return
  const hostsOf = (ids?: string[]) => ids && hinted.filter((h) => ids.includes(h.id)).flatMap((h) => h.host ?? []), onVolume = rootOnVolume(attached.map((a) => a.attachment))
  const wish = wishOf({ ...s, shape: ask.shape ?? s.shape }, onVolume, group, others, { sameHost: hostsOf(ask.sameHost), differentHost: hostsOf(ask.differentHost), storage: ask.storage, avoid: ask.tried })
  const to = pick(hosts.map(candidate).filter((h) => ask.alike?.(h, home, s) ?? true), wish, ctx.world.random(1)[0] / 256)
  return to && { s, wires, attached, snapshots, home, group, onVolume, need: wish.need, to }
}

/**
 * The host it was begun on failed it: another that suits it gets it, with its claim, its ports and the volumes made for it,
 * in one batch; the failed one is ordered to clear away, whenever it can be told. Nothing when there is no other.
 */
export async function anotherHost<A extends Begun>(ctx: Ctx, args: A, volumes: DiskRef[], action: 'create' | 'unshelve', failure: Failure): Promise<A | undefined> {
  const { server: id, elsewhere: e, host: from } = args, tried = [...e?.tried ?? [], from]
  if (!e || tried.length >= MAX_HOSTS) return
  const found = await lookElsewhere(ctx, id, { ...e, tried, home: from, need: needOn(id) })
  if (!found) return
  const { s, to, home: left } = found
  // A guest that may run there could be writing to what others have written.
  if (failure.doubt && failure.step === 'start' && found.attached.some((a) => !volumes.some((v) => v.id === a.volume.id))) return
  ctx.event(`compute.instance.${action}.retry`, id, { why: failure.why, host: from, target: to.id }, s.project)
  set(ctx, id, { host: to.id })
  if (found.group) guardAffinity(ctx, found.group, to.id, id)
  stageLeave(ctx, id, from)
  stageClaim(ctx, { consumer: id, host: to.id, project: s.project, user: s.user, ...found.need })
  bindPorts(ctx, found.wires.map((w) => w.id), to.id)
  relocate(ctx, volumes, { host: to.id, storage: to.storage }, id)
  const shared = sharesAll(left, to), near = left.storage !== null && left.storage === to.storage
  clearAway(ctx, { server: id, host: from, move: ctx.uuid(), ...leftBehind(id, shared, near ? [] : volumes) })
  return { ...args, host: to.id, clean: [...(shared ? ownDisks(s, found.onVolume).map((d) => d.ref) : []), ...(near ? volumes : [])], elsewhere: { ...e, tried } }
}
