import { createHash } from 'node:crypto'
import { and, eq, inArray, isNotNull, isNull, sql } from 'drizzle-orm'
import { domainConfig, group, membership, user } from '../../../schema/identity.ts'
import { q, type Query } from '../../kernel/db.ts'
import { seconds } from '../../kernel/env.ts'
import type { Sweep } from '../../kernel/sweep.ts'
import { everybody, sameDn, type Crew, type Person } from './client.ts'
import { directoryOf } from './settings.ts'

/** The same public ids that Keystone makes, so that what names them elsewhere stays right. Users and groups never share one. */
export const publicId = (domain: string, kind: 'user' | 'group', id: string) => createHash('sha256').update(`${domain}${kind}${id}`).digest('hex')

/** Who is in which group, directly or by a group in it. */
export function members(people: Person[], crews: Crew[], ids: boolean): [user: string, group: string][] {
  const key = sameDn, person = new Map(people.map((p) => [ids ? p.id : key(p.dn), p.id])), crew = new Map(crews.map((g) => [key(g.dn), g]))
  const out: [string, string][] = []
  for (const g of crews) {
    const seen = new Set<Crew>([g]), inside = new Set<string>()
    for (const at of seen) for (const m of at.members) {
      const p = person.get(ids ? m : key(m)), sub = crew.get(key(m))
      if (p !== undefined) inside.add(p)
      else if (sub) seen.add(sub)
    }
    for (const p of inside) out.push([p, g.id])
  }
  return out
}

/**
 * Users and groups of each domain that has a directory, as rows: so that lists, roles and revocation know no difference. Passwords stay there.
 * While a directory cannot be reached all stays as it was last seen, and nobody of it can log in.
 */
export const syncDirectories: Sweep = {
  name: 'identity.directories', every: 60,
  async run({ db, env, world }) {
    const [rows] = await db.read([q.select().from(domainConfig).where(inArray(domainConfig.domain, sql`(select domain_id from domain_config where config_group = 'identity' and config_option = 'driver' and value = '"ldap"')`))])
    for (const domain of new Set(rows.map((r) => r.domain))) {
      const d = await directoryOf(env, rows.filter((r) => r.domain === domain))
      const found = d && await everybody(d).catch(() => undefined)
      if (!d || !found) continue
      const now = world.now(), u = (id: string) => publicId(domain, 'user', id), g = (id: string) => publicId(domain, 'group', id)
      const [own, ownGroups, haveUsers, haveGroups, haveMembers] = await db.read([q.select({ name: user.name }).from(user).where(and(eq(user.domain, domain), isNull(user.directory))), q.select({ name: group.name }).from(group).where(and(eq(group.domain, domain), isNull(group.directory))),
        q.select().from(user).where(and(eq(user.domain, domain), isNotNull(user.directory))), q.select().from(group).where(and(eq(group.domain, domain), isNotNull(group.directory))),
        q.select().from(membership).where(inArray(membership.group, sql`(select id from user_group where domain_id = ${domain} and directory_id is not null)`))])
      const batch: Query[] = [], ended = new Set<string>()
      const before = new Map(haveUsers.map((x) => [x.id, x])), groupsBefore = new Map(haveGroups.map((x) => [x.id, x]))
      // A name is one person's: who was here first keeps it.
      const taken = new Set(own.map((x) => x.name)), takenGroups = new Set(ownGroups.map((x) => x.name))
      const people = found.people.filter((p) => !taken.has(p.name) && taken.add(p.name)), crews = found.crews.filter((c) => !takenGroups.has(c.name) && takenGroups.add(c.name))
      for (const p of people) {
        const have = before.get(u(p.id)), extra = { ...(p.mail && { email: p.mail }), ...(p.description && { description: p.description }) }
        before.delete(u(p.id))
        if (have && have.name === p.name && have.enabled === p.enabled && JSON.stringify(have.extra) === JSON.stringify(extra)) continue
        if (have?.enabled && !p.enabled) ended.add(have.id)
        batch.push(q.insert(user).values({ id: u(p.id), name: p.name, domain, enabled: p.enabled, directory: p.id, extra, createdAt: now }).onConflictDoUpdate({ target: user.id, set: { name: p.name, enabled: p.enabled, extra, password: null, directory: p.id } }))
      }
      // Who is not there any more cannot log in, and keeps what is theirs until an operator deletes them.
      for (const x of before.values()) if (x.enabled) { ended.add(x.id); batch.push(q.update(user).set({ enabled: false }).where(eq(user.id, x.id))) }
      for (const c of crews) {
        const have = groupsBefore.get(g(c.id))
        groupsBefore.delete(g(c.id))
        if (!have || have.name !== c.name || have.description !== c.description) batch.push(q.insert(group).values({ id: g(c.id), name: c.name, domain, description: c.description, directory: c.id, createdAt: now }).onConflictDoUpdate({ target: group.id, set: { name: c.name, description: c.description, directory: c.id } }))
      }
      const want = new Set(members(people, crews, d.groups.ids).map(([p, c]) => `${u(p)} ${g(c)}`)), had = new Set(haveMembers.map((m) => `${m.user} ${m.group}`))
      for (const w of want) if (!had.has(w)) { const [who, which] = w.split(' '); batch.push(q.insert(membership).values({ user: who, group: which }).onConflictDoNothing()) }
      for (const h of had) if (!want.has(h)) { const [who, which] = h.split(' '); ended.add(who); batch.push(q.delete(membership).where(and(eq(membership.user, who), eq(membership.group, which)))) }
      for (const id of ended) batch.push(q.run(sql`insert into revocation (subject, at, expires_at) values (${`u:${id}`}, ${now}, ${now + seconds(4 * 86_400)})`))
      for (let i = 0; i < batch.length; i += 500) await db.write(batch.slice(i, i + 500) as [Query, ...Query[]])
    }
  },
}
