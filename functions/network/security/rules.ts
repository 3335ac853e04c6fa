import { and, eq, inArray, or, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { addressGroup, securityGroup, securityGroupRule } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { full, onDuplicate, q } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { field, resource, rows, type Resource, type Row } from '../../kernel/resource.ts'
import { openedTo } from '../networks/visible.ts'
import { quotaQuery, withinQuota } from '../quotas/limits.ts'
import { style } from '../service.ts'
import { standardFields, standardRow, tagFilterNames, tagFilters } from '../standard.ts'
import { listed, touch } from '../touch.ts'
import { fingerprint, type RuleRow, visibleGroups } from './groups.ts'
import { readRule } from './read-rule.ts'
import { ruleView } from './view.ts'

const exists = (which = '') => conflict(`Security group rule already exists.${which}`, { type: 'SecurityGroupRuleExists' })
onDuplicate('security_group_rule.security_group, security_group_rule.fingerprint', () => exists())

/** Any number of rules of one group: one read, one write, and the hosts of its members are told once. */
async function createAll(ctx: Ctx, list: Row[]): Promise<Row[]> {
  const groups = [...new Set(list.map((v) => v.securityGroup as string))]
  if (groups.length > 1) throw invalid('Only allowed to update rules for one security profile at a time.', { type: 'SecurityGroupNotSingleGroupRules' })
  const remote = list.flatMap((v) => v.remoteGroup || []), sets = list.flatMap((v) => v.remoteAddressGroup || [])
  const project = (list[0].project ?? ctx.caller.project?.id ?? '') as string
  const [known, addressSets, have, quota] = await ctx.read(
    q.select().from(securityGroup).where(and(inArray(securityGroup.id, [...groups, ...remote]), visibleGroups.where(ctx))),
    q.select({ id: addressGroup.id }).from(addressGroup).where(and(inArray(addressGroup.id, sets), ctx.caller.admin ? undefined : or(eq(addressGroup.project, ctx.project), inArray(addressGroup.id, openedTo('address_group', ctx.project, 'access_as_shared'))))),
    q.select({ id: securityGroupRule.id, fingerprint: securityGroupRule.fingerprint }).from(securityGroupRule).where(eq(securityGroupRule.securityGroup, groups[0])),
    quotaQuery(project, ['security_group_rule']))
  const group = known.find((g) => g.id === groups[0])
  // A group that is only opened to a project is for its ports; its rules are its owner's.
  if (!group || (group.project !== ctx.caller.project?.id && !ctx.caller.admin)) throw notFound('security group', groups[0], `Security group ${groups[0]} does not exist`, { type: 'SecurityGroupNotFound' })
  const seen = new Map(have.map((h) => [h.fingerprint, h.id]))
  const made = list.map((values): RuleRow => {
    const read = readRule(values)
    if (read.remoteGroup && !known.some((g) => g.id === read.remoteGroup)) throw notFound('security group', read.remoteGroup, `Security group ${read.remoteGroup} does not exist`, { type: 'SecurityGroupNotFound' })
    if (read.remoteAddressGroup && !addressSets.some((g) => g.id === read.remoteAddressGroup)) throw notFound('address group', read.remoteAddressGroup, undefined, { type: 'AddressGroupNotFound' })
    const row = { ...standardRow(ctx, { description: values.description ?? '', project: values.project }), revision: 0, securityGroup: group.id, ...read, fingerprint: fingerprint(read) }
    if (seen.has(row.fingerprint)) throw exists(` Rule id is ${seen.get(row.fingerprint)}.`)
    seen.set(row.fingerprint, row.id)
    return row
  })
  for (let i = 0; i < made.length; i += 50) ctx.stage(q.insert(securityGroupRule).values(made.slice(i, i + 50)))
  ctx.stage(q.update(securityGroup).set({ revision: sql`${securityGroup.revision} + 1`, updatedAt: ctx.now() }).where(eq(securityGroup.id, group.id)), 'stale')
  withinQuota(ctx, project, quota as unknown as unknown[], { security_group_rule: made.length })
  touch(ctx, { rules: listed([group.id]) })
  return made.map((r) => ({ ...r, isDefault: group.isDefault }))
}

function remove(ctx: Ctx, row: Row) {
  rows(securityGroupRule).remove(ctx, row)
  ctx.stage(q.update(securityGroup).set({ revision: sql`${securityGroup.revision} + 1`, updatedAt: ctx.now() }).where(eq(securityGroup.id, row.securityGroup)))
  touch(ctx, { rules: listed([row.securityGroup]) })
}

const nullable = <T extends Parameters<typeof t.Union>[0][number]>(s: T) => t.Union([s, t.Null()])
const number = nullable(t.Union([t.Integer(), t.String({ pattern: '^-?\\d{1,6}$' })]))
const id = t.String({ maxLength: 36 })

export const ruleResource: Resource = {
  name: 'security_group_rule', plural: 'security_group_rules', path: '/security-group-rules', table: securityGroupRule, view: ruleView, sort: [['id', 'asc']],
  extras: { isDefault: sql<number>`(select g.is_default from security_group g where g.id = ${full(securityGroupRule.securityGroup)})`.as('is_default') },
  visible: (ctx) => (ctx.caller.admin ? undefined : or(eq(securityGroupRule.project, ctx.project), inArray(securityGroupRule.securityGroup, q.select({ id: securityGroup.id }).from(securityGroup).where(eq(securityGroup.project, ctx.project))))),
  fields: {
    id: standardFields.id, description: standardFields.description, tenant_id: standardFields.tenant_id, project_id: standardFields.project_id, revision_number: standardFields.revision_number,
    security_group_id: field(id, 'create filter sort required', 'securityGroup'),
    direction: field(t.Enum(['ingress', 'egress']), 'create filter sort required'),
    ethertype: field(nullable(t.String({ pattern: '^[Ii][Pp][Vv][46]$' })), 'create filter sort'),
    protocol: field(nullable(t.Union([t.Integer(), t.String({ maxLength: 40 })])), 'create filter sort'),
    port_range_min: field(number, 'create filter sort', 'portMin'),
    port_range_max: field(number, 'create filter sort', 'portMax'),
    remote_ip_prefix: field(nullable(t.String({ maxLength: 64 })), 'create filter sort', 'remoteIp'),
    remote_group_id: field(nullable(id), 'create filter sort', 'remoteGroup'),
    remote_address_group_id: field(nullable(id), 'create filter sort', 'remoteAddressGroup'),
  },
  filterNames: [...tagFilterNames, 'belongs_to_default_sg', 'normalized_cidr'],
  filters: (_ctx, query) => [...tagFilters(query, sql`${securityGroupRule.tags}`), query.has('normalized_cidr') ? inArray(securityGroupRule.remoteIp, query.getAll('normalized_cidr')) : undefined, query.has('belongs_to_default_sg') ? sql`${securityGroupRule.securityGroup} in (select g.id from security_group g where g.is_default = ${/^(true|1)$/i.test(query.get('belongs_to_default_sg')!) ? 1 : 0})` : undefined],
  verbs: { createAll, remove },
}
export const securityGroupRules = resource(style, ruleResource)
