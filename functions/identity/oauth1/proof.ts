import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { consumer, oauthToken } from '../../../schema/identity.ts'
import { idempotency } from '../../../schema/kernel.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { seconds } from '../../kernel/env.ts'
import { invalid } from '../../kernel/fault.ts'
import { unseal } from '../seal.ts'
import type { Proof } from '../tokens/proof.ts'
import { refused } from '../tokens/request.ts'
import { signedBy } from './signature.ts'

const WINDOW = 900
// The same request a second time: somebody has listened.
onDuplicate('idempotency.key', refused)

/** Who signed this request, with which consumer and which token; each signature is good once, for a quarter of an hour. */
export async function signer(ctx: Ctx, request: Request, kind?: 'request' | 'access') {
  const url = new URL(request.url), signed = signedBy(request.method, `${ctx.origin}${url.pathname}`, url.searchParams, request.headers.get('authorization'))
  if (!signed) throw invalid('The request has to be signed as OAuth 1.0 says, with HMAC-SHA1, HMAC-SHA256 or HMAC-SHA512, in its Authorization header.')
  const { oauth_consumer_key: key = '', oauth_token: token = '', oauth_timestamp: at = '', oauth_nonce: nonce = '' } = signed.params
  const [[who], [of]] = await ctx.read(q.select().from(consumer).where(eq(consumer.id, key)), q.select().from(oauthToken).where(eq(oauthToken.id, kind ? token : '')))
  const now = ctx.now(), live = !kind || (of && of.kind === kind && of.consumer === key && (of.expiresAt === null || of.expiresAt > now))
  const good = signed.matches(who?.secret ?? '', of ? await unseal(ctx.env, of.id, of.secret) : '')
  if (!who || !live || !good || !/^\d{1,12}$/.test(at) || Math.abs(now / 1e6 - Number(at)) > WINDOW || !nonce) throw refused()
  const once = createHash('sha256').update(JSON.stringify([key, token, at, nonce])).digest('hex')
  ctx.stage(q.insert(idempotency).values({ key: `oauth1:${once}`, answer: true, expiresAt: now + seconds(2 * WINDOW) }))
  return { who, of: of as typeof oauthToken.$inferSelect, params: signed.params }
}

export const word = (ctx: Ctx, bytes: number) => Buffer.from(ctx.world.random(bytes)).toString('hex')

/** To authenticate by an access token is to sign the request with it. */
export async function oauthProof(ctx: Ctx, request: Request): Promise<Proof> {
  const { of } = await signer(ctx, request, 'access')
  return {
    methods: ['oauth1'], who: sql`${of.user}`, place: sql`${of.project}`, only: of.roles, mark: { oauth: { consumer: of.consumer, access: of.id } },
    check: async (u) => u !== undefined,
  }
}
