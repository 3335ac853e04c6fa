import { sql, type SQL } from 'drizzle-orm'
import { Type as t, type Static } from 'typebox'
import { invalid, unauthorized } from '../../kernel/fault.ts'
import { MAX_PASSWORD } from '../passwords.ts'

/** What `POST /v3/auth/tokens` takes. Longer values than any real one are refused before anything is hashed or read. */
const text = t.String({ maxLength: 255 })
const domain = t.Object({ id: t.Optional(text), name: t.Optional(text) })
const user = { id: t.Optional(text), name: t.Optional(text), domain: t.Optional(domain) }
export const authBody = t.Object({ auth: t.Object({
  identity: t.Object({
    methods: t.Array(t.String({ maxLength: 64 }), { minItems: 1, maxItems: 8 }),
    password: t.Optional(t.Object({ user: t.Object({ ...user, password: t.String({ maxLength: MAX_PASSWORD }) }) })),
    totp: t.Optional(t.Object({ user: t.Object({ ...user, passcode: t.String({ maxLength: 32 }) }) })),
    token: t.Optional(t.Object({ id: t.String({ maxLength: 8192 }) })),
    application_credential: t.Optional(t.Object({ id: t.Optional(text), name: t.Optional(text), user: t.Optional(t.Object(user)), secret: t.String({ maxLength: MAX_PASSWORD }) })),
  }),
  scope: t.Optional(t.Union([t.Literal('unscoped'), t.Object({
    project: t.Optional(t.Object({ id: t.Optional(text), name: t.Optional(text), domain: t.Optional(domain) })),
    domain: t.Optional(domain), unscoped: t.Optional(t.Object({})), system: t.Optional(t.Object({ all: t.Optional(t.Literal(true)) })),
    'OS-TRUST:trust': t.Optional(t.Object({ id: text })),
  }, { additionalProperties: false, maxProperties: 1 })])),
}) })
export type Auth = Static<typeof authBody>['auth']
type Domain = Static<typeof domain>

/** Ids as SQL: what is named is looked up in the very statements that need it. */
export interface Scope { kind: 'project' | 'domain' | 'system' | 'trust' | 'unscoped' | 'default'; id: SQL }

export const refused = () => unauthorized('The request you have made requires authentication.')

const domainId = (d: Domain | undefined, of: string): SQL => {
  if (d?.id !== undefined) return sql`${d.id}`
  if (d?.name !== undefined) return sql`(select id from project where is_domain = 1 and name = ${d.name})`
  throw invalid(`Expecting to find domain in ${of}. The server could not comply with the request since it is either malformed or otherwise incorrect.`)
}

export function userId(u: { id?: string; name?: string; domain?: Domain }): SQL {
  if (u.id !== undefined) return sql`${u.id}`
  if (u.name === undefined) throw invalid('Expecting to find id or name in user. The server could not comply with the request since it is either malformed or otherwise incorrect.')
  return sql`(select id from user where name = ${u.name} and domain_id = ${domainId(u.domain, 'user')})`
}

/**
 * The domain somebody is looked for in, also when nobody of that name or id is there. An id that could be a directory's, and is nobody's, is
 * given one of the directories there are, always the same.
 */
export function domainOf(u: { id?: string; name?: string; domain?: Domain }): SQL {
  if (u.id === undefined) return domainId(u.domain, 'user')
  const known = sql`(select domain_id from user where id = ${u.id})`
  if (!/^[0-9a-f]{64}$/.test(u.id)) return known
  const driven = sql`from domain_config where config_group = 'identity' and config_option = 'driver' and value = '"ldap"'`
  return sql`coalesce(${known}, (select domain_id ${driven} order by domain_id limit 1 offset (${parseInt(u.id.slice(0, 8), 16)} % max(1, (select count(*) ${driven})))))`
}

export function scopeOf(scope: Auth['scope'], user: SQL): Scope {
  if (scope === undefined) return { kind: 'default', id: sql`(select default_project_id from user where id = ${user})` }
  if (scope === 'unscoped' || scope.unscoped) return { kind: 'unscoped', id: sql`null` }
  if (scope.domain) return { kind: 'domain', id: domainId(scope.domain, 'scope') }
  if (scope.system?.all) return { kind: 'system', id: sql`'system'` }
  if (scope['OS-TRUST:trust']) return { kind: 'trust', id: sql`${scope['OS-TRUST:trust'].id}` }
  const p = scope.project
  if (p?.id !== undefined) return { kind: 'project', id: sql`${p.id}` }
  if (p?.name !== undefined) return { kind: 'project', id: sql`(select id from project where is_domain = 0 and name = ${p.name} and domain_id = ${domainId(p.domain, 'project')})` }
  throw invalid('Expecting to find a project, domain, system or trust in scope. The server could not comply with the request since it is either malformed or otherwise incorrect.')
}
