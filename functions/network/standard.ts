import { Type as t } from 'typebox'
import { sql, type SQL } from 'drizzle-orm'
import type { Ctx } from '../kernel/ctx.ts'
import { forbidden, invalid, precondition } from '../kernel/fault.ts'
import type { Input } from '../kernel/endpoint.ts'
import { field, type Field, type Row } from '../kernel/resource.ts'
import { isoSeconds } from '../kernel/view.ts'

/** What every network resource carries, as fields; `tenant_id` is the old name of `project_id`. */
export const standardFields: Record<string, Field> = {
  id: field(t.String(), 'filter sort'),
  name: field(t.String({ maxLength: 255 }), 'create update filter sort'),
  description: field(t.String({ maxLength: 255 }), 'create update filter'),
  tenant_id: field(t.String({ maxLength: 255 }), 'create filter sort', 'project'),
  project_id: field(t.String({ maxLength: 255 }), 'create filter sort', 'project'),
  revision_number: field(t.Integer(), 'filter sort', 'revision'),
}
/** Tags may come with a create; later they have their own paths. */
export const tagsField = field(t.Array(t.String({ minLength: 1, maxLength: 255 }), { maxItems: 50 }), 'create')
export const adminUp = field(t.Boolean(), 'create update filter sort', 'adminUp')

export const standardView = (r: Row) => ({
  id: r.id, name: r.name, description: r.description, tenant_id: r.project, project_id: r.project,
  tags: r.tags, created_at: isoSeconds(r.createdAt), updated_at: isoSeconds(r.updatedAt), revision_number: r.revision,
})

/** What a new row starts with. Only an admin makes things for another project. */
export function standardRow(ctx: Ctx, values: Row) {
  const now = ctx.now(), project = values.project ?? ctx.caller.project?.id ?? ''
  if (project !== ctx.caller.project?.id && !ctx.caller.admin) throw forbidden('Policy doesn\'t allow to create resources for another project.', { type: 'PolicyNotAuthorized' })
  return { id: ctx.uuid(), name: '', description: '', tags: [] as string[], revision: 1, createdAt: now, updatedAt: now, ...values, project: project as string }
}

export const tagFilterNames = ['tags', 'tags-any', 'not-tags', 'not-tags-any', 'changed_since']
/** `tags`, `tags-any`, `not-tags`, `not-tags-any` as conditions, and `changed_since`. */
export function tagFilters(query: URLSearchParams, column: SQL): SQL[] {
  const list = (name: string) => query.getAll(name).flatMap((v) => v.split(',')).filter(Boolean)
  const has = (tag: string) => sql`exists (select 1 from json_each(${column}) where value = ${tag})`
  const each = (name: string, join: 'and' | 'or') => { const all = list(name); return all.length ? [sql`(${sql.join(all.map(has), sql.raw(` ${join} `))})`] : [] }
  const since = query.get('changed_since')
  if (since !== null && Number.isNaN(Date.parse(since))) throw invalid(`Invalid input for changed_since. Reason: '${since.slice(0, 64)}' is not a valid timestamp.`)
  return [...(since === null ? [] : [sql`updated_at >= ${Date.parse(/Z|[+-]\d\d:?\d\d$/.test(since) ? since : `${since}Z`) * 1000}`]), ...each('tags', 'and'), ...each('tags-any', 'or'), ...each('not-tags', 'and').map((c) => sql`not ${c}`), ...each('not-tags-any', 'or').map((c) => sql`not ${c}`)]
}

/** `If-Match: revision_number=N` */
export function ifMatch(input: Input, row: Row) {
  const text = input.request.headers.get('if-match')
  if (text === null) return
  const m = /^revision_number=(\d+)$/.exec(text.trim())
  if (!m) throw invalid(`Invalid If-Match header: it must be revision_number=N.`, { type: 'HTTPBadRequest' })
  if (Number(m[1]) !== row.revision) throw precondition(`Constrained to ${m[1]}, but current revision is ${row.revision}.`, { type: 'RevisionNumberConstraintFailed' })
}
