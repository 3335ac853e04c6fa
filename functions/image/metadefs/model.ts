import { and, asc, eq, or } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { metadefItem, metadefNamespace } from '../../../schema/image.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { conflict, forbidden, notFound } from '../../kernel/fault.ts'
import { isoSeconds } from '../../kernel/view.ts'

export type Namespace = typeof metadefNamespace.$inferSelect
export type Item = typeof metadefItem.$inferSelect
export type Kind = Item['kind']
onDuplicate('metadef_namespace.namespace', () => conflict('A metadata definition namespace of this name already exists.'))
onDuplicate('metadef_item.namespace, metadef_item.kind, metadef_item.name', () => conflict('A metadata definition of this name already exists in the namespace.'))

const name = t.String({ minLength: 1, maxLength: 255 })
const open = { additionalProperties: true }
export const bodies = {
  object: t.Object({ name, description: t.Optional(t.String()), required: t.Optional(t.Array(t.String())), properties: t.Optional(t.Object({}, open)), schema: t.Optional(t.String()), self: t.Optional(t.String()), created_at: t.Optional(t.String()), updated_at: t.Optional(t.String()) }, { additionalProperties: false }),
  property: t.Object({ name, title: t.String(), type: t.Enum(['array', 'boolean', 'integer', 'number', 'object', 'string']) }, open),
  tag: t.Object({ name, created_at: t.Optional(t.String()), updated_at: t.Optional(t.String()) }, { additionalProperties: false }),
  resource_type: t.Object({ name: t.String({ minLength: 1, maxLength: 80 }), prefix: t.Optional(t.String({ maxLength: 80 })), properties_target: t.Optional(t.String({ maxLength: 80 })) }, open),
}

const stamps = (r: { createdAt: number; updatedAt: number }) => ({ created_at: isoSeconds(r.createdAt), updated_at: isoSeconds(r.updatedAt) })
const without = (body: Record<string, unknown>) => { const { created_at, updated_at, schema, self, ...rest } = body; return rest }
export const views: Record<Kind, (i: Item) => Record<string, unknown>> = {
  object: (i) => ({ required: [], properties: {}, ...without(i.body), name: i.name, ...stamps(i), schema: '/v2/schemas/metadefs/object', self: `/v2/metadefs/namespaces/${encodeURIComponent(i.namespace)}/objects/${encodeURIComponent(i.name)}` }),
  property: (i) => ({ ...without(i.body), name: i.name }),
  tag: (i) => ({ name: i.name, ...stamps(i) }),
  resource_type: (i) => ({ ...without(i.body), name: i.name, ...stamps(i) }),
}
export const namespaceView = (n: Namespace) => ({
  namespace: n.namespace, display_name: n.displayName ?? undefined, description: n.description ?? undefined, visibility: n.visibility, protected: n.protected, owner: n.owner ?? undefined, ...stamps(n),
  self: `/v2/metadefs/namespaces/${encodeURIComponent(n.namespace)}`, schema: '/v2/schemas/metadefs/namespace',
})

export const seen = (ctx: Ctx) => (ctx.caller.admin ? undefined : or(eq(metadefNamespace.visibility, 'public'), eq(metadefNamespace.owner, ctx.anyone?.project?.id ?? '')))

/** A namespace with its items; 404 when the caller may not know it. */
export async function look(ctx: Ctx, namespace: string, options: { change?: boolean } = {}): Promise<{ row: Namespace; items: Item[] }> {
  const [[row], items] = await ctx.read(q.select().from(metadefNamespace).where(and(eq(metadefNamespace.namespace, namespace), seen(ctx))),
    q.select().from(metadefItem).where(eq(metadefItem.namespace, namespace)).orderBy(asc(metadefItem.createdAt), asc(metadefItem.name)))
  if (!row) throw notFound('namespace', namespace, `Metadata definition namespace=${namespace.slice(0, 80)} was not found.`)
  if (options.change && row.protected) throw forbidden(`Metadata definition namespace ${namespace} is protected and cannot be changed.`)
  return { row, items }
}

export function stageItem(ctx: Ctx, namespace: string, kind: Kind, body: Record<string, unknown>): Item {
  const now = ctx.now(), item: Item = { namespace, kind, name: body.name as string, body: without(body), createdAt: now, updatedAt: now }
  ctx.stage(q.insert(metadefItem).values(item))
  return item
}
