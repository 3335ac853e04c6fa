import { and, eq, inArray, sql, type SQL } from 'drizzle-orm'
import { assignment, group, membership } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { revokeAll } from '../revoke.ts'

/** A group goes with what it was assigned; its members' tokens end, since they may have lived by it. */
export function removeGroup(ctx: Ctx, which: string | SQL) {
  const ids = typeof which === 'string' ? sql`(${which})` : which
  revokeAll(ctx, sql`select distinct 'u:' || user_id as subject from membership where group_id in ${ids}`)
  ctx.stage(q.delete(membership).where(inArray(membership.group, ids)))
  ctx.stage(q.delete(assignment).where(and(eq(assignment.actorKind, 'group'), inArray(assignment.actor, ids))))
  ctx.stage(q.delete(group).where(inArray(group.id, ids)), typeof which === 'string' ? 'stale' : undefined)
}
