import { eq, getTableColumns, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Endpoint } from '../../kernel/endpoint.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { type Resource, type Row, rowQuery, theRow } from '../../kernel/resource.ts'
import { endpoint, rules } from '../service.ts'

const tag = t.String({ minLength: 1, maxLength: 255 })
const body = { '2.0': t.Object({ tags: t.Array(tag, { maxItems: 50, uniqueItems: true }) }, { additionalProperties: false }) }

/** `/networks/{id}/tags` and so on: whoever may change a thing may tag it. */
export function tagsOf(r: Resource): Endpoint[] {
  const columns = getTableColumns(r.table) as Record<string, SQLiteColumn>, path = `${r.path}/{id}/tags`, noun = r.plural.replaceAll('_', ' ')
  const find = async (ctx: Ctx, id: string, verb: 'get' | 'update'): Promise<Row> => {
    const [found] = await ctx.read(rowQuery(r, ctx, id))
    return theRow(r, found, ctx, id, `${verb}_${r.name}`)
  }
  /** In SQL, so that two who tag at once both find their tag there. */
  const set = (ctx: Ctx, id: string, tags: unknown) => ctx.stage(q.update(r.table).set({ tags, revision: sql`${columns.revision} + 1`, updatedAt: ctx.now() }).where(eq(columns.id, id)), 'stale')
  const get = `get_${r.name}` as keyof typeof rules, change = `update_${r.name}` as keyof typeof rules
  const name = (text: string) => {
    if (text.length > 255) throw invalid(`Invalid input for tags. Reason: '${text.slice(0, 64)}…' exceeds maximum length of 255.`)
    return text
  }
  return [
    endpoint({ id: `${r.plural}.tags.list`, method: 'GET', path, status: 200, policy: get, summary: `Tags of ${noun}`, handle: async (ctx, { params }) => ({ tags: (await find(ctx, params.id, 'get')).tags }) }),
    endpoint({ id: `${r.plural}.tags.replace`, method: 'PUT', path, status: 200, policy: change, summary: `Set all tags of ${noun}`, body, async handle(ctx, { params, body }) { await find(ctx, params.id, 'update'); set(ctx, params.id, body.tags); return { tags: body.tags } } }),
    endpoint({ id: `${r.plural}.tags.add`, method: 'POST', path, status: 200, policy: change, summary: `Add tags to ${noun}`, body, async handle(ctx, { params, body }) {
      const row = await find(ctx, params.id, 'update')
      set(ctx, params.id, sql`(select json_group_array(value) from (select value from json_each(${columns.tags}) union select value from json_each(${JSON.stringify(body.tags)})))`)
      return { tags: [...new Set([...row.tags, ...body.tags])] }
    } }),
    endpoint({ id: `${r.plural}.tags.clear`, method: 'DELETE', path, status: 204, policy: change, summary: `Remove all tags of ${noun}`, async handle(ctx, { params }) { await find(ctx, params.id, 'update'); set(ctx, params.id, []) } }),
    endpoint({ id: `${r.plural}.tags.check`, method: 'GET', path: `${path}/{tag}`, status: 204, policy: get, summary: `Is the tag there?`, async handle(ctx, { params }) {
      if (!(await find(ctx, params.id, 'get')).tags.includes(params.tag)) throw missing(params.tag)
    } }),
    endpoint({ id: `${r.plural}.tags.put`, method: 'PUT', path: `${path}/{tag}`, status: 201, policy: change, summary: `Add one tag`, async handle(ctx, { params }) {
      await find(ctx, params.id, 'update')
      set(ctx, params.id, sql`case when exists (select 1 from json_each(${columns.tags}) where value = ${name(params.tag)}) then ${columns.tags} else json_insert(${columns.tags}, '$[#]', ${params.tag}) end`)
    } }),
    endpoint({ id: `${r.plural}.tags.delete`, method: 'DELETE', path: `${path}/{tag}`, status: 204, policy: change, summary: `Remove one tag`, async handle(ctx, { params }) {
      if (!(await find(ctx, params.id, 'update')).tags.includes(params.tag)) throw missing(params.tag)
      set(ctx, params.id, sql`(select json_group_array(value) from json_each(${columns.tags}) where value <> ${params.tag})`)
    } }),
  ]
}
const missing = (text: string) => notFound('tag', text, `Tag ${text} could not be found.`, { type: 'TagNotFound' })
