import { Buffer } from 'node:buffer'
import { eq, sql } from 'drizzle-orm'
import { mapping } from '../../../schema/identity.ts'
import { readText } from '../../kernel/body.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { Fault } from '../../kernel/fault.ts'
import { map } from '../federation/rules.ts'
import { sourceOf } from '../guesses.ts'
import { MAX_PASSWORD } from '../passwords.ts'
import { securityOf } from '../security.ts'
import { endpoint } from '../service.ts'
import { attempt } from '../tokens/attempt.ts'
import { Halfway, issueFor, type Issued } from '../tokens/issue.ts'
import { appProof } from '../tokens/proof.ts'
import { scopeOf } from '../tokens/request.ts'
import { certificateOf, type Certificate } from './certificate.ts'
import { DEVICE_CODE, redeem, refusal } from './device.ts'

const answer = (ctx: Ctx, { claims, token }: Issued) => Response.json({ access_token: token, token_type: 'Bearer', expires_in: Math.floor((claims.expiresAt - ctx.now()) / 1e6) }, { headers: { 'cache-control': 'no-store' } })

/** An application credential is the client. */
async function bySecret(ctx: Ctx, request: Request, id: string | undefined, secret: string | undefined): Promise<Issued | Response> {
  if (!id || !secret || id.length > 64 || Buffer.byteLength(secret) > MAX_PASSWORD) return refusal(401, 'invalid_client', 'Client authentication is required: id and secret of an application credential.')
  const proof = appProof(sql`${id}`, secret)
  return attempt(ctx, ['application_credential'], () => issueFor(ctx, { ...proof, factors: true, guessed: { source: sourceOf(ctx, request) } }, { kind: 'project', id: proof.place! }))
}

/**
 * A user is the client, and a certificate the proof (RFC 8705). The mapping named in the settings says what of the certificate's names has to be
 * what of the user, as Keystone has it; the token goes with that certificate alone.
 */
async function byCertificate(ctx: Ctx, id: string, c: Certificate): Promise<Issued> {
  const [[found]] = await ctx.read(q.select().from(mapping).where(eq(mapping.id, securityOf(ctx.env).oauth2_cert_dn_mapping_id)))
  const mapped = found && map(found.rules as never, c.names).user, now = ctx.now() / 1000, who = sql`${id}`
  return attempt(ctx, ['oauth2_credential'], () => issueFor(ctx, {
    methods: ['oauth2_credential'], who, mark: { certificate: c.thumbprint },
    async check(u) {
      if (!u || !mapped || c.from > now || c.until < now || !(mapped.id ?? (mapped.name && (mapped.domain?.id ?? mapped.domain?.name)))) return false
      const pairs: [string | undefined, unknown][] = [[mapped.id, u.user.id], [mapped.name, u.user.name], [mapped.email, u.user.extra.email], [mapped.domain?.id, u.user.domain], [mapped.domain?.name, u.home?.name]]
      return pairs.every(([want, have]) => want === undefined || want === have)
    },
  }, scopeOf(undefined, who)))
}

/** OAuth2: client credentials (an application credential, or a user's certificate), and devices. Failures are in that protocol's own words. */
export const token = endpoint({
  id: 'oauth2.token', method: 'POST', path: '/OS-OAUTH2/token', status: 200, policy: 'public', raw: true, summary: 'Get a token by OAuth2: client credentials (an application credential or a certificate), or a device code',
  async handle(ctx, { request }) {
    const form = new URLSearchParams(await readText(request, 16_384)), grant = form.get('grant_type')
    const basic = /^Basic ([\w+/=]+)$/i.exec(request.headers.get('authorization') ?? '')
    const [, id, secret] = basic ? /^([^:]*):([^]*)$/.exec(Buffer.from(basic[1], 'base64').toString('utf8')) ?? [] : ['', form.get('client_id') ?? undefined, form.get('client_secret') ?? undefined]
    try {
      if (grant === DEVICE_CODE) { const out = await redeem(ctx, form); return out instanceof Response ? out : answer(ctx, out) }
      if (grant !== 'client_credentials') return refusal(400, 'unsupported_grant_type', 'The parameter grant_type has to be client_credentials, or that of device codes.')
      const certificate = id && !secret && id.length <= 64 ? certificateOf(ctx.env, request) : undefined
      const out = certificate ? await byCertificate(ctx, id!, certificate) : await bySecret(ctx, request, id, secret)
      return out instanceof Response ? out : answer(ctx, out)
    } catch (e) {
      if (e instanceof Halfway) return refusal(401, 'invalid_client', 'The user of the application credential has set that more is to be shown at each login.')
      if (e instanceof Fault && !e.detail.status && (e.kind === 'unauthorized' || e.kind === 'forbidden')) return refusal(401, 'invalid_client', secret ? 'The application credential is not good.' : 'The certificate is not good for this user.')
      throw e
    }
  },
})
