import { lt } from 'drizzle-orm'
import { signature } from '../../schema/aws.ts'
import { q } from '../kernel/db.ts'
import type { Sweep } from '../kernel/sweep.ts'

/** Signatures that are refused for their age need not be remembered. */
export const pruneSignatures: Sweep = {
  name: 'signatures', every: 300,
  async run(basis) { await basis.db.write([q.delete(signature).where(lt(signature.expiresAt, basis.world.now()))]) },
}
