import { and, eq, inArray, sql, type SQL } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { endpoint as endpointTable, endpointGroup, endpointGroupProject, endpointProject, project } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { bump } from '../directory.ts'
import { listed, selfLink } from '../list.ts'
import { projectView } from '../projects/model.ts'
import { one as projectOne } from '../projects/verbs.ts'
import { regular } from '../regular.ts'
import { endpoint } from '../service.ts'
import { found, nameTo, text } from '../wire.ts'

type Row = typeof endpointTable.$inferSelect
const view = (ctx: Ctx, e: Row) => ({ ...e.extra, id: e.id, service_id: e.service, region_id: e.region, region: e.region, interface: e.interface, url: e.url, enabled: e.enabled, ...selfLink(ctx, `endpoints/${e.id}`) })
const one = (id: string) => q.select().from(endpointTable).where(eq(endpointTable.id, id))
const groupOne = (id: string) => q.select().from(endpointGroup).where(eq(endpointGroup.id, id))
const read = 'identity:list_endpoint_filters', write = 'identity:manage_endpoint_filters'

export const groups = regular({
  noun: 'endpoint_group', plural: 'endpoint_groups', path: '/OS-EP-FILTER/endpoint_groups', table: endpointGroup, required: ['name', 'filters'], filter: ['name'],
  fields: { name: nameTo(255), description: text, filters: t.Object({ service_id: t.Optional(t.String()), region_id: t.Optional(t.String()), interface: t.Optional(t.Enum(['public', 'internal', 'admin'])), enabled: t.Optional(t.Boolean()) }, { additionalProperties: false }) },
  rules: { get: 'identity:get_endpoint_group', list: read, create: write, update: write, delete: write },
  defaults: () => ({ description: null }),
  changed(ctx, verb, row) { if (verb === 'delete') ctx.stage(q.delete(endpointGroupProject).where(eq(endpointGroupProject.group, row.id))); bump(ctx) },
})

const path = '/OS-EP-FILTER/projects/{project}/endpoints'
const link = (params: Record<string, string>) => and(eq(endpointProject.project, params.project), eq(endpointProject.endpoint, params.endpoint))
type Method = 'PUT' | 'GET' | 'HEAD' | 'DELETE'
const words = { PUT: 'add', GET: 'show', HEAD: 'check', DELETE: 'remove' }
const pair = (method: Method) => endpoint({
  id: `endpoint_filter.${words[method]}`, method, path: `${path}/{endpoint}`, status: 204, policy: method === 'PUT' || method === 'DELETE' ? write : read, summary: "An endpoint in a project's catalog",
  async handle(ctx, { params }) {
    const [[p], [e], [there]] = await ctx.read(projectOne(params.project), one(params.endpoint), q.select().from(endpointProject).where(link(params)))
    found(p, 'project', params.project)
    found(e, 'endpoint', params.endpoint)
    if (method === 'PUT') { ctx.stage(q.insert(endpointProject).values({ project: p.id, endpoint: e.id }).onConflictDoNothing()); return bump(ctx) }
    found(there, 'endpoint', `${params.endpoint} in project ${params.project}`)
    if (method !== 'DELETE') return
    ctx.stage(q.delete(endpointProject).where(link(params)))
    bump(ctx)
  },
})
const groupLink = (params: Record<string, string>) => and(eq(endpointGroupProject.project, params.project), eq(endpointGroupProject.group, params.group))
const groupPair = (method: Method) => endpoint({
  id: `endpoint_groups.projects.${words[method]}`, method, path: '/OS-EP-FILTER/endpoint_groups/{group}/projects/{project}', status: method === 'GET' || method === 'HEAD' ? 200 : 204, policy: method === 'PUT' || method === 'DELETE' ? write : read, summary: 'An endpoint group of a project',
  async handle(ctx, { params }) {
    const [[p], [g], [there]] = await ctx.read(projectOne(params.project), groupOne(params.group), q.select().from(endpointGroupProject).where(groupLink(params)))
    found(p, 'project', params.project)
    found(g, 'endpoint group', params.group)
    if (method === 'PUT') { ctx.stage(q.insert(endpointGroupProject).values({ project: p.id, group: g.id }).onConflictDoNothing()); return bump(ctx) }
    found(there, 'endpoint group', `${params.group} in project ${params.project}`)
    if (method === 'DELETE') { ctx.stage(q.delete(endpointGroupProject).where(groupLink(params))); return bump(ctx) }
    return { endpoint_group: { id: g.id, name: g.name, description: g.description, filters: g.filters, ...selfLink(ctx, `OS-EP-FILTER/endpoint_groups/${g.id}`) } }
  },
})
const matching = (f: Record<string, unknown>): SQL | undefined => and(
  f.service_id ? eq(endpointTable.service, f.service_id as string) : undefined, f.region_id ? eq(endpointTable.region, f.region_id as string) : undefined,
  f.interface ? eq(endpointTable.interface, f.interface as 'public') : undefined, f.enabled === undefined ? undefined : eq(endpointTable.enabled, f.enabled as boolean))

export const filter = [
  groups, (['PUT', 'GET', 'HEAD', 'DELETE'] as const).flatMap((m) => [pair(m), groupPair(m)]),
  endpoint({
    id: 'endpoint_filter.list', method: 'GET', path, status: 200, policy: read, summary: "List the endpoints a project's catalog is confined to",
    async handle(ctx, { params, url }) {
      const [[p], rows] = await ctx.read(projectOne(params.project), q.select().from(endpointTable).where(inArray(endpointTable.id, sql`(select endpoint_id from endpoint_project where project_id = ${params.project})`)).orderBy(endpointTable.id))
      found(p, 'project', params.project)
      return listed(ctx, url, 'endpoints', rows.map((e) => view(ctx, e)))
    },
  }),
  endpoint({
    id: 'endpoint_filter.projects', method: 'GET', path: '/OS-EP-FILTER/endpoints/{endpoint}/projects', status: 200, policy: read, summary: 'List the projects confined to an endpoint',
    async handle(ctx, { params, url }) {
      const [[e], rows] = await ctx.read(one(params.endpoint), q.select().from(project).where(inArray(project.id, sql`(select project_id from endpoint_project where endpoint_id = ${params.endpoint})`)).orderBy(project.id))
      found(e, 'endpoint', params.endpoint)
      return listed(ctx, url, 'projects', rows.map((p) => projectView(ctx, p)))
    },
  }),
  endpoint({
    id: 'endpoint_groups.endpoints', method: 'GET', path: '/OS-EP-FILTER/endpoint_groups/{group}/endpoints', status: 200, policy: read, summary: 'List the endpoints of a group',
    async handle(ctx, { params, url }) {
      const [[g]] = await ctx.read(groupOne(params.group))
      const [rows] = await ctx.read(q.select().from(endpointTable).where(matching(found(g, 'endpoint group', params.group).filters)).orderBy(endpointTable.id))
      return listed(ctx, url, 'endpoints', rows.map((e) => view(ctx, e)))
    },
  }),
  endpoint({
    id: 'endpoint_groups.projects', method: 'GET', path: '/OS-EP-FILTER/endpoint_groups/{group}/projects', status: 200, policy: read, summary: 'List the projects of an endpoint group',
    async handle(ctx, { params, url }) {
      const [[g], rows] = await ctx.read(groupOne(params.group), q.select().from(project).where(inArray(project.id, sql`(select project_id from endpoint_group_project where endpoint_group_id = ${params.group})`)).orderBy(project.id))
      found(g, 'endpoint group', params.group)
      return listed(ctx, url, 'projects', rows.map((p) => projectView(ctx, p)))
    },
  }),
  endpoint({
    id: 'endpoint_groups.of_project', method: 'GET', path: '/OS-EP-FILTER/projects/{project}/endpoint_groups', status: 200, policy: read, summary: 'List the endpoint groups of a project',
    async handle(ctx, { params, url }) {
      const [[p], rows] = await ctx.read(projectOne(params.project), q.select().from(endpointGroup).where(inArray(endpointGroup.id, sql`(select endpoint_group_id from endpoint_group_project where project_id = ${params.project})`)).orderBy(endpointGroup.id))
      found(p, 'project', params.project)
      return listed(ctx, url, 'endpoint_groups', rows.map((g) => ({ id: g.id, name: g.name, description: g.description, filters: g.filters, ...selfLink(ctx, `OS-EP-FILTER/endpoint_groups/${g.id}`) })))
    },
  }),
].flat()
