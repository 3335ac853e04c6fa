import { and, eq, like, sql, type SQL } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { volumeBackup } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { keyset } from '../../kernel/page.ts'
import { closed, counted, cut, dictionary, inJson, listing, nextLink, tenants, text, words } from '../lists.ts'
import { endpoint } from '../service.ts'
import { withoutOffset } from '../volumes/list.ts'
import { brief, change, detailed, findBackup, kepts, type Kept } from './model.ts'

const sortable = { created_at: volumeBackup.createdAt, updated_at: volumeBackup.updatedAt, id: volumeBackup.id, name: volumeBackup.name, display_name: volumeBackup.name, status: volumeBackup.status, size: volumeBackup.sizeGb, volume_id: volumeBackup.volume, snapshot_id: volumeBackup.snapshot, data_timestamp: volumeBackup.dataAt }
const equal = { name: volumeBackup.name, display_name: volumeBackup.name, status: volumeBackup.status, volume_id: volumeBackup.volume, snapshot_id: volumeBackup.snapshot, id: volumeBackup.id, parent_id: volumeBackup.parent, user_id: volumeBackup.user, availability_zone: volumeBackup.zone, container: volumeBackup.container } as const
function filters(ctx: Ctx, query: URLSearchParams): (SQL | undefined)[] {
  return [...query].flatMap(([name, value]) => name in equal ? [eq(equal[name as keyof typeof equal], value)]
    : name.endsWith('~') && ctx.version >= 3034 && name.slice(0, -1) in equal ? [like(equal[name.slice(0, -1) as keyof typeof equal], `%${value}%`)]
      : name === 'metadata' && ctx.version >= 3043 ? inJson(volumeBackup.metadata, dictionary(value, name)) : [])
}
const lists = (detail: boolean) => async (ctx: Ctx, { query, url }: Input) => {
  const page = listing(ctx, query, sortable), where = and(tenants(ctx, query, volumeBackup.project), ...filters(ctx, query))
  if (page.none) return { backups: [] }
  const { after, order } = keyset(volumeBackup, volumeBackup.id, page)
  const [rows, [about]] = await ctx.read(kepts().where(and(where, after)).orderBy(...order).limit(page.limit + 1).offset(page.offset),
    q.select({ marker: page.marker ? sql<number>`exists (select 1 from ${volumeBackup} where id = ${page.marker})` : sql<number>`1`, count: page.count ? counted(volumeBackup, where) : sql<number>`0` }).from(sql`(select 1)`))
  if (!about.marker) throw notFound('backup', page.marker!, `Backup ${page.marker!.slice(0, 64)} could not be found.`)
  const shown = cut(rows as Kept[], page, (r) => r.backup.id), show = detail ? detailed(ctx) : ({ backup }: Kept) => brief(ctx)(backup)
  return { backups: shown.rows.map(show), ...nextLink(ctx, withoutOffset(url), 'backups', shown.next), ...(page.count ? { count: about.count } : {}) }
}
export const list = endpoint({ id: 'backups.list', method: 'GET', path: '/backups', status: 200, policy: 'backup:get_all', summary: 'List backups by name', handle: lists(false) })
export const detail = endpoint({ id: 'backups.detail', method: 'GET', path: '/backups/detail', status: 200, policy: 'backup:get_all', summary: 'List backups', handle: lists(true) })
export const show = endpoint({ id: 'backups.show', method: 'GET', path: '/backups/{id}', status: 200, policy: 'backup:get', summary: 'Show a backup', async handle(ctx, { params }) { return { backup: detailed(ctx)(await findBackup(ctx, params.id, 'backup:get')) } } })

const names = { name: t.Optional(text), description: t.Optional(text) }
const body = (more: object) => t.Object({ backup: t.Union([t.Object({ ...names, ...more }, closed), t.Null()]) }, closed)
export const update = endpoint({
  id: 'backups.update', method: 'PUT', path: '/backups/{id}', status: 200, since: '3.9', policy: 'backup:update', summary: 'Change a backup\'s name, description or metadata',
  body: { '3.9': body({}), '3.43': body({ metadata: t.Optional(words) }) },
  async handle(ctx, { params, body }) {
    const { backup: b } = await findBackup(ctx, params.id, 'backup:update')
    const { name, description, metadata } = (body.backup ?? {}) as { name?: string | null; description?: string | null; metadata?: Record<string, string> }
    const set = { ...(name !== undefined ? { name } : {}), ...(description !== undefined ? { description } : {}), ...(metadata ? { metadata } : {}) }
    if (!Object.keys(set).length) throw invalid('Missing updates in the request body: name, description or metadata is needed.')
    change(ctx, b, set)
    return { backup: brief(ctx)({ ...b, ...set }) }
  },
})
