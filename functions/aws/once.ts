import { signature } from '../../schema/aws.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { onDuplicate, q } from '../kernel/db.ts'
import { Doorbell } from '../kernel/doorbell.ts'
import type { Env } from '../kernel/env.ts'
import { awsFault } from './faults.ts'
import type { Claim } from './sign.ts'

const replayed = () => awsFault('SignatureDoesNotMatch', 'This signature was used before. Sign each request anew; two that say the same within one second need a signed header that differs.')
onDuplicate('aws_signature.signature', replayed)

/** What this isolate has seen, where the platform keeps no better memory. */
const memory = new Doorbell()

/**
 * Refuses a signature that was seen before. One memory per access key, for all isolates. Clients stamp requests in whole
 * seconds, and two runs of a command line in one of them sign the same: so for two seconds the same words pass, unless they
 * come with the very number of a try that was heard already. What changes something passes once in any case; see `spend`.
 */
export async function once(env: Env, claim: Claim, request: Request): Promise<void> {
  const by = `${request.headers.get('amz-sdk-invocation-id') ?? ''} ${request.headers.get('amz-sdk-request') ?? ''}`.trim()
  const to = env.DOORBELL?.get(env.DOORBELL.idFromName(`signatures:${claim.access}`)) ?? { fetch: (url: string) => memory.fetch(new Request(url)) }
  const answer = await to.fetch(`http://doorbell/once?mark=${claim.signature}&by=${encodeURIComponent(by.slice(0, 200))}`)
  if (answer.status !== 409) return
  console.warn(JSON.stringify({ level: 'warn', what: 'signature used again', key: claim.access, signed: claim.at, why: await answer.text() }))
  throw replayed()
}

/** With whatever the request changes: of two that bear one signature one changes something, whoever else forgets. */
export const spend = (claim: Claim) => (ctx: Ctx) => ctx.stage(q.insert(signature).values({ signature: claim.signature, expiresAt: (claim.until + 1000) * 1000 }))
