import { createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { accessRule, applicationCredential, assignment, credential, endpoint, foreignHash, group, identityRevision, impliedRole, membership, project, region, role, service, user } from '../../schema/identity.ts'
import { kindOf } from '../../functions/identity/foreign.ts'
import { outdated } from '../../functions/identity/passwords.ts'
import { q, type Query } from '../../functions/kernel/db.ts'
import { json, micros, yes, type Row, type Tables } from './dump.ts'
import { directories, federation, lent, limits, paths } from './rest.ts'

/** What is there already: the names an import has to get along with. */
export interface Here {
  roles: { id: string; name: string; domain: string | null }[]; projects: { id: string; name: string; domain: string | null }[]; users: { id: string; name: string; domain: string }[]
  services: { id: string; type: string }[]; regions: { id: string }[]
}
/** Keys that open the old cloud's credentials, and what seals them, and other secrets, for this one. */
export interface Secrets { keys?: string[]; seal?: (about: string, text: string) => string }
export interface Plan { queries: Query[]; counts: Record<string, number>; notes: string[] }
/** A plan in the making: what its parts share. */
export interface Work extends Plan {
  /** Rows of a table. */
  of: (table: string) => Row[]
  add: (what: string, query: Query) => void
  /** What an old id means here. */
  now1: (id: unknown) => string
  /** Is this somebody who was here already? Their name is the same; what they may do, hold and lend is not taken over. */
  known: (user: unknown) => boolean
  here: Here; now: number; catalog: boolean; secrets: Secrets
}

const OPTIONS: Record<string, string> = { 1000: 'ignore_change_password_upon_first_use', 1001: 'ignore_password_expiry', 1002: 'ignore_lockout_failure_attempts', 1003: 'lock_password', 1004: 'ignore_user_inactivity', MFAR: 'multi_factor_auth_rules', MFAE: 'multi_factor_auth_enabled', IMMU: 'immutable' }
const ROOT = '<<keystone.domain.root>>'

/**
 * From a Keystone's tables to rows of ours. Ids stay as they are, since other databases name them; but where this cloud has a role, project or
 * user of the same name in the same place already, that one is meant. What is there is never changed, so an import can be run again.
 */
export async function plan(t: Tables, here: Here, now: number, catalog: boolean, secrets: Secrets = {}): Promise<Plan> {
  const of = (name: string): Row[] => t[name] ?? [], counts: Record<string, number> = {}, notes: string[] = [], queries: Query[] = []
  if (!t.project || !t.user || !t.assignment) throw new Error('this is no dump of a Keystone database: it has no rows of project, user and assignment')
  const add = (what: string, query: Query) => { counts[what] = (counts[what] ?? 0) + 1; queries.push(query) }
  const optionsOf = (table: string, key: string, id: unknown) => Object.fromEntries(of(table).filter((o) => o[key] === id && OPTIONS[String(o.option_id)]).map((o) => { try { return [OPTIONS[String(o.option_id)], JSON.parse(String(o.option_value))] } catch { return [OPTIONS[String(o.option_id)], o.option_value] } }))
  const same = new Map<string, string>(), kinds = new Set<string>()
  const now1 = (id: unknown) => same.get(String(id)) ?? String(id)
  const work: Work = { queries, counts, notes, of, add, now1, known: (id) => same.has(String(id)), here, now, catalog, secrets }
  const meant = (what: string, id: string, name: string, known: string | undefined) => {
    if (known === undefined || known === id) return known === id
    same.set(id, known)
    notes.push(`${what} ${name} is here already as ${known}: what names ${id} is taken to mean it`)
    return true
  }

  for (const r of of('role')) {
    const domain = r.domain_id && r.domain_id !== '<<null>>' ? String(r.domain_id) : null, { description, ...extra } = json(r.extra)
    if (meant('role', String(r.id), String(r.name), here.roles.find((h) => h.name === r.name && h.domain === domain)?.id)) continue
    add('roles', q.insert(role).values({ id: String(r.id), name: String(r.name), domain, description: String(r.description ?? description ?? '') || null, options: optionsOf('role_option', 'role_id', r.id), extra, createdAt: now }).onConflictDoNothing())
  }
  for (const i of of('implied_role')) add('implied roles', q.insert(impliedRole).values({ prior: now1(i.prior_role_id), implied: now1(i.implied_role_id) }).onConflictDoNothing())
  // Domains before what is in them, so that what is meant is known.
  for (const p of of('project').filter((x) => x.id !== ROOT).sort((a, b) => Number(yes(b.is_domain)) - Number(yes(a.is_domain)))) {
    const isDomain = yes(p.is_domain), domain = isDomain ? null : now1(p.domain_id)
    if (meant(isDomain ? 'domain' : 'project', String(p.id), String(p.name), here.projects.find((h) => h.name === p.name && h.domain === domain)?.id)) continue
    add(isDomain ? 'domains' : 'projects', q.insert(project).values({
      id: String(p.id), name: String(p.name), domain, parent: isDomain ? null : now1(p.parent_id ?? p.domain_id), isDomain, enabled: yes(p.enabled), description: String(p.description ?? ''),
      tags: of('project_tag').filter((x) => x.project_id === p.id).map((x) => String(x.name)).sort(), options: optionsOf('project_option', 'project_id', p.id), extra: json(p.extra), createdAt: now,
    }).onConflictDoNothing())
  }
  const local = new Map(of('local_user').map((l) => [l.user_id, l])), outside = new Map(of('nonlocal_user').map((l) => [l.user_id, l])), hashes = new Map<unknown, Row>()
  for (const p of of('password')) { const have = hashes.get(p.local_user_id); if (!have || Number(p.created_at_int ?? p.id) >= Number(have.created_at_int ?? have.id)) hashes.set(p.local_user_id, p) }
  for (const u of of('user')) {
    const l = local.get(u.id), o = outside.get(u.id), name = l?.name ?? o?.name, domain = now1(l?.domain_id ?? o?.domain_id ?? u.domain_id)
    // Who came by federation is made with it.
    if (name === undefined) continue
    if (meant('user', String(u.id), String(name), here.users.find((h) => h.name === name && h.domain === domain)?.id)) continue
    const secret = l && hashes.get(l.id), hash = secret?.password_hash == null ? null : String(secret.password_hash)
    const kind = hash && kindOf(hash)
    if (kind && outdated(hash)) kinds.add(kind)
    if (hash && !kind) notes.push(`user ${name}: the kind of its password hash is not known here; set it a new password`)
    add('users', q.insert(user).values({
      id: String(u.id), name: String(name), domain, enabled: yes(u.enabled), password: hash, passwordExpiresAt: secret ? micros(secret.expires_at_int ?? secret.expires_at) : null, passwordAt: secret ? micros(secret.created_at_int ?? secret.created_at) : null,
      activeAt: micros(u.last_active_at), defaultProject: u.default_project_id == null ? null : now1(u.default_project_id), options: optionsOf('user_option', 'user_id', u.id), extra: json(u.extra), createdAt: micros(u.created_at) ?? now,
    }).onConflictDoNothing())
  }
  for (const g of of('group')) add('groups', q.insert(group).values({ id: String(g.id), name: String(g.name), domain: now1(g.domain_id), description: String(g.description ?? ''), extra: json(g.extra), createdAt: now }).onConflictDoNothing())
  for (const m of of('user_group_membership')) add('memberships', q.insert(membership).values({ user: now1(m.user_id), group: now1(m.group_id) }).onConflictDoNothing())
  const give = (a: Row, actorKind: 'user' | 'group', scope: 'project' | 'domain' | 'system') => {
    // Who this cloud had already keeps the roles it has here: an old cloud's admin is not this one's by name alone.
    if (actorKind === 'user' && same.has(String(a.actor_id))) return void notes.push(`a role of user ${a.actor_id} on ${scope} ${a.target_id} is left out: the user of that name here keeps its own roles`)
    add('assignments', q.insert(assignment).values({ actorKind, actor: String(a.actor_id), scope, target: scope === 'system' ? 'system' : now1(a.target_id), role: now1(a.role_id), inherited: yes(a.inherited) }).onConflictDoNothing())
  }
  for (const a of of('assignment')) {
    const m = /^(User|Group)(Project|Domain)$/.exec(String(a.type))
    if (m) give(a, m[1].toLowerCase() as 'user', m[2].toLowerCase() as 'project')
  }
  for (const a of of('system_assignment')) give(a, String(a.type).startsWith('User') ? 'user' : 'group', 'system')
  if (catalog) {
    for (const r of of('region')) add('regions', q.insert(region).values({ id: String(r.id), description: String(r.description ?? ''), parent: r.parent_region_id == null ? null : String(r.parent_region_id), extra: json(r.extra) }).onConflictDoNothing())
    for (const s of of('service')) { const { name, description, ...extra } = json(s.extra); add('services', q.insert(service).values({ id: String(s.id), type: String(s.type), name: String(name ?? ''), description: description == null ? null : String(description), enabled: yes(s.enabled), extra }).onConflictDoNothing()) }
    for (const e of of('endpoint')) add('endpoints', q.insert(endpoint).values({ id: String(e.id), service: String(e.service_id), region: e.region_id == null ? null : String(e.region_id), interface: e.interface as 'public', url: String(e.url), enabled: yes(e.enabled), extra: json(e.extra) }).onConflictDoNothing())
    paths(work)
  } else if (of('endpoint').length) notes.push(`${of('endpoint').length} endpoints are left out, since this cloud has its own: take them over with --catalog`)
  limits(work)
  federation(work)
  lent(work)
  directories(work)
  const { keys, seal } = secrets
  if (of('credential').length && !keys) notes.push(`${of('credential').length} credentials are left out, since they are encrypted with the old cloud's keys: give those with --credential-keys`)
  for (const c of keys && seal ? of('credential') : []) {
    const text = unfernet(String(c.encrypted_blob), keys!)
    if (same.has(String(c.user_id))) { notes.push(`credential ${c.id} is left out: the user of that name here keeps their own`); continue }
    if (text === undefined) { notes.push(`credential ${c.id} is left out: none of the keys opens it`); continue }
    add('credentials', q.insert(credential).values({ id: String(c.id), user: String(c.user_id), project: c.project_id == null ? null : now1(c.project_id), type: String(c.type), blob: seal!(String(c.id), text), createdAt: now }).onConflictDoNothing())
  }
  const rule = new Map(of('access_rule').map((r) => [r.id, r]))
  for (const r of of('access_rule')) add('access rules', q.insert(accessRule).values({ id: String(r.external_id), user: now1(r.user_id), service: String(r.service), method: String(r.method), path: String(r.path) }).onConflictDoNothing())
  for (const a of of('application_credential')) {
    const at = <T>(table: string, what: (r: Row) => T) => of(table).filter((r) => r.application_credential_id === a.internal_id).map(what)
    if (same.has(String(a.user_id)) || a.project_id == null) { notes.push(`application credential ${a.name} (${a.id}) is left out: ${a.project_id == null ? 'it is for no project' : 'the user of that name here keeps their own'}`); continue }
    const hash = String(a.secret_hash), kind = kindOf(hash), rules = at('application_credential_access_rule', (r) => String(rule.get(r.access_rule_id)?.external_id ?? ''))
    if (!kind) { notes.push(`application credential ${a.name} (${a.id}) is left out: the kind of its hash is not known here`); continue }
    if (outdated(hash)) kinds.add(kind)
    add('application credentials', q.insert(applicationCredential).values({
      id: String(a.id), name: String(a.name), user: String(a.user_id), project: now1(a.project_id), description: a.description == null ? null : String(a.description), secret: hash, roles: at('application_credential_role', (r) => now1(r.role_id)),
      unrestricted: yes(a.unrestricted), expiresAt: micros(a.expires_at), accessRules: rules.length ? rules : null, createdAt: now,
    }).onConflictDoNothing())
  }
  // With the users: from then on a wrong password costs a hash of each kind.
  if (kinds.size) queries.push(q.insert(foreignHash).values([...kinds].map((kind) => ({ kind }))).onConflictDoNothing())
  queries.push(q.insert(identityRevision).values({ id: 1, revision: 1 }).onConflictDoUpdate({ target: identityRevision.id, set: { revision: sql`revision + 1` } }))
  return { queries, counts, notes }
}


/** Fernet (AES-128-CBC under HMAC-SHA256), by any of the keys; undefined when none fits. Where Keystone had none it used one of zeros. */
export function unfernet(token: string, keys: string[]): string | undefined {
  const all = Buffer.from(token, 'base64url'), body = all.subarray(0, -32)
  for (const text of [...keys, Buffer.alloc(32).toString('base64')]) {
    const key = Buffer.from(text.trim(), 'base64url')
    if (key.length !== 32 || all[0] !== 0x80 || all.length < 73 || !timingSafeEqual(createHmac('sha256', key.subarray(0, 16)).update(body).digest(), all.subarray(-32))) continue
    const open = createDecipheriv('aes-128-cbc', key.subarray(16), body.subarray(9, 25))
    return Buffer.concat([open.update(body.subarray(25)), open.final()]).toString('utf8')
  }
  return undefined
}
