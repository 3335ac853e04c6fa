import { createHash, timingSafeEqual } from 'node:crypto'
import { Buffer } from 'node:buffer'
import { asc, eq } from 'drizzle-orm'
import { federationProtocol } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { readText } from '../../kernel/body.ts'
import { invalid, notFound, unauthorized } from '../../kernel/fault.ts'
import { seal, unseal } from '../seal.ts'
import { endpoint } from '../service.ts'
import { attempt } from '../tokens/attempt.ts'
import { tokenBody } from '../tokens/body.ts'
import { refused } from '../tokens/request.ts'
import { admit, wayIn, type Way } from './login.ts'
import { assertionOf, claimsOfBearer, claimsOfCode, providerOf, type Client } from './oidc.ts'
import { isSaml, placeOf, samlAssertion, samlMetadata, samlRequest, samlRequestXml, type SamlClient } from './saml2.ts'

const ours = (way: Way): Client => { if (!way.client || isSaml(way.client)) throw unauthorized(`Nothing is set for identity provider ${way.idp.id} to verify what a client brings: set 'client' of its protocol ${way.protocol.id}.`); return way.client }

/** With a token of the provider's in hand: for command lines, by whatever flow they got it (password, device, code). */
export const auth = (['GET', 'POST'] as const).map((method) => endpoint({
  id: `federation.auth.${method.toLowerCase()}`, method, path: '/OS-FEDERATION/identity_providers/{idp}/protocols/{protocol}/auth', status: 201, policy: 'public', raw: true, summary: "Get a token without scope for an identity provider's token",
  async handle(ctx, { params, request }) {
    if (/\bapplication\/vnd\.paos\+xml\b/.test(`${request.headers.get('accept')} ${request.headers.get('content-type')}`)) return enhanced(ctx, request, params.idp, params.protocol)
    const [, bearer] = /^Bearer\s+(\S{1,16384})$/i.exec(request.headers.get('authorization') ?? '') ?? []
    if (!bearer) throw refused()
    const way = await wayIn(ctx, params.idp, params.protocol)
    const { claims, token, directory } = await attempt(ctx, [params.protocol], async () => admit(ctx, way, assertionOf(await claimsOfBearer(ctx.world, ours(way), bearer))))
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
async function websso(ctx: Ctx, input: Input, idp: string, protocol: string) {
  const { url, query, request } = input, way = await wayIn(ctx, idp, protocol)
  if (isSaml(way.client)) return samlSso(ctx, input, way, way.client)
  const client = ours(way), redirect = `${ctx.origin}${url.pathname}`, code = query.get('code')
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
  const cookie = cookieOf(request), memory = cookie && await unseal(ctx.env, COOKIE, cookie).then((s) => JSON.parse(s) as { state: string; nonce: string; verifier: string; origin: string; until: number }).catch(() => undefined)
  if (!memory || memory.until < ctx.now() || !same(memory.state, query.get('state') ?? '')) throw unauthorized('This login was not begun here, or too long ago: begin it again.')
  if (!code) throw unauthorized('The identity provider did not let the user in.')
  const { token } = await attempt(ctx, [protocol], async () => admit(ctx, way, assertionOf(await claimsOfCode(ctx.world, client, code, { redirect, ...memory }))))
  return handOver(token, memory.origin, `${COOKIE}=; Max-Age=0; ${attributes}`)
}

/** A page that posts the token to the dashboard, as Keystone's does. */
function handOver(token: string, origin: string, cookie: string): Response {
  const script = "document.forms[0].submit()"
  return new Response(`<!DOCTYPE html><html><head><title>Signing in</title></head><body><form method="post" action="${escape(origin)}"><input type="hidden" name="token" value="${escape(token)}"><noscript><button>Continue</button></noscript></form><script>${script}</script></body></html>`, {
    headers: {
      'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'set-cookie': cookie, 'referrer-policy': 'no-referrer',
      'content-security-policy': `default-src 'none'; script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'; form-action ${new URL(origin).origin}; frame-ancestors 'none'`,
    },
  })
}

interface Memory { id: string; at: number; origin: string; idp: string; protocol: string; until: number }
const remembered = async (ctx: Ctx, text: string | undefined, way: Way): Promise<Memory> => {
  const m = text ? await unseal(ctx.env, COOKIE, text).then((s) => JSON.parse(s) as Memory).catch(() => undefined) : undefined
  if (!m?.id || m.until < ctx.now() || m.idp !== way.idp.id || m.protocol !== way.protocol.id) throw unauthorized('This login was not begun here, or too long ago: begin it again.')
  return m
}
const remember = (ctx: Ctx, way: Way, id: string, origin: string) => seal(ctx.env, ctx.world, COOKIE, JSON.stringify({ id, at: ctx.now(), origin, idp: way.idp.id, protocol: way.protocol.id, until: ctx.now() + MINUTES } satisfies Memory))

/** SAML 2: off to the provider with a request, and back by its form with an answer to that very request of that very browser. */
async function samlSso(ctx: Ctx, { query, request }: Input, way: Way, client: SamlClient) {
  const place = placeOf(ctx, client, way.idp.id, way.protocol.id)
  // The answer is posted by the provider's page: a cookie that must come along with that says so, which browsers believe over TLS only.
  const attributes = `Path=/identity/v3/auth/OS-FEDERATION/; HttpOnly; ${place.acs.startsWith('https:') ? 'SameSite=None; Secure' : 'SameSite=Lax'}`
  if (request.method === 'GET') {
    const origin = query.get('origin') ?? ''
    if (!trusted(ctx).includes(origin)) throw unauthorized(`${origin.slice(0, 200)} is not a trusted dashboard host.`)
    const { url, id } = await samlRequest(ctx, client, place)
    return new Response(null, { status: 302, headers: { location: url, 'set-cookie': `${COOKIE}=${encodeURIComponent(await remember(ctx, way, id, origin))}; Max-Age=600; ${attributes}`, 'cache-control': 'no-store' } })
  }
  const memory = await remembered(ctx, cookieOf(request), way), form = new URLSearchParams(await readText(request, 500_000))
  const { token } = await attempt(ctx, [way.protocol.id], async () => admit(ctx, way, await samlAssertion(ctx, client, place, form.get('SAMLResponse') ?? '', memory)))
  return handOver(token, memory.origin, `${COOKIE}=; Max-Age=0; ${attributes}`)
}
const cookieOf = (request: Request) => { const c = (request.headers.get('cookie') ?? '').split(/;\s*/).find((x) => x.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1); return c && decodeURIComponent(c) }

const SOAP = 'http://schemas.xmlsoap.org/soap/envelope/', PAOS = 'urn:liberty:paos:2003-08', ECP = 'urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp'
/** SAML 2 for command lines (enhanced client or proxy): the client itself carries the request to the provider, and the answer back. */
async function enhanced(ctx: Ctx, request: Request, idp: string, protocol: string) {
  const way = await wayIn(ctx, idp, protocol), { client } = way
  if (!isSaml(client)) throw unauthorized(`The protocol ${protocol} of identity provider ${idp} is none of SAML 2.`)
  const place = placeOf(ctx, client, idp, protocol), { ecp, name } = place, here = { ...place, acs: ecp }
  if (request.method === 'GET') {
    const { xml, id } = await samlRequestXml(ctx, client, here), header = `S:mustUnderstand="1" S:actor="http://schemas.xmlsoap.org/soap/actor/next"`
    const state = escape(await remember(ctx, way, id, ''))
    return new Response(`<S:Envelope xmlns:S="${SOAP}"><S:Header><paos:Request xmlns:paos="${PAOS}" responseConsumerURL="${escape(ecp)}" service="${ECP}" ${header}/><ecp:Request xmlns:ecp="${ECP}" IsPassive="0" ${header}><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">${escape(name)}</saml:Issuer></ecp:Request><ecp:RelayState xmlns:ecp="${ECP}" ${header}>${state}</ecp:RelayState></S:Header><S:Body>${xml.replace(/bindings:HTTP-POST/, 'bindings:PAOS')}</S:Body></S:Envelope>`,
      { headers: { 'content-type': 'application/vnd.paos+xml', 'cache-control': 'no-store' } })
  }
  const text = await readText(request, 500_000), answer = /<((?:[\w-]+:)?Response)[\s>][^]*<\/\1\s*>/.exec(text.replace(/<(?:[\w-]+:)?Header[\s>][^]*?<\/(?:[\w-]+:)?Header\s*>/, ''))?.[0] ?? ''
  const state = /<(?:[\w-]+:)?RelayState\b[^>]*>([^<]+)</.exec(text)?.[1]?.trim()
  const memory = await remembered(ctx, state, way)
  const { claims, token, directory } = await attempt(ctx, [protocol], async () => admit(ctx, way, await samlAssertion(ctx, client, here, Buffer.from(answer).toString('base64'), memory)))
  ctx.headers.set('x-subject-token', token)
  ctx.headers.set('vary', 'X-Auth-Token')
  return Response.json(tokenBody(claims, directory, false), { status: 201 })
}

export const sso = [
  endpoint({
    id: 'federation.websso.provider', method: 'GET', path: '/auth/OS-FEDERATION/identity_providers/{idp}/protocols/{protocol}/websso', status: 302, policy: 'public', summary: 'Log a browser in with an identity provider',
    handle: (ctx, input) => websso(ctx, input, input.params.idp, input.params.protocol),
  }),
  endpoint({
    id: 'federation.websso.answer', method: 'POST', path: '/auth/OS-FEDERATION/identity_providers/{idp}/protocols/{protocol}/websso', status: 200, policy: 'public', raw: true, summary: "Take a SAML identity provider's answer about a browser",
    handle: (ctx, input) => websso(ctx, input, input.params.idp, input.params.protocol),
  }),
  endpoint({
    id: 'federation.metadata', method: 'GET', path: '/auth/OS-FEDERATION/identity_providers/{idp}/protocols/{protocol}/metadata', status: 200, policy: 'public', summary: 'What a SAML identity provider has to know of this cloud',
    async handle(ctx, { params }) {
      const { client } = await wayIn(ctx, params.idp, params.protocol)
      if (!isSaml(client)) throw notFound('metadata', params.protocol, `The protocol ${params.protocol} is none of SAML 2.`)
      return new Response(await samlMetadata(ctx, client, placeOf(ctx, client, params.idp, params.protocol)), { headers: { 'content-type': 'application/samlmetadata+xml' } })
    },
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
