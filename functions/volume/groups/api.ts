import { and, eq, inArray, isNull, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { attachment, groupSnapshot, groupType, snapshot, volume, volumeGroup, volumeType } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { full, q } from '../../kernel/db.ts'
import { start } from '../../kernel/engine.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { keyset } from '../../kernel/page.ts'
import { isoMicros } from '../../kernel/view.ts'
import { closed, cut, isTrue, listing, nextLink, tenants, text, truth } from '../lists.ts'
import { endpoint } from '../service.ts'
import createSaga from '../volumes/create.saga.ts'
import { destroyVolume } from '../volumes/destroy.ts'
import { withoutOffset } from '../volumes/list.ts'
import { demand, quotaQueries, sourceOf, stageVolume, stillWithin } from '../volumes/use.ts'
import { allowed, findGroup, oneGroup, oneGroupSnapshot, SETTLING, settled, type GroupRow } from './model.ts'

const detailed = (ctx: Ctx, r: { group: GroupRow; status: string }, volumes?: string[]) => ({
  id: r.group.id, name: r.group.name ?? '', description: r.group.description, status: r.status, availability_zone: r.group.zone, created_at: isoMicros(r.group.createdAt), group_type: r.group.type, volume_types: r.group.volumeTypes,
  ...(ctx.version >= 3014 ? { group_snapshot_id: r.group.groupSnapshot, source_group_id: r.group.source } : {}), ...(ctx.version >= 3025 && volumes ? { volumes } : {}), ...(ctx.version >= 3038 ? { replication_status: 'disabled' } : {}), ...(ctx.version >= 3058 ? { project_id: r.group.project } : {}),
})
const since = '3.13'
const members = (id: string) => q.select().from(volume).where(eq(volume.group, id))

const lists = (detail: boolean) => async (ctx: Ctx, { query, url }: Input) => {
  const page = listing(ctx, query, { created_at: volumeGroup.createdAt, id: volumeGroup.id, name: volumeGroup.name, status: volumeGroup.status })
  if (page.none) return { groups: [] }
  const { after, order } = keyset(volumeGroup, volumeGroup.id, page)
  const [rows] = await ctx.read(q.select({ group: volumeGroup, status: settled('volume_group').as('now'), volumes: sql<string>`(select json_group_array(id) from volume where group_id = ${full(volumeGroup.id)})`.as('members') }).from(volumeGroup)
    .where(and(tenants(ctx, query, volumeGroup.project), query.has('name') ? eq(volumeGroup.name, query.get('name')!) : undefined, after)).orderBy(...order).limit(page.limit + 1).offset(page.offset))
  const shown = cut(rows, page, (r) => r.group.id)
  return { groups: shown.rows.map((r) => (detail ? detailed(ctx, r, isTrue(query.get('list_volume')) ? JSON.parse(r.volumes) : undefined) : { id: r.group.id, name: r.group.name ?? '' })), ...nextLink(ctx, withoutOffset(url), 'groups', shown.next) }
}
const list = endpoint({ id: 'groups.list', method: 'GET', path: '/groups', status: 200, since, policy: 'group:get', summary: 'List groups of volumes', handle: lists(false) })
const detail = endpoint({ id: 'groups.detail', method: 'GET', path: '/groups/detail', status: 200, since, policy: 'group:get', summary: 'List groups of volumes in detail', handle: lists(true) })
const show = endpoint({
  id: 'groups.show', method: 'GET', path: '/groups/{id}', status: 200, since, policy: 'group:get', summary: 'Show a group of volumes',
  async handle(ctx, { params, query }) {
    const [rows, volumes] = await ctx.read(oneGroup(ctx, params.id), members(params.id))
    return { group: detailed(ctx, allowed(ctx, rows, params.id, 'group:get', 'group', (r) => r.group.project), isTrue(query.get('list_volume')) ? volumes.map((v) => v.id) : undefined) }
  },
})

function stageGroup(ctx: Ctx, g: Partial<GroupRow> & Pick<GroupRow, 'type' | 'volumeTypes'>): GroupRow {
  const now = ctx.now()
  const row: GroupRow = { id: ctx.uuid(), project: ctx.project, user: ctx.caller.user.id, name: null, description: null, status: SETTLING, zone: 'nova', groupSnapshot: null, source: null, createdAt: now, updatedAt: now, ...g }
  ctx.stage(q.insert(volumeGroup).values(row))
  ctx.about(row.id)
  ctx.event('group.create.end', row.id)
  return row
}
const create = endpoint({
  id: 'groups.create', method: 'POST', path: '/groups', status: 202, since, policy: 'group:create', summary: 'Create a group of volumes',
  body: { '3.13': t.Object({ group: t.Object({ name: t.Optional(text), description: t.Optional(text), group_type: t.String({ minLength: 1, maxLength: 255 }), volume_types: t.Array(t.String({ maxLength: 255 }), { minItems: 1, maxItems: 100, uniqueItems: true }), availability_zone: t.Optional(text) }, closed) }, closed) },
  async handle(ctx, { body: { group: ask } }) {
    const [[type], types, usage, limits] = await ctx.read(q.select().from(groupType).where(sql`(${groupType.id} = ${ask.group_type} or ${groupType.name} = ${ask.group_type})`),
      q.select({ id: volumeType.id, name: volumeType.name }).from(volumeType).where(sql`(${inArray(volumeType.id, ask.volume_types)} or ${inArray(volumeType.name, ask.volume_types)})`), ...quotaQueries(ctx.project))
    if (!type) throw notFound('group type', ask.group_type, `Group type ${ask.group_type} could not be found.`)
    const missing = ask.volume_types.find((w) => !types.some((x) => x.id === w || x.name === w))
    if (missing) throw notFound('volume type', missing, `Volume type ${missing} could not be found.`)
    demand({ usage, limits }, { groups: 1 })
    const row = stageGroup(ctx, { name: ask.name ?? null, description: ask.description ?? null, type: type.id, volumeTypes: types.map((x) => x.id), zone: ask.availability_zone ?? 'nova' })
    return { group: { id: row.id, name: row.name ?? '' } }
  },
})

/** A group with copies of another's volumes, or of what they were at a group snapshot. */
const fromSource = endpoint({
  id: 'groups.create-from-src', method: 'POST', path: '/groups/action', key: 'create-from-src', status: 202, since: '3.14', policy: 'group:create', summary: 'Create a group of volumes from another, or from its snapshot',
  body: { '3.14': t.Object({ 'create-from-src': t.Object({ name: t.Optional(text), description: t.Optional(text), source_group_id: t.Optional(t.String({ maxLength: 64 })), group_snapshot_id: t.Optional(t.String({ maxLength: 64 })) }, closed) }, closed) },
  async handle(ctx, { body }) {
    const ask = body['create-from-src'], group = ask.source_group_id, snap = ask.group_snapshot_id
    if (!group === !snap) throw invalid('Either source_group_id or group_snapshot_id must be given, and not both.')
    const [groups, snaps, volumes, snapshots, usage, limits] = await ctx.read(group ? oneGroup(ctx, group) : q.select({ group: volumeGroup, status: volumeGroup.status }).from(volumeGroup).where(sql`${volumeGroup.id} = (select group_id from group_snapshot where id = ${snap ?? ''})`),
      oneGroupSnapshot(ctx, snap ?? ''), members(group ?? ''),
      q.select({ s: snapshot, v: volume }).from(snapshot).innerJoin(volume, eq(volume.id, snapshot.volume)).where(eq(snapshot.groupSnapshot, snap ?? '')), ...quotaQueries(ctx.project))
    if (snap) allowed(ctx, snaps, snap, 'group:create', 'group snapshot', (r) => r.snap.project)
    const { group: from, status } = allowed(ctx, groups, group ?? snaps[0]?.snap.group ?? '', 'group:create', 'group', (r) => r.group.project)
    if (group ? status !== 'available' : snaps[0].status !== 'available') throw invalid('Invalid group: the source must be available.')
    const parts = group ? volumes.map((v) => ({ of: v, source: { volume: v } as const })) : snapshots.map(({ s, v }) => ({ of: v, source: { snapshot: s, of: v } as const }))
    if (!parts.length) throw invalid('Invalid group: the source has no volumes.')
    const quota = { usage, limits }
    demand(quota, { groups: 1, volumes: parts.length, gigabytes: parts.reduce((n, p) => n + p.of.sizeGb, 0) })
    const row = stageGroup(ctx, { name: ask.name ?? null, description: ask.description ?? null, type: from.type, volumeTypes: from.volumeTypes, zone: from.zone, groupSnapshot: snap ?? null, source: group ?? null })
    for (const { of: v, source } of parts) {
      if (!v.host) throw invalid(`Invalid volume: Volume ${v.id} is kept by no host.`)
      const made = stageVolume(ctx, { id: ctx.uuid(), name: v.name, description: v.description, sizeGb: v.sizeGb, source, project: ctx.project, user: ctx.caller.user.id, zone: v.zone, host: v.host, storage: v.storage, type: v.type, group: row.id, groupSnapshot: snap })
      await start(ctx, createSaga, { volume: made.id, project: ctx.project, host: v.host, sizeGb: v.sizeGb, source: sourceOf(source), tried: [] }, { lane: made.id })
    }
    stillWithin(ctx, ctx.project, quota)
    return { group: { id: row.id, name: row.name ?? '' } }
  },
})

const words = (v: string | null | undefined) => (v ?? '').split(',').map((s) => s.trim()).filter(Boolean)
const update = endpoint({
  id: 'groups.update', method: 'PUT', path: '/groups/{id}', status: 202, since, policy: 'group:update', summary: 'Change a group: its name, its volumes',
  body: { '3.13': t.Object({ group: t.Object({ name: t.Optional(text), description: t.Optional(text), add_volumes: t.Optional(t.Union([t.String({ maxLength: 4096 }), t.Null()])), remove_volumes: t.Optional(t.Union([t.String({ maxLength: 4096 }), t.Null()])) }, closed) }, closed) },
  async handle(ctx, { params, body: { group: ask } }) {
    const add = words(ask.add_volumes), drop = words(ask.remove_volumes)
    if (!add.length && !drop.length && !ask.name && !ask.description) throw invalid('Name, description, add_volumes, and remove_volumes can not be all empty in the request body.')
    const [rows, volumes] = await ctx.read(oneGroup(ctx, params.id), q.select().from(volume).where(inArray(volume.id, [...add, ...drop, ''])))
    const { group: row, status } = allowed(ctx, rows, params.id, 'group:update', 'group', (r) => r.group.project)
    if (status !== 'available') throw invalid(`Invalid group: Group ${row.id} must be available to be changed, but it is ${status}.`)
    const of = (id: string) => volumes.find((v) => v.id === id && v.project === row.project)
    for (const id of add) {
      const v = of(id)
      if (!v) throw invalid(`Invalid volume: Cannot add volume ${id}: it cannot be found.`)
      if (v.group) throw invalid(`Invalid volume: Cannot add volume ${id} to group ${row.id} because it is already in group ${v.group}.`)
      if (!v.type || !row.volumeTypes.includes(v.type)) throw invalid(`Invalid volume: Cannot add volume ${id} because its type is not one of the group's.`)
      if (!['available', 'in-use'].includes(v.status)) throw invalid(`Invalid volume: Cannot add volume ${id} while it is ${v.status}.`)
      ctx.stage(q.update(volume).set({ group: row.id, updatedAt: ctx.now() }).where(and(eq(volume.id, id), isNull(volume.group))), 'stale')
    }
    for (const id of drop) {
      if (of(id)?.group !== row.id) throw invalid(`Invalid volume: Cannot remove volume ${id}: it is not in group ${row.id}.`)
      ctx.stage(q.update(volume).set({ group: null, updatedAt: ctx.now() }).where(and(eq(volume.id, id), eq(volume.group, row.id))), 'stale')
    }
    ctx.stage(q.update(volumeGroup).set({ ...(ask.name !== undefined ? { name: ask.name } : {}), ...(ask.description !== undefined ? { description: ask.description } : {}), updatedAt: ctx.now() }).where(eq(volumeGroup.id, row.id)), 'stale')
  },
})

const at = { method: 'POST', path: '/groups/{id}/action', status: 202 } as const
const remove = endpoint({
  ...at, id: 'groups.delete', key: 'delete', since, policy: 'group:delete', summary: 'Delete a group, with its volumes when asked to', body: { '3.13': t.Object({ delete: t.Object({ 'delete-volumes': t.Optional(truth) }, closed) }, closed) },
  async handle(ctx, { params, body }) {
    const [rows, volumes, snaps, [groupSnap], held] = await ctx.read(oneGroup(ctx, params.id), members(params.id), q.select().from(snapshot).where(sql`${snapshot.volume} in (select id from volume where group_id = ${params.id})`),
      q.select({ id: groupSnapshot.id }).from(groupSnapshot).where(eq(groupSnapshot.group, params.id)).limit(1), q.select({ volume: attachment.volume }).from(attachment).where(sql`${attachment.volume} in (select id from volume where group_id = ${params.id})`))
    const { group: row } = allowed(ctx, rows, params.id, 'group:delete', 'group', (r) => r.group.project)
    if (groupSnap) throw invalid(`Invalid group: Group ${row.id} has group snapshots.`)
    if (!volumes.length) { ctx.stage(q.delete(volumeGroup).where(eq(volumeGroup.id, row.id)), 'stale'); return }
    if (!isTrue(body.delete['delete-volumes'])) throw invalid(`Invalid group: Group ${row.id} has volumes; delete-volumes says to delete them too.`)
    if (snaps.length) throw invalid(`Invalid group: volumes of group ${row.id} have snapshots.`)
    // The group goes with the last of its volumes.
    ctx.stage(q.update(volumeGroup).set({ status: 'deleting', updatedAt: ctx.now() }).where(eq(volumeGroup.id, row.id)), 'stale')
    for (const v of volumes) await destroyVolume(ctx, v, [], v.host, { ofGroup: true, attached: held.some((h) => h.volume === v.id) })
  },
})
const reset = endpoint({
  ...at, id: 'groups.reset-status', key: 'reset_status', since: '3.20', policy: 'group:reset_status', summary: 'Write a group\'s status', body: { '3.20': t.Object({ reset_status: t.Object({ status: t.Enum(['creating', 'available', 'deleting', 'error', 'error_deleting', 'updating']) }, closed) }, closed) },
  async handle(ctx, { params, body }) { const { group } = await findGroup(ctx, params.id, 'group:reset_status'); ctx.stage(q.update(volumeGroup).set({ status: body.reset_status.status, updatedAt: ctx.now() }).where(eq(volumeGroup.id, group.id)), 'stale') },
})
const replication = ['enable_replication', 'disable_replication', 'failover_replication', 'list_replication_targets'].map((key) => endpoint({
  ...at, id: `groups.${key.replaceAll('_', '-')}`, key, since: '3.38', status: key.startsWith('list') ? 200 : 202, policy: 'group:update', summary: 'Replicate a group (not offered)',
  async handle(ctx, { params }) {
    await findGroup(ctx, params.id, 'group:update')
    if (key.startsWith('list')) return { replication_targets: [] }
    throw invalid(`Invalid group: replication is not offered by any host here.`)
  },
}))
export default [list, detail, show, create, fromSource, update, remove, reset, replication].flat()
