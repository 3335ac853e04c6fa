import { createHash } from 'node:crypto'
import { and, eq, inArray, isNotNull, notInArray, sql } from 'drizzle-orm'
import { assignment, federatedUser, federationProtocol, identityProvider, mapping, membership, project, user } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { hex32, seconds } from '../../kernel/env.ts'
import { notFound, unauthorized } from '../../kernel/fault.ts'
import { unseal } from '../seal.ts'
import { issueFor, type Issued } from '../tokens/issue.ts'
import { refused } from '../tokens/request.ts'
import type { Client } from './oidc.ts'
import { map, type Assertion, type Mapped } from './rules.ts'
import type { SamlClient } from './saml2.ts'

export interface Way { idp: typeof identityProvider.$inferSelect; protocol: typeof federationProtocol.$inferSelect; rules: any[]; client: Client | SamlClient | undefined }

/** How somebody comes in: a provider that is enabled, the protocol, its mapping, and our client there. */
export async function wayIn(ctx: Ctx, idp: string, protocol: string): Promise<Way> {
  const [[found]] = await ctx.read(q.select({ idp: identityProvider, protocol: federationProtocol, mapping }).from(federationProtocol).innerJoin(identityProvider, eq(identityProvider.id, federationProtocol.idp))
    .leftJoin(mapping, eq(mapping.id, federationProtocol.mapping)).where(and(eq(federationProtocol.idp, idp), eq(federationProtocol.id, protocol))))
  if (!found) throw notFound('federation protocol', protocol, `Could not find federated protocol ${protocol} of identity provider ${idp}.`)
  if (!found.idp.enabled) throw unauthorized(`Identity provider ${idp} is disabled.`)
  const { client } = found.protocol, secret = client?.client_secret
  return { ...found, rules: found.mapping?.rules ?? [], client: client ? { ...client as unknown as Client | SamlClient, ...(secret !== undefined && { client_secret: await unseal(ctx.env, `${idp}/${protocol}`, String(secret)) }) } : undefined }
}

const groupIds = (m: Mapped) => sql.join(m.groups.map((g) => ('id' in g ? sql`select id from user_group where id = ${g.id}`
  : sql`select id from user_group where name = ${g.name} and domain_id = ${g.domain.id !== undefined ? sql`${g.domain.id}` : sql`(select id from project where is_domain = 1 and name = ${g.domain.name ?? ''})`}`)), sql` union `)

/** A token without scope for somebody a provider has told of; who comes the first time is made here, and belongs to the groups the rules say, for a while. */
export async function admit(ctx: Ctx, way: Way, said: Assertion): Promise<Issued> {
  const { idp, protocol } = way, mapped = map(way.rules, said), who = mapped.user
  const unique = (who?.id ?? who?.name)?.slice(0, 255), name = (who?.name ?? who?.id)?.slice(0, 200)
  if (!unique || !name) throw unauthorized('Could not map any federated user properties to identity values.')
  if (who!.local) {
    const domain = who!.domain?.id !== undefined ? sql`${who!.domain.id}` : sql`(select id from project where is_domain = 1 and name = ${who!.domain?.name ?? ''})`
    return issueFor(ctx, { methods: [protocol.id], who: who!.id !== undefined ? sql`${who!.id}` : sql`(select id from user where name = ${name} and domain_id = ${domain})`, check: async (u) => u !== undefined }, { kind: 'unscoped', id: sql`null` })
  }
  // From what the provider calls them, so that two first logins at once make one user; who came over from another cloud kept the id they had.
  const first = createHash('sha256').update(JSON.stringify([idp.id, protocol.id, unique])).digest('hex').slice(0, 32), now = ctx.now()
  const whoever = sql`coalesce((select user_id from federated_user where idp_id = ${idp.id} and protocol_id = ${protocol.id} and unique_id = ${unique}), ${first})`
  const ids = mapped.groups.length ? groupIds(mapped) : sql`select null where 0`, projects = mapped.projects.map((p) => p.name), roles = mapped.projects.flatMap((p) => p.roles)
  const [[home], [there], groups, [clash], have, known] = await ctx.read(
    q.select().from(project).where(eq(project.id, idp.domain)), q.select().from(user).where(eq(user.id, whoever)), q.all<{ id: string }>(ids),
    q.select({ id: user.id }).from(user).where(and(eq(user.domain, idp.domain), eq(user.name, name))),
    q.select().from(project).where(and(eq(project.domain, idp.domain), eq(project.isDomain, false), inArray(project.name, [...projects, '']))),
    q.all<{ id: string; name: string }>(sql`select id, name from role where domain_id is null and name in ${[...roles, '']}`))
  if (!home?.enabled) throw refused()
  const id = there?.id ?? first
  // Nobody takes a name that somebody else of the domain has: roles are given by names, too.
  const called = clash && clash.id !== id ? there?.name ?? `${name}#${id.slice(0, 8)}` : name
  const fresh = there ?? { id, name: called, domain: idp.domain, enabled: true, password: null, passwordExpiresAt: null, passwordAt: null, activeAt: now, directory: null, defaultProject: null, options: {}, extra: who!.email ? { email: who!.email } : {}, createdAt: now } as typeof user.$inferSelect
  if (!there) ctx.stage(q.insert(user).values(fresh).onConflictDoNothing())
  else if (there.name !== called) ctx.stage(q.update(user).set({ name: called }).where(eq(user.id, id)))
  ctx.stage(q.insert(federatedUser).values({ idp: idp.id, protocol: protocol.id, unique, user: id, name }).onConflictDoUpdate({ target: [federatedUser.idp, federatedUser.protocol, federatedUser.unique], set: { name } }))
  const until = now + seconds(Math.max((idp.authorizationTtl ?? 0) * 60, Number(ctx.env.TOKEN_SECONDS ?? 3600)))
  ctx.stage(q.delete(membership).where(and(eq(membership.user, id), isNotNull(membership.expiresAt), notInArray(membership.group, [...groups.map((g) => g.id), '']))))
  for (const g of groups) ctx.stage(q.insert(membership).values({ user: id, group: g.id, expiresAt: until }).onConflictDoUpdate({ target: [membership.user, membership.group], set: { expiresAt: until }, setWhere: isNotNull(membership.expiresAt) }))
  for (const p of mapped.projects) {
    const at = have.find((h) => h.name === p.name)?.id ?? hex32(ctx.world)
    if (!have.some((h) => h.name === p.name)) { ctx.stage(q.insert(project).values({ id: at, name: p.name, domain: idp.domain, parent: idp.domain, createdAt: now })); have.push({ id: at, name: p.name } as (typeof have)[number]) }
    for (const r of known.filter((k) => p.roles.includes(k.name))) ctx.stage(q.insert(assignment).values({ actorKind: 'user', actor: id, scope: 'project', target: at, role: r.id, inherited: false }).onConflictDoNothing())
  }
  ctx.about(id)
  return issueFor(ctx, {
    methods: [protocol.id], who: sql`${id}`, fresh: { user: fresh, home }, mark: { federation: { idp: idp.id, protocol: protocol.id, groups: groups.map((g) => g.id) } }, check: async (u) => u !== undefined,
  }, { kind: 'unscoped', id: sql`null` })
}
