import { and, eq, like, sql, type SQL } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { snapshot } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { start } from '../../kernel/engine.ts'
import { forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { keyset } from '../../kernel/page.ts'
import { isoMicros, view } from '../../kernel/view.ts'
import { closed, counted, cut, dictionary, inJson, isTrue, listing, nextLink, tenants, text, truth, words } from '../lists.ts'
import { metadataOf } from '../metadata.ts'
import { endpoint } from '../service.ts'
import { placeOf } from '../volumes/actions/grow.ts'
import { holding } from '../volumes/destroy.ts'
import { withoutOffset } from '../volumes/list.ts'
import type { SnapshotRow } from '../volumes/model.ts'
import { serverBeside, stays } from '../volumes/stays.ts'
import { demand, quotaQueries, stillWithin } from '../volumes/use.ts'
import { allowed as allowedVolume, oneVolume, type Whole } from '../volumes/view.ts'
import createSaga from './create.saga.ts'
import deleteSaga from './delete.saga.ts'

const brief = view<SnapshotRow>((s) => ({
  id: s.id, name: s.name, description: s.description, created_at: isoMicros(s.createdAt), updated_at: s.updatedAt === s.createdAt ? null : isoMicros(s.updatedAt), volume_id: s.volume, status: s.status, size: s.sizeGb, metadata: s.metadata,
})).since('3.14', (s) => ({ group_snapshot_id: s.groupSnapshot })).since('3.41', (s) => ({ user_id: s.user })).since('3.65', () => ({ consumes_quota: true }))
const detailed = (version: number) => (s: SnapshotRow) => ({ ...brief.at(version)(s), 'os-extended-snapshot-attributes:progress': s.progress, 'os-extended-snapshot-attributes:project_id': s.project })

const one = (ctx: Ctx, id: string) => q.select().from(snapshot).where(and(eq(snapshot.id, id), ctx.caller.admin ? undefined : eq(snapshot.project, ctx.anyone?.project?.id ?? '')))
function allowed(ctx: Ctx, rows: SnapshotRow[], id: string, rule: string): SnapshotRow {
  if (!rows.length) throw notFound('snapshot', id, `Snapshot ${id.slice(0, 64)} could not be found.`)
  if (!ctx.can(rule, { project: rows[0].project })) throw forbidden(`Policy doesn't allow ${rule} to be performed.`)
  return rows[0]
}
const find = async (ctx: Ctx, id: string, rule: string) => allowed(ctx, (await ctx.read(one(ctx, id)))[0], id, rule)

const sortable = { created_at: snapshot.createdAt, id: snapshot.id, name: snapshot.name, display_name: snapshot.name, status: snapshot.status, volume_id: snapshot.volume, updated_at: snapshot.updatedAt, size: snapshot.sizeGb }
const equal = { name: snapshot.name, display_name: snapshot.name, status: snapshot.status, id: snapshot.id, volume_id: snapshot.volume, user_id: snapshot.user } as const
function filters(ctx: Ctx, query: URLSearchParams): (SQL | undefined)[] {
  return [...query].flatMap(([name, value]) => name in equal ? [eq(equal[name as keyof typeof equal], value)]
    : name.endsWith('~') && ctx.version >= 3034 && name.slice(0, -1) in equal ? [like(equal[name.slice(0, -1) as keyof typeof equal], `%${value}%`)]
      : name === 'metadata' ? inJson(snapshot.metadata, dictionary(value, name))
        : name === 'availability_zone' ? [sql`${snapshot.volume} in (select id from volume where zone = ${value})`] : [])
}
const lists = (detail: boolean) => async (ctx: Ctx, { query, url }: Input) => {
  const page = listing(ctx, query, sortable), where = and(tenants(ctx, query, snapshot.project), ...filters(ctx, query))
  if (page.none) return { snapshots: [] }
  const { after, order } = keyset(snapshot, snapshot.id, page)
  const [rows, [about]] = await ctx.read(q.select().from(snapshot).where(and(where, after)).orderBy(...order).limit(page.limit + 1).offset(page.offset),
    q.select({ marker: page.marker ? sql<number>`exists (select 1 from ${snapshot} where id = ${page.marker})` : sql<number>`1`, count: page.count ? counted(snapshot, where) : sql<number>`0` }).from(sql`(select 1)`))
  if (!about.marker) throw notFound('snapshot', page.marker!, `Snapshot ${page.marker!.slice(0, 64)} could not be found.`)
  const shown = cut(rows, page, (r) => r.id)
  return { snapshots: shown.rows.map(detail ? detailed(ctx.version) : brief.at(ctx.version)), ...nextLink(ctx, withoutOffset(url), 'snapshots', shown.next), ...(page.count ? { count: about.count } : {}) }
}

const fields = { volume_id: t.Union([t.String({ maxLength: 64 }), t.Null()]), name: t.Optional(text), description: t.Optional(text), display_name: t.Optional(text), display_description: t.Optional(text), force: t.Optional(t.Union([truth, t.Null()])), metadata: t.Optional(t.Union([words, t.Null()])) }
export const create = endpoint({
  id: 'snapshots.create', method: 'POST', path: '/snapshots', status: 202, policy: 'volume:create_snapshot', summary: 'Take a snapshot of a volume', body: { '3.0': t.Object({ snapshot: t.Object(fields, closed) }, closed) },
  async handle(ctx, { body: { snapshot: ask } }) {
    const id = ask.volume_id ?? 'None'
    const [rows, [at], usage, limits] = await ctx.read(oneVolume(ctx, id), holding(ctx, id), ...quotaQueries(ctx.project))
    const found = allowedVolume(ctx, rows as Whole[], id, 'volume:create_snapshot'), v = found.volume
    // From 3.66 on a snapshot of a volume in use is nothing special.
    const force = ctx.version >= 3066 || isTrue(ask.force)
    if (ctx.version >= 3066 && ask.force !== undefined && ask.force !== null && !isTrue(ask.force)) throw invalid('Invalid input for field/attribute force. Since microversion 3.66 force is always true.')
    const wanted = force ? ['available', 'in-use'] : ['available']
    if (!wanted.includes(v.status)) throw invalid(`Invalid volume: Volume ${v.id} status must be ${wanted.join(' or ')}, but current status is: ${v.status}.`)
    const now = ctx.now(), place = placeOf(ctx, found, at), quota = { usage, limits }
    demand(quota, { snapshots: 1, gigabytes: v.sizeGb, type: found.typeName })
    const row = newSnapshot(ctx, { volume: v, host: place.host, name: ask.name ?? ask.display_name, description: ask.description ?? ask.display_description, metadata: ask.metadata ?? {}, now })
    ctx.stage(q.insert(snapshot).values(row))
    stillWithin(ctx, ctx.project, quota)
    ctx.about(row.id)
    ctx.event('snapshot.create.start', row.id, { volume: v.id }, row.project)
    await start(ctx, createSaga, { snapshot: row.id, volume: v.id, project: row.project, ...place }, { lane: row.id })
    return { snapshot: brief.at(ctx.version)(row) }
  },
})

export function newSnapshot(ctx: Ctx, s: { volume: Whole['volume']; host: string; name?: string | null; description?: string | null; metadata?: Record<string, string>; groupSnapshot?: string; now: number }): SnapshotRow {
  return { id: ctx.uuid(), project: ctx.project, user: ctx.caller.user.id, volume: s.volume.id, name: s.name ?? null, description: s.description ?? null, sizeGb: s.volume.sizeGb, status: 'creating', progress: '0%', metadata: s.metadata ?? {}, host: s.host, storage: s.volume.storage, groupSnapshot: s.groupSnapshot ?? null, createdAt: s.now, updatedAt: s.now }
}

export const list = endpoint({ id: 'snapshots.list', method: 'GET', path: '/snapshots', status: 200, policy: 'volume:get_all', summary: 'List snapshots', handle: lists(false) })
export const detail = endpoint({ id: 'snapshots.detail', method: 'GET', path: '/snapshots/detail', status: 200, policy: 'volume:get_all', summary: 'List snapshots with their progress', handle: lists(true) })
export const show = endpoint({ id: 'snapshots.show', method: 'GET', path: '/snapshots/{id}', status: 200, policy: 'volume:get_snapshot', summary: 'Show a snapshot', async handle(ctx, { params }) { return { snapshot: detailed(ctx.version)(await find(ctx, params.id, 'volume:get_snapshot')) } } })

export const update = endpoint({
  id: 'snapshots.update', method: 'PUT', path: '/snapshots/{id}', status: 200, policy: 'volume:update_snapshot', summary: 'Change a snapshot\'s name or description',
  body: { '3.0': t.Object({ snapshot: t.Object({ name: t.Optional(text), description: t.Optional(text), display_name: t.Optional(text), display_description: t.Optional(text) }, closed) }, closed) },
  async handle(ctx, { params, body: { snapshot: ask } }) {
    const row = await find(ctx, params.id, 'volume:update_snapshot')
    const name = ask.name !== undefined ? ask.name : ask.display_name, description = ask.description !== undefined ? ask.description : ask.display_description
    const set = { ...(name !== undefined ? { name } : {}), ...(description !== undefined ? { description } : {}), updatedAt: ctx.now() }
    ctx.stage(q.update(snapshot).set(set).where(eq(snapshot.id, row.id)), 'stale')
    return { snapshot: brief.at(ctx.version)({ ...row, ...set }) }
  },
})

async function destroy(ctx: Ctx, row: SnapshotRow, host: string, [beside]: { server: string; leaving: number }[], force: boolean) {
  if (!force && !['available', 'error', 'error_deleting'].includes(row.status)) throw invalid(`Invalid snapshot: Snapshot status must be available or error, but it is ${row.status}.`)
  if (!force && row.groupSnapshot) throw invalid('Invalid snapshot: Snapshot belongs to a group snapshot; delete that.')
  stays(ctx, beside?.server, beside?.leaving, `The volume of snapshot ${row.id}`)
  ctx.stage(q.update(snapshot).set({ status: 'deleting', updatedAt: ctx.now() }).where(and(eq(snapshot.id, row.id), eq(snapshot.status, row.status))), 'stale')
  ctx.event('snapshot.delete.start', row.id, undefined, row.project)
  await start(ctx, deleteSaga, { snapshot: row.id, project: row.project, host }, { lane: row.id, supersede: true, project: row.project })
}
export const remove = endpoint({
  id: 'snapshots.delete', method: 'DELETE', path: '/snapshots/{id}', status: 202, policy: 'volume:delete_snapshot', summary: 'Delete a snapshot',
  async handle(ctx, { params }) {
    const [rows, [at], beside] = await ctx.read(one(ctx, params.id), holding(ctx, params.id, 'snapshot'), serverBeside(params.id))
    const row = allowed(ctx, rows, params.id, 'volume:delete_snapshot')
    await destroy(ctx, row, at?.id ?? row.host, beside, false)
  },
})

const action = { method: 'POST', path: '/snapshots/{id}/action', status: 202 } as const
const admin = 'volume_extension:admin_actions' as const
export const actions = [
  endpoint({
    ...action, id: 'snapshots.force-delete', key: 'os-force_delete', policy: admin, summary: 'Delete a snapshot whatever its state',
    async handle(ctx, { params }) {
      const [rows, [at], beside] = await ctx.read(one(ctx, params.id), holding(ctx, params.id, 'snapshot'), serverBeside(params.id))
      const row = allowed(ctx, rows, params.id, admin)
      await destroy(ctx, row, at?.id ?? row.host, beside, true)
    },
  }),
  endpoint({
    ...action, id: 'snapshots.reset-status', key: 'os-reset_status', policy: admin, summary: 'Write a snapshot\'s status',
    body: { '3.0': t.Object({ 'os-reset_status': t.Object({ status: t.Enum(['creating', 'available', 'deleting', 'error', 'error_deleting']) }, closed) }, closed) },
    async handle(ctx, { params, body }) {
      const row = await find(ctx, params.id, admin)
      ctx.stage(q.update(snapshot).set({ status: body['os-reset_status'].status, updatedAt: ctx.now() }).where(eq(snapshot.id, row.id)), 'stale')
    },
  }),
  endpoint({
    ...action, id: 'snapshots.update-status', key: 'os-update_snapshot_status', policy: 'volume:update_snapshot', summary: 'Report how far a snapshot is',
    body: { '3.0': t.Object({ 'os-update_snapshot_status': t.Object({ status: t.String({ maxLength: 255 }), progress: t.Optional(t.String({ pattern: '^(\\d|[1-9]\\d|100)%$' })) }, closed) }, closed) },
    async handle(ctx, { params, body }) {
      const row = await find(ctx, params.id, 'volume:update_snapshot'), { status, progress } = body['os-update_snapshot_status']
      const from: Record<string, string[]> = { creating: ['creating', 'available', 'error'], deleting: ['deleting', 'error_deleting'] }
      if (!from[row.status]?.includes(status)) throw invalid(`Snapshot status ${row.status} not allowed for update_snapshot_status to ${status}`)
      ctx.stage(q.update(snapshot).set({ status, ...(progress ? { progress } : {}), updatedAt: ctx.now() }).where(eq(snapshot.id, row.id)), 'stale')
    },
  }),
  endpoint({ ...action, id: 'snapshots.unmanage', key: 'os-unmanage', policy: admin, summary: 'Forget a snapshot and keep its disk (not offered)', async handle(ctx, { params }) { await find(ctx, params.id, admin); throw invalid('Invalid snapshot: leaving a disk behind without a snapshot is not offered.') } }),
]
export const metadata = metadataOf('snapshots', { read: 'volume:get_snapshot', write: 'volume:update_snapshot' }, find)
