import { Buffer } from 'node:buffer'
import { sql } from 'drizzle-orm'
import { readText } from '../../kernel/body.ts'
import { Fault } from '../../kernel/fault.ts'
import { checkSecret, MAX_PASSWORD } from '../passwords.ts'
import { endpoint } from '../service.ts'
import { issueFor } from '../tokens/issue.ts'

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
      const { claims, token } = await issueFor(ctx, {
        methods: ['application_credential'], app: sql`${id}`, who: sql`(select user_id from application_credential where id = ${id})`, check: (_, row) => checkSecret(secret, row?.secret),
      }, { kind: 'project', id: sql`(select project_id from application_credential where id = ${id})` })
      return Response.json({ access_token: token, token_type: 'Bearer', expires_in: Math.floor((claims.expiresAt - ctx.now()) / 1e6) }, { headers: { 'cache-control': 'no-store' } })
    } catch (e) {
      if (e instanceof Fault && (e.kind === 'unauthorized' || e.kind === 'forbidden')) return refuse(401, 'invalid_client', 'The application credential is not good.')
      throw e
    }
  },
})
