import { and, eq, getTableColumns, type SQL } from 'drizzle-orm'
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core'
import { Type as t, type TSchema } from 'typebox'
import type { Ctx } from './ctx.ts'
import { q, type Query } from './db.ts'
import type { Endpoint, Input } from './endpoint.ts'
import { forbidden, notFound } from './fault.ts'
import { cutPage, filterBy, pageOf, pageQuery, type Page } from './page.ts'

/**
 * A regular resource, described once: fields with their uses, and from them create, list, show, update and delete with
 * filters, paging, policies and schemas. `rows()` gives the plain verbs; one that needs a condition gets its own function;
 * a resource where several do should write its endpoints out.
 */
export interface Field { schema: TSchema; uses: Set<Use>; required: boolean; column: string }
type Use = 'create' | 'update' | 'filter' | 'sort' | 'hidden' | 'required'

/** `uses` is a list of words: create, update, filter, sort, required (in create), hidden (never shown). `column`: the table's property when it differs. */
export const field = (schema: TSchema, uses = '', column = ''): Field => {
  const set = new Set(uses.split(/\s+/).filter(Boolean) as Use[])
  return { schema, uses: set, required: set.has('required'), column }
}

export type Row = Record<string, any>
export interface Verbs {
  create?: (ctx: Ctx, values: Row) => Row | Promise<Row>
  /** All of a create at once, when one read serves them all; takes the place of `create`. */
  createAll?: (ctx: Ctx, list: Row[]) => Row[] | Promise<Row[]>
  /** `joined`: the rows of what `joins` asked for, in its order. */
  update?: (ctx: Ctx, row: Row, change: Row, joined: any[]) => Row | Promise<Row>
  remove?: (ctx: Ctx, row: Row, joined: any[]) => void | Promise<void>
}

/** How a service spells lists, bodies and pages. */
export interface Style {
  update: 'PUT' | 'PATCH'
  createStatus: number
  /** Lists may be created whole: `{plural: [...]}`. */
  bulk?: boolean
  list: (ctx: Ctx, input: Input, plural: string, items: Row[], page: { next?: string; previous?: string; asked: Page }) => unknown
  pageMax: number
  /** `fields=` and the like: the last word on what is shown. */
  trim?: (input: Input, item: Row) => Row
  /** A last look at the row before it is changed or deleted: preconditions in headers. */
  condition?: (input: Input, row: Row) => void
  /** Refuses filters that the resource does not have. */
  checkQuery?: (query: URLSearchParams, known: string[]) => void
  rule: (verb: 'create' | 'get' | 'update' | 'delete', name: string) => string
}

export interface Resource {
  name: string
  plural: string
  path: string
  table: SQLiteTable
  fields: Record<string, Field>
  verbs: Verbs
  /** What deciding takes besides the row itself; read in the same trip. */
  joins?: { update?: (ctx: Ctx, id: string, change: Row) => Query[]; remove?: (ctx: Ctx, id: string) => Query[] }
  /** Names that `filters` understands, besides the fields'. */
  filterNames?: string[]
  /** Which rows the caller may see; by default all for admins, else those of the own project. */
  visible?: (ctx: Ctx) => SQL | undefined
  /** Filters that are not a column's equality. */
  filters?: (ctx: Ctx, query: URLSearchParams) => (SQL | undefined)[]
  /** More columns, each a subselect (`(select json_group_array(…) …)`), so that what belongs to a row costs no further trip. */
  extras?: Record<string, SQL.Aliased>
  view?: (row: Row, ctx: Ctx) => Row
  sort?: [string, 'asc' | 'desc'][]
  noun?: string
  faultType?: string
}

const closed = { additionalProperties: false } as const

const columnsOf = (r: Resource) => getTableColumns(r.table) as Record<string, SQLiteColumn>
const seenBy = (ctx: Ctx, r: Resource) => {
  if (r.visible) return r.visible(ctx)
  const { project } = columnsOf(r)
  return ctx.caller.admin || !project ? undefined : eq(project, ctx.project)
}
const nounOf = (r: Resource) => r.noun ?? r.name.replaceAll('_', ' ')

/** One row, if the caller may see it: for batches of one's own. */
export const rowQuery = (r: Resource, ctx: Ctx, id: string) => {
  const columns = columnsOf(r)
  return q.select({ ...columns, ...r.extras }).from(r.table).where(and(eq(columns.id, id), seenBy(ctx, r)))
}
/** What `rowQuery` found: 404 when nothing, 403 when the rule says no. */
export function theRow(r: Resource, found: unknown[], ctx: Ctx, id: string, rule: string): Row {
  const row = found[0] as Row | undefined
  if (!row) throw notFound(nounOf(r), id, undefined, { type: r.faultType ?? `${pascal(r.name)}NotFound` })
  if (!ctx.can(rule, row)) throw forbidden(`Policy doesn't allow ${rule} to be performed.`, { type: 'PolicyNotAuthorized' })
  return row
}

export function resource(style: Style, r: Resource): Endpoint[] {
  const columns = columnsOf(r)
  const entries = Object.entries(r.fields)
  const columnOf = (name: string) => columns[r.fields[name].column || camel(name)]
  const having = (use: Use) => entries.filter(([, f]) => f.uses.has(use))
  const noun = nounOf(r)
  const toRow = (body: Row) => Object.fromEntries(Object.entries(body).map(([k, v]) => [r.fields[k].column || camel(k), v]))
  const show = r.view ?? ((row: Row) => Object.fromEntries(entries.filter(([, f]) => !f.uses.has('hidden')).map(([name, f]) => [name, row[f.column || camel(name)] ?? null])))
  const shown = (row: Row, ctx: Ctx, input: Input) => (style.trim ? style.trim(input, show(row, ctx)) : show(row, ctx))

  const find = async (ctx: Ctx, id: string, rule: string, input?: Input, joins: Query[] = []) => {
    const [found, ...joined] = await ctx.read(rowQuery(r, ctx, id) as Query, ...joins) as unknown[][]
    const row = theRow(r, found, ctx, id, rule)
    if (input) style.condition?.(input, row)
    return { row, joined }
  }
  const one = t.Object(Object.fromEntries(having('create').map(([n, f]) => [n, f.required ? f.schema : t.Optional(f.schema)])), closed)
  const single = t.Object({ [r.name]: one }, closed)
  const body = { '2.0': style.bulk ? t.Union([single, t.Object({ [r.plural]: t.Array(one, { minItems: 1 }) }, closed)]) : single }
  const endpoint = (verb: 'create' | 'get' | 'update' | 'delete', id: string, e: Omit<Endpoint, 'id' | 'policy'>): Endpoint => ({ ...e, id: `${r.plural}.${id}`, policy: style.rule(verb, r.name) })
  const out: Endpoint[] = [
    endpoint('get', 'list', {
      method: 'GET', path: r.path, status: 200, summary: `List ${r.plural.replaceAll('_', ' ')}`,
      async handle(ctx, input) {
        style.checkQuery?.(input.query, [...having('filter').map(([n]) => n), ...(r.filterNames ?? [])])
        const sortable = Object.fromEntries(having('sort').map(([n]) => [n, columnOf(n)]))
        const page = pageOf(input.query, sortable, { max: style.pageMax, sort: r.sort ?? [['id', 'asc']] })
        const wanted = having('filter').filter(([n]) => input.query.has(n)).map(([n]) => filterBy(columnOf(n), input.query.getAll(n)))
        const [found] = await ctx.read(pageQuery(r.table, and(seenBy(ctx, r), ...wanted, ...(r.filters?.(ctx, input.query) ?? [])), page, r.extras))
        const cut = cutPage(found as Row[], page, (row) => row.id)
        return style.list(ctx, input, r.plural, cut.rows.map((row) => shown(row, ctx, input)), { ...cut, asked: page })
      },
    }),
    endpoint('get', 'show', {
      method: 'GET', path: `${r.path}/{id}`, status: 200, summary: `Show a ${noun}`,
      async handle(ctx, input) { return { [r.name]: shown((await find(ctx, input.params.id, style.rule('get', r.name))).row, ctx, input) } },
    }),
  ]
  if (r.verbs.create || r.verbs.createAll) {
    const { create, createAll } = r.verbs
    out.push(endpoint('create', 'create', {
      method: 'POST', path: r.path, status: style.createStatus, summary: `Create a ${noun}`, body,
      async handle(ctx, input) {
        const many = input.body[r.plural] as Row[] | undefined
        const list = (many ?? [input.body[r.name]]).map(toRow)
        const made: Row[] = createAll ? await createAll(ctx, list) : []
        if (create && !createAll) for (const values of list) made.push(await create(ctx, values))
        if (made.length === 1) ctx.about(made[0].id)
        return many ? { [r.plural]: made.map((row) => shown(row, ctx, input)) } : { [r.name]: shown(made[0], ctx, input) }
      },
    }))
  }
  if (r.verbs.update) {
    const update = r.verbs.update
    out.push(endpoint('update', 'update', {
      method: style.update, path: `${r.path}/{id}`, status: 200, summary: `Change a ${noun}`,
      body: { '2.0': t.Object({ [r.name]: t.Object(Object.fromEntries(having('update').map(([n, f]) => [n, t.Optional(f.schema)])), closed) }, closed) },
      async handle(ctx, input) {
        const change = toRow(input.body[r.name])
        const { row, joined } = await find(ctx, input.params.id, style.rule('update', r.name), input, r.joins?.update?.(ctx, input.params.id, change))
        return { [r.name]: shown(await update(ctx, row, change, joined), ctx, input) }
      },
    }))
  }
  if (r.verbs.remove) {
    const remove = r.verbs.remove
    out.push(endpoint('delete', 'delete', {
      method: 'DELETE', path: `${r.path}/{id}`, status: 204, summary: `Delete a ${noun}`,
      async handle(ctx, input) {
        const { row, joined } = await find(ctx, input.params.id, style.rule('delete', r.name), input, r.joins?.remove?.(ctx, input.params.id))
        await remove(ctx, row, joined)
      },
    }))
  }
  return out
}

/** The plain verbs over one table: ids, times and owner are filled in, updates demand the row still exists. */
export function rows(table: SQLiteTable, defaults: (ctx: Ctx, values: Row) => Row = () => ({})) {
  const columns = getTableColumns(table) as Record<string, SQLiteColumn>
  return {
    create(ctx: Ctx, values: Row): Row {
      const now = ctx.now()
      const row = { id: ctx.uuid(), ...(columns.project ? { project: ctx.anyone?.project?.id } : {}), ...(columns.createdAt ? { createdAt: now, updatedAt: now } : {}), ...defaults(ctx, values), ...values }
      ctx.stage(q.insert(table).values(row))
      return row
    },
    update(ctx: Ctx, row: Row, change: Row): Row {
      const set = { ...change, ...(columns.updatedAt ? { updatedAt: ctx.now() } : {}), ...(columns.revision ? { revision: row.revision + 1 } : {}) }
      if (Object.keys(set).length) ctx.stage(q.update(table).set(set).where(and(eq(columns.id, row.id), columns.revision && eq(columns.revision, row.revision))), 'stale')
      return { ...row, ...set }
    },
    remove(ctx: Ctx, row: Row) { ctx.stage(q.delete(table).where(eq(columns.id, row.id)), 'stale') },
  }
}

const camel = (s: string) => s.replace(/[_-](\w)/g, (_, c: string) => c.toUpperCase())
const pascal = (s: string) => { const c = camel(s); return c[0].toUpperCase() + c.slice(1) }
