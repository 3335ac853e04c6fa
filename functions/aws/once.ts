import { signature } from '../../schema/aws.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { onDuplicate, q } from '../kernel/db.ts'
import type { Env } from '../kernel/env.ts'
import { awsFault } from './faults.ts'
import type { Claim } from './sign.ts'

const replayed = () => awsFault('SignatureDoesNotMatch', 'This signature was used before. Sign each request anew; two that say the same within one second need a signed header that differs.')
onDuplicate('aws_signature.signature', replayed)

/** What this isolate has seen, where the platform keeps no better memory. */
const local = new Map<string, number>()

/**
 * Refuses a signature that was seen before. One memory per access key, for all isolates; clients stamp requests in whole
 * seconds and number their tries outside of what they sign, so for two seconds the same words with another number pass.
 */
export async function once(env: Env, claim: Claim, request: Request): Promise<void> {
  const by = `${request.headers.get('amz-sdk-invocation-id') ?? ''} ${request.headers.get('amz-sdk-request') ?? ''}`
  if (env.DOORBELL) {
    const memory = env.DOORBELL.get(env.DOORBELL.idFromName(`signatures:${claim.access}`))
    const answer = await memory.fetch(`http://doorbell/once?mark=${claim.signature}&by=${encodeURIComponent(by.slice(0, 200))}`)
    if (answer.status === 409) throw replayed()
    return
  }
  const mark = `${claim.access} ${claim.signature} ${by}`, now = Date.now()
  for (const [m, until] of local) { if (until < now || local.size > 20_000) local.delete(m); else break }
  if (local.has(mark)) throw replayed()
  local.set(mark, claim.until)
}

/** With whatever the request changes: of two that bear one signature one changes something, whoever else forgets. */
export const spend = (claim: Claim) => (ctx: Ctx) => ctx.stage(q.insert(signature).values({ signature: claim.signature, expiresAt: (claim.until + 1000) * 1000 }))
