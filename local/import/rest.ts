import { consumer, domainConfig, endpointGroup, endpointGroupProject, endpointProject, federatedUser, federationProtocol, identityProvider, idpRemote, limit, mapping, membership, oauthToken, policyAssociation, policyBlob, registeredLimit, serviceProvider, trust, user } from '../../schema/identity.ts'
import { DEFAULTS } from '../../functions/identity/domains/config.ts'
import { q } from '../../functions/kernel/db.ts'
import { json, micros, words, yes, type Row } from './dump.ts'
import type { Work } from './keystone.ts'

const textOf = (cell: unknown): string => { const inner = json<unknown>(cell, cell); return typeof inner === 'string' ? inner : JSON.stringify(inner) }

/** Which endpoints a project sees, and policies kept for services: of a catalog, so they come with it. */
export function paths({ of, add, now1 }: Work) {
  for (const p of of('project_endpoint')) add('endpoints of projects', q.insert(endpointProject).values({ endpoint: String(p.endpoint_id), project: now1(p.project_id) }).onConflictDoNothing())
  for (const g of of('endpoint_group')) add('endpoint groups', q.insert(endpointGroup).values({ id: String(g.id), name: String(g.name), description: words(g.description), filters: json(g.filters) }).onConflictDoNothing())
  for (const g of of('project_endpoint_group')) add('endpoint groups of projects', q.insert(endpointGroupProject).values({ group: String(g.endpoint_group_id), project: now1(g.project_id) }).onConflictDoNothing())
  for (const p of of('policy')) add('policies', q.insert(policyBlob).values({ id: String(p.id), type: String(p.type), blob: textOf(p.blob), extra: json(p.extra) }).onConflictDoNothing())
  for (const a of of('policy_association')) add('policy associations', q.insert(policyAssociation).values({ policy: String(a.policy_id), endpoint: String(a.endpoint_id ?? ''), service: String(a.service_id ?? ''), region: String(a.region_id ?? '') }).onConflictDoNothing())
}

/** Limits are of services: with the old catalog its own, else those here of the same types. */
export function limits({ of, add, now1, here, catalog, notes }: Work) {
  const service = (id: unknown) => (catalog ? String(id) : here.services.find((s) => s.type === of('service').find((o) => o.id === id)?.type)?.id)
  const places = new Map<unknown, { service: string; region: string; resource: string }>()
  for (const r of of('registered_limit')) {
    const at = service(r.service_id), region = String(r.region_id ?? '')
    if (!at || (region && !catalog && !here.regions.some((h) => h.id === region))) { notes.push(`the limit of ${r.resource_name} is left out, and what is set of it: there is no such ${at ? `region (${region})` : 'service'} here. --catalog takes those over`); continue }
    const place = { service: at, region, resource: String(r.resource_name) }
    places.set(r.id, place)
    add('registered limits', q.insert(registeredLimit).values({ id: String(r.id), ...place, limit: Number(r.default_limit), description: words(r.description) }).onConflictDoNothing())
  }
  for (const l of of('limit')) {
    const place = places.get(l.registered_limit_id), whose = (id: unknown) => (id == null ? '' : now1(id))
    if (place) add('limits', q.insert(limit).values({ id: String(l.id), project: whose(l.project_id), domain: whose(l.domain_id), ...place, limit: Number(l.resource_limit), description: words(l.description) }).onConflictDoNothing())
  }
}

/** Keystone writes them as text within text. */
const rulesOf = (cell: unknown): unknown[] => { const once = json<unknown>(cell, []); return typeof once === 'string' ? json<unknown[]>(once, []) : once as unknown[] }

/** Providers, and who came by them: as the same users, so that roles and groups they have go on to hold. */
export function federation({ of, add, now1, here, now, notes }: Work) {
  const names = new Set(here.users.map((u) => `${u.domain} ${u.name}`)), idps = new Map(of('identity_provider').map((i) => [i.id, i]))
  for (const i of idps.values()) {
    const remotes = of('idp_remote_ids').filter((r) => r.idp_id === i.id).map((r) => String(r.remote_id))
    add('identity providers', q.insert(identityProvider).values({ id: String(i.id), domain: now1(i.domain_id), enabled: yes(i.enabled), description: words(i.description), authorizationTtl: i.authorization_ttl == null ? null : Number(i.authorization_ttl), remoteIds: remotes }).onConflictDoNothing())
    for (const remote of remotes) add('remote ids', q.insert(idpRemote).values({ remote, idp: String(i.id) }).onConflictDoNothing())
  }
  for (const m of of('mapping')) add('mappings', q.insert(mapping).values({ id: String(m.id), rules: rulesOf(m.rules), schemaVersion: String(m.schema_version ?? '1.0') }).onConflictDoNothing())
  for (const p of of('federation_protocol')) {
    add('protocols', q.insert(federationProtocol).values({ id: String(p.id), idp: String(p.idp_id), mapping: String(p.mapping_id), remoteIdAttribute: words(p.remote_id_attribute), client: null }).onConflictDoNothing())
    notes.push(`protocol ${p.id} of ${p.idp_id} was spoken by Keystone's web server: here it wants a client of its own (docs/identity.md)`)
  }
  for (const s of of('service_provider')) add('service providers', q.insert(serviceProvider).values({ id: String(s.id), authUrl: String(s.auth_url), spUrl: String(s.sp_url), enabled: yes(s.enabled), description: words(s.description), relayStatePrefix: String(s.relay_state_prefix ?? 'ss:mem:') }).onConflictDoNothing())
  const users = new Map(of('user').map((u) => [u.id, u])), made = new Set<unknown>()
  for (const f of of('federated_user')) {
    const u: Row | undefined = users.get(f.user_id), domain = now1(u?.domain_id), called = String(f.display_name ?? f.unique_id)
    if (!u) continue
    const name = names.has(`${domain} ${called}`) ? `${called}#${String(u.id).slice(0, 8)}` : called
    if (!made.has(u.id) && !of('local_user').some((l) => l.user_id === u.id)) {
      names.add(`${domain} ${name}`)
      add('federated users', q.insert(user).values({ id: String(u.id), name, domain, enabled: yes(u.enabled), activeAt: micros(u.last_active_at), defaultProject: u.default_project_id == null ? null : now1(u.default_project_id), extra: json(u.extra), createdAt: micros(u.created_at) ?? now }).onConflictDoNothing())
    }
    made.add(u.id)
    // Keystone keeps it as it would stand in an address.
    let unique = String(f.unique_id)
    try { unique = decodeURIComponent(unique) } catch { /* as it is */ }
    add('ways they came', q.insert(federatedUser).values({ idp: String(f.idp_id), protocol: String(f.protocol_id), unique, user: String(f.user_id), name: words(f.display_name) }).onConflictDoNothing())
  }
  for (const m of of('expiring_user_group_membership')) {
    const at = micros(m.last_verified), ttl = Number(idps.get(m.idp_id)?.authorization_ttl ?? 0)
    if (at !== null && ttl) add('memberships for a while', q.insert(membership).values({ user: now1(m.user_id), group: now1(m.group_id), expiresAt: at + ttl * 60_000_000 }).onConflictDoNothing())
  }
}

/** Trusts and OAuth1: what people of the old cloud lent, as long as it has not ended. */
export function lent({ of, add, now1, known, now, notes, secrets: { seal } }: Work) {
  for (const t of of('trust')) {
    const expiresAt = micros(t.expires_at_int ?? t.expires_at), { roles: _, ...extra } = json(t.extra)
    if (t.deleted_at != null || (expiresAt !== null && expiresAt <= now)) continue
    if (known(t.trustor_user_id) || known(t.trustee_user_id)) { notes.push(`trust ${t.id} is left out: a user of that name here lends and is lent nothing by it`); continue }
    add('trusts', q.insert(trust).values({
      id: String(t.id), trustor: String(t.trustor_user_id), trustee: String(t.trustee_user_id), project: t.project_id == null ? null : now1(t.project_id), impersonation: yes(t.impersonation), expiresAt,
      roles: of('trust_role').filter((r) => r.trust_id === t.id).map((r) => now1(r.role_id)), remainingUses: t.remaining_uses == null ? null : Number(t.remaining_uses), redelegatedFrom: words(t.redelegated_trust_id), redelegationCount: Number(t.redelegation_count ?? 0), extra, createdAt: now,
    }).onConflictDoNothing())
  }
  for (const c of of('consumer')) add('consumers', q.insert(consumer).values({ id: String(c.id), description: words(c.description), secret: String(c.secret), extra: json(c.extra) }).onConflictDoNothing())
  const tokens = of('access_token').filter((a) => { const at = micros(a.expires_at); return at === null || at > now })
  if (tokens.length && !seal) notes.push(`${tokens.length} OAuth1 access tokens are left out: their secrets are sealed with MASTER_SECRET, which has to be set`)
  for (const a of seal ? tokens : []) {
    if (known(a.authorizing_user_id)) { notes.push(`access token ${a.id} is left out: the user of that name here lends nothing by it`); continue }
    add('access tokens', q.insert(oauthToken).values({
      id: String(a.id), consumer: String(a.consumer_id), kind: 'access', secret: seal!(String(a.id), String(a.access_secret)), project: now1(a.project_id), user: String(a.authorizing_user_id), roles: json<string[]>(a.role_ids, []).map(now1), expiresAt: micros(a.expires_at), createdAt: now,
    }).onConflictDoNothing())
  }
}

/** How a domain reads its directory. */
export function directories({ of, add, now1, notes, secrets: { seal } }: Work) {
  for (const c of of('whitelisted_config')) {
    const group = String(c.group), option = String(c.option), at = { domain: now1(c.domain_id), group, option }
    if (!DEFAULTS[group] || !(option in DEFAULTS[group])) { notes.push(`the option ${option} of ${group} of domain ${at.domain} is not known here`); continue }
    add('options of domains', q.insert(domainConfig).values({ ...at, value: json<unknown>(c.value, c.value) }).onConflictDoNothing())
  }
  for (const c of of('sensitive_config')) {
    if (c.group !== 'ldap' || c.option !== 'password') { notes.push(`the option ${c.option} of ${c.group} of domain ${c.domain_id} is not known here`); continue }
    if (!seal) { notes.push(`the directory's password of domain ${c.domain_id} is left out: it is sealed with MASTER_SECRET, which has to be set`); continue }
    const domain = now1(c.domain_id)
    add('options of domains', q.insert(domainConfig).values({ domain, group: 'ldap', option: 'password', value: seal(`${domain}/ldap/password`, String(json<unknown>(c.value, c.value))) }).onConflictDoNothing())
  }
}
