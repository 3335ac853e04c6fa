import type { Ctx } from '../../kernel/ctx.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { seconds } from '../../kernel/env.ts'
import { Fault, forbidden, notFound } from '../../kernel/fault.ts'
import { directoryFor, directoryQuery, learn } from '../directory.ts'
import { revoke } from '../revoke.ts'
import { endpoint } from '../service.ts'
import { verifyToken } from './authenticate.ts'
import { tokenBody, tokenText } from './body.ts'
import type { TokenClaims } from './claims.ts'
import { Halfway, issue } from './issue.ts'
import { authBody } from './request.ts'

/** How long after its end a service may still look at a token, to finish work that began in time. */
export const GRACE = seconds(2 * 86400)

export const create = endpoint({
  id: 'tokens.create', method: 'POST', path: '/auth/tokens', status: 201, policy: 'public', summary: 'Authenticate and get a token',
  body: { '3.0': authBody },
  async handle(ctx, input) {
    const { body, query } = input, issued = await issue(ctx, body.auth, input).catch((e) => { if (e instanceof Halfway) return e.answer; throw e })
    if (issued instanceof Response) return issued
    const { claims, token, directory } = issued
    ctx.headers.set('x-subject-token', token)
    ctx.headers.set('vary', 'X-Auth-Token')
    return tokenBody(claims, directory, !query.has('nocatalog'))
  },
})

/** The token asked about. One that is not valid is not found. */
async function subject(ctx: Ctx, input: Input, rule: string, allowExpired: boolean): Promise<{ token: string; claims: TokenClaims }> {
  const token = input.request.headers.get('x-subject-token') ?? ''
  const lenient = allowExpired && /^(1|true)$/i.test(input.query.get('allow_expired') ?? '') && (ctx.caller.admin || ctx.caller.roles.includes('service'))
  const claims = await verifyToken(ctx.env, ctx.world, ctx.basis.db, token, { expiredFor: lenient ? GRACE : 0 })
    .catch((e) => { throw e instanceof Fault && e.kind === 'unauthorized' ? notFound('token', '', 'Could not recognize the subject token: it is unknown, expired or revoked.') : e })
  if (!ctx.can(rule, { user: claims.user.id })) throw forbidden(`You are not authorized to perform the requested action: ${rule}.`)
  return { token, claims }
}

export async function directoryNow(ctx: Ctx) {
  const have = directoryFor(ctx.env.LIBSQL_URL)
  if (have) return have
  const [rows] = await ctx.read(directoryQuery(ctx.env.LIBSQL_URL))
  return learn(ctx.env.LIBSQL_URL, rows)
}

const look = (method: 'GET' | 'HEAD', id: string, rule: 'identity:validate_token' | 'identity:check_token') => endpoint({
  id, method, path: '/auth/tokens', status: 200, policy: rule, summary: 'Validate a token',
  async handle(ctx, input) {
    const { token, claims } = await subject(ctx, input, rule, true)
    ctx.headers.set('x-subject-token', token)
    ctx.headers.set('vary', 'X-Auth-Token')
    return method === 'HEAD' ? undefined : tokenText(claims, directoryFor(ctx.env.LIBSQL_URL) ?? await directoryNow(ctx), !input.query.has('nocatalog'))
  },
})
export const show = look('GET', 'tokens.show', 'identity:validate_token')
export const check = look('HEAD', 'tokens.check', 'identity:check_token')

export const remove = endpoint({
  id: 'tokens.delete', method: 'DELETE', path: '/auth/tokens', status: 204, policy: 'identity:revoke_token', summary: 'Revoke a token',
  async handle(ctx, input) {
    const { claims } = await subject(ctx, input, 'identity:revoke_token', false)
    ctx.about(claims.user.id)
    revoke(ctx, `a:${claims.auditIds[0]}`)
  },
})

export const revoked = endpoint({
  id: 'tokens.revoked', method: 'GET', path: '/auth/tokens/OS-PKI/revoked', status: 200, policy: 'identity:list_services', summary: 'List revoked tokens (a format that is not in use any more)',
  handle() { throw new Fault('notFound', 'PKI tokens are not in use: ask for a token itself.', { status: 410 }) },
})
