import { and, asc, desc, eq, getTableColumns, isNull, or, sql, type SQL } from 'drizzle-orm'
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core'
import { q } from './db.ts'
import { invalid } from './fault.ts'

export interface Sort { column: SQLiteColumn; dir: 'asc' | 'desc' }
export interface Page { limit: number; marker?: string; sort: Sort[]; reverse?: boolean }

/**
 * Reads limit, marker and sort from a query in any of the ways the services spell them: `sort_key`/`sort_dir` repeated,
 * or `sort=key:dir,key:dir`. `columns` is what may be sorted by; `id` always ends the order, so that it is total.
 */
export function pageOf(query: URLSearchParams, columns: Record<string, SQLiteColumn>, options: { max: number; limit?: number; sort?: [string, 'asc' | 'desc'][] }): Page {
  const text = query.get('limit')
  let limit = options.limit ?? options.max
  if (text !== null) {
    if (!/^\d+$/.test(text)) throw invalid(`Invalid input for query parameter limit. Value: ${text}. It must be a non-negative integer.`)
    limit = Math.min(Number(text), options.max)
    if (limit === 0) limit = options.max
  }
  const pairs: [string, string][] = query.has('sort')
    ? query.getAll('sort').flatMap((s) => s.split(',')).filter(Boolean).map((s) => { const [k, d] = s.trim().split(':'); return [k, d ?? 'asc'] })
    : query.getAll('sort_key').flatMap((s) => s.split(',')).map((k, i, all) => {
      const dirs = query.getAll('sort_dir').flatMap((s) => s.split(','))
      return [k, dirs[i] ?? dirs[dirs.length - 1] ?? (all.length ? options.sort?.[0]?.[1] ?? 'desc' : 'desc')]
    })
  const wanted = pairs.length ? pairs : options.sort ?? []
  const sort = wanted.map(([key, dir]): Sort => {
    const column = columns[key]
    if (!column) throw invalid(`Invalid sort key: ${key}. It must be one of ${Object.keys(columns).join(', ')}.`)
    if (dir !== 'asc' && dir !== 'desc') throw invalid(`Invalid sort direction: ${dir}. It must be asc or desc.`)
    return { column, dir }
  })
  return { limit, marker: query.get('marker') || undefined, sort, reverse: /^true$/i.test(query.get('page_reverse') ?? '') }
}

/**
 * The rows after the marker, in order, as a condition over indexed columns: cost does not grow with the table. The
 * marker's own values are looked up in the same statement, so a page is one round trip.
 */
export function keyset(table: SQLiteTable, id: SQLiteColumn, page: Page): { after?: SQL; order: SQL[] } {
  const flip = (d: 'asc' | 'desc') => (page.reverse ? (d === 'asc' ? 'desc' : 'asc') : d)
  const parts: Sort[] = [...page.sort.filter((s) => s.column !== id), { column: id, dir: page.sort.find((s) => s.column === id)?.dir ?? page.sort[0]?.dir ?? 'asc' }]
  const order = parts.map((s) => (flip(s.dir) === 'asc' ? asc(s.column) : desc(s.column)))
  if (!page.marker) return { order }
  const value = (c: SQLiteColumn) => c === id ? sql`${page.marker}` : sql`(select ${sql.identifier(c.name)} from ${table} where ${sql.identifier(id.name)} = ${page.marker})`
  const alternatives = parts.map((s, i) => and(
    ...parts.slice(0, i).map((p) => sql`${p.column} is ${value(p.column)}`),
    // Nulls come first in ascending order.
    flip(s.dir) === 'asc' ? or(sql`${s.column} > ${value(s.column)}`, and(sql`${value(s.column)} is null`, sql`${s.column} is not null`))
      : or(sql`${s.column} < ${value(s.column)}`, and(isNull(s.column), sql`${value(s.column)} is not null`)),
  ))
  // Says nothing new, but this an index can begin at; of the alternatives alone it would look at every row before the page.
  const [lead] = parts, from = lead.column.notNull || lead.column.primary ? flip(lead.dir) === 'asc' ? sql`${lead.column} >= ${value(lead.column)}` : sql`${lead.column} <= ${value(lead.column)}` : undefined
  return { after: and(from, or(...alternatives)), order }
}

/** One row more than asked for tells whether there is a next page. */
export function pageQuery<T extends SQLiteTable>(table: T, where: SQL | undefined, page: Page, extras: Record<string, SQL.Aliased> = {}) {
  const columns = getTableColumns(table) as Record<string, SQLiteColumn>
  const { after, order } = keyset(table, columns.id, page)
  return q.select({ ...columns, ...extras }).from(table as SQLiteTable).where(and(where, after)).orderBy(...order).limit(page.limit + 1)
}

/** Cuts the extra row off: what to show, and the marker of the next page if there is one. */
export function cutPage<T>(rows: T[], page: Page, id: (row: T) => string): { rows: T[]; next?: string; previous?: string } {
  const more = rows.length > page.limit
  const shown = more ? rows.slice(0, page.limit) : rows
  if (page.reverse) shown.reverse()
  const first = shown[0], last = shown[shown.length - 1]
  return {
    rows: shown,
    next: last && (page.reverse ? page.marker !== undefined : more) ? id(last) : undefined,
    previous: first && (page.reverse ? more : page.marker !== undefined) ? id(first) : undefined,
  }
}

/** The request's own URL with another marker. */
export function pageLink(origin: string, url: URL, marker: string, extra: Record<string, string> = {}): string {
  const to = new URLSearchParams(url.searchParams)
  to.delete('page_reverse')
  to.set('marker', marker)
  for (const [k, v] of Object.entries(extra)) to.set(k, v)
  return `${origin}${url.pathname}?${to}`
}

/** `is null`-safe equality for a filter's text against a column. */
export const filterBy = (column: SQLiteColumn, values: string[]): SQL | undefined =>
  values.length === 1 ? eq(column, coerce(column, values[0])) : or(...values.map((v) => eq(column, coerce(column, v))))

export function coerce(column: SQLiteColumn, text: string): unknown {
  if (column.dataType === 'boolean') {
    if (/^(true|1|yes|on|t|y)$/i.test(text)) return true
    if (/^(false|0|no|off|f|n)$/i.test(text)) return false
    throw invalid(`'${text}' is not a valid boolean value.`)
  }
  if (column.dataType === 'number') {
    const n = Number(text)
    if (!Number.isFinite(n)) throw invalid(`'${text}' is not an integer.`)
    return n
  }
  return text
}
