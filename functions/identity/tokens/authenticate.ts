import { gt } from 'drizzle-orm'
import { revocation } from '../../../schema/identity.ts'
import type { Database } from '../../kernel/db.ts'
import { q } from '../../kernel/db.ts'
import { seconds, type Env, type World } from '../../kernel/env.ts'
import { unauthorized } from '../../kernel/fault.ts'
import type { Caller } from '../../kernel/policy.ts'
import { readToken, type TokenClaims } from './claims.ts'

/** What this isolate knows of ended tokens: a copy of a small table, no older than a second when it is looked at. */
const known = { seq: 0, at: 0, subjects: new Map<string, number>(), url: '' }
const verified = new Map<string, TokenClaims>()

async function refresh(env: Env, world: World, db: Database) {
  const now = world.now()
  if (known.url !== env.LIBSQL_URL) Object.assign(known, { seq: 0, at: 0, subjects: new Map(), url: env.LIBSQL_URL })
  if (now - known.at < seconds(1) && now >= known.at) return
  const [rows] = await db.read([q.select().from(revocation).where(gt(revocation.seq, known.seq)).orderBy(revocation.seq)])
  for (const r of rows) {
    known.subjects.set(r.subject, Math.max(r.before, known.subjects.get(r.subject) ?? 0))
    known.seq = Math.max(known.seq, r.seq)
  }
  known.at = now
}

export const subjectsOf = (c: TokenClaims): string[] => [
  ...c.auditIds.map((a) => `a:${a}`), `u:${c.user.id}`, `d:${c.user.domain.id}`,
  ...(c.project ? [`p:${c.project.id}`, `d:${c.project.domain.id}`, `up:${c.user.id}:${c.project.id}`] : []),
  ...(c.domain ? [`d:${c.domain.id}`, `ud:${c.user.id}:${c.domain.id}`] : []), ...(c.system ? [`us:${c.user.id}`] : []),
  ...c.roles.map((r) => `r:${r.id}`), ...(c.applicationCredential ? [`c:${c.applicationCredential.id}`] : []), ...(c.trust ? [`t:${c.trust.id}`] : []),
]

/** A token's claims when it is genuine, alive and not revoked; 401 otherwise. No round trip but the refresh, once a second. */
export async function verifyToken(env: Env, world: World, db: Database, token: string, options: { allowExpired?: boolean } = {}): Promise<TokenClaims> {
  let claims = verified.get(token)
  if (!claims) {
    claims = await readToken(env, token)
    if (verified.size > 2000) verified.delete(verified.keys().next().value as string)
    verified.set(token, claims)
  }
  const now = world.now()
  if (claims.expiresAt <= now && !options.allowExpired) throw unauthorized('The token has expired; request a new one.')
  await refresh(env, world, db)
  const { issuedAt } = claims
  if (subjectsOf(claims).some((s) => issuedAt <= (known.subjects.get(s) ?? 0))) throw unauthorized('The token has been revoked; request a new one.')
  return claims
}

/** The caller of a request, from its X-Auth-Token and from nothing else: identity headers a client sends are not looked at. */
export async function authenticate(env: Env, world: World, db: Database, request: Request): Promise<Caller | undefined> {
  const token = request.headers.get('x-auth-token')
  return token ? callerOf(await verifyToken(env, world, db, token)) : undefined
}

export function callerOf(c: TokenClaims): Caller {
  const roles = c.roles.map((r) => r.name.toLowerCase())
  return { user: c.user, project: c.project, domain: c.domain, system: c.system, roles, admin: roles.includes('admin'), token: c }
}
