import { and, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { groupType, volumeGroup } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { keyset } from '../../kernel/page.ts'
import { closed, cut, isTrue, listing, nextLink, text, truth } from '../lists.ts'
import { endpoint } from '../service.ts'
import { specs } from '../types/api.ts'
import type { GroupTypeRow } from './model.ts'

const manage = 'group:manage_types' as const, read = 'group:get_types' as const, since = '3.11'
const view = (ctx: Ctx) => (r: GroupTypeRow) => ({ id: r.id, name: r.name, description: r.description, is_public: r.public, ...(ctx.caller.admin ? { group_specs: r.specs } : {}) })
async function find(ctx: Ctx, id: string): Promise<GroupTypeRow> {
  const [[row]] = await ctx.read(q.select().from(groupType).where(and(eq(groupType.id, id), ctx.caller.admin ? undefined : eq(groupType.public, true))))
  if (!row) throw notFound('group type', id, `Group type ${id.slice(0, 64)} could not be found.`)
  return row
}
const save = (ctx: Ctx, row: GroupTypeRow, set: Partial<GroupTypeRow>) => ctx.stage(q.update(groupType).set({ ...set, updatedAt: ctx.now() }).where(eq(groupType.id, row.id)), 'stale')
const name = t.String({ minLength: 1, maxLength: 255 }), path = '/group_types/{type}/group_specs'
const none = (key: string) => notFound('group spec', key, `Group Type has no group specs with key ${key.slice(0, 255)}.`)

export default [
  endpoint({
    id: 'group-types.list', method: 'GET', path: '/group_types', status: 200, since, policy: read, summary: 'List group types',
    async handle(ctx, { query, url }) {
      const page = listing(ctx, query, { created_at: groupType.createdAt, id: groupType.id, name: groupType.name }), asked = query.get('is_public')
      if (page.none) return { group_types: [] }
      const { after, order } = keyset(groupType, groupType.id, page)
      const [rows] = await ctx.read(q.select().from(groupType).where(and(!ctx.caller.admin || asked === null || isTrue(asked) ? eq(groupType.public, true) : /^none$/i.test(asked) ? undefined : eq(groupType.public, false), after)).orderBy(...order).limit(page.limit + 1).offset(page.offset))
      const shown = cut(rows, page, (r) => r.id)
      return { group_types: shown.rows.map(view(ctx)), ...nextLink(ctx, url, 'group_type', shown.next) }
    },
  }),
  endpoint({
    id: 'group-types.create', method: 'POST', path: '/group_types', status: 202, since, policy: manage, summary: 'Create a group type', body: { '3.11': t.Object({ group_type: t.Object({ name, description: t.Optional(text), is_public: t.Optional(truth), group_specs: t.Optional(t.Union([specs, t.Null()])) }, closed) }, closed) },
    handle(ctx, { body: { group_type: ask } }) {
      const now = ctx.now(), row: GroupTypeRow = { id: ctx.uuid(), name: ask.name, description: ask.description ?? null, public: isTrue(ask.is_public ?? true), specs: ask.group_specs ?? {}, createdAt: now, updatedAt: now }
      ctx.stage(q.insert(groupType).values(row))
      ctx.about(row.id)
      return { group_type: view(ctx)(row) }
    },
  }),
  endpoint({ id: 'group-types.show', method: 'GET', path: '/group_types/{type}', status: 200, since, policy: read, summary: 'Show a group type', async handle(ctx, { params }) { return { group_type: view(ctx)(await find(ctx, params.type)) } } }),
  endpoint({
    id: 'group-types.update', method: 'PUT', path: '/group_types/{type}', status: 200, since, policy: manage, summary: 'Change a group type', body: { '3.11': t.Object({ group_type: t.Object({ name: t.Optional(t.Union([name, t.Null()])), description: t.Optional(text), is_public: t.Optional(truth) }, closed) }, closed) },
    async handle(ctx, { params, body: { group_type: ask } }) {
      const row = await find(ctx, params.type)
      if (!Object.keys(ask).length) throw invalid('Specify group type name, description or a combination thereof.')
      const set = { ...(ask.name ? { name: ask.name } : {}), ...(ask.description !== undefined ? { description: ask.description } : {}), ...(ask.is_public !== undefined ? { public: isTrue(ask.is_public) } : {}) }
      save(ctx, row, set)
      return { group_type: view(ctx)({ ...row, ...set }) }
    },
  }),
  endpoint({
    id: 'group-types.delete', method: 'DELETE', path: '/group_types/{type}', status: 202, since, policy: manage, summary: 'Delete a group type',
    async handle(ctx, { params }) {
      const row = await find(ctx, params.type)
      const [[used]] = await ctx.read(q.select({ id: volumeGroup.id }).from(volumeGroup).where(eq(volumeGroup.type, row.id)).limit(1))
      if (used) throw invalid('Target group type is still in use.')
      ctx.stage(q.delete(groupType).where(eq(groupType.id, row.id)), 'stale')
    },
  }),
  endpoint({ id: 'group-types.specs.list', method: 'GET', path, status: 200, since, policy: manage, summary: 'List a group type\'s specs', async handle(ctx, { params }) { return { group_specs: (await find(ctx, params.type)).specs } } }),
  endpoint({ id: 'group-types.specs.create', method: 'POST', path, status: 202, since, policy: manage, summary: 'Add specs to a group type', body: { '3.11': t.Object({ group_specs: specs }, closed) }, async handle(ctx, { params, body }) { const row = await find(ctx, params.type); save(ctx, row, { specs: { ...row.specs, ...body.group_specs } }); return { group_specs: body.group_specs } } }),
  endpoint({ id: 'group-types.specs.show', method: 'GET', path: `${path}/{key}`, status: 200, since, policy: manage, summary: 'Show a spec of a group type', async handle(ctx, { params }) { const row = await find(ctx, params.type); if (!(params.key in row.specs)) throw none(params.key); return { [params.key]: row.specs[params.key] } } }),
  endpoint({
    id: 'group-types.specs.update', method: 'PUT', path: `${path}/{key}`, status: 200, since, policy: manage, summary: 'Set a spec of a group type', body: { '3.11': specs },
    async handle(ctx, { params, body }) { if (Object.keys(body).join() !== params.key) throw invalid('Request body and URI mismatch: the body has the one key that the path names.'); const row = await find(ctx, params.type); save(ctx, row, { specs: { ...row.specs, ...body } }); return body },
  }),
  endpoint({ id: 'group-types.specs.delete', method: 'DELETE', path: `${path}/{key}`, status: 202, since, policy: manage, summary: 'Remove a spec of a group type', async handle(ctx, { params }) { const row = await find(ctx, params.type); if (!(params.key in row.specs)) throw none(params.key); const { [params.key]: _, ...rest } = row.specs; save(ctx, row, { specs: rest }) } }),
]
