import { and, asc, eq, gt, gte, inArray, isNull, lt, lte, ne, sql, type SQL } from 'drizzle-orm'
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import type { Input } from '../kernel/endpoint.ts'
import { invalid } from '../kernel/fault.ts'
import { coerce } from '../kernel/page.ts'

/** Where this API's links point. */
export const base = (ctx: Ctx) => `${ctx.origin}/identity/v3`
export const selfLink = (ctx: Ctx, path: string) => ({ links: { self: `${base(ctx)}/${path}` } })

/** A list as this API shows it. */
export const listed = (ctx: Ctx, url: URL, plural: string, items: unknown[], next: string | null = null) =>
  ({ [plural]: items, links: { self: `${ctx.origin}${url.pathname}${url.search}`, next, previous: null } })

const MAX = 1000

/**
 * A page in the order of ids: `limit` and `marker` as the real service has them. Without a limit the whole list is given,
 * as clients of this API expect, up to a bound.
 */
export function paged(table: SQLiteTable, id: SQLiteColumn, { query }: Input, where: SQL | undefined) {
  const text = query.get('limit')
  if (text !== null && !/^[1-9]\d{0,9}$/.test(text)) throw invalid(`Invalid input for query parameter 'limit': ${text.slice(0, 20)} is not a positive integer.`)
  const limit = text === null ? undefined : Math.min(Number(text), MAX)
  const marker = query.get('marker'), rows = limit === undefined ? 100_000 : limit + 1, which = and(where, marker ? gt(id, marker) : undefined)
  // A part of a name has no place in an index: what looks through them all looks through an index that holds no more, and only what is shown is read.
  const by = [...query.keys()].some((k) => k.includes('__')) ? inArray(id, q.select({ id }).from(table).where(which).orderBy(asc(id)).limit(rows)) : which
  return { limit, query: q.select().from(table).where(by).orderBy(asc(id)).limit(rows) }
}

/** Renders what `paged` found. */
export function page<T>(ctx: Ctx, { url }: Input, plural: string, rows: T[], limit: number | undefined, idOf: (row: T) => string, view: (row: T) => unknown) {
  const shown = limit === undefined ? rows : rows.slice(0, limit)
  let next: string | null = null
  if (shown.length < rows.length) {
    const to = new URLSearchParams(url.searchParams)
    to.set('marker', idOf(shown[shown.length - 1]))
    next = `${ctx.origin}${url.pathname}?${to}`
  }
  return { ...listed(ctx, url, plural, shown.map(view), next), ...(limit !== undefined && { truncated: next !== null }) }
}

const words = {
  contains: (c: SQLiteColumn, v: string) => sql`instr(${c}, ${v}) > 0`, icontains: (c: SQLiteColumn, v: string) => sql`instr(lower(${c}), ${v.toLowerCase()}) > 0`,
  startswith: (c: SQLiteColumn, v: string) => sql`substr(${c}, 1, ${v.length}) = ${v}`, istartswith: (c: SQLiteColumn, v: string) => sql`lower(substr(${c}, 1, ${v.length})) = ${v.toLowerCase()}`,
  endswith: (c: SQLiteColumn, v: string) => sql`substr(${c}, -${sql.raw(String(v.length))}) = ${v}`, iendswith: (c: SQLiteColumn, v: string) => sql`lower(substr(${c}, -${sql.raw(String(v.length))})) = ${v.toLowerCase()}`,
} satisfies Record<string, (c: SQLiteColumn, v: string) => SQL>
const compare = { gt, gte, lt, lte, eq, neq: ne }

/** `name=`, `enabled=` and the like, also as `name__contains=`; what names no filter is ignored, as the real service does. */
export function filters(query: URLSearchParams, columns: Record<string, SQLiteColumn>): SQL | undefined {
  const out: (SQL | undefined)[] = []
  for (const [key, value] of query) {
    const [name, how] = key.split('__')
    const column = columns[name]
    if (!column) continue
    if (!how) {
      if (value === '' && column.dataType !== 'boolean') out.push(column.notNull ? eq(column, '') : isNull(column))
      else if (column.dataType === 'boolean') out.push(eq(column, value === '' ? true : coerce(column, value)))
      else out.push(eq(column, coerce(column, value)))
    } else if (how in words && value) out.push(words[how as keyof typeof words](column, value))
    else if (how in compare) out.push(compare[how as keyof typeof compare](column, coerce(column, value)))
  }
  return and(...out)
}
