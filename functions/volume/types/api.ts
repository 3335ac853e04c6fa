import { and, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { volumeDefaultType, volumeType, volumeTypeAccess } from '../../../schema/volume.ts'
import { q } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { keyset } from '../../kernel/page.ts'
import { closed, cut, dictionary, inJson, isTrue, listing, nextLink, text, truth } from '../lists.ts'
import { endpoint } from '../service.ts'
import { findType, inUse, noType, oneType, typeView, visible, type TypeRow } from './model.ts'

const manage = 'volume_extension:types_manage' as const
const name = t.String({ minLength: 1, maxLength: 255, pattern: '\\S' })
export const specs = t.Record(t.String({ pattern: '^[a-zA-Z0-9_:.\\- ]{1,255}$' }), t.String({ maxLength: 255 }))

export const list = endpoint({
  id: 'types.list', method: 'GET', path: '/types', status: 200, policy: 'volume_extension:types_get', summary: 'List volume types',
  async handle(ctx, { query, url }) {
    const page = listing(ctx, query, { created_at: volumeType.createdAt, id: volumeType.id, name: volumeType.name })
    if (page.none) return { volume_types: [] }
    const asked = query.get('is_public')
    const publicity = !ctx.caller.admin ? undefined : asked === null || isTrue(asked) ? eq(volumeType.public, true) : /^none$/i.test(asked) ? undefined : eq(volumeType.public, false)
    const { after, order } = keyset(volumeType, volumeType.id, page)
    const [rows] = await ctx.read(q.select().from(volumeType).where(and(visible(ctx), publicity, query.has('name') ? eq(volumeType.name, query.get('name')!) : undefined,
      ...(query.has('extra_specs') && ctx.version >= 3052 ? inJson(volumeType.extraSpecs, dictionary(query.get('extra_specs')!, 'extra_specs')) : []), after)).orderBy(...order).limit(page.limit + 1).offset(page.offset))
    const shown = cut(rows, page, (r) => r.id)
    return { volume_types: shown.rows.map(typeView(ctx)), ...nextLink(ctx, url, 'volume_type', shown.next) }
  },
})

export const standard = endpoint({
  id: 'types.default', method: 'GET', path: '/types/default', status: 200, policy: 'volume_extension:types_get', summary: 'Show the type a volume gets when none is named',
  async handle(ctx) {
    const project = ctx.anyone?.project?.id ?? ''
    const [[row]] = await ctx.read(q.select().from(volumeType).where(sql`${volumeType.id} = coalesce((select type from ${volumeDefaultType} where project = ${project}), (select type from ${volumeDefaultType} where project = ''))`))
    if (!row) throw notFound('volume type', 'default', 'Default volume type can not be found.')
    return { volume_type: typeView(ctx)(row) }
  },
})
export const show = endpoint({ id: 'types.show', method: 'GET', path: '/types/{type}', status: 200, policy: 'volume_extension:types_get', summary: 'Show a volume type', async handle(ctx, { params }) { return { volume_type: typeView(ctx)(await findType(ctx, params.type)) } } })

export const create = endpoint({
  id: 'types.create', method: 'POST', path: '/types', status: 200, policy: manage, summary: 'Create a volume type',
  body: { '3.0': t.Object({ volume_type: t.Object({ name, description: t.Optional(text), extra_specs: t.Optional(t.Union([specs, t.Null()])), 'os-volume-type-access:is_public': t.Optional(truth) }, closed) }, closed) },
  handle(ctx, { body: { volume_type: ask } }) {
    const now = ctx.now(), row: TypeRow = { id: ctx.uuid(), name: ask.name.trim(), description: ask.description ?? null, public: isTrue(ask['os-volume-type-access:is_public'] ?? true), extraSpecs: ask.extra_specs ?? {}, qos: null, encryption: null, createdAt: now, updatedAt: now }
    ctx.stage(q.insert(volumeType).values(row))
    ctx.about(row.id)
    ctx.event('volume_type.create', row.id)
    const { qos_specs_id, ...shown } = typeView(ctx)(row)
    return { volume_type: shown }
  },
})
export const update = endpoint({
  id: 'types.update', method: 'PUT', path: '/types/{type}', status: 200, policy: manage, summary: 'Change a volume type',
  body: { '3.0': t.Object({ volume_type: t.Object({ name: t.Optional(t.Union([name, t.Null()])), description: t.Optional(text), is_public: t.Optional(truth) }, closed) }, closed) },
  async handle(ctx, { params, body: { volume_type: ask } }) {
    const row = await findType(ctx, params.type, manage)
    if (ask.name === undefined && ask.description === undefined && ask.is_public === undefined) throw invalid('Specify volume type name, description, is_public or a combination thereof.')
    const set = { ...(ask.name ? { name: ask.name.trim() } : {}), ...(ask.description !== undefined ? { description: ask.description } : {}), ...(ask.is_public !== undefined ? { public: isTrue(ask.is_public) } : {}), updatedAt: ctx.now() }
    ctx.stage(q.update(volumeType).set(set).where(eq(volumeType.id, row.id)), 'stale')
    const { qos_specs_id, 'os-volume-type-access:is_public': _, ...shown } = typeView(ctx)({ ...row, ...set })
    return { volume_type: shown }
  },
})
export const remove = endpoint({
  id: 'types.delete', method: 'DELETE', path: '/types/{type}', status: 202, policy: manage, summary: 'Delete a volume type',
  async handle(ctx, { params }) {
    const [[row], used, [standard]] = await ctx.read(oneType(ctx, params.type), inUse(params.type), q.select().from(volumeDefaultType).where(eq(volumeDefaultType.type, params.type)).limit(1))
    if (!row) throw noType(params.type)
    if (used.length) throw invalid('Target volume type is still in use.')
    if (standard) throw invalid(`Volume type ${row.name} is a default type and cannot be deleted.`, standard.project ? {} : { status: 400 })
    ctx.stage(q.delete(volumeType).where(eq(volumeType.id, row.id)), 'stale')
    ctx.event('volume_type.delete', row.id)
  },
})

const actionAt = { method: 'POST', path: '/types/{type}/action', status: 202, policy: manage } as const
const project = t.Object({ project: t.String({ minLength: 1, maxLength: 64 }) }, closed)
export const access = [
  endpoint({
    id: 'types.access', method: 'GET', path: '/types/{type}/os-volume-type-access', status: 200, policy: manage, summary: 'List the projects that may use a private type',
    async handle(ctx, { params }) {
      const [[row], rows] = await ctx.read(oneType(ctx, params.type), q.select().from(volumeTypeAccess).where(eq(volumeTypeAccess.type, params.type)).orderBy(volumeTypeAccess.project))
      if (!row) throw noType(params.type)
      if (row.public) throw notFound('volume type', row.id, 'Access list not available for public volume types.')
      return { volume_type_access: rows.map((a) => ({ volume_type_id: a.type, project_id: a.project })) }
    },
  }),
  endpoint({
    ...actionAt, id: 'types.add-access', key: 'addProjectAccess', summary: 'Let a project use a private type', body: { '3.0': t.Object({ addProjectAccess: project }, closed) },
    async handle(ctx, { params, body }) {
      const row = await findType(ctx, params.type, manage)
      if (row.public) throw conflict(`Type access modification is not applicable to public volume type ${row.id}.`)
      ctx.stage(q.insert(volumeTypeAccess).values({ type: row.id, project: body.addProjectAccess.project }))
    },
  }),
  endpoint({
    ...actionAt, id: 'types.remove-access', key: 'removeProjectAccess', summary: 'Let a project use a private type no longer', body: { '3.0': t.Object({ removeProjectAccess: project }, closed) },
    async handle(ctx, { params, body }) {
      const { project } = body.removeProjectAccess
      const [[row], [has]] = await ctx.read(oneType(ctx, params.type), q.select().from(volumeTypeAccess).where(and(eq(volumeTypeAccess.type, params.type), eq(volumeTypeAccess.project, project))))
      if (!row) throw noType(params.type)
      if (!has) throw notFound('access', project, `Volume type access not found for ${row.id} / ${project} combination.`)
      ctx.stage(q.delete(volumeTypeAccess).where(and(eq(volumeTypeAccess.type, row.id), eq(volumeTypeAccess.project, project))))
    },
  }),
]

/** Which type a project's volumes get when none is named. */
const byProject = (p: string) => q.select().from(volumeDefaultType).where(eq(volumeDefaultType.project, p))
const defaults = { since: '3.62', policy: 'volume_extension:default_set_or_update' } as const
export const defaultTypes = [
  endpoint({ ...defaults, id: 'default-types.list', method: 'GET', path: '/default-types', status: 200, summary: 'List the projects\' default types', async handle(ctx) { const [rows] = await ctx.read(q.select().from(volumeDefaultType).where(sql`project <> ''`)); return { default_types: rows.map((r) => ({ project_id: r.project, volume_type_id: r.type })) } } }),
  endpoint({
    ...defaults, id: 'default-types.show', method: 'GET', path: '/default-types/{project}', status: 200, summary: 'Show a project\'s default type',
    async handle(ctx, { params }) {
      const [[row]] = await ctx.read(byProject(params.project))
      if (!row) throw notFound('default type', params.project, `Default type for project ${params.project.slice(0, 64)} not found.`)
      return { default_type: { project_id: row.project, volume_type_id: row.type } }
    },
  }),
  endpoint({
    ...defaults, id: 'default-types.update', method: 'PUT', path: '/default-types/{project}', status: 200, summary: 'Give a project a default type', body: { '3.62': t.Object({ default_type: t.Object({ volume_type: name }, closed) }, closed) },
    async handle(ctx, { params, body }) {
      const { volume_type: wanted } = body.default_type
      const [[type]] = await ctx.read(q.select().from(volumeType).where(sql`${volumeType.id} = ${wanted} or ${volumeType.name} = ${wanted}`))
      if (!type) throw noType(wanted)
      ctx.stage(q.insert(volumeDefaultType).values({ project: params.project, type: type.id }).onConflictDoUpdate({ target: volumeDefaultType.project, set: { type: type.id } }))
      return { default_type: { project_id: params.project, volume_type_id: type.id } }
    },
  }),
  endpoint({ ...defaults, id: 'default-types.delete', method: 'DELETE', path: '/default-types/{project}', status: 204, summary: 'Let a project use the cloud\'s default type again', handle(ctx, { params }) { if (params.project) ctx.stage(q.delete(volumeDefaultType).where(eq(volumeDefaultType.project, params.project))) } }),
]
