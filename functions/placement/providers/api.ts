import { eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { allocation, inventory, provider, providerAggregate, providerTrait, providerUsage } from '../../../schema/placement.ts'
import { onDuplicate, q, run } from '../../kernel/db.ts'
import { conflict, invalid } from '../../kernel/fault.ts'
import { fresh, locate } from '../answer.ts'
import { code, endpoint } from '../service.ts'
import { canonical, closed, uuid } from '../shapes.ts'
import list from './list.ts'
import { columns, providerQuery, theProvider, type ProviderRow } from './read.ts'
import { reparent } from './reparent.ts'
import { providerView } from './view.ts'

onDuplicate('provider.name', () => conflict('A resource provider of this name exists already.', { type: code.duplicate }))
onDuplicate('provider.id', () => conflict('A resource provider with this uuid exists already.', { type: code.duplicate }))

const name = t.String({ minLength: 1, maxLength: 200 })
const parent = t.Optional(t.Union([uuid, t.Null()]))
const at = '/resource_providers/{uuid}'

const create = endpoint({
  id: 'resource_providers.create', method: 'POST', path: '/resource_providers', status: 201, summary: 'Create a resource provider', policy: 'placement:resource_providers:create',
  body: {
    '1.0': t.Object({ name, uuid: t.Optional(uuid) }, closed),
    '1.14': t.Object({ name, uuid: t.Optional(uuid), parent_provider_uuid: parent }, closed),
  },
  async handle(ctx, { body }) {
    const id = canonical(body.uuid ?? ctx.uuid()), now = ctx.now()
    const above = 'parent_provider_uuid' in body && body.parent_provider_uuid ? canonical(body.parent_provider_uuid) : null
    if (above === id) throw invalid(`Unable to create resource provider ${id}: it cannot be its own parent.`)
    const [parents] = above ? await ctx.read(providerQuery(above)) : [[]]
    if (above && !parents.length) throw invalid(`Unable to create resource provider ${id}: the parent provider ${above} does not exist.`)
    const row: ProviderRow = { id, name: body.name, parent: above, root: parents[0]?.root ?? id, generation: 0, createdAt: now, updatedAt: now, isHost: 0 }
    // The root as it is when this is committed: the parent may be moving.
    ctx.stage(run(sql`insert into ${provider} (id, name, parent, root, generation, created_at, updated_at) select ${id}, ${row.name}, ${above}, ${above ? sql`p.root` : sql`${id}`}, 0, ${now}, ${now}
      from ${above ? sql`${provider} p where p.id = ${above}` : sql`(select 1)`}`), 'stale')
    ctx.about(id)
    locate(ctx, `/resource_providers/${id}`)
    if (ctx.version < 1020) return undefined
    fresh(ctx, now)
    return Response.json(providerView.at(ctx.version)(row))
  },
})

const show = endpoint({
  id: 'resource_providers.show', method: 'GET', path: at, status: 200, summary: 'Show a resource provider', policy: 'placement:resource_providers:show',
  async handle(ctx, { params }) {
    const [rows] = await ctx.read(providerQuery(params.uuid))
    const p = theProvider(rows, params.uuid)
    fresh(ctx, p.updatedAt)
    return providerView.at(ctx.version)(p)
  },
})

const update = endpoint({
  id: 'resource_providers.update', method: 'PUT', path: at, status: 200, summary: 'Rename or move a resource provider', policy: 'placement:resource_providers:update',
  body: { '1.0': t.Object({ name }, closed), '1.14': t.Object({ name, parent_provider_uuid: parent }, closed) },
  async handle(ctx, { params, body }) {
    const wanted = (body as { parent_provider_uuid?: string | null }).parent_provider_uuid
    const above = wanted ? canonical(wanted) : wanted
    const [rows, family] = await ctx.read(providerQuery(params.uuid),
      q.select(columns).from(provider).where(sql`${provider.root} in (select root from ${provider} where id in (${canonical(params.uuid)}, ${above ?? ''}))`))
    let p = theProvider(rows, params.uuid)
    if (p.isHost && (body.name !== p.name || (above !== undefined && above !== p.parent))) throw conflict(`Resource provider ${p.id} is the host ${p.name}: its name is the host's, and it is the root of its tree.`)
    if (above !== undefined && above !== p.parent) p = reparent(ctx, p, above, family)
    p = { ...p, name: body.name, updatedAt: ctx.now() }
    ctx.stage(q.update(provider).set({ name: p.name, updatedAt: p.updatedAt }).where(eq(provider.id, p.id)), 'stale')
    fresh(ctx, p.updatedAt)
    return providerView.at(ctx.version)(p)
  },
})

const remove = endpoint({
  id: 'resource_providers.delete', method: 'DELETE', path: at, status: 204, summary: 'Delete a resource provider', policy: 'placement:resource_providers:delete',
  async handle(ctx, { params }) {
    const id = canonical(params.uuid)
    const [rows, [child], [held]] = await ctx.read(providerQuery(id), q.select({ id: provider.id }).from(provider).where(eq(provider.parent, id)).limit(1),
      q.select({ provider: allocation.provider }).from(allocation).where(eq(allocation.provider, id)).limit(1))
    const p = theProvider(rows, params.uuid)
    if (child) throw conflict(`Unable to delete parent resource provider ${id}: it has child resource providers.`, { type: code.isParent })
    if (held) throw conflict(`Unable to delete resource provider ${id}: it has allocations.`, { type: code.providerInUse })
    if (p.isHost) throw conflict(`Unable to delete resource provider ${id}: it is the host ${p.name}, and goes with it.`, { type: code.providerInUse })
    ctx.stage(run(sql`delete from ${provider} where id = ${id} and not exists (select 1 from ${allocation} where provider = ${id}) and not exists (select 1 from ${provider} c where c.parent = ${id})`), 'stale')
    for (const table of [inventory, providerUsage, providerTrait, providerAggregate]) ctx.stage(q.delete(table).where(eq(table.provider, id)))
  },
})

export default [list, create, show, update, remove]
