import { Buffer } from 'node:buffer'
import { and, eq, gt, lte } from 'drizzle-orm'
import { idempotency } from '../../schema/kernel.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { seconds } from '../kernel/env.ts'
import type { Fault } from '../kernel/fault.ts'
import { sha256 } from './sign.ts'

/**
 * A request that carries a client's own token is done once: coming again it gets the answer it got; one that says something
 * else under the same token is refused. `life`: for so many seconds.
 */
export const onceOf = (front: string, life: number, refused: (token: string) => Fault) => async function once<T>(ctx: Ctx, action: string, input: { ClientRequestToken?: string; ClientToken?: string }, work: () => Promise<T>): Promise<T> {
  const token = input.ClientRequestToken ?? input.ClientToken
  if (!token) return work()
  const key = `${front} ${ctx.project} ${action} ${token}`, said = sha256(JSON.stringify(input))
  const earlier = async (): Promise<{ answer: T } | undefined> => {
    const [[have]] = await ctx.read(q.select().from(idempotency).where(and(eq(idempotency.key, key), gt(idempotency.expiresAt, ctx.now()))))
    if (!have) return undefined
    const before = have.answer as { said: string; answer: T }
    if (before.said !== said) throw refused(token)
    return { answer: before.answer ?? undefined as T }
  }
  const have = await earlier()
  if (have) return have.answer
  // First in the batch, so that of two that come at once the second is told by this and looks again; what is answered goes in
  // before it is written out.
  const kept: { said: string; answer?: unknown } = { said }, row = { answer: kept, expiresAt: ctx.now() + seconds(life) }
  ctx.stage(q.insert(idempotency).values({ key, ...row }).onConflictDoUpdate({ target: idempotency.key, set: row, setWhere: lte(idempotency.expiresAt, ctx.now()) }), 'stale')
  try {
    const answer = await work()
    kept.answer = answer ?? null
    return answer
  } catch (e) {
    // Refused for what the first of them has just done.
    const meanwhile = await earlier()
    if (!meanwhile) throw e
    ctx.cut(0)
    return meanwhile.answer
  }
}

/** Where the next page begins; only what a page itself said is taken. */
export const pageToken = (...at: (string | number)[]) => Buffer.from(JSON.stringify(at)).toString('base64url')
export function readToken(text: string | undefined, refused: () => Fault): (string | number)[] | undefined {
  if (text === undefined) return undefined
  try {
    const at: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (Array.isArray(at) && at.length > 0 && at.length < 4 && at.every((x) => typeof x === 'string' || Number.isSafeInteger(x))) return at
  } catch { /* told below */ }
  throw refused()
}
