import { and, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { metadefItem, metadefNamespace } from '../../../schema/image.ts'
import { check } from '../../kernel/body.ts'
import { q } from '../../kernel/db.ts'
import { forbidden } from '../../kernel/fault.ts'
import { endpoint } from '../service.ts'
import { bodies, look, namespaceView, seen, stageItem, views, type Item, type Kind, type Namespace } from './model.ts'

const fields = {
  namespace: t.String({ minLength: 1, maxLength: 80 }), display_name: t.Optional(t.String({ maxLength: 80 })), description: t.Optional(t.String({ maxLength: 500 })), visibility: t.Optional(t.Enum(['public', 'private'])),
  protected: t.Optional(t.Boolean()), owner: t.Optional(t.String({ maxLength: 255 })), created_at: t.Optional(t.String()), updated_at: t.Optional(t.String()), self: t.Optional(t.String()), schema: t.Optional(t.String()),
}
const closed = { additionalProperties: false } as const
const contents = { objects: t.Optional(t.Array(bodies.object)), tags: t.Optional(t.Array(bodies.tag)), resource_type_associations: t.Optional(t.Array(bodies.resource_type)), properties: t.Optional(t.Record(t.String(), t.Object({}, { additionalProperties: true }))) }

const whole = (row: Namespace, items: Item[]) => {
  const of = (kind: Kind) => items.filter((i) => i.kind === kind)
  const some = (key: string, list: unknown[]) => (list.length ? { [key]: list } : {})
  return {
    ...namespaceView(row), ...some('objects', of('object').map(views.object)), ...some('tags', of('tag').map(views.tag)), ...some('resource_type_associations', of('resource_type').map(views.resource_type)),
    ...(of('property').length ? { properties: Object.fromEntries(of('property').map((i) => [i.name, views.property(i)])) } : {}),
  }
}

export const list = endpoint({
  id: 'metadefs.namespaces.list', method: 'GET', path: '/metadefs/namespaces', status: 200, policy: 'get_metadef', summary: 'List namespaces of metadata definitions',
  async handle(ctx, { query }) {
    const visibility = query.get('visibility')
    const [rows, types] = await ctx.read(
      q.select().from(metadefNamespace).where(and(seen(ctx), visibility ? eq(metadefNamespace.visibility, visibility as 'public') : undefined)).orderBy(metadefNamespace.namespace).limit(1000),
      q.select().from(metadefItem).where(eq(metadefItem.kind, 'resource_type')))
    const wanted = query.get('resource_types')?.split(',')
    const of = (n: Namespace) => types.filter((i) => i.namespace === n.namespace)
    const shown = rows.filter((n) => !wanted || of(n).some((i) => wanted.includes(i.name)))
    return { first: '/v2/metadefs/namespaces', namespaces: shown.map((n) => ({ ...namespaceView(n), resource_type_associations: of(n).map(views.resource_type) })), schema: '/v2/schemas/metadefs/namespaces' }
  },
})

export const create = endpoint({
  id: 'metadefs.namespaces.create', method: 'POST', path: '/metadefs/namespaces', status: 201, policy: 'modify_metadef', summary: 'Create a namespace of metadata definitions', body: { '2.0': t.Object({ ...fields, ...contents }, closed) },
  handle(ctx, { body }) {
    const now = ctx.now()
    const row: Namespace = { namespace: body.namespace, displayName: body.display_name ?? null, description: body.description ?? null, visibility: body.visibility ?? 'private', protected: body.protected ?? false, owner: body.owner ?? ctx.anyone?.project?.id ?? null, createdAt: now, updatedAt: now }
    ctx.stage(q.insert(metadefNamespace).values(row))
    ctx.about(row.namespace)
    const items = [
      ...(body.objects ?? []).map((b) => stageItem(ctx, row.namespace, 'object', b)), ...(body.tags ?? []).map((b) => stageItem(ctx, row.namespace, 'tag', b)),
      ...(body.resource_type_associations ?? []).map((b) => stageItem(ctx, row.namespace, 'resource_type', b)),
      ...Object.entries(body.properties ?? {}).map(([name, b]) => { const whole = { ...b, name }; check(bodies.property, whole); return stageItem(ctx, row.namespace, 'property', whole) }),
    ]
    ctx.headers.set('location', `${ctx.origin}/image/v2/metadefs/namespaces/${encodeURIComponent(row.namespace)}`)
    return whole(row, items)
  },
})

export const show = endpoint({
  id: 'metadefs.namespaces.show', method: 'GET', path: '/metadefs/namespaces/{namespace}', status: 200, policy: 'get_metadef', summary: 'Show a namespace of metadata definitions',
  async handle(ctx, { params }) { const { row, items } = await look(ctx, params.namespace); return whole(row, items) },
})

export const update = endpoint({
  id: 'metadefs.namespaces.update', method: 'PUT', path: '/metadefs/namespaces/{namespace}', status: 200, policy: 'modify_metadef', summary: 'Change a namespace of metadata definitions', body: { '2.0': t.Object(fields, closed) },
  async handle(ctx, { params, body }) {
    const { row } = await look(ctx, params.namespace)
    const next: Namespace = { ...row, namespace: body.namespace, displayName: body.display_name ?? null, description: body.description ?? null, visibility: body.visibility ?? 'private', protected: body.protected ?? false, owner: body.owner ?? row.owner, updatedAt: ctx.now() }
    ctx.stage(q.update(metadefNamespace).set(next).where(eq(metadefNamespace.namespace, row.namespace)), 'stale')
    return namespaceView(next)
  },
})

export const remove = endpoint({
  id: 'metadefs.namespaces.delete', method: 'DELETE', path: '/metadefs/namespaces/{namespace}', status: 204, policy: 'modify_metadef', summary: 'Delete a namespace of metadata definitions',
  async handle(ctx, { params }) {
    const { row } = await look(ctx, params.namespace)
    if (row.protected) throw forbidden(`Metadata definition namespace ${row.namespace} is protected and cannot be deleted.`)
    ctx.stage(q.delete(metadefNamespace).where(eq(metadefNamespace.namespace, row.namespace)), 'stale')
  },
})
