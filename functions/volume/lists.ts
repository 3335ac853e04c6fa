import { type SQL, sql } from 'drizzle-orm'
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core'
import { Type as t } from 'typebox'
import type { Ctx } from '../kernel/ctx.ts'
import { invalid } from '../kernel/fault.ts'
import { cutPage, pageLink, pageOf, type Page } from '../kernel/page.ts'

/** What lists and bodies of this API have in common. */
export const closed = { additionalProperties: false } as const
export const text = t.Union([t.String({ maxLength: 255 }), t.Null()])
export const words = t.Record(t.String({ minLength: 1, maxLength: 255 }), t.String({ maxLength: 255 }))
/** True, or one of the words for it. */
export const truth = t.Union([t.Boolean(), t.Enum(['true', 'false', 'True', 'False', 'TRUE', 'FALSE', '1', '0', 'yes', 'no', 'on', 'off', 't', 'f', 'y', 'n']), t.Literal(1), t.Literal(0)])
export const isTrue = (v: unknown): boolean => v === true || v === 1 || (typeof v === 'string' && /^(true|1|yes|on|t|y)$/i.test(v))
export const whole = t.Union([t.Integer({ minimum: 1, maximum: 65536 }), t.String({ pattern: '^0*[1-9][0-9]{0,4}$' })])

export function linksOf(ctx: Ctx, kind: string, id: string) {
  const project = ctx.anyone?.project?.id ?? ''
  return [{ rel: 'self', href: `${ctx.origin}/volume/v3/${project}/${kind}/${id}` }, { rel: 'bookmark', href: `${ctx.origin}/volume/${project}/${kind}/${id}` }]
}

export interface Listing extends Page { offset: number; none: boolean; count: boolean }
export function listing(ctx: Ctx, query: URLSearchParams, columns: Record<string, SQLiteColumn>): Listing {
  const offset = query.get('offset')
  if (offset !== null && !/^\d{1,9}$/.test(offset)) throw invalid(`Invalid input for query parameter offset. Value: ${offset.slice(0, 64)}. It must be a non-negative integer.`)
  const page = pageOf(query, columns, { max: 1000, sort: [['created_at', 'desc']] })
  return { ...page, offset: Number(offset ?? 0), none: query.get('limit') === '0', count: ctx.version >= 3045 && isTrue(query.get('with_count')) }
}
export const counted = (table: SQLiteTable, where: SQL | undefined) => sql<number>`(select count(*) from ${table} where ${where ?? sql`1`})`

/** This API gives the next link with every full page, the last one too. */
export function cut<T>(rows: T[], page: Page, id: (row: T) => string): { rows: T[]; next?: string } {
  const { rows: shown } = cutPage(rows, page, id)
  return { rows: shown, next: shown.length === page.limit ? id(shown[shown.length - 1]) : undefined }
}
export const nextLink = (ctx: Ctx, url: URL, kind: string, marker: string | undefined) => {
  if (!marker) return {}
  const href = pageLink(ctx.origin, url, marker)
  return { [`${kind}_links`]: [{ rel: 'next', href }] }
}

/** `{'k': 'v'}` as clients write it, JSON or not. */
export function dictionary(value: string, name: string): Record<string, string> {
  try {
    const parsed: unknown = JSON.parse(value)
    if (parsed && typeof parsed === 'object') return Object.fromEntries(Object.entries(parsed).map(([k, v]) => [k, String(v)]))
  } catch { /* the other way, then */ }
  const pairs = [...value.matchAll(/u?'([^'\\]*)'\s*:\s*u?'([^'\\]*)'/g)].map((m) => [m[1], m[2]])
  if (!pairs.length && value.replace(/[\s{}]/g, '')) throw invalid(`Filter ${name} is not a dictionary: ${value.slice(0, 64)}`)
  return Object.fromEntries(pairs)
}
export const inJson = (column: SQLiteColumn, wanted: Record<string, string>): SQL[] => Object.entries(wanted).map(([k, v]) => sql`json_extract(${column}, ${`$.${JSON.stringify(k)}`}) = ${v}`)

/** Which projects' rows a list shows: the caller's, or with `all_tenants` an admin's choice. */
export function tenants(ctx: Ctx, query: URLSearchParams, column: SQLiteColumn): SQL | undefined {
  const all = query.has('all_tenants') && !/^(0|false|no|off)$/i.test(query.get('all_tenants')!)
  if (!all || !ctx.caller.admin) return sql`${column} = ${ctx.project}`
  const one = query.get('project_id') ?? query.get('tenant_id')
  return one ? sql`${column} = ${one}` : undefined
}
