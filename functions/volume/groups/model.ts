import { and, eq, sql } from 'drizzle-orm'
import { groupSnapshot, groupType, volumeGroup } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { conflict, forbidden, notFound } from '../../kernel/fault.ts'

export type GroupRow = typeof volumeGroup.$inferSelect
export type GroupSnapshotRow = typeof groupSnapshot.$inferSelect
export type GroupTypeRow = typeof groupType.$inferSelect
onDuplicate('group_type.name', () => conflict('Group Type of this name already exists.'))

/** Stored for a group (or its snapshot) whose state is that of its members: nobody has to be told when the last one is done. */
export const SETTLING = 'settling'
/** What is shown: the members' state while settling, else what is stored. */
export const settled = (table: 'volume_group' | 'group_snapshot') => {
  const [members, column] = table === 'volume_group' ? ['volume', 'group_id'] : ['snapshot', 'group_snapshot']
  const any = (status: string) => sql`exists (select 1 from ${sql.identifier(members)} m where m.${sql.identifier(column)} = ${sql.identifier(table)}.id and m.status = ${status})`
  return sql<string>`case when ${sql.identifier(table)}.status <> ${SETTLING} then ${sql.identifier(table)}.status when ${any('error')} then 'error' when ${any('creating')} then 'creating' else 'available' end`
}
const own = (ctx: Ctx, column: typeof volumeGroup.project | typeof groupSnapshot.project) => (ctx.caller.admin ? undefined : eq(column, ctx.anyone?.project?.id ?? ''))
export const oneGroup = (ctx: Ctx, id: string) => q.select({ group: volumeGroup, status: settled('volume_group').as('now') }).from(volumeGroup).where(and(eq(volumeGroup.id, id), own(ctx, volumeGroup.project)))
export const oneGroupSnapshot = (ctx: Ctx, id: string) => q.select({ snap: groupSnapshot, status: settled('group_snapshot').as('now') }).from(groupSnapshot).where(and(eq(groupSnapshot.id, id), own(ctx, groupSnapshot.project)))
export function allowed<T extends { status: string }>(ctx: Ctx, rows: T[], id: string, rule: string, noun: string, project: (row: T) => string): T {
  if (!rows.length) throw notFound(noun, id, `${noun === 'group' ? 'Group' : 'GroupSnapshot'} ${id.slice(0, 64)} could not be found.`)
  if (!ctx.can(rule, { project: project(rows[0]) })) throw forbidden(`Policy doesn't allow ${rule} to be performed.`)
  return rows[0]
}
export async function findGroup(ctx: Ctx, id: string, rule: string) {
  const [rows] = await ctx.read(oneGroup(ctx, id))
  return allowed(ctx, rows, id, rule, 'group', (r) => r.group.project)
}
