import { Buffer } from 'node:buffer'
import { sql } from 'drizzle-orm'
import { readText } from '../../kernel/body.ts'
import { Fault } from '../../kernel/fault.ts'
import { sourceOf } from '../guesses.ts'
import { MAX_PASSWORD } from '../passwords.ts'
import { endpoint } from '../service.ts'
import { attempt } from '../tokens/attempt.ts'
import { Halfway, issueFor } from '../tokens/issue.ts'
import { appProof } from '../tokens/proof.ts'

const refuse = (status: number, error: string, error_description: string) =>
  Response.json({ error, error_description }, { status, headers: { 'cache-control': 'no-store', ...(status === 401 && { 'www-authenticate': 'Basic realm="identity"' }) } })

/** OAuth2 client credentials: an application credential is the client. Failures are in that protocol's own words. */
export const token = endpoint({
  id: 'oauth2.token', method: 'POST', path: '/OS-OAUTH2/token', status: 200, policy: 'public', raw: true, summary: 'Get a token by OAuth2 client credentials (an application credential)',
  async handle(ctx, { request }) {
    const form = new URLSearchParams(await readText(request, 16_384))
    const basic = /^Basic ([\w+/=]+)$/i.exec(request.headers.get('authorization') ?? '')
    const [, id, secret] = basic ? /^([^:]*):([^]*)$/.exec(Buffer.from(basic[1], 'base64').toString('utf8')) ?? [] : ['', form.get('client_id') ?? undefined, form.get('client_secret') ?? undefined]
    if (form.get('grant_type') !== 'client_credentials') return refuse(400, 'unsupported_grant_type', 'The parameter grant_type has to be client_credentials.')
    if (!id || !secret || id.length > 64 || Buffer.byteLength(secret) > MAX_PASSWORD) return refuse(401, 'invalid_client', 'Client authentication is required: id and secret of an application credential.')
    try {
      const proof = appProof(sql`${id}`, secret)
      const { claims, token } = await attempt(ctx, ['application_credential'], () => issueFor(ctx, { ...proof, factors: true, guessed: { source: sourceOf(ctx, request) } }, { kind: 'project', id: proof.place! }))
      return Response.json({ access_token: token, token_type: 'Bearer', expires_in: Math.floor((claims.expiresAt - ctx.now()) / 1e6) }, { headers: { 'cache-control': 'no-store' } })
    } catch (e) {
      if (e instanceof Halfway) return refuse(401, 'invalid_client', 'The user of the application credential has set that more is to be shown at each login.')
      if (e instanceof Fault && !e.detail.status && (e.kind === 'unauthorized' || e.kind === 'forbidden')) return refuse(401, 'invalid_client', 'The application credential is not good.')
      throw e
    }
  },
})
