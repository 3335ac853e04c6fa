import { and, desc, eq, inArray, sql } from 'drizzle-orm'
import { server, serverMove } from '../../../../schema/compute.ts'
import { host } from '../../../../schema/host.ts'
import type { DiskRef } from '../../../../schema/jobs.ts'
import type { Ctx } from '../../../kernel/ctx.ts'
import { q } from '../../../kernel/db.ts'
import { enqueue, fenceLane } from '../../../kernel/queue.ts'
import { bindPorts } from '../../../network/ports/plan.ts'
import { relocate, type attachmentsOf, type snapshotsBeside } from '../../../volume/volumes/use.ts'
import { set, type Server } from '../model.ts'
import { ownDisks, rootOnVolume } from '../spec.ts'

export type Move = typeof serverMove.$inferSelect
/** A host, as far as moving to or from it goes. */
export interface Place { id: string; name: string; storage: string | null; simulated: boolean; address?: string | null }

/** The place of a server, and of its other one. */
export const placeOf = (id: string) => q.select({ id: host.id, name: host.name, storage: host.storage, simulated: host.simulated, seenAt: host.seenAt, forcedDown: host.forcedDown, enabled: host.enabled, address: sql<string | null>`json_extract(${host.hypervisor}, '$.address')` })
  .from(host).where(sql`${host.id} = (select host from ${server} where id = ${id})`)
export const placesOf = (id: string) => q.select({ id: host.id, name: host.name, storage: host.storage, simulated: host.simulated, address: sql<string | null>`json_extract(${host.hypervisor}, '$.address')` })
  .from(host).where(sql`${host.id} in (select host from ${server} where id = ${id} union select other_host from ${server} where id = ${id})`)

/** Real hosts that name the same store keep everything in it; simulated ones share volumes alone. */
export const sharesAll = (a: Place, b: Place) => !a.simulated && a.storage !== null && a.storage === b.storage
const sees = (p: Place, disk: { host: string | null; storage: string | null }) => (disk.storage !== null && disk.storage === p.storage) || disk.host === p.id

/** What must go from one host to the other: the server's own disks, and volumes with their snapshots that the other cannot open. Of a snapshot that failed there may be no disk. */
export function luggage(s: Server, attached: Awaited<ReturnType<typeof attachmentsOf>>, snapshots: Awaited<ReturnType<typeof snapshotsBeside>>, from: Place, to: Place) {
  const own = sharesAll(from, to) ? [] : ownDisks(s, rootOnVolume(attached.map((a) => a.attachment))).map((d) => d.ref)
  const volumes = attached.filter(({ volume: v }) => !sees(to, v)).map(({ volume: v }) => v)
  const along: DiskRef[] = [...volumes.map((v) => ({ kind: 'volume' as const, id: v.id })), ...snapshots.filter((n) => n.status === 'available' && !sees(to, n) && volumes.some((v) => v.id === n.volume && v.host === n.host)).map((n) => ({ kind: 'snapshot' as const, id: n.id }))]
  return { own, along, disks: [...own, ...along], shared: sharesAll(from, to) }
}

export interface NewMove { server: Server; kind: Move['kind']; status: string; from: Place; to: Place; along?: DiskRef[]; flavor?: string }
/** The record of a move that begins; its uuid names the way that is opened for it. */
export function beginMove(ctx: Ctx, m: NewMove): string {
  const uuid = ctx.uuid(), now = ctx.now(), s = m.server
  ctx.stage(q.insert(serverMove).values({
    uuid, server: s.id, project: s.project, user: ctx.anyone?.user.id || s.user, kind: m.kind, status: m.status, source: m.from.id, sourceName: m.from.name, target: m.to.id, targetName: m.to.name, targetAddress: m.to.address ?? null,
    oldFlavor: s.shape.id, newFlavor: m.flavor ?? s.shape.id, disks: m.along ?? [], requestId: ctx.requestId, createdAt: now, updatedAt: now,
  }))
  return uuid
}
export const markMove = (ctx: Ctx, uuid: string, status: string) => ctx.stage(q.update(serverMove).set({ status, updatedAt: ctx.now() }).where(eq(serverMove.uuid, uuid)))
/** The move that waits to be confirmed or taken back. */
export const settleMove = (ctx: Ctx, id: string, status: string) => ctx.stage(q.update(serverMove).set({ status, updatedAt: ctx.now() }).where(and(eq(serverMove.server, id), eq(serverMove.status, 'finished'))))
/** A move that ends because its server goes, or because another takes its place. */
export const cutMoves = (ctx: Ctx, id: string, status: string) => ctx.stage(q.update(serverMove).set({ status, updatedAt: ctx.now() }).where(and(eq(serverMove.server, id), inArray(serverMove.status, [...going]))))
export const going = ['accepted', 'queued', 'preparing', 'running', 'cancelling', 'pre-migrating', 'migrating', 'post-migrating', 'finished', 'reverting'] as const

/** What is said of a move that somebody ended. */
export const ended = 'the move was ended on request'

/** The newest move of a server. */
export const lastMove = (id: string) => q.select().from(serverMove).where(eq(serverMove.server, id)).orderBy(desc(serverMove.id)).limit(1)

/** Rows say that it is at `to` now, and that `from` still has something of it. */
export function rehouse(ctx: Ctx, a: { server: string; ports: string[]; along: DiskRef[] }, from: string, to: string, storage: string | null) {
  set(ctx, a.server, { host: to, otherHost: from })
  bindPorts(ctx, a.ports, to)
  relocate(ctx, a.along, { host: to, storage }, a.server)
}

/** What a host may still have of a server that is on another by now, and of the volumes that went along. */
export const leftBehind = (id: string, shared: boolean, along: DiskRef[]) => ({ disks: [...(shared ? [] : (['root', 'ephemeral', 'swap'] as const).map((kind) => ({ kind, id }))), ...along], shared })

/**
 * What a server left on a host goes, whenever the host can be told: an order that nothing supersedes and that is not
 * given up. Until it is carried out the server does not come back to that host.
 */
export function clearAway(ctx: Ctx, what: { server: string; host: string; move: string; disks: DiskRef[]; shared?: boolean }) {
  enqueue(ctx, { host: what.host, lane: fenceLane(what.server), undo: true, kind: 'move.close', args: { move: what.move, server: what.server, disks: what.disks, drop: true, ...(what.shared ? { shared: true } : {}) } })
}
