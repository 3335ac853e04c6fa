import { createHash, timingSafeEqual } from 'node:crypto'
import { Buffer } from 'node:buffer'
import { asc, eq } from 'drizzle-orm'
import { federationProtocol } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { invalid, unauthorized } from '../../kernel/fault.ts'
import { seal, unseal } from '../seal.ts'
import { endpoint } from '../service.ts'
import { attempt } from '../tokens/attempt.ts'
import { tokenBody } from '../tokens/body.ts'
import { refused } from '../tokens/request.ts'
import { admit, wayIn, type Way } from './login.ts'
import { claimsOfBearer, claimsOfCode, providerOf } from './oidc.ts'

const ours = (way: Way) => { if (!way.client) throw unauthorized(`Nothing is set for identity provider ${way.idp.id} to verify what a client brings: set 'client' of its protocol ${way.protocol.id}.`); return way.client }

/** With a token of the provider's in hand: for command lines, by whatever flow they got it (password, device, code). */
export const auth = (['GET', 'POST'] as const).map((method) => endpoint({
  id: `federation.auth.${method.toLowerCase()}`, method, path: '/OS-FEDERATION/identity_providers/{idp}/protocols/{protocol}/auth', status: 201, policy: 'public', raw: true, summary: "Get a token without scope for an identity provider's token",
  async handle(ctx, { params, request }) {
    const [, bearer] = /^Bearer\s+(\S{1,16384})$/i.exec(request.headers.get('authorization') ?? '') ?? []
    if (!bearer) throw refused()
    const way = await wayIn(ctx, params.idp, params.protocol)
    const { claims, token, directory } = await attempt(ctx, [params.protocol], async () => admit(ctx, way, await claimsOfBearer(ctx.world, ours(way), bearer)))
    ctx.headers.set('x-subject-token', token)
    ctx.headers.set('vary', 'X-Auth-Token')
    return tokenBody(claims, directory, false)
  },
}))

const COOKIE = 'virga_sso', MINUTES = 10 * 60_000_000
const random = (ctx: Ctx) => Buffer.from(ctx.world.random(32)).toString('base64url')
const same = (a: string, b: string) => { const [x, y] = [a, b].map((s) => createHash('sha256').update(s).digest()); return timingSafeEqual(x, y) }
const escape = (s: string) => s.replaceAll(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
/** Where a browser may be sent with a token: exactly these addresses. */
const trusted = (ctx: Ctx) => (ctx.env.TRUSTED_DASHBOARDS ?? `${ctx.env.PUBLIC_URL ?? ctx.origin}/dashboard/auth/websso/`).split(',').map((s) => s.trim()).filter(Boolean)

/** For browsers: off to the provider, and back with a code, from which the dashboard that sent them gets a token. */
async function websso(ctx: Ctx, { url, query, request }: Input, idp: string, protocol: string) {
  const way = await wayIn(ctx, idp, protocol), client = ours(way), redirect = `${ctx.origin}${url.pathname}`, code = query.get('code')
  const attributes = `Path=${new URL(redirect).pathname}; HttpOnly; SameSite=Lax${redirect.startsWith('https:') ? '; Secure' : ''}`
  if (!code && !query.has('error')) {
    const origin = query.get('origin') ?? ''
    if (!trusted(ctx).includes(origin)) throw unauthorized(`${origin.slice(0, 200)} is not a trusted dashboard host.`)
    const verifier = random(ctx), state = random(ctx), nonce = random(ctx), p = await providerOf(ctx.world, client.issuer)
    const to = new URL(p.authorization_endpoint)
    for (const [k, v] of Object.entries({
      response_type: 'code', client_id: client.client_id, redirect_uri: redirect, scope: client.scope ?? 'openid email profile', state, nonce, code_challenge_method: 'S256',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    })) to.searchParams.set(k, v)
    const memory = await seal(ctx.env, ctx.world, COOKIE, JSON.stringify({ state, nonce, verifier, origin, until: ctx.now() + MINUTES }))
    return new Response(null, { status: 302, headers: { location: to.href, 'set-cookie': `${COOKIE}=${encodeURIComponent(memory)}; Max-Age=600; ${attributes}`, 'cache-control': 'no-store' } })
  }
  const cookie = (request.headers.get('cookie') ?? '').split(/;\s*/).find((c) => c.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1)
  const memory = cookie && await unseal(ctx.env, COOKIE, decodeURIComponent(cookie)).then((s) => JSON.parse(s) as { state: string; nonce: string; verifier: string; origin: string; until: number }).catch(() => undefined)
  if (!memory || memory.until < ctx.now() || !same(memory.state, query.get('state') ?? '')) throw unauthorized('This login was not begun here, or too long ago: begin it again.')
  if (!code) throw unauthorized('The identity provider did not let the user in.')
  const { token } = await attempt(ctx, [protocol], async () => admit(ctx, way, await claimsOfCode(ctx.world, client, code, { redirect, ...memory })))
  const script = "document.forms[0].submit()"
  return new Response(`<!DOCTYPE html><html><head><title>Signing in</title></head><body><form method="post" action="${escape(memory.origin)}"><input type="hidden" name="token" value="${escape(token)}"><noscript><button>Continue</button></noscript></form><script>${script}</script></body></html>`, {
    headers: {
      'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'set-cookie': `${COOKIE}=; Max-Age=0; ${attributes}`, 'referrer-policy': 'no-referrer',
      'content-security-policy': `default-src 'none'; script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'; form-action ${new URL(memory.origin).origin}; frame-ancestors 'none'`,
    },
  })
}

export const sso = [
  endpoint({
    id: 'federation.websso.provider', method: 'GET', path: '/auth/OS-FEDERATION/identity_providers/{idp}/protocols/{protocol}/websso', status: 302, policy: 'public', summary: 'Log a browser in with an identity provider',
    handle: (ctx, input) => websso(ctx, input, input.params.idp, input.params.protocol),
  }),
  endpoint({
    id: 'federation.websso', method: 'GET', path: '/auth/OS-FEDERATION/websso/{protocol}', status: 302, policy: 'public', summary: 'The same where only one identity provider speaks the protocol',
    async handle(ctx, input) {
      const [rows] = await ctx.read(q.select({ idp: federationProtocol.idp }).from(federationProtocol).where(eq(federationProtocol.id, input.params.protocol)).orderBy(asc(federationProtocol.idp)).limit(2))
      if (rows.length !== 1) throw invalid(rows.length ? 'Several identity providers speak this protocol: name one in the path.' : `No identity provider speaks ${input.params.protocol}.`)
      return websso(ctx, input, rows[0].idp, input.params.protocol)
    },
  }),
]
