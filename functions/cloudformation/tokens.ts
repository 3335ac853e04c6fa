import { Buffer } from 'node:buffer'
import { and, eq, gt } from 'drizzle-orm'
import { idempotency } from '../../schema/kernel.ts'
import { awsFault } from '../aws/faults.ts'
import { sha256 } from '../aws/sign.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { onDuplicate, q } from '../kernel/db.ts'
import { seconds } from '../kernel/env.ts'
import { Stale } from '../kernel/fault.ts'
import { validation } from './find.ts'

/** Of two that come at once the second looks again, and finds the first one's answer. */
onDuplicate('idempotency.key', () => new Stale('token'))

/**
 * A request that carries a client's own token is done once: coming again it gets the answer it got; one that says something
 * else under the same token is refused.
 */
export async function once<T>(ctx: Ctx, action: string, input: { ClientRequestToken?: string; ClientToken?: string }, work: () => Promise<T>): Promise<T> {
  const token = input.ClientRequestToken ?? input.ClientToken
  if (!token) return work()
  const key = `cloudformation ${ctx.project} ${action} ${token}`, said = sha256(JSON.stringify(input))
  const [[have]] = await ctx.read(q.select().from(idempotency).where(and(eq(idempotency.key, key), gt(idempotency.expiresAt, ctx.now()))))
  if (have) {
    const { said: before, answer } = have.answer as { said: string; answer: T }
    if (before !== said) throw awsFault('TokenAlreadyExistsException', `A client request token already exists: ${token}`, { status: 400 })
    return answer
  }
  const answer = await work()
  ctx.stage(q.delete(idempotency).where(and(eq(idempotency.key, key))))
  ctx.stage(q.insert(idempotency).values({ key, answer: { said, answer: answer ?? null }, expiresAt: ctx.now() + seconds(3600) }))
  return answer
}

/** Where the next page begins; only what a page itself said is taken. */
export const pageToken = (...at: (string | number)[]) => Buffer.from(JSON.stringify(at)).toString('base64url')
export function readToken(text: string | undefined): (string | number)[] | undefined {
  if (text === undefined) return undefined
  try {
    const at: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (Array.isArray(at) && at.length > 0 && at.length < 4 && at.every((x) => typeof x === 'string' || Number.isSafeInteger(x))) return at
  } catch { /* told below */ }
  throw validation('NextToken is not valid.')
}
