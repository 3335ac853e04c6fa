import { sql, type SQL } from 'drizzle-orm'
import { revocation } from '../../schema/identity.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { seconds } from '../kernel/env.ts'
import { forget } from './tokens/authenticate.ts'

/** Longer than any token lives, with the time services may still look at expired ones. */
const KEPT = seconds(4 * 86400)

/** Ends every token that has one of these subjects, in the same batch as what ends it. */
export function revoke(ctx: Ctx, ...subjects: string[]) {
  const at = ctx.now()
  if (subjects.length) ctx.stage(q.insert(revocation).values(subjects.map((subject) => ({ subject, at, expiresAt: at + KEPT }))))
  ctx.afterCommit(async () => forget())
}

/** The same for subjects that a query finds as `subject`. */
export function revokeAll(ctx: Ctx, subjects: SQL) {
  const at = ctx.now()
  ctx.stage(q.run(sql`insert into revocation (subject, at, expires_at) select subject, ${at}, ${at + KEPT} from (${subjects}) where subject is not null`))
  ctx.afterCommit(async () => forget())
}
