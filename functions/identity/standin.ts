import { and, eq, isNull, sql } from 'drizzle-orm'
import { applicationCredential, oauthToken, project, trust, user } from '../../schema/identity.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import { forbidden } from '../kernel/fault.ts'
import type { Caller } from '../kernel/policy.ts'
import { assigned } from './assignments/effective.ts'
import { directoryQuery, learn, withImplied } from './directory.ts'
import { callerOf, endedSince } from './tokens/authenticate.ts'
import type { TokenClaims } from './tokens/claims.ts'

/**
 * Who ordered a long operation, as its row keeps it: who, where, with which roles, by what delegation. No secret, and it does
 * not end with the token it was ordered with; it ends with the user, the project, the roles, or what was lent.
 */
export type Delegation = Pick<TokenClaims, 'user' | 'project' | 'roles' | 'seq' | 'applicationCredential' | 'trust' | 'oauth' | 'federation'>

export function delegationOf(ctx: Ctx): Delegation {
  const { user, project, roles, seq, applicationCredential, trust, oauth, federation } = ctx.caller.token as TokenClaims
  return { user, project, roles, seq, applicationCredential, trust, oauth, federation }
}

/** What was looked up in full, and up to which revocation it holds. */
const looked = new Map<string, number>()

/** The caller a delegation speaks for; 403 when it has ended. No round trip unless something it rests on was revoked since. */
export async function standIn(ctx: Ctx, d: Delegation): Promise<Caller> {
  const claims: TokenClaims = { ...d, methods: ['delegation'], auditIds: [], issuedAt: ctx.now(), expiresAt: ctx.now() + 3_600_000_000 }
  const key = `${ctx.env.LIBSQL_URL} ${JSON.stringify(d)}`, seen = looked.get(key)
  if (seen !== undefined) claims.seq = Math.max(seen, d.seq)
  if (await endedSince(ctx.env, ctx.world, ctx.basis.db, claims)) {
    const seq = await lookUp(ctx, d)
    if (looked.size > 500) looked.clear()
    looked.set(key, seq)
  }
  return callerOf(claims)
}

async function lookUp(ctx: Ctx, d: Delegation): Promise<number> {
  const { project: at, applicationCredential: app, trust: lent, oauth } = d
  const owner = lent?.trustor ?? d.user.id
  const none = sql`null`
  const [small, users, places, roles, apps, trusts, tokens] = await ctx.read(
    directoryQuery(ctx.env.LIBSQL_URL),
    q.select({ id: user.id }).from(user).innerJoin(project, eq(project.id, user.domain)).where(and(sql`${user.id} in (${d.user.id}, ${owner}, ${lent?.trustee ?? owner})`, eq(user.enabled, true), eq(project.enabled, true))),
    q.select({ id: project.id }).from(project).where(and(eq(project.id, at?.id ?? none), eq(project.enabled, true), sql`exists (select 1 from project d where d.id = coalesce(${project.domain}, ${project.id}) and d.enabled = 1)`)),
    assigned(sql`${owner}`, 'project', sql`${at?.id ?? ''}`),
    q.select({ id: applicationCredential.id }).from(applicationCredential).where(eq(applicationCredential.id, app?.id ?? none)),
    q.select({ id: trust.id }).from(trust).where(and(eq(trust.id, lent?.id ?? none), isNull(trust.deletedAt))),
    q.select({ id: oauthToken.id }).from(oauthToken).where(eq(oauthToken.id, oauth?.access ?? none)))
  const over = (why: string) => forbidden(`The delegation this work was ordered with has ended: ${why}.`, { type: 'Forbidden' })
  if (new Set([d.user.id, owner, lent?.trustee ?? owner]).size !== users.length) throw over(`user ${d.user.name} is disabled or gone`)
  if (at && !places.length) throw over(`project ${at.name} is disabled or gone`)
  if (app && !apps.length) throw over('the application credential is gone')
  if (lent && !trusts.length) throw over('the trust is gone')
  if (oauth && !tokens.length) throw over('the access token is gone')
  const directory = learn(ctx.env.LIBSQL_URL, small), held = withImplied(directory, roles.map((r) => r.role))
  // Who came by a provider may hold roles the provider's groups give; those last as long as the membership does.
  const lost = d.roles.find((r) => !held.has(r.id) || !directory.roles.some((x) => x.id === r.id))
  if (lost) throw over(`${d.user.name} no longer has the role ${lost.name}`)
  return small[0].seq
}
