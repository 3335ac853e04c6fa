import { and, eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { computeQuota } from '../../../schema/compute.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid } from '../../kernel/fault.ts'
import { endpoint } from '../service.ts'
import { bool, closed, integer, truth, whole } from '../shapes.ts'
import { builtIn, CLASS, limitsOf, limitsQuery, usageQuery, type Limits, type Resource } from './limits.ts'

/** Names that networks took with them in 2.36, and file injection in 2.57. */
const network = ['fixed_ips', 'floating_ips', 'security_groups', 'security_group_rules']
const files = ['injected_files', 'injected_file_content_bytes', 'injected_file_path_bytes']
function named(ctx: Ctx, limits: Limits, kind: 'set' | 'class'): Record<string, number> {
  const all: Record<string, number> = { ...limits }
  if (ctx.version >= (kind === 'class' ? 2050 : 2036)) for (const n of network) delete all[n]
  if (ctx.version >= 2057) for (const f of files) delete all[f]
  if (kind === 'class' && ctx.version < 2050) { delete all.server_groups; delete all.server_group_members }
  return all
}
const values = t.Partial(t.Object(Object.fromEntries(Object.keys(builtIn).map((k) => [k, integer(-1)]))))
const without = (...gone: string[]) => Object.fromEntries(Object.keys(values.properties).filter((k) => !gone.includes(k)).map((k) => [k, t.Optional(integer(-1))]))
const setBody = (fields: Record<string, ReturnType<typeof t.Optional>>) => t.Object({ quota_set: t.Object({ ...fields, tenant_id: t.Optional(t.String()), force: t.Optional(bool) }, closed) }, closed)
const classBody = (fields: Record<string, ReturnType<typeof t.Optional>>) => t.Object({ quota_class_set: t.Object({ ...fields, id: t.Optional(t.String()) }, closed) }, closed)

async function usage(ctx: Ctx, project: string, user: string) {
  const [rows, [used]] = await ctx.read(limitsQuery(project, user), usageQuery(project))
  return { limits: limitsOf(rows), used: { instances: used.instances, cores: used.cores, ram: used.ram, server_groups: used.groups } as Record<string, number> }
}
const save = (ctx: Ctx, project: string, user: string, given: Record<string, unknown>) => {
  for (const [resource, v] of Object.entries(given)) {
    if (!(resource in builtIn)) continue
    const limit = whole(v as string, resource, -1)
    ctx.stage(q.insert(computeQuota).values({ project, user, resource, limit }).onConflictDoUpdate({ target: [computeQuota.project, computeQuota.user, computeQuota.resource], set: { limit } }))
  }
}
const path = '/os-quota-sets/{project}'

export default [
  endpoint({
    id: 'quota_sets.show', method: 'GET', path, status: 200, summary: "Show a project's quotas", policy: 'os_compute_api:os-quota-sets:defaults',
    async handle(ctx, { params, query }) {
      ctx.may('os_compute_api:os-quota-sets:show', { project: params.project })
      const [rows] = await ctx.read(limitsQuery(params.project, query.get('user_id') ?? ''))
      return { quota_set: { id: params.project, ...named(ctx, limitsOf(rows), 'set') } }
    },
  }),
  endpoint({
    id: 'quota_sets.detail', method: 'GET', path: `${path}/detail`, status: 200, summary: "Show a project's quotas and what it uses", policy: 'os_compute_api:os-quota-sets:defaults',
    async handle(ctx, { params, query }) {
      ctx.may('os_compute_api:os-quota-sets:detail', { project: params.project })
      const { limits, used } = await usage(ctx, params.project, query.get('user_id') ?? '')
      return { quota_set: { id: params.project, ...Object.fromEntries(Object.entries(named(ctx, limits, 'set')).map(([k, limit]) => [k, { in_use: used[k] ?? 0, limit, reserved: 0 }])) } }
    },
  }),
  endpoint({
    id: 'quota_sets.defaults', method: 'GET', path: `${path}/defaults`, status: 200, summary: 'Show the quotas of projects that have none of their own', policy: 'os_compute_api:os-quota-sets:defaults',
    async handle(ctx, { params }) {
      const [rows] = await ctx.read(limitsQuery(CLASS))
      return { quota_set: { id: params.project, ...named(ctx, limitsOf(rows), 'set') } }
    },
  }),
  endpoint({
    id: 'quota_sets.update', method: 'PUT', path, status: 200, summary: "Set a project's quotas", policy: 'os_compute_api:os-quota-sets:update',
    body: { '2.1': setBody(without()), '2.36': setBody(without(...network)), '2.57': setBody(without(...network, ...files)) },
    async handle(ctx, { params, query, body }) {
      const { force, tenant_id: _t, ...given } = body.quota_set as Record<string, unknown>, user = query.get('user_id') ?? ''
      const { limits, used } = await usage(ctx, params.project, user)
      for (const [k, v] of Object.entries(given)) {
        const n = Number(v)
        if (!truth(force) && n >= 0 && n < (used[k] ?? 0)) throw invalid(`Quota limit ${n} for ${k} must be greater than or equal to already used and reserved ${used[k]}.`)
        if (user && n > limits[k as Resource] && limits[k as Resource] >= 0 && !truth(force)) throw invalid(`Quota limit ${n} for ${k} must be less than or equal to ${limits[k as Resource]}.`)
      }
      save(ctx, params.project, user, given)
      const next = { ...limits, ...Object.fromEntries(Object.entries(given).filter(([k]) => k in builtIn).map(([k, v]) => [k, Number(v)])) } as Limits
      return { quota_set: named(ctx, next, 'set') }
    },
  }),
  endpoint({
    id: 'quota_sets.delete', method: 'DELETE', path, status: 202, summary: "Give a project the default quotas again", policy: 'os_compute_api:os-quota-sets:delete',
    handle(ctx, { params, query }) {
      const user = query.get('user_id')
      ctx.stage(q.delete(computeQuota).where(and(eq(computeQuota.project, params.project), user ? eq(computeQuota.user, user) : undefined)))
    },
  }),
  endpoint({
    id: 'quota_classes.show', method: 'GET', path: '/os-quota-class-sets/{class}', status: 200, summary: 'Show the default quotas', policy: 'os_compute_api:os-quota-class-sets:show',
    async handle(ctx, { params }) {
      const [rows] = await ctx.read(limitsQuery(CLASS))
      return { quota_class_set: { id: params.class, ...named(ctx, params.class === 'default' ? limitsOf(rows) : { ...builtIn }, 'class') } }
    },
  }),
  endpoint({
    id: 'quota_classes.update', method: 'PUT', path: '/os-quota-class-sets/{class}', status: 200, summary: 'Set the default quotas', policy: 'os_compute_api:os-quota-class-sets:update',
    body: { '2.1': classBody(without('server_groups', 'server_group_members')), '2.50': classBody(without(...network)), '2.57': classBody(without(...network, ...files)) },
    async handle(ctx, { params, body }) {
      if (params.class !== 'default') throw invalid(`There is one quota class here, 'default'; '${params.class}' is not it.`)
      const { id: _id, ...given } = body.quota_class_set as Record<string, unknown>
      const [rows] = await ctx.read(limitsQuery(CLASS))
      save(ctx, CLASS, '', given)
      return { quota_class_set: named(ctx, { ...limitsOf(rows), ...Object.fromEntries(Object.entries(given).filter(([k]) => k in builtIn).map(([k, v]) => [k, Number(v)])) } as Limits, 'class') }
    },
  }),
  endpoint({
    id: 'limits', method: 'GET', path: '/limits', status: 200, summary: 'What a project may have and has', policy: 'os_compute_api:limits',
    async handle(ctx, { query }) {
      const asked = query.get('tenant_id'), project = asked ?? ctx.project
      if (asked && asked !== ctx.caller.project?.id) ctx.may('os_compute_api:limits:other_project')
      if (ctx.version >= 2075) for (const key of query.keys()) if (!['tenant_id', 'reserved'].includes(key)) throw invalid(`Additional properties are not allowed ('${key}' was unexpected)`)
      const { limits: l, used: u } = await usage(ctx, project, '')
      return { limits: { rate: [], absolute: {
        maxTotalInstances: l.instances, maxTotalCores: l.cores, maxTotalRAMSize: l.ram, maxTotalKeypairs: l.key_pairs, maxServerMeta: l.metadata_items, maxServerGroups: l.server_groups, maxServerGroupMembers: l.server_group_members,
        ...(ctx.version < 2057 ? { maxPersonality: l.injected_files, maxPersonalitySize: l.injected_file_content_bytes } : {}), ...(ctx.version < 2039 ? { maxImageMeta: l.metadata_items } : {}),
        ...(ctx.version < 2036 ? { maxSecurityGroups: -1, maxSecurityGroupRules: -1, maxTotalFloatingIps: -1, totalFloatingIpsUsed: 0, totalSecurityGroupsUsed: 0 } : {}),
        totalInstancesUsed: u.instances, totalCoresUsed: u.cores, totalRAMUsed: u.ram, totalServerGroupsUsed: u.server_groups,
      } } }
    },
  }),
]
