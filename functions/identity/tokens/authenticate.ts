import { gt } from 'drizzle-orm'
import { revocation } from '../../../schema/identity.ts'
import type { Database } from '../../kernel/db.ts'
import { q } from '../../kernel/db.ts'
import { seconds, type Env, type World } from '../../kernel/env.ts'
import { unauthorized } from '../../kernel/fault.ts'
import type { Caller } from '../../kernel/policy.ts'
import { directoryQuery, learn } from '../directory.ts'
import { certificateOf } from '../oauth2/certificate.ts'
import { readToken, type TokenClaims } from './claims.ts'

/** What this isolate knows of ended tokens: a copy of a small table, no older than a second when it is looked at. */
const blank = () => ({ seq: 0, at: 0, asked: 0, subjects: new Map<string, { seq: number; expiresAt: number }>() })
let known = blank(), url = '', secret = ''
/** Tokens whose signature held, with what was worked out about them: `good` is how far the list was looked through for them. */
interface Verified { claims: TokenClaims; subjects: string[]; good?: { of: object; seq: number } }
const verified = new Map<string, Verified>()

const revocationsSince = (seq: number) => q.select().from(revocation).where(gt(revocation.seq, seq)).orderBy(revocation.seq)

/** Nothing to wait for, most of the time. */
function refresh(env: Env, world: World, db: Database): Promise<void> | undefined {
  const now = world.now()
  if (url !== env.LIBSQL_URL) { url = env.LIBSQL_URL; known = blank() }
  const age = now - known.at
  if (age >= 0 && age < seconds(1)) {
    // One request renews the copy before it is due; the others need not wait for it.
    if (age < seconds(0.5) || known.asked >= known.at + seconds(0.5)) return undefined
    known.asked = now
  }
  return reload(env, db, known, now)
}

async function reload(env: Env, db: Database, mine: typeof known, now: number) {
  const [rows, directory] = await db.read([revocationsSince(mine.seq), directoryQuery(env.LIBSQL_URL)])
  learn(env.LIBSQL_URL, directory)
  if (mine.subjects.size > 5000) for (const [s, r] of mine.subjects) if (r.expiresAt < now) mine.subjects.delete(s)
  for (const r of rows) {
    if (r.seq > (mine.subjects.get(r.subject)?.seq ?? 0)) mine.subjects.set(r.subject, { seq: r.seq, expiresAt: r.expiresAt })
    mine.seq = Math.max(mine.seq, r.seq)
  }
  mine.at = Math.max(mine.at, now)
}

/** The next request of this isolate looks again: what it ended itself it need not wait a second for. */
export function forget() { known.at = 0 }

export function subjectsOf(c: TokenClaims): string[] {
  const users = new Set([c.user.id, ...(c.trust ? [c.trust.trustor, c.trust.trustee, ...c.trust.from?.users ?? []] : [])])
  return [
    ...c.auditIds.map((a) => `a:${a}`), `d:${c.user.domain.id}`, ...[...users].map((u) => `u:${u}`),
    ...(c.project ? [`p:${c.project.id}`, `d:${c.project.domain.id}`, ...[...users].map((u) => `up:${u}:${c.project!.id}`)] : []),
    ...(c.domain ? [`d:${c.domain.id}`, `ud:${c.user.id}:${c.domain.id}`] : []), ...(c.system ? [`us:${c.user.id}`] : []),
    ...c.roles.map((r) => `r:${r.id}`), ...(c.applicationCredential ? [`c:${c.applicationCredential.id}`] : []), ...(c.trust ? [c.trust.id, ...c.trust.from?.trusts ?? []].map((t) => `t:${t}`) : []), ...(c.oauth ? [`o:${c.oauth.access}`] : []),
  ]
}

/** Was anything these claims rest on revoked since they were made? */
export async function endedSince(env: Env, world: World, db: Database, claims: TokenClaims): Promise<boolean> {
  await refresh(env, world, db)
  return subjectsOf(claims).some((s) => (known.subjects.get(s)?.seq ?? 0) > claims.seq)
}

/** A token's claims when it is genuine, alive and not revoked; 401 otherwise. No round trip but the refresh, once a second. */
export async function verifyToken(env: Env, world: World, db: Database, token: string, options: { expiredFor?: number } = {}): Promise<TokenClaims> {
  if (secret !== env.MASTER_SECRET) { secret = env.MASTER_SECRET; verified.clear() }
  let v = verified.get(token)
  if (!v) {
    const claims = await readToken(env, token, db)
    v = { claims, subjects: subjectsOf(claims) }
    if (verified.size > 2000) verified.delete(verified.keys().next().value as string)
    verified.set(token, v)
  }
  const { claims } = v
  if (claims.expiresAt + (options.expiredFor ?? 0) <= world.now()) throw unauthorized('The token has expired; request a new one.')
  const wait = refresh(env, world, db)
  if (wait) await wait
  // Nothing new in the list since it was last looked through for this token: it is as good as it was.
  if (v.good?.of === known && v.good.seq === known.seq) return claims
  if (v.subjects.some((s) => (known.subjects.get(s)?.seq ?? 0) > claims.seq)) throw unauthorized('The token has been revoked; request a new one.')
  v.good = { of: known, seq: known.seq }
  return claims
}

/**
 * The caller of a request, from its X-Auth-Token and from nothing else: identity headers a client sends are not looked at.
 * `at` is what is asked for: a token that is confined to some requests is good for no other.
 */
export async function authenticate(env: Env, world: World, db: Database, request: Request, at?: { type: string; path: string }): Promise<Caller | undefined> {
  // Clients of OAuth2 send the same token in their own way.
  const token = request.headers.get('x-auth-token') ?? /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
  if (!token) return undefined
  const claims = await verifyToken(env, world, db, token)
  if (claims.certificate && certificateOf(env, request)?.thumbprint !== claims.certificate) throw unauthorized('The token goes with a certificate that was not shown.')
  const rules = claims.applicationCredential?.rules
  if (rules && at && !rules.some((r) => allows(r, at, request.method))) throw unauthorized('The application credential of this token does not allow this request.')
  return callerOf(claims)
}

/** `*` is one segment, `**` any number, `{name}` one segment. Compared word by word: linear, whatever the pattern. */
export function allows(rule: { service: string; method: string; path: string }, at: { type: string; path: string }, method: string): boolean {
  if (rule.method !== method || (alias[rule.service] ?? rule.service) !== (alias[at.type] ?? at.type)) return false
  const want = rule.path.split('/').filter(Boolean), have = at.path.split('/').filter(Boolean)
  for (let i = 0; i < want.length; i++) {
    if (want[i] === '**') return i === want.length - 1 || have.length >= want.length - 1 && want.slice(i + 1).every((w, k) => one(w, have[have.length - (want.length - i - 1) + k]))
    if (!one(want[i], have[i])) return false
  }
  return want.length === have.length
}
/** One service that goes by several names. */
const alias: Record<string, string> = { 'block-storage': 'volumev3', volume: 'volumev3', 'block-store': 'volumev3', 'object-storage': 'object-store' }
const one = (want: string, have: string | undefined) => have !== undefined && (want === have || want === '*' || /^\{[^}]*\}$/.test(want))

export function callerOf(c: TokenClaims): Caller {
  const roles = c.roles.map((r) => r.name.toLowerCase())
  return { user: c.user, project: c.project, domain: c.domain, system: c.system, roles, admin: roles.includes('admin'), token: c }
}
