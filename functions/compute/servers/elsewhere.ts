import { and, eq, inArray, ne, sql } from 'drizzle-orm'
import { server, serverGroup } from '../../../schema/compute.ts'
import { host } from '../../../schema/host.ts'
import type { DiskRef } from '../../../schema/jobs.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { bindPorts, networksOf } from '../../network/ports/plan.ts'
import { wiresOf } from '../../network/ports/of-servers.ts'
import { stageClaim, stageLeave } from '../../placement/claim.ts'
import { attachmentsOf, relocate } from '../../volume/volumes/use.ts'
import { guardAffinity } from '../groups/model.ts'
import { candidate, hostsQuery, needOn } from '../schedule/hosts.ts'
import { pick } from '../schedule/pick.ts'
import { wishOf } from '../schedule/wish.ts'
import { set } from './model.ts'
import { clearAway, leftBehind, sharesAll } from './moves/model.ts'
import { ownDisks, rootOnVolume } from './spec.ts'

/** On so many hosts a server is tried, the first included. */
const MOST = 3

/** What binds a server that has not run yet to some hosts, beyond its own row. Absent: it was to be on this one. */
export interface Elsewhere { zone?: string; storage: string[]; sameHost?: string[]; differentHost?: string[]; tried: string[] }
export type Begun = { server: string; host: string; elsewhere?: Elsewhere; /** Disks of an attempt before, in a store that this host opens too. */ clean?: DiskRef[] }

/**
 * The host it was begun on failed it: another that suits it gets it, with its claim, its ports and the volumes made for it,
 * in one batch; the failed one is ordered to clear away, whenever it can be told. Nothing when there is no other.
 */
export async function anotherHost<A extends Begun>(ctx: Ctx, args: A, volumes: DiskRef[], action: 'create' | 'unshelve', why: string): Promise<A | undefined> {
  const { server: id, elsewhere: e, host: from } = args
  if (!e || e.tried.length + 1 >= MOST) return
  const tried = [...e.tried, from], groupOf = sql`(select group_id from ${server} where id = ${id})`, hints = [...(e.sameHost ?? []), ...(e.differentHost ?? [])]
  const [[s], wires, attached, hosts, [group], others, hinted, [left]] = await ctx.read(
    q.select().from(server).where(eq(server.id, id)), wiresOf([id]), attachmentsOf([id]),
    hostsQuery(ctx.now(), needOn(id), { zone: e.zone, group: groupOf, moving: id, networks: networksOf(id) }),
    q.select().from(serverGroup).where(eq(serverGroup.id, groupOf)), q.select({ host: server.host }).from(server).where(and(eq(server.group, groupOf), ne(server.id, id))),
    q.select({ id: server.id, host: server.host }).from(server).where(inArray(server.id, hints)),
    q.select({ id: host.id, name: host.name, storage: host.storage, simulated: host.simulated }).from(host).where(eq(host.id, from)))
  if (!s || !left) return
  const hostsOf = (ids?: string[]) => ids && hinted.filter((h) => ids.includes(h.id)).flatMap((h) => h.host ?? [])
  const onVolume = rootOnVolume(attached.map((a) => a.attachment))
  const wish = wishOf(s, onVolume, group, others, { sameHost: hostsOf(e.sameHost), differentHost: hostsOf(e.differentHost), storage: e.storage, avoid: tried })
  const to = pick(hosts.map(candidate), wish, ctx.world.random(1)[0] / 256)
  if (!to) return
  ctx.event(`compute.instance.${action}.retry`, id, { why, host: from, target: to.id, attempt: tried.length }, s.project)
  set(ctx, id, { host: to.id })
  if (group) guardAffinity(ctx, group, to.id, id)
  stageLeave(ctx, id, from)
  stageClaim(ctx, { consumer: id, host: to.id, project: s.project, user: s.user, ...wish.need })
  bindPorts(ctx, wires.map((w) => w.id), to.id)
  relocate(ctx, volumes, { host: to.id, storage: to.storage }, id)
  const shared = sharesAll(left, to), near = left.storage !== null && left.storage === to.storage
  clearAway(ctx, { server: id, host: from, move: ctx.uuid(), ...leftBehind(id, shared, near ? [] : volumes) })
  return { ...args, host: to.id, clean: [...(shared ? ownDisks(s, onVolume).map((d) => d.ref) : []), ...(near ? volumes : [])], elsewhere: { ...e, tried } }
}
