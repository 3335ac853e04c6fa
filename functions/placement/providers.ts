import { eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { host } from '../../schema/host.ts'
import { allocation, inventory, placementConsumer, provider, providerAggregate, providerTrait, providerUsage } from '../../schema/placement.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { onDuplicate, q } from '../kernel/db.ts'
import { conflict, invalid, notFound } from '../kernel/fault.ts'
import { aggregatesOf, badValue, bump, closed, customs, fitsMembers, fitsTraits, fresh, knownTraits, memberWish, oneProvider, providerQuery, resourcesOf, survey, takes, traitsOf, traitWish, usagesOf, uuid, v, type Provider } from './model.ts'
import { endpoint } from './service.ts'

const taken = () => conflict('Conflicting resource provider name or uuid already exists.', { type: 'placement.duplicate_name' })
onDuplicate('provider.name', taken)
onDuplicate('provider.id', taken)

function view(ctx: Ctx, p: Provider) {
  const url = `/placement/resource_providers/${p.id}`
  const rels = ['inventories', 'usages', ...(ctx.version >= v(1) ? ['aggregates'] : []), ...(ctx.version >= v(6) ? ['traits'] : []), ...(ctx.version >= v(11) ? ['allocations'] : [])]
  return {
    uuid: p.id, name: p.name, generation: p.generation, links: [{ rel: 'self', href: url }, ...rels.map((rel) => ({ rel, href: `${url}/${rel}` }))],
    ...(ctx.version >= v(14) ? { parent_provider_uuid: p.parent, root_provider_uuid: p.root } : {}),
  }
}
const name = t.String({ minLength: 1, maxLength: 200 })
const parent = { parent_provider_uuid: t.Optional(t.Union([uuid, t.Null()])) }
const path = '/resource_providers/{uuid}'
/** Who a new parent leads to; an unknown one, and a child of one's own, are refused. */
async function rootOf(ctx: Ctx, id: string | null | undefined, self?: string) {
  if (!id) return undefined
  const [[p]] = await ctx.read(providerQuery(id))
  if (!p) throw invalid(`Unable to save resource provider: parent provider UUID does not exist.`)
  for (let at: Provider | undefined = p, n = 0; at && n < 100; n++) {
    if (at.id === self) throw invalid('Unable to save resource provider: creating loop in the provider tree is not allowed.')
    at = at.parent ? (await ctx.read(providerQuery(at.parent)))[0][0] : undefined
  }
  return p.root
}
const known = ['name', 'uuid']

export default [
  endpoint({
    id: 'providers.list', method: 'GET', path: '/resource_providers', status: 200, summary: 'List resource providers', policy: 'placement:resource_providers:list',
    async handle(ctx, { query }) {
      const allowed = [...known, ...(ctx.version >= v(3) ? ['member_of'] : []), ...(ctx.version >= v(4) ? ['resources'] : []), ...(ctx.version >= v(14) ? ['in_tree'] : []), ...(ctx.version >= v(18) ? ['required'] : [])]
      for (const key of query.keys()) if (!allowed.includes(key)) throw invalid(`Invalid query string parameters: Additional properties are not allowed ('${key}' was unexpected)`)
      const world = await survey(ctx), members = memberWish(query.getAll('member_of'), ctx.version), traits = traitWish(query.getAll('required'), ctx.version, world.traitNames)
      const want = query.has('resources') ? resourcesOf(query.get('resources')!, world.classes) : new Map<string, number>()
      const tree = query.get('in_tree'), root = tree ? world.providers.find((x) => x.p.id === tree)?.p.root ?? '' : undefined
      if (query.has('uuid') && !/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(query.get('uuid')!)) throw badValue(`Invalid query string parameters: '${query.get('uuid')}' is not a 'uuid'`)
      const found = world.providers.filter((x) => (!query.has('name') || x.p.name === query.get('name')) && (!query.has('uuid') || x.p.id === query.get('uuid')) && (root === undefined || x.p.root === root)
        && fitsMembers(x.aggregates, members) && fitsTraits(x.traits, traits) && [...want].every(([c, n]) => takes(x, c, n)))
      fresh(ctx, ...found.map((x) => x.p.updatedAt))
      return { resource_providers: found.map((x) => view(ctx, x.p)) }
    },
  }),
  endpoint({
    id: 'providers.create', method: 'POST', path: '/resource_providers', status: 200, summary: 'Create a resource provider', policy: 'placement:resource_providers:create',
    body: { '1.0': t.Object({ name, uuid: t.Optional(uuid) }, closed), '1.14': t.Object({ name, uuid: t.Optional(uuid), ...parent }, closed) },
    async handle(ctx, { body }) {
      const b = body as { name: string; uuid?: string; parent_provider_uuid?: string | null }, hex = b.uuid?.toLowerCase().replaceAll('-', ''), now = ctx.now()
      const id = hex ? hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') : ctx.uuid(), root = await rootOf(ctx, b.parent_provider_uuid)
      if (b.parent_provider_uuid === id) throw invalid('parent provider UUID cannot be same as UUID.')
      const p: Provider = { id, name: b.name, parent: b.parent_provider_uuid ?? null, root: root ?? id, generation: 0, createdAt: now, updatedAt: now }
      ctx.stage(q.insert(provider).values(p))
      ctx.about(id)
      ctx.headers.set('location', `${ctx.origin}/placement/resource_providers/${id}`)
      if (ctx.version < v(20)) return new Response(null, { status: 201 })
      fresh(ctx, now)
      return view(ctx, p)
    },
  }),
  endpoint({
    id: 'providers.show', method: 'GET', path, status: 200, summary: 'Show a resource provider', policy: 'placement:resource_providers:show',
    async handle(ctx, { params }) {
      const [rows] = await ctx.read(providerQuery(params.uuid)), p = oneProvider(rows, params.uuid)
      fresh(ctx, p.updatedAt)
      return view(ctx, p)
    },
  }),
  endpoint({
    id: 'providers.update', method: 'PUT', path, status: 200, summary: 'Rename a resource provider, or give it a parent', policy: 'placement:resource_providers:update', body: { '1.0': t.Object({ name }, closed), '1.14': t.Object({ name, ...parent }, closed) },
    async handle(ctx, { params, body }) {
      const [rows] = await ctx.read(providerQuery(params.uuid)), p = oneProvider(rows, params.uuid), b = body as { name: string; parent_provider_uuid?: string | null }
      const next = b.parent_provider_uuid === undefined ? p.parent : b.parent_provider_uuid
      if (next !== p.parent && p.parent && ctx.version < v(37)) throw invalid(`Unable to save resource provider ${p.id}: re-parenting a provider is not currently allowed.`)
      const root = next === p.parent ? p.root : await rootOf(ctx, next, p.id) ?? p.id
      const [[machine]] = await ctx.read(q.select({ id: host.id }).from(host).where(eq(host.id, p.id)))
      if (machine && b.name !== p.name) throw conflict(`Resource provider ${p.id} is a host: it is called what the host is called.`)
      ctx.stage(q.update(provider).set({ name: b.name, parent: next, updatedAt: ctx.now() }).where(eq(provider.id, p.id)), 'stale')
      if (root !== p.root) {
        // The whole branch moves along.
        ctx.stage(q.run(sql`with recursive branch(id) as (select ${p.id} union all select c.id from ${provider} c join branch b on c.parent = b.id) update ${provider} set root = ${root} where id in (select id from branch)`))
      }
      fresh(ctx, ctx.now())
      return view(ctx, { ...p, name: b.name, parent: next, root })
    },
  }),
  endpoint({
    id: 'providers.delete', method: 'DELETE', path, status: 204, summary: 'Delete a resource provider nothing is taken from', policy: 'placement:resource_providers:delete',
    async handle(ctx, { params }) {
      const [[p], [child], [used], [machine]] = await ctx.read(providerQuery(params.uuid), q.select({ id: provider.id }).from(provider).where(eq(provider.parent, params.uuid)).limit(1), q.select().from(allocation).where(eq(allocation.provider, params.uuid)).limit(1), q.select({ id: host.id }).from(host).where(eq(host.id, params.uuid)))
      if (!p) throw notFound('resource provider', params.uuid, `No resource provider with uuid ${params.uuid} found for delete`)
      if (child) throw conflict(`Unable to delete parent resource provider ${p.id}: It has child resource providers.`, { type: 'placement.resource_provider.cannot_delete_parent' })
      if (used) throw conflict(`Unable to delete resource provider ${p.id}: Resource provider has allocations.`, { type: 'placement.resource_provider.inuse' })
      if (machine) throw conflict(`Unable to delete resource provider ${p.id}: it is an enrolled host; delete its compute service.`, { type: 'placement.resource_provider.inuse' })
      ctx.stage(q.run(sql`insert into guard select 'stale', not exists (select 1 from ${allocation} where provider = ${p.id})`))
      for (const table of [inventory, providerTrait, providerAggregate, providerUsage]) ctx.stage(q.delete(table).where(eq(table.provider, p.id)))
      ctx.stage(q.delete(provider).where(eq(provider.id, p.id)))
    },
  }),
  endpoint({
    id: 'providers.usages', method: 'GET', path: `${path}/usages`, status: 200, summary: "What of a provider's inventory is in use", policy: 'placement:resource_providers:usages',
    async handle(ctx, { params }) {
      const [rows, inventories, usages] = await ctx.read(providerQuery(params.uuid), q.select({ class: inventory.class }).from(inventory).where(eq(inventory.provider, params.uuid)), usagesOf([params.uuid])), p = oneProvider(rows, params.uuid)
      const used = new Map(usages.map((u) => [u.class, u.used]))
      fresh(ctx)
      return { resource_provider_generation: p.generation, usages: Object.fromEntries(inventories.map((i) => [i.class, used.get(i.class) ?? 0])) }
    },
  }),
  endpoint({
    id: 'providers.allocations', method: 'GET', path: `${path}/allocations`, status: 200, summary: 'Who holds what of a provider', policy: 'placement:resource_providers:allocations:list',
    async handle(ctx, { params }) {
      const [rows, held] = await ctx.read(providerQuery(params.uuid), q.select({ a: allocation, c: placementConsumer }).from(allocation).leftJoin(placementConsumer, eq(placementConsumer.id, allocation.consumer)).where(eq(allocation.provider, params.uuid))), p = oneProvider(rows, params.uuid)
      fresh(ctx)
      return { resource_provider_generation: p.generation, allocations: Object.fromEntries([...Map.groupBy(held, (h) => h.a.consumer)].map(([id, list]) => [id, {
        resources: Object.fromEntries(list.map((h) => [h.a.class, h.a.used])), ...(ctx.version >= v(28) ? { consumer_generation: list[0].c?.generation ?? 1 } : {}),
      }])) }
    },
  }),
  endpoint({
    id: 'providers.aggregates.list', method: 'GET', path: `${path}/aggregates`, since: '1.1', status: 200, summary: "A provider's aggregates", policy: 'placement:resource_providers:aggregates:list',
    async handle(ctx, { params }) {
      const [rows, found] = await ctx.read(providerQuery(params.uuid), aggregatesOf([params.uuid])), p = oneProvider(rows, params.uuid)
      fresh(ctx)
      return { aggregates: found.map((a) => a.aggregate), ...(ctx.version >= v(19) ? { resource_provider_generation: p.generation } : {}) }
    },
  }),
  endpoint({
    id: 'providers.aggregates.update', method: 'PUT', path: `${path}/aggregates`, since: '1.1', status: 200, summary: "Replace a provider's aggregates", policy: 'placement:resource_providers:aggregates:update',
    body: { '1.1': t.Array(uuid, { uniqueItems: true }), '1.19': t.Object({ aggregates: t.Array(uuid, { uniqueItems: true }), resource_provider_generation: t.Integer() }, closed) },
    async handle(ctx, { params, body }) {
      const [rows] = await ctx.read(providerQuery(params.uuid)), p = oneProvider(rows, params.uuid), b = body as string[] | { aggregates: string[]; resource_provider_generation: number }
      const list = Array.isArray(b) ? b : b.aggregates, generation = Array.isArray(b) ? p.generation : bump(ctx, p, b.resource_provider_generation)
      ctx.stage(q.delete(providerAggregate).where(eq(providerAggregate.provider, p.id)))
      if (list.length) ctx.stage(q.insert(providerAggregate).values(list.map((aggregate) => ({ provider: p.id, aggregate }))))
      fresh(ctx)
      return { aggregates: [...list].sort(), ...(ctx.version >= v(19) ? { resource_provider_generation: generation } : {}) }
    },
  }),
  endpoint({
    id: 'providers.traits.list', method: 'GET', path: `${path}/traits`, since: '1.6', status: 200, summary: "A provider's traits", policy: 'placement:resource_providers:traits:list',
    async handle(ctx, { params }) {
      const [rows, found] = await ctx.read(providerQuery(params.uuid), traitsOf([params.uuid])), p = oneProvider(rows, params.uuid)
      fresh(ctx)
      return { resource_provider_generation: p.generation, traits: found.map((x) => x.trait) }
    },
  }),
  endpoint({
    id: 'providers.traits.update', method: 'PUT', path: `${path}/traits`, since: '1.6', status: 200, summary: "Replace a provider's traits", policy: 'placement:resource_providers:traits:update',
    body: { '1.6': t.Object({ traits: t.Array(t.String({ minLength: 1, maxLength: 255, pattern: '^[A-Z0-9_]+$' }), { uniqueItems: true }), resource_provider_generation: t.Integer() }, closed) },
    async handle(ctx, { params, body }) {
      const [rows, , names] = await ctx.read(providerQuery(params.uuid), ...customs()), p = oneProvider(rows, params.uuid)
      knownTraits(body.traits, names)
      const generation = bump(ctx, p, body.resource_provider_generation)
      ctx.stage(q.delete(providerTrait).where(eq(providerTrait.provider, p.id)))
      if (body.traits.length) ctx.stage(q.insert(providerTrait).values(body.traits.map((trait) => ({ provider: p.id, trait }))))
      fresh(ctx)
      return { resource_provider_generation: generation, traits: [...body.traits].sort() }
    },
  }),
  endpoint({
    id: 'providers.traits.delete', method: 'DELETE', path: `${path}/traits`, since: '1.6', status: 204, summary: "Remove a provider's traits", policy: 'placement:resource_providers:traits:delete',
    async handle(ctx, { params }) {
      const [rows] = await ctx.read(providerQuery(params.uuid)), p = oneProvider(rows, params.uuid)
      bump(ctx, p)
      ctx.stage(q.delete(providerTrait).where(eq(providerTrait.provider, p.id)))
    },
  }),
]
