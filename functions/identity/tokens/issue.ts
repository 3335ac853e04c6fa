import { and, eq, gt, inArray, sql, type SQL } from 'drizzle-orm'
import { alias } from 'drizzle-orm/sqlite-core'
import { accessRule, applicationCredential, domainConfig, project, revocation, trust, user } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { q } from '../../kernel/db.ts'
import { seconds } from '../../kernel/env.ts'
import { forbidden, invalid, unauthorized } from '../../kernel/fault.ts'
import { directoryQuery, learn, withImplied, type Directory } from '../directory.ts'
import { guessesQuery, locked, right, turnAway, wrong } from '../guesses.ts'
import { kindOf } from '../foreign.ts'
import { hashPassword, outdated } from '../passwords.ts'
import { notedToday, unused } from '../security.ts'
import { assigned } from '../assignments/effective.ts'
import { subjectsOf } from './authenticate.ts'
import { MAX_TOKEN, signToken, type Named, type TokenClaims } from './claims.ts'
import { attempt, seen } from './attempt.ts'
import { missing, receipt } from './factors.ts'
import { proofOf, unknownToken, type Proof } from './proof.ts'
import { refused, scopeOf, type Auth, type Scope } from './request.ts'
import { seedsQuery } from './totp.ts'

const home = alias(project, 'home')
export type User = { user: typeof user.$inferSelect; home: typeof project.$inferSelect | null }
type Trust = typeof trust.$inferSelect
type Place = { project: typeof project.$inferSelect; home: typeof project.$inferSelect | null }
const userQuery = (id: SQL) => q.select().from(user).leftJoin(home, eq(home.id, user.domain)).where(eq(user.id, id))
const placeQuery = (id: SQL) => q.select().from(project).leftJoin(home, eq(home.id, project.domain)).where(eq(project.id, id))

export interface Issued { claims: TokenClaims; token: string; directory: Directory }

/** Half of what a login takes was shown: the answer says what is missing. */
export class Halfway extends Error {
  readonly answer: Response
  constructor(answer: Response) { super('more is needed'); this.answer = answer }
}

/** Issues a token for what a request to authenticate says. */
export async function issue(ctx: Ctx, auth: Auth, { request }: Input): Promise<Issued> {
  return attempt(ctx, auth.identity.methods, async () => {
    const proof = await proofOf(ctx, auth, request)
    return issueFor(ctx, proof, proof.place ? { kind: 'project', id: proof.place } : scopeOf(auth.scope, proof.who))
  })
}

/** One read; no write (but a trust's count of uses): the token itself is stored nowhere. */
export async function issueFor(ctx: Ctx, proof: Proof, scope: Scope): Promise<Issued> {
  const lent = scope.kind === 'trust' ? scope.id : sql`null`
  const place = scope.kind === 'trust' ? sql`(select project_id from trust where id = ${scope.id})` : scope.id
  // What was lent on comes from whoever lent it first: their roles count.
  const trustor = sql`(select trustor_user_id from trust where id in ${chainOf(lent)} and redelegated_trust_id is null)`
  const kind = scope.kind === 'domain' || scope.kind === 'system' ? scope.kind : 'project'
  const [small, users, places, roles, guesses, seeds, same, config, apps, rules, trusts, trustors, ended] = await ctx.read(
    directoryQuery(ctx.env.LIBSQL_URL), userQuery(proof.who), placeQuery(place),
    assigned(scope.kind === 'trust' ? trustor : proof.who, kind, place),
    guessesQuery(proof.guessed ? proof.who : sql`null`, proof.guessed?.source), seedsQuery(proof.seeds ? proof.who : sql`null`),
    q.all<{ same: number }>(sql`select ${proof.also?.length ? sql.join(proof.also.map((w) => sql`${w} is ${proof.who}`), sql` and `) : sql`1`} as same`),
    q.select().from(domainConfig).where(eq(domainConfig.domain, proof.at ?? sql`null`)),
    ...(proof.app || scope.kind === 'trust' || proof.token ? [
      q.select().from(applicationCredential).where(eq(applicationCredential.id, proof.app ?? sql`null`)),
      q.select().from(accessRule).where(inArray(accessRule.id, sql`(select value from application_credential, json_each(access_rules) where application_credential.id = ${proof.app ?? sql`null`})`)),
      q.select().from(trust).where(sql`${trust.id} in ${chainOf(lent)}`), q.select().from(user).leftJoin(home, eq(home.id, user.domain)).where(sql`${user.id} in (select trustor_user_id from trust where id in ${chainOf(lent)})`),
      // The copy in this isolate may be a second old; what a new token is made from must not be.
      q.select({ seq: revocation.seq }).from(revocation).where(proof.token ? and(gt(revocation.seq, proof.token.seq), inArray(revocation.subject, subjectsOf(proof.token))) : sql`0`).limit(1),
    ] as const : []))
  const u = users[0] ?? proof.fresh, [p] = places, now = ctx.now(), directory = learn(ctx.env.LIBSQL_URL, small), { seq } = small[0]
  Object.assign(seen(ctx), { user: u?.user.id, source: proof.guessed?.source })
  if (proof.guessed) turnAway(ctx, guesses, proof.guessed.source)
  const good = await proof.check(u, { app: apps?.[0], seeds, config, hashes: directory.hashes }) && same[0].same === 1, shut = u !== undefined && proof.guessed !== undefined && locked(ctx, guesses, u.user)
  if (proof.guessed && (!good || shut)) await wrong(ctx, u?.user, shut, proof.guessed.source)
  seen(ctx).why = !u ? 'there is no such user' : shut ? 'too many wrong ones before' : !good ? 'what was shown is wrong' : !enabled(u) ? 'disabled' : unused(ctx, u.user) ? 'not used for too long' : undefined
  if (ended?.length) throw unknownToken()
  if (!good || shut || !u || !enabled(u) || unused(ctx, u.user)) throw refused()
  if (proof.guessed) right(ctx, guesses, u.user)
  if (proof.password !== undefined && outdated(u.user.password)) ctx.stage(q.update(user).set({ password: await hashPassword(ctx.world, proof.password) }).where(and(eq(user.id, u.user.id), eq(user.password, u.user.password!))))
  if (!notedToday(ctx, u.user)) ctx.stage(q.update(user).set({ activeAt: now }).where(eq(user.id, u.user.id)))
  const claims: TokenClaims = {
    user: { id: u.user.id, name: u.user.name, domain: named(u.home!) }, roles: [], methods: proof.methods, seq, issuedAt: now,
    auditIds: [auditId(ctx), ...(proof.token ? [proof.token.auditIds.at(-1)!] : [])], passwordExpiresAt: u.user.passwordExpiresAt,
    expiresAt: proof.token?.expiresAt ?? now + seconds(Number(ctx.env.TOKEN_SECONDS ?? 3600)),
  }
  if (proof.methods.includes('password') && !proof.token && u.user.passwordExpiresAt && u.user.passwordExpiresAt <= now) throw unauthorized(`The password is expired and needs to be changed for user: ${u.user.id}.`)
  const required = proof.factors ? missing(u, proof.methods) : []
  if (required.length) throw new Halfway(await receipt(ctx, u, proof.methods, required))
  let held = withImplied(directory, roles.map((r) => r.role))
  Object.assign(claims, proof.mark)
  if (proof.only) held = withImplied(directory, proof.only.filter((r) => held.has(r)))

  if (proof.app) {
    const app = apps![0]
    if (app.expiresAt !== null && app.expiresAt <= now) throw refused()
    held = withImplied(directory, app.roles.filter((r) => held.has(r)))
    if (proof.secret !== undefined && kindOf(app.secret) && outdated(app.secret)) ctx.stage(q.update(applicationCredential).set({ secret: await hashPassword(ctx.world, proof.secret) }).where(and(eq(applicationCredential.id, app.id), eq(applicationCredential.secret, app.secret))))
    const confined = app.accessRules && rules!.map(({ id, service, method, path }) => ({ id, service, method, path }))
    claims.applicationCredential = { id: app.id, name: app.name, restricted: !app.unrestricted, rules: confined ?? undefined }
    if (app.expiresAt !== null) claims.expiresAt = Math.min(claims.expiresAt, app.expiresAt)
  }
  if (scope.kind === 'trust') {
    const chain = inOrder(trusts!), [lending] = chain, givers = chain.map((l) => trustors!.find((g) => g.user.id === l.trustor)), [giver] = givers
    if (!lending || chain.some((l) => l.deletedAt !== null || (l.expiresAt !== null && l.expiresAt <= now)) || chain.at(-1)!.redelegatedFrom !== null) throw refused()
    if (lending.trustee !== u.user.id) throw forbidden('This trust was given to somebody else.')
    if (!giver || !givers.every((g) => g && enabled(g))) throw forbidden('Trustor is disabled.')
    // Looked up anew at each use: a role the trustor has lost is lent no more.
    if (lending.roles.some((r) => !held.has(r))) throw forbidden('The trustor no longer has a role that this trust lends.')
    held = withImplied(directory, lending.roles)
    if (lending.remainingUses !== null) ctx.stage(q.update(trust).set({ remainingUses: sql`${trust.remainingUses} - 1` }).where(and(eq(trust.id, lending.id), gt(trust.remainingUses, 0))), 'stale')
    if (lending.remainingUses === 0) throw refused()
    if (lending.impersonation) claims.user = { id: giver.user.id, name: giver.user.name, domain: named(giver.home!) }
    claims.trust = { id: lending.id, trustor: lending.trustor, trustee: lending.trustee, impersonation: lending.impersonation }
    if (chain.length > 1) claims.trust.from = { trusts: chain.slice(1).map((l) => l.id), users: [...new Set(chain.slice(1).map((l) => l.trustor))] }
    if (lending.expiresAt !== null) claims.expiresAt = Math.min(claims.expiresAt, lending.expiresAt)
    if (lending.project === null) held.clear()
  }
  claims.roles = directory.roles.filter((r) => r.domain === null && held.has(r.id)).map(({ id, name }) => ({ id, name }))
  scopeTo(claims, scope, p)
  const token = await signToken(ctx.env, claims)
  if (token.length > MAX_TOKEN) throw invalid('A token for this would be too long: there are too many roles or access rules.')
  return { claims, token, directory }
}

/** Puts the scope into the claims; 401 when the user has nothing there or it is disabled. */
function scopeTo(c: TokenClaims, scope: Scope, p: Place | undefined) {
  const usable = p && p.project.enabled && (p.project.isDomain || p.home?.enabled) && c.roles.length > 0
  switch (scope.kind) {
    case 'unscoped': break
    case 'default':
      if (usable && !p.project.isDomain) { c.project = placed(p); return }
      break
    case 'system':
      if (!c.roles.length) throw refused()
      c.system = true
      return
    case 'domain':
      if (!usable || !p.project.isDomain) throw refused()
      c.domain = named(p.project)
      return
    case 'trust':
      if (!p && c.trust && !c.roles.length) break
      if (!usable) throw refused()
      c.project = placed(p)
      return
    case 'project':
      if (!usable) throw refused()
      c.project = placed(p)
      return
  }
  c.roles = []
}

/** A trust and all it was lent on from. */
const chainOf = (id: SQL) => sql`(with recursive up (id) as (select ${id} union select redelegated_trust_id from trust join up on trust.id = up.id) select id from up where id is not null)`
/** From the one used to the first. */
function inOrder(list: Trust[]): Trust[] {
  const parents = new Set(list.map((l) => l.redelegatedFrom)), out: Trust[] = []
  for (let at = list.find((l) => !parents.has(l.id)); at; at = list.find((l) => l.id === at!.redelegatedFrom)) out.push(at)
  return out
}
const named = ({ id, name }: Named): Named => ({ id, name })
const placed = (p: Place) => ({ ...named(p.project), domain: named(p.home ?? p.project), actsAsDomain: p.project.isDomain })
const enabled = (u: User) => u.user.enabled && u.home?.enabled === true
const auditId = (ctx: Ctx) => btoa(String.fromCharCode(...ctx.world.random(16))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
