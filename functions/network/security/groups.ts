import { and, eq, inArray, or, sql } from 'drizzle-orm'
import { defaultGroupRule, securityGroup, securityGroupRule } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, run, type Query } from '../../kernel/db.ts'
import { wireProtocol } from './protocols.ts'
import { openedTo } from '../networks/visible.ts'

export type GroupRow = typeof securityGroup.$inferSelect
export type RuleRow = typeof securityGroupRule.$inferSelect

/** All that makes a rule what it is, in one text. */
export const fingerprint = (r: Pick<RuleRow, 'direction' | 'ethertype' | 'protocol' | 'portMin' | 'portMax' | 'remoteIp' | 'remoteGroup' | 'remoteAddressGroup'>) =>
  [r.direction, r.ethertype, wireProtocol(r.protocol, r.ethertype === 'IPv6' ? 6 : 4) ?? '', r.portMin ?? '', r.portMax ?? '', r.remoteIp ?? '', r.remoteGroup ?? '', r.remoteAddressGroup ?? ''].join('|')

export const defaultGroupQuery = (project: string) => q.select().from(securityGroup).where(and(eq(securityGroup.project, project), eq(securityGroup.isDefault, true)))

/** Templates of what a new group that is nobody's default begins with. */
export const templatesQuery = (of: 'default' | 'others' = 'others') => q.select().from(defaultGroupRule).where(eq(of === 'default' ? defaultGroupRule.inDefault : defaultGroupRule.inOthers, true))
type Template = typeof defaultGroupRule.$inferSelect

/** The rules a new group starts with. */
export function initialRules(ctx: Ctx, group: { id: string; project: string }, templates: Template[]): RuleRow[] {
  const now = ctx.now()
  return templates.map((m) => {
    const r = { direction: m.direction, ethertype: m.ethertype, protocol: m.protocol, portMin: m.portMin, portMax: m.portMax, remoteIp: m.remoteIp, remoteGroup: m.remoteGroup === 'PARENT' ? group.id : m.remoteGroup, remoteAddressGroup: m.remoteAddressGroup }
    return { ...r, id: ctx.uuid(), project: group.project, name: '', description: m.description.startsWith('Legacy') ? '' : m.description, tags: [], revision: 0, createdAt: now, updatedAt: now, securityGroup: group.id, fingerprint: fingerprint(r) }
  })
}
const uuid = sql.raw("lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))")
/** The same for a default group, which is made where nobody asked for it: without a read. */
const defaultRules = (ctx: Ctx, group: { id: string; project: string }) => run(sql`insert into security_group_rule (id, project, name, description, tags, revision, created_at, updated_at, security_group, direction, ethertype, protocol, port_min, port_max, remote_ip, remote_group, remote_address_group, fingerprint)
  select ${uuid}, ${group.project}, '', case when description like 'Legacy%' then '' else description end, '[]', 0, ${ctx.now()}, ${ctx.now()}, ${group.id}, direction, ethertype, protocol, port_min, port_max, remote_ip, replace(remote_group, 'PARENT', ${group.id}), remote_address_group,
    before || coalesce(replace(remote_group, 'PARENT', ${group.id}), '') || after from default_group_rule where in_default`)

/**
 * The project's default group: the row that was read, or one made in this batch on first need. Two first needs at once
 * meet at the unique index; the unit of the later one runs again and finds it.
 */
export function ensureDefaultGroup(ctx: Ctx, project: string, found: GroupRow[], rules: (group: GroupRow) => Query = (group) => defaultRules(ctx, group)): GroupRow {
  if (found[0]) return found[0]
  const now = ctx.now()
  const group: GroupRow = { id: ctx.uuid(), project, name: 'default', description: 'Default security group', tags: [], revision: 0, createdAt: now, updatedAt: now, isDefault: true, stateful: true }
  ctx.stage(q.insert(securityGroup).values(group).onConflictDoNothing(), 'stale')
  ctx.stage(rules(group))
  found[0] = group
  return group
}

/** Groups by id or, as the compute API has it, by name within the project. */
export const groupsQuery = (project: string, names: string[]): Query =>
  q.select().from(securityGroup).where(sql`${securityGroup.project} = ${project} and (${securityGroup.id} in (select value from json_each(${JSON.stringify(names)})) or ${securityGroup.name} in (select value from json_each(${JSON.stringify(names)})))`) as unknown as Query

/** Groups the caller may use: of the own project, and those opened to it. */
export const visibleGroups = {
  table: securityGroup,
  where: (ctx: Ctx) => (ctx.caller.admin ? undefined : or(eq(securityGroup.project, ctx.project), inArray(securityGroup.id, openedTo('security_group', ctx.project, 'access_as_shared')))),
}
