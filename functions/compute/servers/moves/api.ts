import { and, asc, desc, eq, gte, lt, lte, or, sql, type SQL } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { serverMove } from '../../../../schema/compute.ts'
import { job } from '../../../../schema/kernel.ts'
import type { Ctx } from '../../../kernel/ctx.ts'
import { q } from '../../../kernel/db.ts'
import type { Input } from '../../../kernel/endpoint.ts'
import { conflict, invalid, notFound } from '../../../kernel/fault.ts'
import { enqueue } from '../../../kernel/queue.ts'
import { pageLink } from '../../../kernel/page.ts'
import { isoMicros } from '../../../kernel/view.ts'
import { endpoint, type Rule } from '../../service.ts'
import { action } from '../../shapes.ts'
import { timeOf } from '../filters.ts'
import { linksOf, mine, serverQuery } from '../model.ts'
import type { Move } from './model.ts'
import { markMove } from './model.ts'

const over = ['confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled', 'done']
/** Flavors have no numbers here; those whose ids are numbers are known by them. */
const number = (id: string) => (/^\d{1,9}$/.test(id) ? Number(id) : 0)

const common = (ctx: Ctx, m: Move) => ({
  id: m.id, status: m.status, source_compute: m.sourceName, source_node: m.sourceName, dest_compute: m.targetName, dest_node: m.targetName, dest_host: m.targetAddress, created_at: isoMicros(m.createdAt), updated_at: isoMicros(m.updatedAt),
  ...(ctx.version >= 2059 ? { uuid: m.uuid } : {}), ...(ctx.version >= 2080 ? { user_id: m.user, project_id: m.project } : {}),
})
const listed = (ctx: Ctx, m: Move) => ({
  ...common(ctx, m), instance_uuid: m.server, old_instance_type_id: number(m.oldFlavor), new_instance_type_id: number(m.newFlavor),
  ...(ctx.version >= 2023 ? { migration_type: m.kind, ...(m.kind === 'live-migration' && !over.includes(m.status) ? { links: linksOf(ctx, `${m.server}/migrations/${m.id}`) } : {}) } : {}),
})
/** How far it is, as its host last said. */
function going(ctx: Ctx, m: Move, progress: string | null | undefined) {
  const [, md, mt, dd, dt] = /memory (\d+)\/(\d+), disk (\d+)\/(\d+)/.exec(progress ?? '') ?? []
  const part = (what: string, done: string | undefined, total: string | undefined) => ({ [`${what}_total_bytes`]: total ? Number(total) : null, [`${what}_processed_bytes`]: done ? Number(done) : null, [`${what}_remaining_bytes`]: total ? Math.max(0, Number(total) - Number(done)) : null })
  return { ...common(ctx, m), server_uuid: m.server, ...part('memory', md, mt), ...part('disk', dd, dt) }
}
const liveJob = (id: string) => q.select({ host: job.host, progress: job.progress }).from(job).where(and(eq(job.lane, id), eq(job.kind, 'move.live'), eq(job.state, 'running')))

const allowed: Record<string, number> = { host: 1, hidden: 1, status: 1, instance_uuid: 1, source_compute: 1, migration_type: 1, limit: 2059, marker: 2059, 'changes-since': 2059, 'changes-before': 2066, user_id: 2080, project_id: 2080 }

export async function listMoves(ctx: Ctx, { query, url }: Input) {
  const paged = ctx.version >= 2059, limit = query.get('limit'), marker = query.get('marker')
  if (paged && limit !== null && !/^\d+$/.test(limit)) throw invalid(`Invalid input for query parameters limit. Value: ${limit}.`)
  if (paged) for (const key of query.keys()) if (!(allowed[key] <= ctx.version)) throw invalid(`Additional properties are not allowed ('${key}' was unexpected)`)
  const since = paged ? query.get('changes-since') : null, before = ctx.version >= 2066 ? query.get('changes-before') : null
  if (since && before && timeOf('changes-since', since) > timeOf('changes-before', before)) throw invalid('The value of changes-since must be less than or equal to changes-before.')
  const is = (column: Parameters<typeof eq>[0], key: string, from = 1): SQL | undefined => (query.has(key) && ctx.version >= from ? eq(column, query.get(key)) : undefined)
  const host = query.get('host'), most = paged ? Math.min(1000, Number(limit ?? 1000) || 1000) : 1000
  const where = and(
    is(serverMove.server, 'instance_uuid'), query.has('status') ? sql`lower(${serverMove.status}) = ${query.get('status')!.toLowerCase()}` : undefined, is(serverMove.sourceName, 'source_compute'), is(serverMove.kind, 'migration_type'),
    host ? or(eq(serverMove.sourceName, host), eq(serverMove.targetName, host)) : undefined, is(serverMove.user, 'user_id', 2080), is(serverMove.project, 'project_id', 2080),
    since ? gte(serverMove.updatedAt, timeOf('changes-since', since)) : undefined, before ? lte(serverMove.updatedAt, timeOf('changes-before', before)) : undefined,
    // Hidden ones there are none of.
    /^(true|1)$/i.test(query.get('hidden') ?? '') ? sql`0` : undefined)
  const [rows, [at]] = await ctx.read(
    q.select().from(serverMove).where(and(where, paged && marker ? lt(serverMove.id, sql`(select id from ${serverMove} where uuid = ${marker})`) : undefined)).orderBy(paged ? desc(serverMove.id) : asc(serverMove.id)).limit(most + 1),
    q.select({ id: serverMove.id }).from(serverMove).where(eq(serverMove.uuid, marker ?? '')))
  if (paged && marker && !at) throw invalid(`Marker ${marker} could not be found.`)
  const page = rows.slice(0, most)
  return { migrations: page.map((m) => listed(ctx, m)), ...(paged && rows.length > most ? { migrations_links: [{ rel: 'next', href: pageLink(ctx.origin, url, page.at(-1)!.uuid) }] } : {}) }
}

async function look(ctx: Ctx, params: Record<string, string>, what: string) {
  const { server: id, migration } = params, by = /^\d{1,15}$/.test(migration) ? eq(serverMove.id, Number(migration)) : sql`0`
  const [rows, [m], [running]] = await ctx.read(serverQuery(ctx, id), q.select().from(serverMove).where(and(eq(serverMove.server, id), by)), liveJob(id))
  const s = mine(ctx, rows, id, `os_compute_api:servers:migrations:${what}` as Rule)
  if (!m) throw notFound('migration', migration, `Migration ${migration} could not be found for server ${id}.`)
  return { s, m, running }
}
const wrong = (m: Move, word: string) => invalid(`Migration ${m.id} state of instance ${m.server} is ${m.status}. Cannot ${word} while the migration is in this state.`)

const path = '/servers/{server}/migrations'
export default [
  endpoint({
    id: 'servers.migrations.index', method: 'GET', path, since: '2.23', status: 200, summary: 'Live moves of a server that go on', policy: 'os_compute_api:servers:migrations:index',
    async handle(ctx, { params: { server: id } }) {
      const [rows, moves, [running]] = await ctx.read(serverQuery(ctx, id), q.select().from(serverMove).where(and(eq(serverMove.server, id), eq(serverMove.kind, 'live-migration'), sql`${serverMove.status} not in ${over}`)).orderBy(desc(serverMove.id)), liveJob(id))
      mine(ctx, rows, id, 'os_compute_api:servers:migrations:index')
      return { migrations: moves.map((m) => going(ctx, m, running?.progress)) }
    },
  }),
  endpoint({
    id: 'servers.migrations.show', method: 'GET', path: `${path}/{migration}`, since: '2.23', status: 200, summary: 'A live move that goes on, and how far it is', policy: 'os_compute_api:servers:migrations:show',
    async handle(ctx, { params }) {
      const { m, running } = await look(ctx, params, 'show')
      if (m.kind !== 'live-migration') throw notFound('migration', params.migration, `Migration ${m.id} for server ${m.server} is not live-migration.`)
      if (over.includes(m.status)) throw notFound('migration', params.migration, `Live migration ${m.id} for server ${m.server} is not in progress.`)
      return { migration: going(ctx, m, running?.progress) }
    },
  }),
  endpoint({
    id: 'servers.migrations.delete', method: 'DELETE', path: `${path}/{migration}`, since: '2.24', status: 202, summary: 'End a live move: the server stays where it is', policy: 'os_compute_api:servers:migrations:delete',
    async handle(ctx, { params }) {
      const { s, m } = await look(ctx, params, 'delete')
      if (s.task !== 'migrating') throw conflict(`Cannot 'abort live migration' instance ${s.id} while it is in task_state ${s.task}`)
      if (m.kind !== 'live-migration' || (m.status !== 'running' && !(ctx.version >= 2065 && (m.status === 'queued' || m.status === 'preparing')))) throw wrong(m, 'abort live migration')
      ctx.event('compute.instance.live_migration_cancel.start', s.id, undefined, s.project)
      // Before it has begun to go, it is told by its record; then, by its host.
      if (m.status !== 'running') return markMove(ctx, m.uuid, 'cancelling')
      enqueue(ctx, { host: m.source, lane: `abort:${s.id}`, kind: 'move.abort', args: { uuid: s.id }, priority: 1 })
      ctx.event('compute.instance.live_migration_cancel.end', s.id, undefined, s.project)
    },
  }),
  endpoint({
    id: 'servers.migrations.force_complete', method: 'POST', path: `${path}/{migration}/action`, key: 'force_complete', since: '2.22', status: 202, summary: 'Hold the server up until it has moved', policy: 'os_compute_api:servers:migrations:force_complete',
    body: { '2.22': action('force_complete', t.Null()) },
    async handle(ctx, { params }) {
      const { s, m } = await look(ctx, params, 'force_complete')
      if (m.kind !== 'live-migration' || m.status !== 'running') throw wrong(m, 'force_complete')
      ctx.event('compute.instance.live_migration_force_complete.start', s.id, undefined, s.project)
      enqueue(ctx, { host: m.source, lane: `hurry:${s.id}`, kind: 'move.hurry', args: { uuid: s.id }, priority: 1 })
      ctx.event('compute.instance.live_migration_force_complete.end', s.id, undefined, s.project)
    },
  }),
]
