import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose'
import type { Database } from '../../kernel/db.ts'
import type { Env } from '../../kernel/env.ts'
import { unauthorized } from '../../kernel/fault.ts'
import { keyNamed, primaryKey } from './keys.ts'
import { secretsOf } from '../../kernel/secrets.ts'

export interface Named { id: string; name: string }
export interface Scoped extends Named { domain: Named }
export interface AccessRule { id: string; service: string; method: string; path: string }

/** All that a token says; names included, so that validating one asks nobody. */
export interface TokenClaims {
  user: Scoped
  /** `actsAsDomain`: a domain looked at as a project. */
  project?: Scoped & { actsAsDomain?: boolean }
  domain?: Named
  system?: boolean
  /** With what they imply. */
  roles: Named[]
  methods: string[]
  /** The token's own audit id, then its chain's. */
  auditIds: string[]
  /** Microseconds. */
  issuedAt: number
  expiresAt: number
  /** The newest revocation its issuer's snapshot knew: later ones end it. */
  seq: number
  /** Delegation this token lives by: application credential, trust. */
  applicationCredential?: { id: string; name: string; restricted: boolean; rules?: AccessRule[] }
  trust?: { id: string; trustor: string; trustee: string; impersonation: boolean; /** What it was lent on from, and those who lent: with any of them it ends. */ from?: { trusts: string[]; users: string[] } }
  oauth?: { consumer: string; access: string }
  /** SHA-256 of the certificate it goes with. */
  certificate?: string
  federation?: { idp: string; protocol: string; groups: string[] }
  passwordExpiresAt?: number | null
}

// The wire form is short, since it travels with every request: no names of members, the default domain left out.
const packNamed = (n: Named) => (n.id === 'default' && n.name === 'Default' ? 0 : [n.id, n.name])
const unpackNamed = (v: unknown): Named => (v === 0 ? { id: 'default', name: 'Default' } : { id: (v as string[])[0], name: (v as string[])[1] })
const packScoped = (s: Scoped) => [s.id, s.name, packNamed(s.domain)]
const unpackScoped = (v: unknown): Scoped => { const [id, name, d] = v as [string, string, unknown]; return { id, name, domain: unpackNamed(d) } }

export const MAX_TOKEN = 8192

export async function signToken(env: Env, c: TokenClaims): Promise<string> {
  const primary = await primaryKey(env), key = primary?.key ?? (await secretsOf(env, 'token'))[0]
  const a = c.applicationCredential
  return new SignJWT({
    u: packScoped(c.user), p: c.project && packScoped(c.project), pd: c.project?.actsAsDomain ? 1 : undefined, d: c.domain && packNamed(c.domain), s: c.system ? 1 : undefined,
    r: c.roles.map((r) => [r.id, r.name]), m: c.methods, a: c.auditIds, i: c.issuedAt, e: c.expiresAt, q: c.seq,
    c: a && [a.id, a.name, a.restricted ? 1 : 0, ...(a.rules ? [a.rules.map((r) => [r.id, r.service, r.method, r.path])] : [])],
    t: c.trust && [c.trust.id, c.trust.trustor, c.trust.trustee, c.trust.impersonation ? 1 : 0, ...(c.trust.from ? [c.trust.from.trusts, c.trust.from.users] : [])], x: c.passwordExpiresAt ?? undefined,
    o: c.oauth && [c.oauth.consumer, c.oauth.access], k: c.certificate, f: c.federation && [c.federation.idp, c.federation.protocol, c.federation.groups],
  }).setProtectedHeader({ alg: 'HS256', ...(primary && { kid: primary.id }) }).sign(key)
}

async function keysOf(env: Env, token: string, db: Database | undefined): Promise<Uint8Array[]> {
  let kid: unknown
  try { kid = decodeProtectedHeader(token).kid } catch { return [] }
  if (kid === undefined) return secretsOf(env, 'token')
  const key = typeof kid === 'string' ? await keyNamed(env, kid, db) : undefined
  return key ? [key] : []
}

/** The claims of a token whose signature holds; expiry and revocation are for the caller to look at. */
export async function readToken(env: Env, token: string, db?: Database): Promise<TokenClaims> {
  const refused = () => unauthorized('The token is not valid: it was tampered with, or another cloud issued it.')
  if (token.length > MAX_TOKEN || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw refused()
  for (const key of await keysOf(env, token, db)) {
    const w = await jwtVerify(token, key, { algorithms: ['HS256'] }).then((r) => r.payload as Record<string, any>, () => undefined)
    if (!w) continue
    return {
      user: unpackScoped(w.u), project: w.p && { ...unpackScoped(w.p), actsAsDomain: w.pd === 1 }, domain: w.d === undefined ? undefined : unpackNamed(w.d), system: w.s === 1,
      roles: w.r.map(([id, name]: string[]) => ({ id, name })), methods: w.m, auditIds: w.a, issuedAt: w.i, expiresAt: w.e, seq: w.q,
      applicationCredential: w.c && { id: w.c[0], name: w.c[1], restricted: w.c[2] === 1, rules: w.c[3]?.map(([id, service, method, path]: string[]) => ({ id, service, method, path })) },
      trust: w.t && { id: w.t[0], trustor: w.t[1], trustee: w.t[2], impersonation: w.t[3] === 1, from: w.t[4] && { trusts: w.t[4], users: w.t[5] } }, passwordExpiresAt: w.x,
      oauth: w.o && { consumer: w.o[0], access: w.o[1] }, certificate: w.k, federation: w.f && { idp: w.f[0], protocol: w.f[1], groups: w.f[2] },
    }
  }
  throw refused()
}
