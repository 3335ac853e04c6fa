import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet, type JWTPayload } from 'jose'
import type { World } from '../../kernel/env.ts'
import { unauthorized, unavailable } from '../../kernel/fault.ts'
import type { Assertion } from './rules.ts'

/** What this cloud knows of an OpenID Connect provider, and how it is known there. */
export interface Client { issuer: string; client_id: string; client_secret?: string; scope?: string }
interface Provider { at: number; issuer: string; authorization_endpoint: string; token_endpoint: string; jwks_uri: string; userinfo_endpoint?: string; introspection_endpoint?: string; keys?: JSONWebKeySet; keysAt: number }
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
const MINUTE = 60_000_000
/** Public documents of providers, good for ten minutes. */
const known = new Map<string, Provider>()

async function json(world: World, url: string, init: RequestInit, what: string): Promise<any> {
  const r = await world.fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(10_000) }).catch(() => undefined)
  if (!r) throw unavailable(`The identity provider cannot be reached (${what}). Try again shortly.`, { retryAfter: 5 })
  const text = (await r.text()).slice(0, 262_144)
  if (!r.ok) throw r.status >= 500 ? unavailable(`The identity provider answered ${r.status} (${what}). Try again shortly.`, { retryAfter: 5 }) : unauthorized(`The identity provider refused (${what}).`)
  try { return JSON.parse(text) } catch { throw unavailable(`The identity provider did not answer with JSON (${what}).`) }
}

export async function providerOf(world: World, issuer: string): Promise<Provider> {
  const have = known.get(issuer), now = world.now()
  if (have && now - have.at < 10 * MINUTE) return have
  const found = await json(world, `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {}, 'discovery')
  if (found.issuer !== issuer) throw unavailable('The identity provider calls itself by another name than its configuration here.')
  if (known.size > 100) known.clear()
  const fresh = { ...found, at: now, keysAt: 0 } as Provider
  known.set(issuer, fresh)
  return fresh
}

/** Keys by id; one that is not known yet is looked for again, at most twice a minute. */
async function keysOf(world: World, p: Provider, kid: string | undefined) {
  const has = p.keys?.keys.some((k) => kid === undefined || k.kid === kid)
  if (!p.keys || (!has && world.now() - p.keysAt > MINUTE / 2)) {
    p.keysAt = world.now()
    p.keys = await json(world, p.jwks_uri, {}, 'keys')
  }
  return createLocalJWKSet(p.keys!)
}

const looksSigned = (token: string) => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)
const refused = () => unauthorized('The request you have made requires authentication.')

async function verified(world: World, c: Client, p: Provider, token: string): Promise<JWTPayload> {
  try {
    const { kid } = decodeProtectedHeader(token)
    return (await jwtVerify(token, await keysOf(world, p, kid), { issuer: c.issuer, algorithms: ALGORITHMS, clockTolerance: 30, requiredClaims: ['exp', 'sub'] })).payload
  } catch (e) {
    if (e instanceof Error && e.constructor.name === 'Fault') throw e
    throw refused()
  }
}

/** Given to us and to nobody else: a token that some other program was given is no proof that its owner wants to be here. */
const forUs = (c: Client, p: JWTPayload) => [p.aud].flat().includes(c.client_id) && (p.azp === undefined || p.azp === c.client_id) || p.client_id === c.client_id || (p.aud === undefined && p.azp === c.client_id)

const basic = (c: Client): HeadersInit => ({ authorization: `Basic ${btoa(`${encodeURIComponent(c.client_id)}:${encodeURIComponent(c.client_secret ?? '')}`)}` })
const form = (c: Client, fields: Record<string, string>): RequestInit => c.client_secret
  ? { method: 'POST', headers: { ...basic(c), 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(fields).toString() }
  : { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams({ ...fields, client_id: c.client_id }).toString() }

/** What a token that a client brought along says: signed ones are verified here, others the provider is asked about. */
export async function claimsOfBearer(world: World, c: Client, token: string): Promise<Record<string, unknown>> {
  const p = await providerOf(world, c.issuer)
  let claims: JWTPayload
  if (looksSigned(token)) claims = await verified(world, c, p, token)
  else {
    if (!p.introspection_endpoint) throw refused()
    claims = await json(world, p.introspection_endpoint, form(c, { token, token_type_hint: 'access_token' }), 'introspection')
    if ((claims as { active?: boolean }).active !== true || !claims.sub) throw refused()
  }
  if (!forUs(c, claims)) throw refused()
  if (claims.email !== undefined || claims.preferred_username !== undefined || !p.userinfo_endpoint || claims.nonce !== undefined) return claims
  const more = await json(world, p.userinfo_endpoint, { headers: { authorization: `Bearer ${token}` } }, 'user information').catch(() => ({}))
  // An answer about somebody else is none.
  return more.sub === claims.sub ? { ...more, ...claims } : claims
}

/** Turns the code a browser brought back into what the provider says of its user. */
export async function claimsOfCode(world: World, c: Client, code: string, about: { redirect: string; verifier: string; nonce: string }): Promise<Record<string, unknown>> {
  const p = await providerOf(world, c.issuer)
  const got = await json(world, p.token_endpoint, form(c, { grant_type: 'authorization_code', code, redirect_uri: about.redirect, code_verifier: about.verifier }), 'code')
  if (typeof got.id_token !== 'string') throw refused()
  const claims = await verified(world, c, p, got.id_token)
  if (!forUs(c, claims) || claims.nonce !== about.nonce) throw refused()
  const more = p.userinfo_endpoint && typeof got.access_token === 'string' ? await json(world, p.userinfo_endpoint, { headers: { authorization: `Bearer ${got.access_token}` } }, 'user information').catch(() => ({})) : {}
  return more.sub === claims.sub ? { ...more, ...claims } : claims
}

/** By all the names that mapping rules written for web servers in front of Keystone know them. */
export function assertionOf(claims: Record<string, unknown>): Assertion {
  const out: Assertion = {}
  for (const [k, v] of Object.entries(claims)) {
    const values = (Array.isArray(v) ? v : [v]).filter((x) => ['string', 'number', 'boolean'].includes(typeof x)).map(String)
    if (values.length) for (const name of [k, `OIDC-${k}`, `OIDC_${k}`, `HTTP_OIDC_${k.toUpperCase()}`, `OIDC_CLAIM_${k}`]) out[name] = values
  }
  return out
}
