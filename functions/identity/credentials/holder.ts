import { and, eq, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/sqlite-core'
import { accessRule, applicationCredential, credential, project, user } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Caller } from '../../kernel/policy.ts'
import { assigned } from '../assignments/effective.ts'
import { directoryQuery, learn, withImplied } from '../directory.ts'
import { unseal } from '../seal.ts'
import { unused } from '../security.ts'
import { allows, callerOf } from '../tokens/authenticate.ts'
import type { TokenClaims } from '../tokens/claims.ts'
import { ec2Id, type Ec2Blob } from './model.ts'

const home = alias(project, 'home')

/**
 * Who holds an access key, as of now: one read, nothing kept. `undefined` when there is no such key; without a caller when
 * its holder may do nothing any more (disabled, no role left, what it was lent by is gone). Bound as the key is: one of an
 * application credential has the credential's roles, expiry and access rules.
 */
export async function holderOf(ctx: Ctx, access: string, at?: { type: string; path: string; method: string }): Promise<{ secret: string; caller?: Caller } | undefined> {
  const id = ec2Id(access), who = sql`(select user_id from credential where id = ${id})`, where = sql`(select project_id from credential where id = ${id})`
  const mine = and(eq(applicationCredential.user, who), eq(applicationCredential.project, where))
  const [small, [row], [u], [p], roles, apps, rules] = await ctx.read(
    directoryQuery(ctx.env.LIBSQL_URL), q.select().from(credential).where(and(eq(credential.id, id), eq(credential.type, 'ec2'))),
    q.select().from(user).leftJoin(home, eq(home.id, user.domain)).where(eq(user.id, who)), q.select().from(project).leftJoin(home, eq(home.id, project.domain)).where(eq(project.id, where)),
    assigned(who, 'project', where), q.select().from(applicationCredential).where(mine), q.select().from(accessRule).where(eq(accessRule.user, who)))
  const directory = learn(ctx.env.LIBSQL_URL, small)
  if (!row) return undefined
  const blob = JSON.parse(await unseal(ctx.env, row.id, row.blob)) as Ec2Blob, now = ctx.now(), none = { secret: blob.secret }
  if (blob.trust_id || row.project === null || !u?.user.enabled || !u.home?.enabled || unused(ctx, u.user) || !p?.project.enabled || !(p.project.isDomain || p.home?.enabled)) return none
  let held = withImplied(directory, roles.map((r) => r.role))
  const app = blob.app_cred_id ? apps.find((a) => a.id === blob.app_cred_id) : undefined
  if (blob.app_cred_id && (!app || (app.expiresAt !== null && app.expiresAt <= now))) return none
  if (app) held = withImplied(directory, app.roles.filter((r) => held.has(r)))
  const confined = app?.accessRules && rules.filter((r) => app.accessRules!.includes(r.id))
  if (confined && at && !confined.some((r) => allows(r, at, at.method))) return none
  const named = ({ id, name }: { id: string; name: string }) => ({ id, name })
  const claims: TokenClaims = {
    user: { ...named(u.user), domain: named(u.home) }, project: { ...named(p.project), domain: named(p.home ?? p.project), actsAsDomain: p.project.isDomain },
    roles: directory.roles.filter((r) => r.domain === null && held.has(r.id)).map(named), methods: ['ec2credential'], auditIds: [], issuedAt: now, expiresAt: app?.expiresAt ?? Number.MAX_SAFE_INTEGER, seq: small[0].seq,
    ...(app && { applicationCredential: { id: app.id, name: app.name, restricted: !app.unrestricted, rules: confined || undefined } }),
  }
  return claims.roles.length ? { secret: blob.secret, caller: callerOf(claims) } : none
}
