import { eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { endpoint as endpointTable, endpointProject, limit, policyAssociation, region, registeredLimit, service } from '../../../schema/identity.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { hex32 } from '../../kernel/env.ts'
import { conflict, forbidden, invalid } from '../../kernel/fault.ts'
import { bump } from '../directory.ts'
import { selfLink } from '../list.ts'
import { regular } from '../regular.ts'
import { endpoint } from '../service.ts'
import { extraOf, flag, found, id, nameTo, text, wrapped } from '../wire.ts'

const MAX_ID = t.String({ minLength: 1, maxLength: 255, pattern: '\\S' })
onDuplicate('region.id', () => conflict('Conflict occurred attempting to store region - Duplicate ID.', { type: 'Conflict' }))

export const services = regular({
  noun: 'service', plural: 'services', table: service, fields: { type: nameTo(255), name: t.String({ maxLength: 255 }), description: text, enabled: flag }, required: ['type'], filter: ['type', 'name'],
  rules: { get: 'identity:get_service', list: 'identity:list_services', create: 'identity:create_service', update: 'identity:update_service', delete: 'identity:delete_service' },
  defaults: () => ({ name: '', enabled: true }),
  view: (row) => ({ description: row.description ?? '' }),
  changed(ctx, verb, row) {
    bump(ctx)
    if (verb !== 'delete') return
    ctx.stage(q.delete(endpointProject).where(sql`${endpointProject.endpoint} in (select id from endpoint where service_id = ${row.id})`))
    for (const table of [endpointTable, policyAssociation, limit, registeredLimit]) ctx.stage(q.delete(table).where(eq(table.service, row.id)))
  },
})

const interfaces = t.Enum(['public', 'internal', 'admin'])
const url = t.String({ minLength: 1, maxLength: 2048 })
/** Only what the catalog can fill in: anything else in a template is refused, so that nothing of ours is ever expanded. */
const checkUrl = (u: string | undefined) => {
  if (u !== undefined && /[$%]\((?!(project_id|tenant_id|user_id)\)s)/.test(u)) throw invalid("Invalid input for field 'url': only $(project_id)s, $(tenant_id)s and $(user_id)s may stand in it.")
}

export const endpoints = regular({
  noun: 'endpoint', plural: 'endpoints', table: endpointTable, required: ['service_id', 'interface', 'url'], filter: ['interface', 'service_id', 'region_id'],
  fields: { service_id: id, region_id: t.Union([MAX_ID, t.Null()]), region: t.Union([MAX_ID, t.Null()]), interface: interfaces, url, enabled: flag }, column: { service_id: 'service', region_id: 'region' },
  rules: { get: 'identity:get_endpoint', list: 'identity:list_endpoints', create: 'identity:create_endpoint', update: 'identity:update_endpoint', delete: 'identity:delete_endpoint' },
  defaults: () => ({ enabled: true, region: null }),
  reads: (v) => [q.select().from(service).where(eq(service.id, v.service ?? '')), q.select().from(region).where(eq(region.id, v.region ?? ''))],
  check(ctx, v, [services, regions]) {
    checkUrl(v.url)
    if (v.service !== undefined && !services.length) throw invalid(`Could not find service: ${v.service}.`)
    // As clients of old do it: naming a region that is not there makes it.
    if (v.region && !regions.length) ctx.stage(q.insert(region).values({ id: v.region }).onConflictDoNothing())
  },
  view: (row) => ({ region_id: row.region, region: row.region }),
  changed(ctx, verb, row) {
    bump(ctx)
    if (verb !== 'delete') return
    ctx.stage(q.delete(endpointProject).where(eq(endpointProject.endpoint, row.id)))
    ctx.stage(q.delete(policyAssociation).where(eq(policyAssociation.endpoint, row.id)))
  },
})

const regionFields = { id: MAX_ID, description: text, parent_region_id: t.Union([MAX_ID, t.Null()]) }
const children = (of: string) => q.select({ id: region.id }).from(region).where(eq(region.parent, of)).limit(1)
const plain = regular({
  noun: 'region', plural: 'regions', table: region, fields: regionFields, column: { parent_region_id: 'parent' }, filter: ['parent_region_id'],
  rules: { get: 'identity:get_region', list: 'identity:list_regions', create: 'identity:create_region', update: 'identity:update_region', delete: 'identity:delete_region' },
  id: (ctx) => hex32(ctx.world), defaults: () => ({ parent: null, description: '' }),
  reads: (v) => [q.all<{ id: string }>(sql`with recursive up (id) as (select ${v.parent ?? ''} union select parent_region_id from region join up on region.id = up.id) select region.id from region join up on up.id = region.id`)],
  check(_, v, [up], before) {
    if (v.description === null) v.description = ''
    if (before && v.id !== undefined && v.id !== before.id) throw invalid('The id of a region cannot be changed.')
    if (v.parent == null) return
    if (!up.some((r) => r.id === v.parent)) throw found(undefined, 'region', v.parent)
    if (before && up.some((r) => r.id === before.id)) throw invalid('A region cannot be below itself.')
  },
})

export const regions = [
  ...plain.filter((e) => e.method !== 'DELETE'),
  endpoint({
    id: 'regions.put', method: 'PUT', path: '/regions/{id}', status: 201, policy: 'identity:create_region', summary: 'Create a region of a given id',
    body: { '3.0': wrapped('region', regionFields) },
    async handle(ctx, { params, body }) {
      const given = body.region as Record<string, any>
      if (given.id !== undefined && given.id !== params.id) throw conflict('Conflicting region IDs specified: the one in the path and the one in the body differ.')
      if (params.id.length > 255) throw invalid('The id of a region has at most 255 characters.')
      const parent = given.parent_region_id ?? null
      const [ups] = await ctx.read(q.select().from(region).where(eq(region.id, parent ?? '')))
      if (parent !== null && !ups.length) throw found(undefined, 'region', parent)
      const row = { id: params.id, description: given.description ?? '', parent, extra: extraOf(given, Object.keys(regionFields)) }
      ctx.stage(q.insert(region).values(row))
      return { region: { ...row.extra, id: row.id, description: row.description, parent_region_id: parent, ...selfLink(ctx, `regions/${row.id}`) } }
    },
  }),
  endpoint({
    id: 'regions.delete', method: 'DELETE', path: '/regions/{id}', status: 204, policy: 'identity:delete_region', summary: 'Delete a region',
    async handle(ctx, { params }) {
      const [[row], [child], [used]] = await ctx.read(q.select().from(region).where(eq(region.id, params.id)), children(params.id), q.select({ id: endpointTable.id }).from(endpointTable).where(eq(endpointTable.region, params.id)).limit(1))
      found(row, 'region', params.id)
      if (child) throw forbidden(`Unable to delete region ${params.id} because it or its child regions have associated endpoints or regions.`)
      if (used) throw forbidden(`Unable to delete region ${params.id} because it or its child regions have associated endpoints.`)
      ctx.stage(q.delete(region).where(eq(region.id, params.id)), 'stale')
    },
  }),
]
