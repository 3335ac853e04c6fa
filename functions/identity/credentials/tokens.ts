import { Buffer } from 'node:buffer'
import { and, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { credential } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid } from '../../kernel/fault.ts'
import { unseal } from '../seal.ts'
import { endpoint } from '../service.ts'
import { attempt } from '../tokens/attempt.ts'
import { tokenBody } from '../tokens/body.ts'
import { issueFor } from '../tokens/issue.ts'
import { refused } from '../tokens/request.ts'
import { ec2Id, type Ec2Blob } from './model.ts'
import { claimOf, s3ClaimOf, type Claim } from './signature.ts'

const words = t.Record(t.String({ maxLength: 1024 }), t.Union([t.String({ maxLength: 65_535 }), t.Number()]))
const text = t.String({ maxLength: 65_535 })
const asked = t.Object({
  access: text, signature: text, host: t.Optional(text), verb: t.Optional(text), path: t.Optional(text), params: t.Optional(words), headers: t.Optional(words), body_hash: t.Optional(text), token: t.Optional(text),
})
const MINUTES = 60_000

/** Whose key signed? The token that follows is bound as the key is, and looked up anew: roles lost since are not in it. */
async function holder(ctx: Ctx, access: string, claim: Claim | undefined, window: number) {
  const [[row]] = await ctx.read(q.select().from(credential).where(and(eq(credential.id, ec2Id(access)), eq(credential.type, 'ec2'))))
  const blob = row && JSON.parse(await unseal(ctx.env, row.id, row.blob)) as Ec2Blob | undefined
  if (!row || !blob || !claim || blob.trust_id || row.project === null) throw refused()
  // An old signature is worth nothing, however good.
  if (!(Math.abs(ctx.now() / 1000 - claim.time) <= window) || !claim.matches(blob.secret)) throw refused()
  const app = blob.app_cred_id
  return issueFor(ctx, {
    methods: ['ec2credential'], who: sql`${row.user}`, app: app ? sql`${app}` : undefined,
    check: async (u, { app: found }) => u !== undefined && (!app || (found?.user === row.user && found.project === row.project)),
  }, { kind: 'project', id: sql`${row.project}` })
}

/** For services that received a signed EC2 request: nobody else may turn a signature into a token. */
export const ec2 = endpoint({
  id: 'ec2tokens.create', method: 'POST', path: '/ec2tokens', status: 200, policy: 'identity:ec2_authenticate', summary: 'Whose EC2 signature is this? (for services)',
  body: { '3.0': t.Object({ credentials: t.Optional(asked), ec2Credentials: t.Optional(asked) }) },
  async handle(ctx, { body }) {
    const given = body.credentials ?? body.ec2Credentials
    if (!given) throw invalid("Expecting to find 'credentials' in the request body.")
    const strings = (o: Record<string, string | number> = {}) => Object.fromEntries(Object.entries(o).map(([k, v]) => [k, String(v)]))
    const claim = claimOf({ verb: given.verb ?? '', host: given.host ?? '', path: given.path ?? '', params: strings(given.params), headers: strings(given.headers), bodyHash: given.body_hash ?? '' }, given.signature)
    // What was signed for S3 (a link somebody was given, say) is no way to log in.
    const { claims, token, directory } = await attempt(ctx, ['ec2credential'], () => holder(ctx, given.access, claim?.service === 's3' ? undefined : claim, 15 * MINUTES))
    ctx.headers.set('x-subject-token', token)
    return tokenBody(claims, directory, true)
  },
})

/** For object stores: tells who signed and what they may do there. There is no token to take away. */
export const s3 = endpoint({
  id: 's3tokens.create', method: 'POST', path: '/s3tokens', status: 200, policy: 'identity:ec2_authenticate', summary: 'Whose S3 signature is this? (for services)',
  body: { '3.0': t.Object({ credentials: asked }) },
  async handle(ctx, { body: { credentials: given } }) {
    // A link may be used for a week; the store itself looks at its hours.
    const { claims, directory } = await attempt(ctx, ['ec2credential'], () => holder(ctx, given.access, s3ClaimOf(Buffer.from(given.token ?? '', 'base64').toString('utf8'), given.signature), 7 * 24 * 60 * MINUTES))
    return tokenBody(claims, directory, false)
  },
})
