import { and, eq, inArray, isNull, sql, type SQL } from 'drizzle-orm'
import { stack } from '../../../schema/orchestration.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid } from '../../kernel/fault.ts'
import { cutPage, pageOf, pageQuery } from '../../kernel/page.ts'
import type { StackRow } from '../engine/record.ts'
import { endpoint } from '../service.ts'
import { truth } from './body.ts'
import { brief, full } from './view.ts'

const columns = { id: stack.id, status: stack.status, name: stack.name, action: stack.action, tenant: stack.project, username: stack.userName, owner_id: stack.owner }
const others = ['limit', 'marker', 'sort_keys', 'sort_dir', 'global_tenant', 'show_deleted', 'show_nested', 'show_hidden', 'with_count', 'tags', 'tags_any', 'not_tags', 'not_tags_any', 'tenant_safe']
const sortable = { creation_time: stack.createdAt, created_at: stack.createdAt, updated_time: stack.updatedAt, updated_at: stack.updatedAt, deletion_time: stack.deletedAt, stack_name: stack.name, name: stack.name, stack_status: stack.status, status: stack.status, id: stack.id }
/** Stacks with this tag are for machines: shown only when asked for. */
const HIDDEN = 'data-processing-cluster'

const has = (tag: string) => sql`exists (select 1 from json_each(${stack.tags}) where value = ${tag})`
function tagged(query: URLSearchParams, name: string, join: 'and' | 'or'): SQL | undefined {
  const list = query.getAll(name).flatMap((v) => v.split(',')).filter(Boolean)
  return list.length ? sql`(${sql.join(list.map(has), sql.raw(` ${join} `))})` : undefined
}
const not = (c: SQL | undefined) => c && sql`not ${c}`

function whereOf(ctx: Ctx, query: URLSearchParams): SQL | undefined {
  for (const k of query.keys()) if (!(k in columns) && !others.includes(k)) throw invalid(`Invalid filter parameters ['${k}']`)
  const yes = (k: string) => truth(query.get(k), k) ?? false
  const global = yes('global_tenant')
  if (global) ctx.may('stacks:global_index', { project: ctx.project })
  return and(
    global ? undefined : eq(stack.project, ctx.project),
    yes('show_deleted') ? undefined : isNull(stack.deletedAt),
    yes('show_nested') || query.has('owner_id') ? undefined : isNull(stack.owner),
    yes('show_hidden') || query.has('tags') || query.has('tags_any') ? undefined : sql`not ${has(HIDDEN)}`,
    ...Object.entries(columns).filter(([k]) => query.has(k)).map(([k, c]) => inArray(c, query.getAll(k).flatMap((v) => v.split(',')).map((v) => (k === 'status' || k === 'action' ? v.toUpperCase() : v)))),
    tagged(query, 'tags', 'and'), tagged(query, 'tags_any', 'or'), not(tagged(query, 'not_tags', 'and')), not(tagged(query, 'not_tags_any', 'or')),
  )
}

async function list(ctx: Ctx, query: URLSearchParams, detailed: boolean) {
  const where = whereOf(ctx, query), asked = new URLSearchParams()
  for (const k of ['limit', 'marker']) if (query.get(k) !== null) asked.set(k, query.get(k)!)
  if (asked.has('limit') && !/^\d+$/.test(asked.get('limit')!)) throw invalid(`Only integer is supported for limit, not "${asked.get('limit')}".`)
  const keys = query.getAll('sort_keys').flatMap((k) => k.split(',')).filter((k) => k in sortable), dir = query.get('sort_dir')
  if (dir !== null && !['asc', 'desc'].includes(dir)) throw invalid(`Unknown sort direction, must be 'desc' or 'asc'`)
  if (keys.length) { asked.set('sort_key', keys.join(',')); asked.set('sort_dir', dir ?? 'asc') }
  const page = pageOf(asked, sortable as never, { max: 1000, sort: [['created_at', (dir as 'asc' | 'desc' | null) ?? 'desc']] })
  const counted = truth(query.get('with_count'), 'with_count')
  const [rows, [counts]] = await ctx.read(pageQuery(stack, where, page), counted ? q.select({ n: sql<number>`count(*)` }).from(stack).where(where) : q.select({ n: sql<number>`0` }).from(stack).limit(1)) as unknown as [StackRow[], { n: number }[]]
  const cut = cutPage(rows, page, (r) => r.id)
  return { stacks: cut.rows.map((s) => (detailed ? full(ctx, s) : brief(ctx, s))), ...(counted ? { count: counts?.n ?? 0 } : {}) }
}

export default [
  endpoint({ id: 'stacks.list', method: 'GET', path: '/stacks', status: 200, summary: 'List stacks', policy: 'stacks:index', handle: (ctx, { query }) => list(ctx, query, false) }),
  endpoint({ id: 'stacks.detail', method: 'GET', path: '/stacks/detail', status: 200, summary: 'List stacks in detail', policy: 'stacks:detail', handle: (ctx, { query }) => list(ctx, query, true) }),
]
