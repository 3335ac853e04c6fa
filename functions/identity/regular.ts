import { and, eq, getTableColumns, type SQL } from 'drizzle-orm'
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { TSchema } from 'typebox'
import type { Ctx } from '../kernel/ctx.ts'
import { q, type Query } from '../kernel/db.ts'
import type { Endpoint } from '../kernel/endpoint.ts'
import { hex32 } from '../kernel/env.ts'
import { invalid } from '../kernel/fault.ts'
import { base, filters, page, paged, selfLink } from './list.ts'
import { endpoint, type Rule } from './service.ts'
import { extraOf, found, wrapped } from './wire.ts'

type Row = Record<string, any>
export interface Regular {
  noun: string
  plural: string
  /** When it is not the plural. */
  path?: string
  table: SQLiteTable
  /** Wire name → schema; `column` maps those that are called otherwise in the table. */
  fields: Record<string, TSchema>
  required?: string[]
  column?: Record<string, string>
  rules: { get: Rule; list: Rule; create: Rule; update: Rule; delete: Rule }
  filter: string[]
  view?: (row: Row) => Row
  /** What to read besides, and what must hold of it, before a row is made or changed. */
  reads?: (values: Row) => [Query, ...Query[]]
  check?: (ctx: Ctx, values: Row, read: any[][], before?: Row) => void
  defaults?: (ctx: Ctx) => Row | Promise<Row>
  /** Joins each change. */
  changed?: (ctx: Ctx, verb: 'create' | 'update' | 'delete', row: Row) => void
  /** Shown once, when made. */
  once?: (row: Row) => Row
  visible?: (ctx: Ctx) => SQL | undefined
  id?: (ctx: Ctx) => string
  /** Clients choose the name: made by PUT under it. */
  named?: boolean
  /** Members it does not know are refused. */
  closed?: boolean
  /** Besides `self`. */
  links?: (row: Row) => Record<string, string>
}

/** This API's regular resources, described once; those with a story of their own write their endpoints out. */
export function regular(r: Regular): Endpoint[] {
  const columns = getTableColumns(r.table) as Record<string, SQLiteColumn>
  const camel = (s: string) => s.replace(/_(\w)/g, (_, c: string) => c.toUpperCase())
  const property = (wire: string) => r.column?.[wire] ?? camel(wire)
  const names = Object.keys(r.fields), path = r.path ?? `/${r.plural}`
  const toRow = (body: Row) => ({
    ...Object.fromEntries(Object.entries(body).filter(([k]) => names.includes(k)).map(([k, v]) => [property(k), v])),
    ...(columns.extra && { extra: extraOf(body, names) }),
  })
  const show = (ctx: Ctx, row: Row) => {
    const out: Row = { ...row.extra, id: row.id, ...Object.fromEntries(names.map((n) => [n, row[property(n)] ?? null])), ...selfLink(ctx, `${path.slice(1)}/${row.id}`) }
    return { ...out, ...r.view?.(row), ...linked(ctx, row) }
  }
  const linked = (ctx: Ctx, row: Row) => r.links && { links: { self: `${base(ctx)}${path}/${row.id}`, ...Object.fromEntries(Object.entries(r.links(row)).map(([k, at]) => [k, `${base(ctx)}/${at}`])) } }
  const one = (ctx: Ctx, id: string) => q.select().from(r.table).where(and(eq(columns.id, id), r.visible?.(ctx)))
  const wanted = Object.fromEntries(r.filter.map((n) => [n, columns[property(n)]]))
  const words = r.noun.replaceAll('_', ' ')
  return [
    endpoint({
      id: `${r.plural}.list`, method: 'GET', path, status: 200, policy: r.rules.list, summary: `List ${r.plural.replaceAll('_', ' ')}`,
      async handle(ctx, input) {
        const list = paged(r.table, columns.id, input, and(filters(input.query, wanted), r.visible?.(ctx)))
        const [rows] = await ctx.read(list.query)
        return page(ctx, input, r.plural, rows as Row[], list.limit, (row) => row.id, (row) => show(ctx, row))
      },
    }),
    endpoint({
      id: `${r.plural}.show`, method: 'GET', path: `${path}/{id}`, status: 200, policy: r.rules.get, summary: `Show a ${words}`,
      async handle(ctx, { params }) {
        const [[row]] = await ctx.read(one(ctx, params.id))
        return { [r.noun]: show(ctx, found(row, words, params.id)) }
      },
    }),
    endpoint({
      id: `${r.plural}.create`, method: r.named ? 'PUT' : 'POST', path: r.named ? `${path}/{id}` : path, status: 201, policy: r.rules.create, summary: `Create a ${words}`,
      body: { '3.0': wrapped(r.noun, r.fields, r.required, r.closed) },
      async handle(ctx, { body, params }) {
        if (r.named && !/^[^\s/\0]{1,64}$/.test(params.id)) throw invalid(`Invalid input for field 'id': 1 to 64 characters without spaces and slashes are taken.`)
        const values = toRow((body as Row)[r.noun])
        if (r.reads) r.check?.(ctx, values, await ctx.read(...r.reads(values)) as any[][])
        else r.check?.(ctx, values, [])
        const row: Row = { id: r.named ? params.id : r.id?.(ctx) ?? hex32(ctx.world), ...await r.defaults?.(ctx), ...values }
        ctx.stage(q.insert(r.table).values(row))
        ctx.about(row.id)
        r.changed?.(ctx, 'create', row)
        return { [r.noun]: { ...show(ctx, row), ...r.once?.(row) } }
      },
    }),
    endpoint({
      id: `${r.plural}.update`, method: 'PATCH', path: `${path}/{id}`, status: 200, policy: r.rules.update, summary: `Change a ${words}`,
      body: { '3.0': wrapped(r.noun, r.fields, [], r.closed) },
      async handle(ctx, { params, body }) {
        const change: Row = toRow((body as Row)[r.noun])
        const [[before], ...read] = await ctx.read(one(ctx, params.id), ...(r.reads?.(change) ?? [])) as Row[][]
        found(before, words, params.id)
        if (change.extra) change.extra = { ...before.extra, ...change.extra }
        r.check?.(ctx, change, read, before)
        const row = { ...before, ...change }
        if (Object.keys(change).length) ctx.stage(q.update(r.table).set(change).where(eq(columns.id, params.id)), 'stale')
        r.changed?.(ctx, 'update', row)
        return { [r.noun]: show(ctx, row) }
      },
    }),
    endpoint({
      id: `${r.plural}.delete`, method: 'DELETE', path: `${path}/{id}`, status: 204, policy: r.rules.delete, summary: `Delete a ${words}`,
      async handle(ctx, { params }) {
        const [[row]] = await ctx.read(one(ctx, params.id))
        r.changed?.(ctx, 'delete', found(row, words, params.id) as Row)
        ctx.stage(q.delete(r.table).where(eq(columns.id, params.id)))
      },
    }),
  ]
}
