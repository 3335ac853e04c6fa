import { getTableColumns, getTableName, is, sql } from 'drizzle-orm'
import { SQLiteTable, type SQLiteColumn } from 'drizzle-orm/sqlite-core'
import * as schema from '../../../schema/index.ts'
import { q } from '../../kernel/db.ts'
import { endpoint } from '../service.ts'
import { found } from '../wire.ts'
import { one } from './verbs.ts'

/** What is no thing of its own: history, and what goes with the project by itself. */
const NOT = new Set(['event', 'saga', 'endpoint_project', 'endpoint_group_project', 'resource_limit'])
const owned = Object.values(schema).filter((t): t is never => is(t, SQLiteTable)).flatMap((table) => {
  const columns = getTableColumns(table) as Record<string, SQLiteColumn>, name = getTableName(table)
  return columns.project && !NOT.has(name) ? [{ name, project: columns.project.name, live: columns.deletedAt ? ` and ${columns.deletedAt.name} is null` : '' }] : []
})

/** Asked before a project is deleted: what would be left without an owner. Every table with an owner is looked at, of whatever service. */
export const inventory = endpoint({
  id: 'projects.inventory', method: 'GET', path: '/projects/{project}/inventory', status: 200, policy: 'identity:get_project_inventory', summary: 'Count what a project owns, of every kind (an addition of this cloud)',
  async handle(ctx, { params }) {
    const counts = sql.join(owned.map((t) => sql`select ${t.name} as kind, (select count(*) from ${sql.identifier(t.name)} where ${sql.identifier(t.project)} = ${params.project}${sql.raw(t.live)}) as n`), sql` union all `)
    const [[row], rows] = await ctx.read(one(params.project), q.all<{ kind: string; n: number }>(sql`select kind, n from (${counts}) where n > 0 order by kind`))
    ctx.may('identity:get_project_inventory', { project: params.project, domain: row?.domain ?? row?.id })
    found(row, 'project', params.project)
    return { inventory: Object.fromEntries(rows.map((r) => [r.kind, r.n])) }
  },
})
