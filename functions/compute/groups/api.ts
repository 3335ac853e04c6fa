import { and, asc, eq, inArray, isNotNull, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { server, serverGroup } from '../../../schema/compute.ts'
import { q, run } from '../../kernel/db.ts'
import { forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { view } from '../../kernel/view.ts'
import { limitsOf, limitsQuery } from '../quotas/limits.ts'
import { endpoint } from '../service.ts'
import { closed, integer, name, whole } from '../shapes.ts'
import { groupQuery, membersOf, type Group } from './model.ts'

const groupView = view<{ g: Group; members: string[] }>(({ g, members }) => ({ id: g.id, name: g.name, policies: [g.policy], members, metadata: {} }))
  .since('2.13', ({ g }) => ({ project_id: g.project, user_id: g.user }))
  .since('2.64', ({ g }) => ({ policies: undefined, metadata: undefined, policy: g.policy, rules: g.maxPerHost ? { max_server_per_host: g.maxPerHost } : {} }))

const hard = ['affinity', 'anti-affinity'] as const, all = [...hard, 'soft-affinity', 'soft-anti-affinity'] as const
const old = (policies: readonly string[]) => t.Object({ server_group: t.Object({ name, policies: t.Array(t.Enum(policies as [string]), { minItems: 1, maxItems: 1, uniqueItems: true }) }, closed) }, closed)

export default [
  endpoint({
    id: 'server_groups.list', method: 'GET', path: '/os-server-groups', status: 200, summary: 'List server groups', policy: 'os_compute_api:os-server-groups:index',
    async handle(ctx, { query }) {
      const everyone = query.has('all_projects') && ctx.caller.admin
      const number = (key: string, otherwise: number) => { const v = query.get(key); if (v !== null && !/^\d+$/.test(v)) throw invalid(`Invalid input for query parameters ${key}. Value: ${v}. It must be a non-negative integer.`); return v === null ? otherwise : Number(v) }
      if (ctx.version >= 2075) for (const key of query.keys()) if (!['limit', 'offset', 'all_projects'].includes(key)) throw invalid(`Additional properties are not allowed ('${key}' was unexpected)`)
      const rows = q.select().from(serverGroup).where(everyone ? undefined : eq(serverGroup.project, ctx.project)).orderBy(asc(serverGroup.createdAt), asc(serverGroup.id)).limit(Math.min(1000, number('limit', 1000))).offset(number('offset', 0))
      const [groups, members] = await ctx.read(rows, q.select({ id: server.id, group: server.group }).from(server).where(and(isNotNull(server.group), everyone ? undefined : inArray(server.group, q.select({ id: serverGroup.id }).from(serverGroup).where(eq(serverGroup.project, ctx.project))))))
      return { server_groups: groups.map((g) => groupView.at(ctx.version)({ g, members: members.filter((m) => m.group === g.id).map((m) => m.id) })) }
    },
  }),
  endpoint({
    id: 'server_groups.create', method: 'POST', path: '/os-server-groups', status: 200, summary: 'Create a server group', policy: 'os_compute_api:os-server-groups:create',
    body: {
      '2.1': old(hard), '2.15': old(all),
      '2.64': t.Object({ server_group: t.Object({ name, policy: t.Enum([...all]), rules: t.Optional(t.Object({ max_server_per_host: t.Optional(integer(1)) }, closed)) }, closed) }, closed),
    },
    async handle(ctx, { body }) {
      const b = body.server_group as { name: string; policies?: string[]; policy?: string; rules?: { max_server_per_host?: number | string } }
      const policy = (b.policy ?? b.policies![0]) as Group['policy'], project = ctx.project, max = b.rules?.max_server_per_host
      if (max !== undefined && policy !== 'anti-affinity') throw invalid('Only anti-affinity policy supports rules.')
      const [limits, [{ n }]] = await ctx.read(limitsQuery(project), q.select({ n: sql<number>`count(*)` }).from(serverGroup).where(eq(serverGroup.project, project)))
      const limit = limitsOf(limits).server_groups
      if (limit >= 0 && n >= limit) throw forbidden('Quota exceeded, too many server groups.')
      const g: Group = { id: ctx.uuid(), project, user: ctx.caller.user.id, name: b.name, policy, maxPerHost: max === undefined ? null : whole(max, 'max_server_per_host', 1), createdAt: ctx.now() }
      ctx.stage(q.insert(serverGroup).values(g))
      if (limit >= 0) ctx.stage(run(sql`insert into guard select 'quota', (select count(*) from ${serverGroup} where project = ${project}) <= ${limit}`))
      ctx.about(g.id)
      return { server_group: groupView.at(ctx.version)({ g, members: [] }) }
    },
  }),
  endpoint({
    id: 'server_groups.show', method: 'GET', path: '/os-server-groups/{group}', status: 200, summary: 'Show a server group', policy: 'os_compute_api:os-server-groups:show',
    async handle(ctx, { params }) {
      const [[g], members] = await ctx.read(groupQuery(ctx, params.group), membersOf(params.group))
      if (!g) throw notFound('instance group', params.group, `Instance group ${params.group} could not be found.`)
      return { server_group: groupView.at(ctx.version)({ g, members: members.map((m) => m.id) }) }
    },
  }),
  endpoint({
    id: 'server_groups.delete', method: 'DELETE', path: '/os-server-groups/{group}', status: 204, summary: 'Delete a server group; its servers stay', policy: 'os_compute_api:os-server-groups:delete',
    async handle(ctx, { params }) {
      const [[g]] = await ctx.read(groupQuery(ctx, params.group))
      if (!g) throw notFound('instance group', params.group, `Instance group ${params.group} could not be found.`)
      ctx.stage(q.update(server).set({ group: null }).where(eq(server.group, g.id)))
      ctx.stage(q.delete(serverGroup).where(eq(serverGroup.id, g.id)), 'stale')
    },
  }),
]
