import { and, eq, inArray, sql, type SQL } from 'drizzle-orm'
import { accessRule, applicationCredential, assignment, credential, federatedUser, formerPassword, membership, oauthToken, trust, user } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { revokeAll } from '../revoke.ts'

/** A user goes with all that was theirs, and every token of theirs ends; `which` may be a query for many. */
export function removeUser(ctx: Ctx, which: string | SQL) {
  const ids = typeof which === 'string' ? sql`(${which})` : which
  revokeAll(ctx, sql`select 'u:' || id as subject from user where id in ${ids}`)
  ctx.stage(q.delete(membership).where(inArray(membership.user, ids)))
  ctx.stage(q.delete(assignment).where(and(eq(assignment.actorKind, 'user'), inArray(assignment.actor, ids))))
  ctx.stage(q.delete(credential).where(inArray(credential.user, ids)))
  ctx.stage(q.delete(applicationCredential).where(inArray(applicationCredential.user, ids)))
  ctx.stage(q.delete(formerPassword).where(inArray(formerPassword.user, ids)))
  ctx.stage(q.delete(oauthToken).where(inArray(oauthToken.user, ids)))
  ctx.stage(q.delete(accessRule).where(inArray(accessRule.user, ids)))
  ctx.stage(q.update(trust).set({ deletedAt: ctx.now() }).where(sql`${trust.trustor} in ${ids} or ${trust.trustee} in ${ids}`))
  ctx.stage(q.delete(user).where(inArray(user.id, ids)), typeof which === 'string' ? 'stale' : undefined)
  ctx.stage(q.delete(federatedUser).where(inArray(federatedUser.user, ids)))
}
