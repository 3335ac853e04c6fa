import { and, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { portSecurityGroup, rbac, securityGroup, securityGroupRule } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { conflict } from '../../kernel/fault.ts'
import { field, resource, rows, type Resource, type Row } from '../../kernel/resource.ts'
import { quotaQuery, withinQuota } from '../quotas/limits.ts'
import { style } from '../service.ts'
import { standardFields, standardRow, tagFilterNames, tagFilters } from '../standard.ts'
import { listed, touch } from '../touch.ts'
import { defaultGroupQuery, ensureDefaultGroup, type GroupRow, initialRules, type RuleRow, templatesQuery, visibleGroups } from './groups.ts'
import { groupExtras, groupView } from './view.ts'

const taken = () => conflict('Default security group already exists.', { type: 'SecurityGroupDefaultAlreadyExists' })

async function create(ctx: Ctx, values: Row): Promise<Row> {
  const base = standardRow(ctx, values)
  const [quota, found, templates] = await ctx.read(quotaQuery(base.project, ['security_group']), defaultGroupQuery(base.project), templatesQuery())
  if (base.name === 'default') throw taken()
  ensureDefaultGroup(ctx, base.project, found as GroupRow[])
  const group = { stateful: true, isDefault: false, ...base } as GroupRow, rules = initialRules(ctx, group, templates)
  ctx.stage(q.insert(securityGroup).values(group))
  if (rules.length) ctx.stage(q.insert(securityGroupRule).values(rules))
  withinQuota(ctx, base.project, quota as unknown as unknown[], { security_group: 1 })
  return { ...group, rules }
}

function update(ctx: Ctx, row: Row, change: Row, [members]: unknown[][]): Row {
  if (row.isDefault && change.name !== undefined && change.name !== row.name) throw conflict('Updating default security group not allowed.', { type: 'SecurityGroupCannotUpdateDefault' })
  if (!row.isDefault && change.name === 'default') throw taken()
  if (change.stateful !== undefined && change.stateful !== row.stateful) {
    if (members.length) throw inUse(row.id)
    touch(ctx, { rules: listed([row.id]) })
  }
  return rows(securityGroup).update(ctx, row, change)
}
const inUse = (id: string) => conflict(`Security Group ${id} in use.`, { type: 'SecurityGroupInUse' })

/** Rules of others that name it go with it. Whoever joins meanwhile keeps it: the row that says so refuses the batch. */
function remove(ctx: Ctx, row: Row, [members]: unknown[][]) {
  if (row.isDefault && !ctx.caller.admin) throw conflict('Insufficient rights for removing default security group.', { type: 'SecurityGroupCannotRemoveDefault' })
  if (members.length) throw inUse(row.id)
  touch(ctx, { rules: sql`select security_group from security_group_rule where remote_group = ${row.id}` })
  ctx.stage(q.delete(securityGroupRule).where(eq(securityGroupRule.remoteGroup, row.id)))
  ctx.stage(q.delete(rbac).where(and(eq(rbac.object, row.id), eq(rbac.objectType, 'security_group'))))
  rows(securityGroup).remove(ctx, row)
}
const members = (_ctx: Ctx, id: string) => [q.select({ port: portSecurityGroup.port }).from(portSecurityGroup).where(eq(portSecurityGroup.securityGroup, id)).limit(1)]

export const groupResource: Resource = {
  name: 'security_group', plural: 'security_groups', path: '/security-groups', table: securityGroup, view: groupView, extras: groupExtras, sort: [['id', 'asc']], visible: visibleGroups.where,
  fields: {
    ...standardFields,
    // Filters here follow connections, always.
    stateful: field(t.Literal(true), 'create update filter'),
  },
  filterNames: [...tagFilterNames, 'shared'],
  filters: (ctx, query) => [...tagFilters(query, sql`${securityGroup.tags}`), query.has('shared') ? sql`(exists (select 1 from rbac where object = ${securityGroup.id} and object_type = 'security_group')) = ${/^(true|1)$/i.test(query.get('shared')!) ? 1 : 0}` : undefined],
  joins: { update: members, remove: members },
  verbs: { create, update, remove },
}

const regular = resource(style, groupResource)
const list = regular.find((e) => e.id.endsWith('.list'))!
/** A project's first look at its groups shows the default one: it is made when it is not there. */
export const securityGroups = regular.map((e) => (e !== list ? e : { ...list, handle: async (ctx: Ctx, input: Parameters<typeof list.handle>[1]) => {
  const answer = await list.handle(ctx, input) as { security_groups: Row[] }
  const project = ctx.caller.project?.id, named = input.query.getAll('name')
  const narrow = ['id', 'marker', 'description', 'shared', 'stateful', 'revision_number', 'tags', 'tags-any'].some((k) => input.query.has(k)) || (named.length > 0 && !named.includes('default'))
  const owners = [...input.query.getAll('project_id'), ...input.query.getAll('tenant_id')]
  if (!project || narrow || (owners.length && !owners.includes(project)) || answer.security_groups.some((g) => g.name === 'default' && (g.project_id ?? project) === project)) return answer
  const [found, templates] = await ctx.read(defaultGroupQuery(project), templatesQuery('default'))
  if (found.length) return answer
  let rules: RuleRow[] = []
  const group = ensureDefaultGroup(ctx, project, [], (made) => { rules = initialRules(ctx, made, templates); return rules.length ? q.insert(securityGroupRule).values(rules) : q.run(sql`select 1`) })
  const shown = groupView({ ...group, rules })
  answer.security_groups.push(style.trim ? style.trim(input, shown) : shown)
  return answer
} }))
