import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { flag, json, micros } from './kernel.ts'

type Extra = Record<string, unknown>
const extra = () => json<Extra>('extra').notNull().default({})
const options = () => json<Extra>('options').notNull().default({})
const id = () => text('id').primaryKey()
const created = () => micros('created_at').notNull()

/**
 * What ended before its time. A token carries the highest `seq` its issuer's snapshot knew; it is refused when any of its
 * subjects (`a:AUDIT`, `u:USER`, `p:PROJECT`, `d:DOMAIN`, `up:USER:PROJECT`, `c:APPLICATION CREDENTIAL`, …) is listed
 * above that. No clock is compared, so neither skew nor a race between issue and revocation lets one slip through.
 */
export const revocation = sqliteTable('revocation', {
  seq: integer('seq').primaryKey({ autoIncrement: true }),
  subject: text('subject').notNull(),
  at: micros('at').notNull(),
  /** When no token it could concern is left. The newest row is never pruned: it holds the count. */
  expiresAt: micros('expires_at').notNull(),
}, (t) => [index('revocation_expiry').on(t.expiresAt)])

/** One row, bumped when the catalog or the roles change: isolates keep a copy and reload it when this moved. */
export const identityRevision = sqliteTable('identity_revision', { id: integer('id').primaryKey(), revision: integer('revision').notNull() })

/** Domains are projects with `is_domain`, as clients may also look at them; only a domain has no domain. */
export const project = sqliteTable('project', {
  id: id(),
  name: text('name').notNull(),
  domain: text('domain_id'),
  parent: text('parent_id'),
  isDomain: flag('is_domain').notNull().default(false),
  enabled: flag('enabled').notNull().default(true),
  description: text('description').notNull().default(''),
  tags: json<string[]>('tags').notNull().default([]),
  options: options(),
  extra: extra(),
  createdAt: created(),
}, (t) => [
  uniqueIndex('project_name').on(t.domain, t.name).where(sql`is_domain = 0`),
  uniqueIndex('domain_name').on(t.name).where(sql`is_domain = 1`),
  index('project_parent').on(t.parent, t.isDomain, t.id), index('project_list').on(t.isDomain, t.id, t.name, t.enabled), index('project_domain').on(t.domain, t.isDomain, t.id, t.name, t.enabled), index('project_by_name').on(t.name, t.isDomain, t.id),
  index('project_disabled').on(t.isDomain, t.id).where(sql`enabled = 0`), index('project_domain_disabled').on(t.domain, t.isDomain, t.enabled, t.id).where(sql`enabled = 0`),
])
/** Each tag as a row: kept by triggers, so that lists by tags read those that match. */
export const projectTag = sqliteTable('project_tag', { tag: text('tag').notNull(), project: text('project_id').notNull() }, (t) => [primaryKey({ columns: [t.tag, t.project] }), index('project_tag_project').on(t.project)])

export const user = sqliteTable('user', {
  id: id(),
  name: text('name').notNull(),
  domain: text('domain_id').notNull(),
  enabled: flag('enabled').notNull().default(true),
  /** Null: cannot log in with a password. */
  password: text('password'),
  passwordExpiresAt: micros('password_expires_at'),
  passwordAt: micros('password_at'),
  /** To the day; kept where accounts that are not used are disabled. */
  activeAt: micros('active_at'),
  defaultProject: text('default_project_id'),
  /** What the directory of the domain calls them, where it has one; who that is, is read from there. */
  directory: text('directory_id'),
  options: options(),
  extra: extra(),
  createdAt: created(),
}, (t) => [uniqueIndex('user_name').on(t.domain, t.name), index('user_domain').on(t.domain, t.id, t.name, t.enabled), index('user_list').on(t.id, t.name, t.enabled), index('user_by_name').on(t.name),
  index('user_default_project').on(t.defaultProject, t.id).where(sql`default_project_id is not null`), index('user_disabled').on(t.id).where(sql`enabled = 0`), index('user_domain_disabled').on(t.domain, t.enabled, t.id).where(sql`enabled = 0`),
  index('user_foreign_hash').on(t.password).where(sql`substr(password, 1, 22) <> '$scrypt$ln=14,r=8,p=1$'`)])

export const group = sqliteTable('user_group', {
  id: id(),
  name: text('name').notNull(),
  domain: text('domain_id').notNull(),
  description: text('description').notNull().default(''),
  directory: text('directory_id'),
  extra: extra(),
  createdAt: created(),
}, (t) => [uniqueIndex('group_name').on(t.domain, t.name), index('group_domain').on(t.domain, t.id, t.name), index('group_list').on(t.id, t.name), index('group_by_name').on(t.name)])

export const membership = sqliteTable('membership', {
  user: text('user_id').notNull(), group: text('group_id').notNull(),
  /** Said so by a provider at the last login, and believed until then; null: it is so. */
  expiresAt: micros('expires_at'),
},
  (t) => [primaryKey({ columns: [t.user, t.group] }), index('membership_group').on(t.group, t.user)])

export const role = sqliteTable('role', {
  id: id(),
  name: text('name').notNull(),
  /** Roles of a domain name bundles: they reach no token themselves, only what they imply does. */
  domain: text('domain_id'),
  description: text('description'),
  options: options(),
  extra: extra(),
  createdAt: created(),
}, (t) => [uniqueIndex('role_name').on(t.name).where(sql`domain_id is null`), uniqueIndex('role_domain_name').on(t.domain, t.name).where(sql`domain_id is not null`)])

export const impliedRole = sqliteTable('implied_role', { prior: text('prior_role_id').notNull(), implied: text('implied_role_id').notNull() },
  (t) => [primaryKey({ columns: [t.prior, t.implied] })])

export const assignment = sqliteTable('assignment', {
  /** With the id, since ids of users and groups may come from different directories. */
  actorKind: text('actor_kind', { enum: ['user', 'group'] }).notNull(),
  actor: text('actor').notNull(),
  scope: text('scope', { enum: ['project', 'domain', 'system'] }).notNull(),
  /** A project's or domain's id, or `system`. */
  target: text('target').notNull(),
  role: text('role').notNull(),
  /** Holds for everything below the target, not for the target. */
  inherited: flag('inherited').notNull().default(false),
}, (t) => [
  primaryKey({ columns: [t.actorKind, t.actor, t.scope, t.target, t.role, t.inherited] }),
  index('assignment_target').on(t.target), index('assignment_role').on(t.role),
])

export const region = sqliteTable('region', { id: id(), description: text('description').notNull().default(''), parent: text('parent_region_id'), extra: extra() })

export const service = sqliteTable('service', {
  id: id(), type: text('type').notNull(), name: text('name').notNull().default(''), description: text('description'),
  enabled: flag('enabled').notNull().default(true), extra: extra(),
})

export const endpoint = sqliteTable('endpoint', {
  id: id(), service: text('service_id').notNull(), region: text('region_id'), interface: text('interface', { enum: ['public', 'internal', 'admin'] }).notNull(),
  url: text('url').notNull(), enabled: flag('enabled').notNull().default(true), extra: extra(),
}, (t) => [index('endpoint_service').on(t.service)])

/** Endpoints a project is confined to; a project with none sees the whole catalog. */
export const endpointProject = sqliteTable('endpoint_project', { endpoint: text('endpoint_id').notNull(), project: text('project_id').notNull() },
  (t) => [primaryKey({ columns: [t.project, t.endpoint] }), index('endpoint_project_endpoint').on(t.endpoint)])

export const endpointGroup = sqliteTable('endpoint_group', { id: id(), name: text('name').notNull(), description: text('description'), filters: json<Extra>('filters').notNull() })
export const endpointGroupProject = sqliteTable('endpoint_group_project', { group: text('endpoint_group_id').notNull(), project: text('project_id').notNull() },
  (t) => [primaryKey({ columns: [t.project, t.group] }), index('endpoint_group_project_group').on(t.group)])

export const credential = sqliteTable('credential', {
  id: id(), user: text('user_id').notNull(), project: text('project_id'), type: text('type').notNull(),
  /** Encrypted. */
  blob: text('blob').notNull(), createdAt: created(),
}, (t) => [index('credential_user').on(t.user, t.id), index('credential_project').on(t.project)])

export const applicationCredential = sqliteTable('application_credential', {
  id: id(), name: text('name').notNull(), user: text('user_id').notNull(), project: text('project_id').notNull(), description: text('description'),
  secret: text('secret').notNull(), roles: json<string[]>('roles').notNull(), unrestricted: flag('unrestricted').notNull().default(false),
  expiresAt: micros('expires_at'), accessRules: json<string[] | null>('access_rules'), createdAt: created(),
}, (t) => [uniqueIndex('application_credential_name').on(t.user, t.name), index('application_credential_project').on(t.project)])

export const accessRule = sqliteTable('access_rule', {
  id: id(), user: text('user_id').notNull(), service: text('service').notNull(), method: text('method').notNull(), path: text('path').notNull(),
}, (t) => [uniqueIndex('access_rule_what').on(t.user, t.service, t.method, t.path)])

export const trust = sqliteTable('trust', {
  id: id(), trustor: text('trustor_user_id').notNull(), trustee: text('trustee_user_id').notNull(), project: text('project_id'),
  impersonation: flag('impersonation').notNull(), roles: json<string[]>('roles').notNull(), expiresAt: micros('expires_at'), remainingUses: integer('remaining_uses'),
  redelegatedFrom: text('redelegated_trust_id'), redelegationCount: integer('redelegation_count').notNull().default(0), deletedAt: micros('deleted_at'), extra: extra(), createdAt: created(),
}, (t) => [index('trust_trustor').on(t.trustor), index('trust_trustee').on(t.trustee), index('trust_project').on(t.project)])

/** Part of a unique key: absent is the empty string, since nulls differ from each other. */
const none = (name: string) => text(name).notNull().default('')
export const registeredLimit = sqliteTable('registered_limit', {
  id: id(), service: text('service_id').notNull(), region: none('region_id'), resource: text('resource_name').notNull(), limit: integer('default_limit').notNull(), description: text('description'),
}, (t) => [uniqueIndex('registered_limit_what').on(t.service, t.region, t.resource)])

export const limit = sqliteTable('resource_limit', {
  id: id(), project: none('project_id'), domain: none('domain_id'), service: text('service_id').notNull(), region: none('region_id'), resource: text('resource_name').notNull(),
  limit: integer('resource_limit').notNull(), description: text('description'),
}, (t) => [uniqueIndex('limit_what').on(t.project, t.domain, t.service, t.region, t.resource)])

export const domainConfig = sqliteTable('domain_config', { domain: text('domain_id').notNull(), group: text('config_group').notNull(), option: text('config_option').notNull(), value: json<unknown>('value') },
  (t) => [primaryKey({ columns: [t.domain, t.group, t.option] })])

export const policyBlob = sqliteTable('policy', { id: id(), type: text('type').notNull(), blob: text('blob').notNull(), extra: extra() })
export const policyAssociation = sqliteTable('policy_association', { policy: text('policy_id').notNull(), endpoint: none('endpoint_id'), service: none('service_id'), region: none('region_id') },
  (t) => [uniqueIndex('policy_association_what').on(t.endpoint, t.service, t.region)])

export const consumer = sqliteTable('oauth_consumer', { id: id(), description: text('description'), secret: text('secret').notNull(), extra: extra() })

/** OAuth1: a consumer asks with a request token; who authorizes it turns it into an access token that lends the named roles. */
export const oauthToken = sqliteTable('oauth_token', {
  id: id(), consumer: text('consumer_id').notNull(), kind: text('kind', { enum: ['request', 'access'] }).notNull(),
  /** Encrypted. */
  secret: text('secret').notNull(), project: text('project_id').notNull(), user: text('user_id'), roles: json<string[]>('roles').notNull().default([]),
  /** SHA-256 of what the consumer has to show when it fetches the access token. */
  verifier: text('verifier'), expiresAt: micros('expires_at'), createdAt: created(),
}, (t) => [index('oauth_token_user').on(t.user, t.id), index('oauth_token_consumer').on(t.consumer), index('oauth_token_project').on(t.project)])

/** Where users come from that this cloud keeps no password of. */
export const identityProvider = sqliteTable('identity_provider', {
  id: id(), domain: text('domain_id').notNull(), enabled: flag('enabled').notNull().default(false), description: text('description'),
  /** Minutes that group memberships from a login are kept. */
  authorizationTtl: integer('authorization_ttl'), remoteIds: json<string[]>('remote_ids').notNull().default([]),
}, (t) => [index('identity_provider_domain').on(t.domain)])
/** A name by which providers call themselves belongs to one of them. */
export const idpRemote = sqliteTable('idp_remote_id', { remote: text('remote_id').primaryKey(), idp: text('idp_id').notNull() }, (t) => [index('idp_remote_idp').on(t.idp)])
export const mapping = sqliteTable('mapping', { id: id(), rules: json<unknown[]>('rules').notNull(), schemaVersion: text('schema_version').notNull().default('1.0') })
export const federationProtocol = sqliteTable('federation_protocol', {
  id: text('id').notNull(), idp: text('idp_id').notNull(), mapping: text('mapping_id').notNull(), remoteIdAttribute: text('remote_id_attribute'),
  /** How this cloud itself speaks to the provider; secrets in it are encrypted. */
  client: json<Extra | null>('client'),
}, (t) => [primaryKey({ columns: [t.idp, t.id] }), index('federation_protocol_mapping').on(t.mapping)])
export const serviceProvider = sqliteTable('service_provider', {
  id: id(), authUrl: text('auth_url').notNull(), spUrl: text('sp_url').notNull(), enabled: flag('enabled').notNull().default(false), description: text('description'), relayStatePrefix: text('relay_state_prefix').notNull().default('ss:mem:'),
})
/** A user of ours who stands for somebody a provider knows. */
export const federatedUser = sqliteTable('federated_user', { idp: text('idp_id').notNull(), protocol: text('protocol_id').notNull(), unique: text('unique_id').notNull(), user: text('user_id').notNull(), name: text('display_name') },
  (t) => [primaryKey({ columns: [t.idp, t.protocol, t.unique] }), index('federated_user_user').on(t.user)])

/** OAuth2 logins of devices that wait for somebody to say yes. */
export const deviceGrant = sqliteTable('device_grant', {
  /** SHA-256 of what the device holds. */
  id: id(),
  /** What it shows. */
  code: text('code').notNull(), client: text('client').notNull(), state: text('state', { enum: ['pending', 'approved', 'denied'] }).notNull(),
  user: text('user_id'), scope: json<{ kind: 'project' | 'domain' | 'system' | 'unscoped'; id: string } | null>('scope'), methods: json<string[] | null>('methods'),
  askedAt: micros('asked_at'), interval: integer('interval').notNull().default(5), expiresAt: micros('expires_at').notNull(),
}, (t) => [uniqueIndex('device_grant_code').on(t.code), index('device_grant_expiry').on(t.expiresAt), index('device_grant_user').on(t.user)])

/** Kinds of password hashes, as far as they say what checking one costs, that came with users of another cloud. */
export const foreignHash = sqliteTable('foreign_hash', { kind: text('kind').primaryKey() })

/** Wrong guesses by whose secret was guessed (`u:USER`) and from where (`s:SOURCE`). */
export const guess = sqliteTable('guess', { subject: text('subject').primaryKey(), count: integer('count').notNull(), at: micros('at').notNull() }, (t) => [index('guess_at').on(t.at)])
/** Hashes of former passwords, kept as long as a rule asks for them. */
export const formerPassword = sqliteTable('former_password', { user: text('user_id').notNull(), hash: text('hash').notNull(), at: micros('at').notNull() }, (t) => [primaryKey({ columns: [t.user, t.at] })])
/** Keys that sign tokens, encrypted with the master secret. `staged` verifies already and signs next. */
export const signingKey = sqliteTable('signing_key', { id: id(), state: text('state', { enum: ['staged', 'primary', 'secondary'] }).notNull(), key: text('key').notNull(), createdAt: created(), changedAt: micros('changed_at').notNull() },
  (t) => [uniqueIndex('signing_key_one').on(t.state).where(sql`state in ('staged', 'primary')`)])
