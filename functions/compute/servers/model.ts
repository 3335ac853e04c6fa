import { and, eq, sql } from 'drizzle-orm'
import { server, type ServerFault, type ServerState, type Shape } from '../../../schema/compute.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { conflict, notFound } from '../../kernel/fault.ts'
import { touch } from '../../network/touch.ts'
import type { Rule } from '../service.ts'

export type Server = typeof server.$inferSelect
export type { Shape, ServerState }

/** What users see: the state, coloured by what is being done. */
const busy: Partial<Record<ServerState, Record<string, string>>> = {
  active: { migrating: 'MIGRATING', rebooting: 'REBOOT', rebooting_hard: 'HARD_REBOOT', updating_password: 'PASSWORD', rebuilding: 'REBUILD', resize_prep: 'RESIZE', resize_migrating: 'RESIZE', resize_finish: 'RESIZE' },
  stopped: { rebooting_hard: 'HARD_REBOOT', rebuilding: 'REBUILD', resize_prep: 'RESIZE', resize_migrating: 'RESIZE', resize_finish: 'RESIZE' },
  paused: { migrating: 'MIGRATING' },
  resized: { resize_reverting: 'REVERT_RESIZE' },
  error: { rebuilding: 'REBUILD' },
}
export const statuses: Record<ServerState, string> = {
  building: 'BUILD', active: 'ACTIVE', stopped: 'SHUTOFF', paused: 'PAUSED', suspended: 'SUSPENDED', rescued: 'RESCUE', resized: 'VERIFY_RESIZE',
  shelved: 'SHELVED', shelved_offloaded: 'SHELVED_OFFLOADED', error: 'ERROR',
}
export const statusOf = (s: Pick<Server, 'state' | 'task'>) => (s.task && busy[s.state]?.[s.task]) || statuses[s.state]
/** The states and tasks behind a status that a list is filtered by. */
export function behind(status: string) {
  const wanted = status.toUpperCase()
  const tasks = Object.entries(busy).flatMap(([state, map]) => Object.entries(map).filter(([, s]) => s === wanted).map(([task]) => ({ state: state as ServerState, task })))
  const states = (Object.entries(statuses) as [ServerState, string][]).filter(([, s]) => s === wanted).map(([state]) => state)
  return states.length || tasks.length ? { states, tasks } : undefined
}

/** Where clients find it; links without the version are how it is known for ever. */
export const linksOf = (ctx: Ctx, id: string, kind = 'servers') => [{ rel: 'self', href: `${ctx.origin}/compute/v2.1/${kind}/${id}` }, { rel: 'bookmark', href: `${ctx.origin}/compute/${kind}/${id}` }]

export const power = { none: 0, running: 1, paused: 3, off: 4, crashed: 6, suspended: 7 }

/** Servers the caller may see: those of their project; all, for admins. */
export const visible = (ctx: Ctx) => (ctx.caller.admin ? undefined : eq(server.project, ctx.project))
export const serverQuery = (ctx: Ctx, id: string) => q.select().from(server).where(and(eq(server.id, id), visible(ctx)))

/** The server that was read, if the caller may do `rule` to it. */
export function mine(ctx: Ctx, rows: Server[], id: string, rule: Rule): Server {
  const [row] = rows
  if (!row) throw notFound('instance', id)
  ctx.may(rule, row)
  return row
}
export async function findServer(ctx: Ctx, id: string, rule: Rule): Promise<Server> {
  const [rows] = await ctx.read(serverQuery(ctx, id))
  return mine(ctx, rows, id, rule)
}

/** Whose server it is, looked up where it is needed. */
export const projectOf = (id: string) => sql`(select project from ${server} where id = ${id})`

/** Changes the row that was read, and only that: another change in between sends the request round again. */
export function change(ctx: Ctx, s: Pick<Server, 'id' | 'generation'>, set: Partial<Server>) {
  ctx.stage(q.update(server).set({ ...set, generation: s.generation + 1, updatedAt: ctx.now() }).where(and(eq(server.id, s.id), eq(server.generation, s.generation))), 'stale')
}
/** Changes a row by id, whatever it is now: for sagas, which own it through their lane. */
export const set = (ctx: Ctx, id: string, values: Partial<Server>) =>
  ctx.stage(q.update(server).set({ ...values, generation: sql`${server.generation} + 1` as unknown as number, updatedAt: ctx.now() }).where(eq(server.id, id)))

export function unlocked(ctx: Ctx, s: Server) {
  if (s.lockedBy && !ctx.caller.admin) throw conflict(`Instance ${s.id} is locked`)
}

export const faultOf = (ctx: Ctx, message: string, requestId = ctx.requestId, code = 500): ServerFault => ({ code, message: `${message} (request ${requestId})`.slice(0, 255), created: ctx.now(), requestId })

/** MB and GB a shape takes from its host; the root disk of a server on a volume takes none. */
export const needOf = (s: Shape, rootOnVolume = false) => ({ vcpus: s.vcpus, memoryMb: s.memoryMb, diskGb: (rootOnVolume ? 0 : s.diskGb) + s.ephemeralGb + Math.ceil(s.swapMb / 1024) })

/** What the guest is told changed: its host looks again. */
export const tell = (ctx: Ctx, s: Pick<Server, 'host'>) => { if (s.host) touch(ctx, { guests: [s.host] }) }
