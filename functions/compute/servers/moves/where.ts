import { and, eq, ne, sql } from 'drizzle-orm'
import { server, serverGroup } from '../../../../schema/compute.ts'
import { host } from '../../../../schema/host.ts'
import type { Ctx } from '../../../kernel/ctx.ts'
import { q, run } from '../../../kernel/db.ts'
import { isUp } from '../../../hosts/up.ts'
import { conflict, invalid } from '../../../kernel/fault.ts'
import { networksOf } from '../../../network/ports/plan.ts'
import { snapshotsBeside, workOnDisks } from '../../../volume/volumes/use.ts'
import { maxPerHost, type Group } from '../../groups/model.ts'
import { candidate, hostsQuery, needOn, type Candidate, type HostRowRead } from '../../schedule/hosts.ts'
import { pick } from '../../schedule/pick.ts'
import { wishOf } from '../../schedule/wish.ts'
import { gripOf, gripReads, type Grip } from '../grip.ts'
import type { Server } from '../model.ts'
import { rootOnVolume } from '../spec.ts'
import { undisturbed, type MoveName } from '../verbs.ts'
import { lastMove, placeOf, type Move, type Place } from './model.ts'

const groupOf = (id: string) => sql`(select group_id from ${server} where id = ${id})`
type Attached = Parameters<typeof gripOf>[3][2]

/** All it takes to choose another host for a server, in one round trip; `host`: asked for by name. */
export const moveReads = (ctx: Ctx, id: string, asked?: string, need = needOn(id)) => [
  ...gripReads(ctx, id), placeOf(id), hostsQuery(ctx.now(), need, { group: groupOf(id), only: asked ? [asked] : undefined, moving: id, networks: networksOf(id) }),
  q.select().from(serverGroup).where(eq(serverGroup.id, groupOf(id))), q.select({ host: server.host }).from(server).where(and(eq(server.group, groupOf(id)), ne(server.id, id))),
  snapshotsBeside(id), q.select({ id: host.id, name: host.name, enabled: host.enabled }).from(host).where(sql`(${host.name} = ${asked ?? ''} or ${host.id} = ${asked ?? ''})`), lastMove(id), workOnDisks(id),
] as const

export interface Moving { grip: Grip; server: Server & { host: string }; from: Place & { seenAt: number; forcedDown: boolean; enabled: boolean }; hosts: Candidate[]; group?: Group; members: { host: string | null }[]; attached: any; snapshots: Awaited<ReturnType<typeof snapshotsBeside>>; named?: { id: string; name: string }; last?: Move; rest: unknown[][] }

/** What was read, if the server may make the move now. */
export function movingOf(ctx: Ctx, id: string, move: MoveName, read: unknown[][]): Moving {
  const grip = gripOf(ctx, id, move, read)
  // From a host that is dead nothing is carried, and what it was doing would never end.
  if (move !== 'evacuate') undisturbed(id, move, read[10])
  if (grip.server.otherHost) throw conflict(`Cannot '${move}' instance ${id}: an earlier move of it is not over.`)
  return {
    grip, server: grip.server, attached: read[2] as Attached, from: (read[3] as Moving['from'][])[0], hosts: (read[4] as HostRowRead[]).map(candidate), group: (read[5] as Group[])[0],
    members: read[6] as Moving['members'], snapshots: read[7] as never, named: (read[8] as { id: string; name: string }[])[0], last: (read[9] as Move[])[0], rest: read.slice(11),
  }
}

export const noHost = (why = 'There are not enough hosts available.') => invalid(`No valid host was found. ${why}`)

/** The host asked for, or the one that suits best; never the one it is on, and none it cannot reach. */
export function choose(ctx: Ctx, m: Moving, asked: string | undefined, more: { shape?: Server['shape']; force?: boolean; storage?: string[]; /** Its host is down, and not asked. */ dead?: boolean } = {}): Candidate {
  const s = m.server
  if (asked && !m.named) throw invalid(`Compute host ${asked} could not be found.`)
  if (m.named && m.named.id === s.host) throw invalid(`Unable to migrate instance (${s.id}) to current host (${m.named.name}).`)
  if (!more.dead && !isUp(m.from, ctx.now())) throw conflict(`Cannot move instance ${s.id}: its host ${m.from.name} does not answer. Evacuate it instead.`)
  const wish = wishOf({ ...s, shape: more.shape ?? s.shape }, rootOnVolume(m.grip.held), m.group, m.members, { avoid: [s.host], storage: more.storage })
  // What runs as it is here must find the same kind of host there.
  const alike = m.hosts.filter((h) => h.simulated === m.from.simulated && h.address && (more.force || !s.zone || h.zone === s.zone))
  const found = pick(alike, more.force ? { ...wish, extraSpecs: {}, group: undefined } : wish, ctx.world.random(1)[0] / 256)
  if (!found) throw noHost(asked ? `Host ${asked} is down, disabled, or has not the room, the kind or the physical networks for this server.` : undefined)
  return found
}

/** A hard rule of the group, judged on what is there when this batch commits; the server itself leaves its place. */
export function guardGroup(ctx: Ctx, { group: g, s }: { group?: Group; s: Pick<Server, 'id'> }, target: string) {
  const others = sql`select 1 from ${server} where group_id = ${g?.id ?? ''} and id <> ${s.id}`
  if (g?.policy === 'anti-affinity') ctx.stage(run(sql`insert into guard select 'affinity', (select count(*) from (${others} and (host = ${target} or other_host = ${target}))) < ${maxPerHost(g)}`))
  if (g?.policy === 'affinity') ctx.stage(run(sql`insert into guard select 'affinity', not exists (${others} and host is not null and host <> ${target})`))
}
