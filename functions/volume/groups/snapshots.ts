import { and, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { groupSnapshot, snapshot, volume } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { start } from '../../kernel/engine.ts'
import { invalid } from '../../kernel/fault.ts'
import { keyset } from '../../kernel/page.ts'
import { isoMicros } from '../../kernel/view.ts'
import { closed, cut, listing, nextLink, tenants, text } from '../lists.ts'
import { endpoint } from '../service.ts'
import { newSnapshot } from '../snapshots/api.ts'
import createSaga from '../snapshots/create.saga.ts'
import deleteSaga from '../snapshots/delete.saga.ts'
import { placeOf } from '../volumes/actions/grow.ts'
import { withoutOffset } from '../volumes/list.ts'
import { demand, quotaQueries, stillWithin } from '../volumes/use.ts'
import { wholes, type Whole } from '../volumes/view.ts'
import { allowed, oneGroup, oneGroupSnapshot, SETTLING, settled, type GroupSnapshotRow } from './model.ts'

const since = '3.14'
const brief = (g: GroupSnapshotRow) => ({ id: g.id, name: g.name ?? '' })
const detailed = (ctx: Ctx, r: { snap: GroupSnapshotRow; status: string }) => ({ ...brief(r.snap), group_id: r.snap.group, group_type_id: r.snap.type, description: r.snap.description, status: r.status, created_at: isoMicros(r.snap.createdAt), ...(ctx.version >= 3058 ? { project_id: r.snap.project } : {}) })
async function find(ctx: Ctx, id: string, rule: string) {
  const [rows] = await ctx.read(oneGroupSnapshot(ctx, id))
  return allowed(ctx, rows, id, rule, 'group snapshot', (r) => r.snap.project)
}
const lists = (detail: boolean) => async (ctx: Ctx, { query, url }: Input) => {
  const page = listing(ctx, query, { created_at: groupSnapshot.createdAt, id: groupSnapshot.id, name: groupSnapshot.name, status: groupSnapshot.status })
  if (page.none) return { group_snapshots: [] }
  const { after, order } = keyset(groupSnapshot, groupSnapshot.id, page)
  const [rows] = await ctx.read(q.select({ snap: groupSnapshot, status: settled('group_snapshot').as('now') }).from(groupSnapshot).where(and(tenants(ctx, query, groupSnapshot.project), query.has('group_id') ? eq(groupSnapshot.group, query.get('group_id')!) : undefined, after)).orderBy(...order).limit(page.limit + 1).offset(page.offset))
  const shown = cut(rows, page, (r) => r.snap.id)
  return { group_snapshots: shown.rows.map((r) => (detail ? detailed(ctx, r) : brief(r.snap))), ...nextLink(ctx, withoutOffset(url), 'group_snapshots', shown.next) }
}

export default [
  endpoint({ id: 'group-snapshots.list', method: 'GET', path: '/group_snapshots', status: 200, since, policy: 'group:get', summary: 'List group snapshots', handle: lists(false) }),
  endpoint({ id: 'group-snapshots.detail', method: 'GET', path: '/group_snapshots/detail', status: 200, since, policy: 'group:get', summary: 'List group snapshots in detail', handle: lists(true) }),
  endpoint({ id: 'group-snapshots.show', method: 'GET', path: '/group_snapshots/{id}', status: 200, since, policy: 'group:get', summary: 'Show a group snapshot', async handle(ctx, { params }) { return { group_snapshot: detailed(ctx, await find(ctx, params.id, 'group:get')) } } }),
  endpoint({
    id: 'group-snapshots.create', method: 'POST', path: '/group_snapshots', status: 202, since, policy: 'group:create', summary: 'Take a snapshot of each volume of a group',
    body: { '3.14': t.Object({ group_snapshot: t.Object({ group_id: t.String({ maxLength: 64 }), name: t.Optional(text), description: t.Optional(text) }, closed) }, closed) },
    async handle(ctx, { body: { group_snapshot: ask } }) {
      const [groups, volumes, usage, limits] = await ctx.read(oneGroup(ctx, ask.group_id), wholes().where(eq(volume.group, ask.group_id)), ...quotaQueries(ctx.project))
      const { group, status } = allowed(ctx, groups, ask.group_id, 'group:create', 'group', (r) => r.group.project)
      if (status !== 'available') throw invalid(`Invalid group: Group ${group.id} must be available, but it is ${status}.`)
      if (!volumes.length) throw invalid(`Invalid group: Group ${group.id} has no volumes.`)
      const bad = (volumes as Whole[]).find((w) => !['available', 'in-use'].includes(w.volume.status))
      if (bad) throw invalid(`Invalid volume: Volume ${bad.volume.id} must be available or in-use, but it is ${bad.volume.status}.`)
      const quota = { usage, limits }, now = ctx.now()
      demand(quota, { snapshots: volumes.length, gigabytes: (volumes as Whole[]).reduce((n, w) => n + w.volume.sizeGb, 0) })
      const row: GroupSnapshotRow = { id: ctx.uuid(), project: ctx.project, user: ctx.caller.user.id, group: group.id, type: group.type, name: ask.name ?? null, description: ask.description ?? null, status: SETTLING, createdAt: now, updatedAt: now }
      ctx.stage(q.insert(groupSnapshot).values(row))
      ctx.about(row.id)
      for (const w of volumes as Whole[]) {
        const place = placeOf(ctx, w, undefined), s = newSnapshot(ctx, { volume: w.volume, host: place.host, name: row.name, groupSnapshot: row.id, now })
        ctx.stage(q.insert(snapshot).values(s))
        ctx.event('snapshot.create.start', s.id, { volume: w.volume.id }, s.project)
        await start(ctx, createSaga, { snapshot: s.id, volume: w.volume.id, project: s.project, ...place }, { lane: s.id })
      }
      stillWithin(ctx, ctx.project, quota)
      return { group_snapshot: { ...brief(row), group_type_id: row.type } }
    },
  }),
  endpoint({
    id: 'group-snapshots.delete', method: 'DELETE', path: '/group_snapshots/{id}', status: 202, since, policy: 'group:delete', summary: 'Delete a group snapshot with its snapshots',
    async handle(ctx, { params }) {
      const [rows, parts] = await ctx.read(oneGroupSnapshot(ctx, params.id), q.select().from(snapshot).where(eq(snapshot.groupSnapshot, params.id)))
      const { snap, status } = allowed(ctx, rows, params.id, 'group:delete', 'group snapshot', (r) => r.snap.project)
      if (!['available', 'error', 'error_deleting'].includes(status)) throw invalid(`Invalid group snapshot: it must be available or error to be deleted, but it is ${status}.`)
      if (!parts.length) { ctx.stage(q.delete(groupSnapshot).where(eq(groupSnapshot.id, snap.id)), 'stale'); return }
      ctx.stage(q.update(groupSnapshot).set({ status: 'deleting', updatedAt: ctx.now() }).where(eq(groupSnapshot.id, snap.id)), 'stale')
      for (const s of parts) {
        ctx.stage(q.update(snapshot).set({ status: 'deleting', updatedAt: ctx.now() }).where(and(eq(snapshot.id, s.id))), 'stale')
        await start(ctx, deleteSaga, { snapshot: s.id, project: s.project, host: s.host }, { lane: s.id, supersede: true, project: s.project })
      }
    },
  }),
  endpoint({
    id: 'group-snapshots.reset-status', method: 'POST', path: '/group_snapshots/{id}/action', key: 'reset_status', status: 202, since: '3.19', policy: 'group:reset_status', summary: 'Write a group snapshot\'s status',
    body: { '3.19': t.Object({ reset_status: t.Object({ status: t.Enum(['creating', 'available', 'deleting', 'error', 'error_deleting']) }, closed) }, closed) },
    async handle(ctx, { params, body }) { const { snap } = await find(ctx, params.id, 'group:reset_status'); ctx.stage(q.update(groupSnapshot).set({ status: body.reset_status.status, updatedAt: ctx.now() }).where(eq(groupSnapshot.id, snap.id)), 'stale') },
  }),
]
