import { and, lt, sql } from 'drizzle-orm'
import { guess, membership, oauthToken, revocation } from '../../schema/identity.ts'
import { q } from '../kernel/db.ts'
import { seconds } from '../kernel/env.ts'
import type { Sweep } from '../kernel/sweep.ts'

/** What has served: guesses of a day ago, what was lent or believed for a time, and ends that concern no token any more. The newest stays: tokens are measured against its number. */
export const pruneRevocations: Sweep = {
  name: 'identity.revocations', every: 3600,
  async run(basis) {
    await basis.db.write([q.delete(guess).where(lt(guess.at, basis.world.now() - seconds(86_400))), q.delete(oauthToken).where(lt(oauthToken.expiresAt, basis.world.now())), q.delete(membership).where(lt(membership.expiresAt, basis.world.now())), q.delete(revocation).where(and(lt(revocation.expiresAt, basis.world.now()), sql`${revocation.seq} < (select max(seq) from revocation)`))])
  },
}
