import { and, eq, gt, inArray, sql, type SQL } from 'drizzle-orm'
import { alias } from 'drizzle-orm/sqlite-core'
import { accessRule, applicationCredential, project, revocation, trust, user } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { q } from '../../kernel/db.ts'
import { seconds } from '../../kernel/env.ts'
import { forbidden, invalid, unauthorized } from '../../kernel/fault.ts'
import { directoryQuery, learn, withImplied, type Directory } from '../directory.ts'
import { oauthProof } from '../oauth1/proof.ts'
import { checkPassword, checkSecret } from '../passwords.ts'
import { assigned } from '../assignments/effective.ts'
import { subjectsOf, verifyToken } from './authenticate.ts'
import { MAX_TOKEN, signToken, type Named, type TokenClaims } from './claims.ts'
import { refused, scopeOf, userId, type Auth, type Scope } from './request.ts'

const home = alias(project, 'home')
export type User = { user: typeof user.$inferSelect; home: typeof project.$inferSelect | null }
type Trust = typeof trust.$inferSelect
type Place = { project: typeof project.$inferSelect; home: typeof project.$inferSelect | null }
const userQuery = (id: SQL) => q.select().from(user).leftJoin(home, eq(home.id, user.domain)).where(eq(user.id, id))
const placeQuery = (id: SQL) => q.select().from(project).leftJoin(home, eq(home.id, project.domain)).where(eq(project.id, id))

/** How somebody says who they are: where to find them, what else to read, and what must hold. */
export interface Proof {
  methods: string[]
  who: SQL
  app?: SQL
  /** The only project it is good for. */
  place?: SQL
  token?: TokenClaims
  /** A user this very request makes, so that no row is there yet. */
  fresh?: User
  /** No more than these roles, whatever the user has. */
  only?: string[]
  /** What the token is to say of how it came about. */
  mark?: Partial<TokenClaims>
  check: (u: User | undefined, app: typeof applicationCredential.$inferSelect | undefined) => Promise<boolean>
}

async function proofOf(ctx: Ctx, auth: Auth, { request }: Input): Promise<Proof> {
  const { methods, password, token, application_credential: app } = auth.identity
  if (new Set(methods).size > 1) throw invalid(`Only one authentication method is taken at a time; got ${methods.join(', ')}.`)
  const given = () => invalid(`Expecting to find ${methods[0]} in identity. The server could not comply with the request since it is either malformed or otherwise incorrect.`)
  switch (methods[0]) {
    case 'password':
      if (!password) throw given()
      return { methods, who: userId(password.user), check: (u) => checkPassword(password.user.password, u?.user.password) }
    case 'token': {
      if (!token) throw given()
      const c = await verifyToken(ctx.env, ctx.world, ctx.basis.db, token.id).catch(() => { throw refused() })
      if (c.applicationCredential || c.trust || c.oauth) throw forbidden('A token of an application credential, a trust or an OAuth1 access token cannot be exchanged for another.')
      return { mark: { federation: c.federation }, methods: [...new Set([...c.methods, 'token'])], who: sql`${c.user.id}`, token: c, check: async (u) => u !== undefined }
    }
    case 'application_credential': {
      if (!app) throw given()
      if (auth.scope !== undefined) throw unauthorized('Application credentials cannot request a scope.')
      if (app.id === undefined && (app.name === undefined || !app.user)) throw invalid('Expecting to find id, or name and user, in application_credential. The server could not comply with the request since it is either malformed or otherwise incorrect.')
      const id = app.id !== undefined ? sql`${app.id}` : sql`(select id from application_credential where name = ${app.name} and user_id = ${userId(app.user!)})`
      return { methods, app: id, place: sql`(select project_id from application_credential where id = ${id})`, who: sql`(select user_id from application_credential where id = ${id})`, check: (_, row) => checkSecret(app.secret, row?.secret) }
    }
    case 'oauth1': return oauthProof(ctx, request)
    default: throw unauthorized('Attempted to authenticate with an unsupported method.')
  }
}

export interface Issued { claims: TokenClaims; token: string; directory: Directory }

/** Issues a token for what a request to authenticate says. */
export async function issue(ctx: Ctx, auth: Auth, input: Input): Promise<Issued> {
  const proof = await proofOf(ctx, auth, input)
  return issueFor(ctx, proof, proof.place ? { kind: 'project', id: proof.place } : scopeOf(auth.scope, proof.who))
}

/** One read; no write (but a trust's count of uses): the token itself is stored nowhere. */
export async function issueFor(ctx: Ctx, proof: Proof, scope: Scope): Promise<Issued> {
  const lent = scope.kind === 'trust' ? scope.id : sql`null`
  const place = scope.kind === 'trust' ? sql`(select project_id from trust where id = ${scope.id})` : scope.id
  // What was lent on comes from whoever lent it first: their roles count.
  const trustor = sql`(select trustor_user_id from trust where id in ${chainOf(lent)} and redelegated_trust_id is null)`
  const kind = scope.kind === 'domain' || scope.kind === 'system' ? scope.kind : 'project'
  const [small, users, places, roles, apps, rules, trusts, trustors, ended] = await ctx.read(
    directoryQuery(ctx.env.LIBSQL_URL), userQuery(proof.who), placeQuery(place),
    assigned(scope.kind === 'trust' ? trustor : proof.who, kind, place),
    ...(proof.app || scope.kind === 'trust' || proof.token ? [
      q.select().from(applicationCredential).where(eq(applicationCredential.id, proof.app ?? sql`null`)),
      q.select().from(accessRule).where(inArray(accessRule.id, sql`(select value from application_credential, json_each(access_rules) where application_credential.id = ${proof.app ?? sql`null`})`)),
      q.select().from(trust).where(sql`${trust.id} in ${chainOf(lent)}`), q.select().from(user).leftJoin(home, eq(home.id, user.domain)).where(sql`${user.id} in (select trustor_user_id from trust where id in ${chainOf(lent)})`),
      // The copy in this isolate may be a second old; what a new token is made from must not be.
      q.select({ seq: revocation.seq }).from(revocation).where(proof.token ? and(gt(revocation.seq, proof.token.seq), inArray(revocation.subject, subjectsOf(proof.token))) : sql`0`).limit(1),
    ] as const : []))
  const u = users[0] ?? proof.fresh, [p] = places, now = ctx.now()
  if (!await proof.check(u, apps?.[0]) || !u || !enabled(u) || ended?.length) throw refused()
  const directory = learn(ctx.env.LIBSQL_URL, small), seq = small[0].seq
  const claims: TokenClaims = {
    user: { id: u.user.id, name: u.user.name, domain: named(u.home!) }, roles: [], methods: proof.methods, seq, issuedAt: now,
    auditIds: [auditId(ctx), ...(proof.token ? [proof.token.auditIds.at(-1)!] : [])], passwordExpiresAt: u.user.passwordExpiresAt,
    expiresAt: proof.token?.expiresAt ?? now + seconds(Number(ctx.env.TOKEN_SECONDS ?? 3600)),
  }
  if (proof.methods[0] === 'password' && u.user.passwordExpiresAt && u.user.passwordExpiresAt <= now) throw unauthorized(`The password is expired and needs to be changed for user: ${u.user.id}.`)
  let held = withImplied(directory, roles.map((r) => r.role))
  Object.assign(claims, proof.mark)
  if (proof.only) held = withImplied(directory, proof.only.filter((r) => held.has(r)))

  if (proof.app) {
    const app = apps![0]
    if (app.expiresAt !== null && app.expiresAt <= now) throw refused()
    held = withImplied(directory, app.roles.filter((r) => held.has(r)))
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
