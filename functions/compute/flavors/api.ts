import { and, asc, eq, gte, or } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { flavor, flavorAccess } from '../../../schema/compute.ts'
import { check } from '../../kernel/body.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { cutPage, keyset, pageLink, pageOf } from '../../kernel/page.ts'
import { view } from '../../kernel/view.ts'
import { linksOf } from '../servers/model.ts'
import { endpoint, type Rule } from '../service.ts'
import { bool, closed, integer, name, truth, whole } from '../shapes.ts'
import { checkSpecs } from './specs.ts'
import { flavorQuery, usable, type Flavor } from './model.ts'

onDuplicate('flavor.name', () => conflict('A flavor of this name already exists.'))
onDuplicate('flavor.id', () => conflict('A flavor of this id already exists.'))
onDuplicate('flavor_access.flavor, flavor_access.project', () => conflict('The project has access to this flavor already.'))

type Shown = { ctx: Ctx; f: Flavor }
const brief = view<Shown>(({ ctx, f }) => ({ id: f.id, name: f.name, links: linksOf(ctx, f.id, 'flavors') })).since('2.55', ({ f }) => ({ description: f.description }))
export const flavorView = view<Shown>(({ ctx, f }) => ({
  id: f.id, name: f.name, ram: f.memoryMb, disk: f.diskGb, vcpus: f.vcpus, swap: f.swapMb || '', 'OS-FLV-EXT-DATA:ephemeral': f.ephemeralGb, 'OS-FLV-DISABLED:disabled': f.disabled, 'os-flavor-access:is_public': f.isPublic,
  rxtx_factor: Number(f.rxtxFactor), links: linksOf(ctx, f.id, 'flavors'),
})).since('2.55', ({ f }) => ({ description: f.description })).since('2.61', ({ f }) => ({ extra_specs: f.extraSpecs })).since('2.75', ({ f }) => ({ swap: f.swapMb }))

const sortable = { flavorid: flavor.id, id: flavor.id, name: flavor.name, memory_mb: flavor.memoryMb, vcpus: flavor.vcpus, root_gb: flavor.diskGb, ephemeral_gb: flavor.ephemeralGb, swap: flavor.swapMb, created_at: flavor.createdAt, updated_at: flavor.updatedAt, is_public: flavor.isPublic, disabled: flavor.disabled, rxtx_factor: flavor.rxtxFactor, vcpu_weight: flavor.vcpus }

/** Public ones and those the project may use; admins choose by is_public, `None` being all. */
function shown(ctx: Ctx, query: URLSearchParams) {
  const asked = query.get('is_public')
  if (!ctx.caller.admin) return usable(ctx)
  if (asked === null) return or(eq(flavor.isPublic, true), usable({ ...ctx, caller: { ...ctx.caller, admin: false } } as never))
  if (/^none$/i.test(asked)) return undefined
  if (!/^(true|false|1|0|t|f|on|off|yes|no|y|n)$/i.test(asked)) throw invalid(`Invalid is_public filter [${asked}]`)
  return eq(flavor.isPublic, truth(asked))
}
async function page(ctx: Ctx, { query, url }: Input, shape: (f: Flavor) => Record<string, unknown>) {
  const asked = pageOf(query, sortable, { max: 1000, sort: [['flavorid', 'asc']] })
  const least = (key: string) => {
    const v = query.get(key)
    if (v !== null && !/^\d+$/.test(v)) throw invalid(`Invalid ${key} filter [${v}]`)
    return v === null ? undefined : Number(v)
  }
  const { after, order } = keyset(flavor, flavor.id, asked), ram = least('minRam'), disk = least('minDisk')
  const [rows, known] = await ctx.read(
    q.select().from(flavor).where(and(shown(ctx, query), ram === undefined ? undefined : gte(flavor.memoryMb, ram), disk === undefined ? undefined : gte(flavor.diskGb, disk), after)).orderBy(...order).limit(asked.limit + 1),
    q.select({ id: flavor.id }).from(flavor).where(eq(flavor.id, asked.marker ?? '')))
  if (asked.marker && !known.length) throw invalid(`marker [${asked.marker}] not found`)
  const cut = cutPage(query.get('limit') === '0' ? [] : rows, asked, (f) => f.id)
  return { flavors: cut.rows.map(shape), ...(cut.next ? { flavors_links: [{ rel: 'next', href: pageLink(ctx.origin, url, cut.next) }] } : {}) }
}

const fields = {
  name, ram: integer(1), vcpus: integer(1), disk: integer(0), id: t.Optional(t.Union([t.String({ minLength: 0, maxLength: 255, pattern: '^(?! )[a-zA-Z0-9. _-]*(?<! )$' }), t.Integer(), t.Null()])),
  'OS-FLV-EXT-DATA:ephemeral': t.Optional(integer(0)), swap: t.Optional(integer(0)), rxtx_factor: t.Optional(t.Union([t.Number({ minimum: 0, maximum: 3.4e38 }), t.String({ pattern: '^[0-9]+(\\.[0-9]+)?$' })])), 'os-flavor-access:is_public': t.Optional(bool),
}
const body = <S extends Parameters<typeof t.Object>[0]>(s: S) => t.Object({ flavor: t.Object(s, closed) }, closed)

export async function findFlavor(ctx: Ctx, id: string): Promise<Flavor> {
  const [[f]] = await ctx.read(flavorQuery(ctx, id))
  if (!f) throw notFound('flavor', id)
  return f
}
export const specs = t.Record(t.String({ pattern: '^[a-zA-Z0-9-_:. ]{1,255}$' }), t.Union([t.String({ maxLength: 255 }), t.Number()]), { ...closed, minProperties: 1 })
const rewrite = (ctx: Ctx, f: Flavor, set: Partial<Flavor>) => ctx.stage(q.update(flavor).set({ ...set, updatedAt: ctx.now() }).where(eq(flavor.id, f.id)), 'stale')
const noSpec = (f: Flavor, key: string) => notFound('extra spec', key, `Flavor ${f.id} has no extra specs with key ${key}.`)
const accessList = async (ctx: Ctx, id: string) => (await ctx.read(q.select().from(flavorAccess).where(eq(flavorAccess.flavor, id)).orderBy(asc(flavorAccess.project))))[0].map((a) => ({ flavor_id: a.flavor, tenant_id: a.project }))

export default [
  endpoint({ id: 'flavors.list', method: 'GET', path: '/flavors', status: 200, summary: 'List flavors', policy: 'os_compute_api:flavors', handle: (ctx, input) => page(ctx, input, (f) => brief.at(ctx.version)({ ctx, f })) }),
  endpoint({ id: 'flavors.detail', method: 'GET', path: '/flavors/detail', status: 200, summary: 'List flavors with details', policy: 'os_compute_api:flavors', handle: (ctx, input) => page(ctx, input, (f) => flavorView.at(ctx.version)({ ctx, f })) }),
  endpoint({ id: 'flavors.show', method: 'GET', path: '/flavors/{flavor}', status: 200, summary: 'Show a flavor', policy: 'os_compute_api:flavors', async handle(ctx, { params }) { return { flavor: flavorView.at(ctx.version)({ ctx, f: await findFlavor(ctx, params.flavor) }) } } }),
  endpoint({
    id: 'flavors.create', method: 'POST', path: '/flavors', status: 200, summary: 'Create a flavor', policy: 'os_compute_api:os-flavor-manage:create', body: { '2.1': body(fields), '2.55': body({ ...fields, description: t.Optional(t.Union([t.String({ maxLength: 65535 }), t.Null()])) }) },
    handle(ctx, { body }) {
      const b = body.flavor as Record<string, any>
      const f: Flavor = {
        id: b.id === undefined || b.id === null || b.id === 'auto' || b.id === '' ? ctx.uuid() : String(b.id), name: b.name, description: b.description ?? null, vcpus: whole(b.vcpus, 'vcpus', 1), memoryMb: whole(b.ram, 'ram', 1), diskGb: whole(b.disk, 'disk', 0),
        ephemeralGb: whole(b['OS-FLV-EXT-DATA:ephemeral'] ?? 0, 'OS-FLV-EXT-DATA:ephemeral', 0), swapMb: whole(b.swap ?? 0, 'swap', 0), rxtxFactor: String(b.rxtx_factor ?? '1.0'), isPublic: truth(b['os-flavor-access:is_public'] ?? true), disabled: false, extraSpecs: {}, createdAt: ctx.now(), updatedAt: null,
      }
      if (Number(f.rxtxFactor) <= 0) throw invalid(`Invalid input for field/attribute rxtx_factor. Value: ${f.rxtxFactor}. It must be greater than 0.`)
      ctx.stage(q.insert(flavor).values(f))
      ctx.about(f.id)
      return { flavor: flavorView.at(ctx.version)({ ctx, f }) }
    },
  }),
  endpoint({
    id: 'flavors.update', method: 'PUT', path: '/flavors/{flavor}', since: '2.55', status: 200, summary: 'Describe a flavor', policy: 'os_compute_api:os-flavor-manage:update', body: { '2.55': body({ description: t.Union([t.String({ maxLength: 65535 }), t.Null()]) }) },
    async handle(ctx, { params, body }) {
      const f = await findFlavor(ctx, params.flavor)
      rewrite(ctx, f, { description: body.flavor.description as string | null })
      return { flavor: flavorView.at(ctx.version)({ ctx, f: { ...f, description: body.flavor.description as string | null } }) }
    },
  }),
  endpoint({
    id: 'flavors.delete', method: 'DELETE', path: '/flavors/{flavor}', status: 202, summary: 'Delete a flavor; servers made with it keep their shape', policy: 'os_compute_api:os-flavor-manage:delete',
    async handle(ctx, { params }) {
      const f = await findFlavor(ctx, params.flavor)
      ctx.stage(q.delete(flavorAccess).where(eq(flavorAccess.flavor, f.id)))
      ctx.stage(q.delete(flavor).where(eq(flavor.id, f.id)), 'stale')
    },
  }),
  endpoint({ id: 'flavors.specs.list', method: 'GET', path: '/flavors/{flavor}/os-extra_specs', status: 200, summary: "List a flavor's extra specs", policy: 'os_compute_api:os-flavor-extra-specs:index', async handle(ctx, { params }) { return { extra_specs: (await findFlavor(ctx, params.flavor)).extraSpecs } } }),
  endpoint({
    id: 'flavors.specs.create', method: 'POST', path: '/flavors/{flavor}/os-extra_specs', status: 200, summary: 'Add extra specs to a flavor', policy: 'os_compute_api:os-flavor-extra-specs:create', body: { '2.1': t.Object({ extra_specs: specs }, closed) },
    async handle(ctx, { params, body }) {
      const f = await findFlavor(ctx, params.flavor), added = Object.fromEntries(Object.entries(body.extra_specs).map(([k, v]) => [k, String(v)]))
      if (ctx.version >= 2086) checkSpecs(added)
      rewrite(ctx, f, { extraSpecs: { ...f.extraSpecs, ...added } })
      return { extra_specs: body.extra_specs }
    },
  }),
  endpoint({
    id: 'flavors.specs.show', method: 'GET', path: '/flavors/{flavor}/os-extra_specs/{key}', status: 200, summary: "Show one of a flavor's extra specs", policy: 'os_compute_api:os-flavor-extra-specs:show',
    async handle(ctx, { params }) {
      const f = await findFlavor(ctx, params.flavor)
      if (!Object.hasOwn(f.extraSpecs, params.key)) throw noSpec(f, params.key)
      return { [params.key]: f.extraSpecs[params.key] }
    },
  }),
  endpoint({
    id: 'flavors.specs.update', method: 'PUT', path: '/flavors/{flavor}/os-extra_specs/{key}', status: 200, summary: "Set one of a flavor's extra specs", policy: 'os_compute_api:os-flavor-extra-specs:update', body: { '2.1': t.Object({}) },
    async handle(ctx, { params, body }) {
      check(specs, body)
      const given = body as Record<string, string | number>
      if (Object.keys(given).length !== 1 || !Object.hasOwn(given, params.key)) throw invalid('Request body and URI mismatch')
      const f = await findFlavor(ctx, params.flavor), added = { [params.key]: String(given[params.key]) }
      if (ctx.version >= 2086) checkSpecs(added)
      rewrite(ctx, f, { extraSpecs: { ...f.extraSpecs, ...added } })
      return body
    },
  }),
  endpoint({
    id: 'flavors.specs.delete', method: 'DELETE', path: '/flavors/{flavor}/os-extra_specs/{key}', status: 200, summary: "Remove one of a flavor's extra specs", policy: 'os_compute_api:os-flavor-extra-specs:delete',
    async handle(ctx, { params }) {
      const f = await findFlavor(ctx, params.flavor)
      if (!Object.hasOwn(f.extraSpecs, params.key)) throw noSpec(f, params.key)
      const { [params.key]: _gone, ...rest } = f.extraSpecs
      rewrite(ctx, f, { extraSpecs: rest })
    },
  }),
  endpoint({
    id: 'flavors.access.list', method: 'GET', path: '/flavors/{flavor}/os-flavor-access', status: 200, summary: 'Which projects may use a private flavor', policy: 'os_compute_api:os-flavor-access',
    async handle(ctx, { params }) {
      const f = await findFlavor(ctx, params.flavor)
      if (f.isPublic) throw notFound('flavor', f.id, 'Access list not available for public flavors.')
      return { flavor_access: await accessList(ctx, f.id) }
    },
  }),
  ...(['addTenantAccess', 'removeTenantAccess'] as const).map((key) => endpoint({
    id: `flavors.${key}`, method: 'POST', path: '/flavors/{flavor}/action', key, status: 200, summary: `${key === 'addTenantAccess' ? 'Let' : 'No longer let'} a project use a private flavor`, policy: `os_compute_api:os-flavor-access:${key === 'addTenantAccess' ? 'add_tenant_access' : 'remove_tenant_access'}` as Rule,
    body: { '2.1': t.Object({ [key]: t.Object({ tenant: t.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-]*$' }) }, closed) }, closed) },
    async handle(ctx, { params, body }) {
      const f = await findFlavor(ctx, params.flavor), project = (body as Record<string, { tenant: string }>)[key].tenant
      const before = await accessList(ctx, f.id), has = before.some((a) => a.tenant_id === project)
      if (key === 'addTenantAccess') {
        if (f.isPublic && ctx.version >= 2007) throw conflict('Can not add access to a public flavor.')
        if (has) throw conflict(`Flavor access already exists for flavor ${f.id} and project ${project} combination.`)
        ctx.stage(q.insert(flavorAccess).values({ flavor: f.id, project }))
        return { flavor_access: [...before, { flavor_id: f.id, tenant_id: project }] }
      }
      if (!has) throw notFound('flavor access', project, `Flavor access not found for ${f.id} / ${project} combination.`)
      ctx.stage(q.delete(flavorAccess).where(and(eq(flavorAccess.flavor, f.id), eq(flavorAccess.project, project))))
      return { flavor_access: before.filter((a) => a.tenant_id !== project) }
    },
  })),
]
