import { eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { volumeQuota } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { forbidden, invalid } from '../../kernel/fault.ts'
import { closed, isTrue } from '../lists.ts'
import { endpoint } from '../service.ts'
import { builtIn, CLASS, isTypeLimit, limitsOf, limitsQuery, typeLimits, usageQuery, type Resource, type TypeUsage } from './limits.ts'

const names = Object.keys(builtIn) as Resource[]
const number = t.Union([t.Integer({ minimum: -1, maximum: 2147483647 }), t.String({ pattern: '^(-1|[0-9]{1,10})$' })])
const fields = Object.fromEntries(names.map((n) => [n, t.Optional(number)])) as Record<Resource, ReturnType<typeof t.Optional<typeof number>>>
const show = 'volume_extension:quotas:show' as const, set = 'volume_extension:quotas:update' as const
const may = (ctx: Ctx, project: string) => { if (!ctx.can(show, { project })) throw forbidden(`Policy doesn't allow ${show} to be performed.`) }
/** Members beside the named ones are limits of volume types, if there are such types. */
const open = { additionalProperties: number }
const put = (ctx: Ctx, project: string, wanted: Record<string, unknown>, known: Record<string, number>) => {
  for (const [n, value] of Object.entries(wanted)) {
    if (value === undefined) continue
    if (!(n in builtIn) && !(isTypeLimit(n) && n in known)) throw invalid(`Bad key(s) in quota set: ${n.slice(0, 255)}`)
    const limit = Number(value)
    ctx.stage(q.insert(volumeQuota).values({ project, resource: n, limit }).onConflictDoUpdate({ target: [volumeQuota.project, volumeQuota.resource], set: { limit } }))
  }
}

const get = endpoint({
  id: 'quotas.show', method: 'GET', path: '/os-quota-sets/{project}', status: 200, policy: 'any:read', summary: 'Show a project\'s limits, and what it uses',
  async handle(ctx, { params, query }) {
    may(ctx, params.project)
    const [usage, rows] = await ctx.read(usageQuery(params.project), limitsQuery(params.project))
    const limits = limitsOf(rows), types = typeLimits(rows, usage)
    if (!isTrue(query.get('usage'))) return { quota_set: { ...limits, ...types, id: params.project } }
    const used = JSON.parse(usage?.types ?? '{}') as TypeUsage
    const ofType = (key: string) => { const [, r, name] = /^([a-z]+)_(.+)$/s.exec(key)!; return used[name]?.[r as 'volumes'] ?? 0 }
    return {
      quota_set: {
        ...Object.fromEntries(names.map((n) => [n, { limit: limits[n], in_use: usage?.[n] ?? 0, reserved: 0 }])),
        ...Object.fromEntries(Object.entries(types).map(([k, limit]) => [k, { limit, in_use: ofType(k), reserved: 0 }])), id: params.project,
      },
    }
  },
})
const defaults = endpoint({
  id: 'quotas.defaults', method: 'GET', path: '/os-quota-sets/{project}/defaults', status: 200, policy: 'any:read', summary: 'Show the limits a project has unless said otherwise',
  async handle(ctx, { params }) {
    may(ctx, params.project)
    const [usage, rows] = await ctx.read(usageQuery(''), q.select().from(volumeQuota).where(eq(volumeQuota.project, CLASS)))
    return { quota_set: { ...limitsOf(rows), ...typeLimits(rows, usage), id: params.project } }
  },
})
const update = endpoint({
  id: 'quotas.update', method: 'PUT', path: '/os-quota-sets/{project}', status: 200, policy: set, summary: 'Give a project limits of its own',
  body: { '3.0': t.Object({ quota_set: t.Object({ ...fields, tenant_id: t.Optional(t.String()), skip_validation: t.Optional(t.Unknown()), force: t.Optional(t.Unknown()) }, open) }, closed) },
  async handle(ctx, { params, body }) {
    const [usage, rows] = await ctx.read(usageQuery(params.project), limitsQuery(params.project))
    const { tenant_id: _, skip_validation: __, force: ___, ...wanted } = body.quota_set
    const types = typeLimits(rows, usage)
    put(ctx, params.project, wanted, types)
    return { quota_set: { ...limitsOf(rows), ...types, ...Object.fromEntries(Object.entries(wanted).map(([k, v]) => [k, Number(v)])) } }
  },
})
const remove = endpoint({ id: 'quotas.delete', method: 'DELETE', path: '/os-quota-sets/{project}', status: 200, policy: set, summary: 'Give a project the usual limits again', handle(ctx, { params }) { if (params.project !== CLASS) ctx.stage(q.delete(volumeQuota).where(eq(volumeQuota.project, params.project))) } })

const classes = 'volume_extension:quota_classes' as const
const showClass = endpoint({
  id: 'quota-classes.show', method: 'GET', path: '/os-quota-class-sets/{name}', status: 200, policy: classes, summary: 'Show the limits of a class of projects',
  async handle(ctx, { params }) {
    const [usage, all] = await ctx.read(usageQuery(''), q.select().from(volumeQuota).where(eq(volumeQuota.project, CLASS)))
    const rows = params.name === 'default' ? all : []
    return { quota_class_set: { ...limitsOf(rows), ...typeLimits(rows, usage), id: params.name } }
  },
})
const updateClass = endpoint({
  id: 'quota-classes.update', method: 'PUT', path: '/os-quota-class-sets/{name}', status: 200, policy: classes, summary: 'Change the limits of a class of projects', body: { '3.0': t.Object({ quota_class_set: t.Object({ ...fields, class_name: t.Optional(t.String()) }, open) }, closed) },
  async handle(ctx, { params, body }) {
    const { class_name: _, ...wanted } = body.quota_class_set
    if (params.name !== 'default') throw forbidden('There is one class of projects, default.')
    const [usage, rows] = await ctx.read(usageQuery(''), q.select().from(volumeQuota).where(eq(volumeQuota.project, CLASS)))
    const types = typeLimits(rows, usage)
    put(ctx, CLASS, wanted, types)
    return { quota_class_set: { ...limitsOf(rows), ...types, ...Object.fromEntries(Object.entries(wanted).map(([k, v]) => [k, Number(v)])) } }
  },
})
const limits = endpoint({
  id: 'limits', method: 'GET', path: '/limits', status: 200, policy: 'limits_extension:used_limits', summary: 'Show the project\'s limits and use',
  async handle(ctx, { query }) {
    const asked = ctx.version >= 3039 && ctx.caller.admin ? query.get('project_id') ?? query.get('tenant_id') : null
    const project = asked ?? ctx.project
    const [usage, rows] = await ctx.read(usageQuery(project), limitsQuery(project))
    const l = limitsOf(rows)
    return {
      limits: {
        rate: [], absolute: {
          totalSnapshotsUsed: usage?.snapshots ?? 0, maxTotalBackups: l.backups, maxTotalVolumeGigabytes: l.gigabytes, maxTotalSnapshots: l.snapshots, maxTotalBackupGigabytes: l.backup_gigabytes, totalBackupGigabytesUsed: usage?.backup_gigabytes ?? 0,
          maxTotalVolumes: l.volumes, totalVolumesUsed: usage?.volumes ?? 0, totalBackupsUsed: usage?.backups ?? 0, totalGigabytesUsed: usage?.gigabytes ?? 0,
        },
      },
    }
  },
})
export default [get, defaults, update, remove, showClass, updateClass, limits]
