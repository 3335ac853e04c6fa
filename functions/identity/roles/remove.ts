import { inArray, sql, type SQL } from 'drizzle-orm'
import { assignment, impliedRole } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { revokeAll } from '../revoke.ts'

/** Assignments and implications of roles that are about to go; tokens that carry one end. */
export function forgetRoles(ctx: Ctx, ids: SQL) {
  revokeAll(ctx, sql`select 'r:' || id as subject from role where id in ${ids} union select 'r:' || implied_role_id from implied_role where prior_role_id in ${ids}`)
  ctx.stage(q.delete(assignment).where(inArray(assignment.role, ids)))
  ctx.stage(q.delete(impliedRole).where(sql`${impliedRole.prior} in ${ids} or ${impliedRole.implied} in ${ids}`))
}
