import { eq } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { networkQuota } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { forbidden, invalid } from '../../kernel/fault.ts'
import { endpoint } from '../service.ts'
import { counted, defaults, quotaQuery } from './limits.ts'

const resources = Object.keys(defaults)
const limits = (rows: { resource: string; limit: number }[]) => Object.fromEntries(resources.map((r) => [r, rows.find((x) => x.resource === r)?.limit ?? defaults[r]]))
const own = (project: string) => q.select().from(networkQuota).where(eq(networkQuota.project, project))
/** The own project's quota is anyone's to see, others' the operator's. */
function maySee(ctx: Ctx, project: string) {
  if (!ctx.caller.admin && project !== ctx.project) throw forbidden('rule:get_quota is disallowed by policy', { type: 'PolicyNotAuthorized' })
}

const body = { '2.0': t.Object({ quota: t.Object({
  ...Object.fromEntries(resources.map((r) => [r, t.Optional(t.Integer({ minimum: -1, maximum: 2147483647 }))])),
  tenant_id: t.Optional(t.String()), project_id: t.Optional(t.String()), force: t.Optional(t.Boolean()), check_limit: t.Optional(t.Boolean()),
}, { additionalProperties: false }) }, { additionalProperties: false }) }

export const quotas = [
  endpoint({
    id: 'quotas.list', method: 'GET', path: '/quotas', status: 200, policy: 'update_quota', summary: 'Quotas of projects that have their own',
    async handle(ctx) {
      const [rows] = await ctx.read(q.select().from(networkQuota).orderBy(networkQuota.project))
      const projects = [...new Set(rows.map((r) => r.project))]
      return { quotas: projects.map((p) => ({ ...limits(rows.filter((r) => r.project === p)), tenant_id: p, project_id: p })) }
    },
  }),
  ...(['tenant', 'project'] as const).map((word) => endpoint({
    id: `quotas.${word}`, method: 'GET', path: `/quotas/${word}`, status: 200, policy: 'get_quota', summary: 'The project of the token, as quotas know it',
    handle: (ctx) => ({ [word]: { [`${word}_id`]: ctx.project } }),
  })),
  endpoint({
    id: 'quotas.show', method: 'GET', path: '/quotas/{project}', status: 200, policy: 'get_quota', summary: "A project's quota",
    async handle(ctx, { params }) {
      maySee(ctx, params.project)
      const [rows] = await ctx.read(own(params.project))
      return { quota: limits(rows) }
    },
  }),
  endpoint({
    id: 'quotas.default', method: 'GET', path: '/quotas/{project}/default', status: 200, policy: 'get_quota', summary: 'The quota of a project that has none of its own',
    handle: (ctx, { params }) => { maySee(ctx, params.project); return { quota: limits([]) } },
  }),
  ...['details', 'details.json'].map((path) => endpoint({
    id: `quotas.${path}`, method: 'GET', path: `/quotas/{project}/${path}`, status: 200, policy: 'get_quota', summary: "A project's quota and what it uses",
    async handle(ctx, { params }) {
      maySee(ctx, params.project)
      const [rows, used] = await ctx.read(own(params.project), quotaQuery(params.project, counted))
      const uses = used as unknown as { resource: string; used: number }[]
      return { quota: Object.fromEntries(Object.entries(limits(rows)).map(([r, limit]) => [r, { limit, used: uses.find((u) => u.resource === r)?.used ?? 0, reserved: 0 }])) }
    },
  })),
  endpoint({
    id: 'quotas.update', method: 'PUT', path: '/quotas/{project}', status: 200, policy: 'update_quota', summary: "Set a project's quota", body,
    async handle(ctx, { params, body }) {
      const given = Object.entries(body.quota as Record<string, unknown>).filter((e): e is [string, number] => resources.includes(e[0]) && typeof e[1] === 'number')
      const [rows, used] = await ctx.read(own(params.project), quotaQuery(params.project, counted)) as unknown as [{ resource: string; limit: number }[], { resource: string; used: number }[]]
      const below = body.quota.check_limit ? given.filter(([r, limit]) => limit >= 0 && (used.find((u) => u.resource === r)?.used ?? 0) > limit) : []
      if (below.length) throw invalid(`Quota limit is less than what is used for: ${below.map(([r]) => r).join(', ')}.`, { type: 'InvalidQuotaValue' })
      for (const [resource, limit] of given) ctx.stage(q.insert(networkQuota).values({ project: params.project, resource, limit }).onConflictDoUpdate({ target: [networkQuota.project, networkQuota.resource], set: { limit } }))
      return { quota: limits([...given.map(([resource, limit]) => ({ resource, limit })), ...rows]) }
    },
  }),
  endpoint({
    id: 'quotas.delete', method: 'DELETE', path: '/quotas/{project}', status: 204, policy: 'delete_quota', summary: 'Back to the default quota',
    handle: (ctx, { params }) => { ctx.stage(q.delete(networkQuota).where(eq(networkQuota.project, params.project))) },
  }),
]
