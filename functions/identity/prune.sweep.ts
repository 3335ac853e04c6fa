import { and, lt, sql } from 'drizzle-orm'
import { revocation } from '../../schema/identity.ts'
import { q } from '../kernel/db.ts'
import type { Sweep } from '../kernel/sweep.ts'

/** Ends that concern no token any more. The newest stays: tokens are measured against its number. */
export const pruneRevocations: Sweep = {
  name: 'identity.revocations', every: 3600,
  async run(basis) {
    await basis.db.write([q.delete(revocation).where(and(lt(revocation.expiresAt, basis.world.now()), sql`${revocation.seq} < (select max(seq) from revocation)`))])
  },
}
