import { and, eq, inArray, or, sql } from 'drizzle-orm'
import { securityGroup, securityGroupRule } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { wireProtocol } from './protocols.ts'
import { openedTo } from '../networks/visible.ts'

export type GroupRow = typeof securityGroup.$inferSelect
export type RuleRow = typeof securityGroupRule.$inferSelect

/** All that makes a rule what it is, in one text. */
export const fingerprint = (r: Pick<RuleRow, 'direction' | 'ethertype' | 'protocol' | 'portMin' | 'portMax' | 'remoteIp' | 'remoteGroup' | 'remoteAddressGroup'>) =>
  [r.direction, r.ethertype, wireProtocol(r.protocol, r.ethertype === 'IPv6' ? 6 : 4) ?? '', r.portMin ?? '', r.portMax ?? '', r.remoteIp ?? '', r.remoteGroup ?? '', r.remoteAddressGroup ?? ''].join('|')

export const defaultGroupQuery = (project: string) => q.select().from(securityGroup).where(and(eq(securityGroup.project, project), eq(securityGroup.isDefault, true)))

/** The rules a new group starts with: everything out, and for the default group, everything in from its own members. */
export function initialRules(ctx: Ctx, group: { id: string; project: string; isDefault: boolean }): RuleRow[] {
  const now = ctx.now()
  const rule = (direction: 'ingress' | 'egress', ethertype: 'IPv4' | 'IPv6', remoteGroup: string | null): RuleRow => {
    const r = { direction, ethertype, protocol: null, portMin: null, portMax: null, remoteIp: null, remoteGroup, remoteAddressGroup: null }
    return { ...r, id: ctx.uuid(), project: group.project, name: '', description: '', tags: [], revision: 0, createdAt: now, updatedAt: now, securityGroup: group.id, fingerprint: fingerprint(r) }
  }
  return (['IPv4', 'IPv6'] as const).flatMap((e) => [rule('egress', e, null), ...(group.isDefault ? [rule('ingress', e, group.id)] : [])])
}

/**
 * The project's default group: the row that was read, or one made in this batch on first need. Two first needs at once
 * meet at the unique index; the unit of the later one runs again and finds it.
 */
export function ensureDefaultGroup(ctx: Ctx, project: string, found: GroupRow[]): GroupRow {
  if (found[0]) return found[0]
  const now = ctx.now()
  const group: GroupRow = { id: ctx.uuid(), project, name: 'default', description: 'Default security group', tags: [], revision: 0, createdAt: now, updatedAt: now, isDefault: true, stateful: true }
  ctx.stage(q.insert(securityGroup).values(group).onConflictDoNothing(), 'stale')
  ctx.stage(q.insert(securityGroupRule).values(initialRules(ctx, group)))
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
