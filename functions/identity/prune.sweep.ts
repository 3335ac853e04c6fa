import { and, lt, sql } from 'drizzle-orm'
import { deviceGrant, guess, membership, oauthToken, revocation } from '../../schema/identity.ts'
import { q } from '../kernel/db.ts'
import { seconds } from '../kernel/env.ts'
import type { Sweep } from '../kernel/sweep.ts'

/** What has served: guesses of a day ago, what was lent or believed for a time, and ends that concern no token any more. The newest stays: tokens are measured against its number. */
export const pruneRevocations: Sweep = {
  name: 'identity.revocations', every: 3600,
  async run(basis) {
    // A kind that no hash is of any more is none to compute; that it is gone is news for every instance.
    const idle = sql`not exists (select 1 from user where substr(password, 1, 22) <> '$scrypt$ln=14,r=8,p=1$' and password >= foreign_hash.kind and password < foreign_hash.kind || '~')
      and not exists (select 1 from application_credential where substr(secret, 1, length(foreign_hash.kind)) = foreign_hash.kind)`
    await basis.db.write([q.run(sql`update identity_revision set revision = revision + 1 where exists (select 1 from foreign_hash where ${idle})`), q.run(sql`delete from foreign_hash where ${idle}`),
      q.delete(guess).where(lt(guess.at, basis.world.now() - seconds(86_400))), q.delete(deviceGrant).where(lt(deviceGrant.expiresAt, basis.world.now() - seconds(600))), q.delete(oauthToken).where(lt(oauthToken.expiresAt, basis.world.now())), q.delete(membership).where(lt(membership.expiresAt, basis.world.now())), q.delete(revocation).where(and(lt(revocation.expiresAt, basis.world.now()), sql`${revocation.seq} < (select max(seq) from revocation)`))])
  },
}
