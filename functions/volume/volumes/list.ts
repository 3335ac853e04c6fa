import { and, eq, like, sql, type SQL } from 'drizzle-orm'
import { volume } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { keyset } from '../../kernel/page.ts'
import { counted, cut, dictionary, inJson, isTrue, linksOf, listing, nextLink, tenants } from '../lists.ts'
import { endpoint } from '../service.ts'
import { volumeView, wholes, type Whole } from './view.ts'

const sortable = { created_at: volume.createdAt, id: volume.id, name: volume.name, display_name: volume.name, status: volume.status, size: volume.sizeGb, updated_at: volume.updatedAt, availability_zone: volume.zone, bootable: volume.bootable, host: volume.host, launched_at: volume.launchedAt, user_id: volume.user, project_id: volume.project }
const equal = { name: volume.name, display_name: volume.name, status: volume.status, id: volume.id, availability_zone: volume.zone, user_id: volume.user, migration_status: volume.migrationStatus, volume_type_id: volume.type, source_volid: volume.source, snapshot_id: volume.snapshot } as const
const zoneless = (text: string) => Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`) * 1000

function filters(ctx: Ctx, query: URLSearchParams): (SQL | undefined)[] {
  const out: (SQL | undefined)[] = []
  for (const [name, value] of query) {
    if (name in equal) out.push(eq(equal[name as keyof typeof equal], value))
    else if (name.endsWith('~') && name.slice(0, -1) in equal && ctx.version >= 3034) out.push(like(equal[name.slice(0, -1) as keyof typeof equal], `%${value}%`))
    else if (name === 'metadata') out.push(...inJson(volume.metadata, dictionary(value, name)))
    else if (name === 'glance_metadata') out.push(...inJson(volume.imageMeta, dictionary(value, name)))
    else if (name === 'bootable') {
      if (!/^(true|false|1|0)$/i.test(value)) throw invalid(`Invalid value for filter bootable: ${value.slice(0, 64)}`)
      out.push(eq(volume.bootable, isTrue(value)))
    } else if (name === 'size' && /^\d+$/.test(value)) out.push(eq(volume.sizeGb, Number(value)))
    else if (name === 'group_id' && ctx.version >= 3010) out.push(eq(volume.group, value))
    else if (name === 'host' && ctx.caller.admin) out.push(sql`${volume.host} in (select id from host where name = ${value.split('@')[0]})`)
    else if (name === 'volume_type') out.push(sql`${volume.type} in (select id from volume_type where name = ${value} or id = ${value})`)
    else if ((name === 'created_at' || name === 'updated_at') && ctx.version >= 3060) out.push(...times(name === 'created_at' ? volume.createdAt : volume.updatedAt, value))
  }
  return out
}

const signs: Record<string, SQL> = { gt: sql`>`, gte: sql`>=`, lt: sql`<`, lte: sql`<=`, eq: sql`=`, neq: sql`<>` }
const times = (column: typeof volume.createdAt, value: string) => value.split(',').map((part) => {
  const m = /^(gt|gte|lt|lte|eq|neq):(.+)$/.exec(part)
  const at = zoneless(m ? m[2] : part)
  if (Number.isNaN(at)) throw invalid(`Invalid time filter: ${part.slice(0, 64)}`)
  return sql`${column} ${signs[m?.[1] ?? 'eq']} ${at}`
})

const lists = (detail: boolean) => async (ctx: Ctx, { query, url }: Input) => {
  const page = listing(ctx, query, sortable)
  const where = and(tenants(ctx, query, volume.project), ...filters(ctx, query))
  if (page.none) return { volumes: [] }
  const { after, order } = keyset(volume, volume.id, page)
  const [rows, [about]] = await ctx.read(wholes().where(and(where, after)).orderBy(...order).limit(page.limit + 1).offset(page.offset),
    q.select({ marker: page.marker ? sql<number>`exists (select 1 from ${volume} where id = ${page.marker})` : sql<number>`1`, count: page.count ? counted(volume, where) : sql<number>`0` }).from(sql`(select 1)`))
  if (!about.marker) throw notFound('volume', page.marker!, `Volume ${page.marker!.slice(0, 64)} could not be found.`)
  const shown = cut(rows as Whole[], page, (r) => r.volume.id)
  const show = detail ? volumeView(ctx) : (w: Whole) => ({ id: w.volume.id, name: w.volume.name, links: linksOf(ctx, 'volumes', w.volume.id) })
  return { volumes: shown.rows.map(show), ...nextLink(ctx, withoutOffset(url), 'volumes', shown.next), ...(page.count ? { count: about.count } : {}) }
}
export function withoutOffset(url: URL) { const u = new URL(url); u.searchParams.delete('offset'); return u }

export const list = endpoint({ id: 'volumes.list', method: 'GET', path: '/volumes', status: 200, policy: 'volume:get_all', summary: 'List volumes by name', handle: lists(false) })
export const detail = endpoint({ id: 'volumes.detail', method: 'GET', path: '/volumes/detail', status: 200, policy: 'volume:get_all', summary: 'List volumes', handle: lists(true) })

export const summary = endpoint({
  id: 'volumes.summary', method: 'GET', path: '/volumes/summary', status: 200, since: '3.12', policy: 'volume:get_all', summary: 'Sum up volumes',
  async handle(ctx, { query }) {
    const where = tenants(ctx, query, volume.project)
    const [[sum], pairs] = await ctx.read(
      q.select({ count: sql<number>`count(*)`, size: sql<number>`coalesce(sum(size_gb), 0)` }).from(volume).where(where),
      q.select({ key: sql<string>`m.key`, value: sql<string>`m.value` }).from(sql`${volume}, json_each(${volume.metadata}) m`).where(where).groupBy(sql`m.key, m.value`).limit(1000))
    const metadata: Record<string, string[]> = {}
    for (const p of ctx.version >= 3036 ? pairs : []) (metadata[p.key] ??= []).push(p.value)
    return { 'volume-summary': { total_count: sum.count, total_size: sum.size, ...(ctx.version >= 3036 ? { metadata } : {}) } }
  },
})
