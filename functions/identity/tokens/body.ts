import { Written } from '../../kernel/endpoint.ts'
import { isoMicrosZ } from '../../kernel/view.ts'
import { catalogOf, type Directory } from '../directory.ts'
import type { Named, Scoped, TokenClaims } from './claims.ts'

const named = ({ id, name }: Named) => ({ id, name })
const scoped = (s: Scoped) => ({ domain: named(s.domain), ...named(s) })

/** What `GET /v3/auth/tokens` shows of a token. */
export function tokenBody(c: TokenClaims, directory: Directory, withCatalog: boolean) {
  const { trust, applicationCredential: app, federation: f } = c
  const hasScope = c.project ?? c.domain ?? c.system
  return { token: {
    methods: c.methods,
    user: {
      ...scoped(c.user), password_expires_at: c.passwordExpiresAt ? isoMicrosZ(c.passwordExpiresAt) : null,
      ...(f && { 'OS-FEDERATION': { groups: f.groups.map((id) => ({ id })), identity_provider: { id: f.idp }, protocol: { id: f.protocol } } }),
    },
    audit_ids: c.auditIds, expires_at: isoMicrosZ(c.expiresAt), issued_at: isoMicrosZ(c.issuedAt),
    ...(c.project && { project: scoped(c.project), is_domain: c.project.actsAsDomain ?? false }),
    ...(c.domain && { domain: named(c.domain) }),
    ...(c.system && { system: { all: true } }),
    ...(hasScope && { roles: c.roles.map(named), ...(withCatalog && { catalog: catalogOf(directory, c) }) }),
    ...(trust && { 'OS-TRUST:trust': { id: trust.id, trustor_user: { id: trust.trustor }, trustee_user: { id: trust.trustee }, impersonation: trust.impersonation } }),
    ...(c.certificate && { oauth2_credential: { 'x5t#S256': c.certificate } }),
    ...(c.oauth && { 'OS-OAUTH1': { consumer_id: c.oauth.consumer, access_token_id: c.oauth.access } }),
    ...(c.project && directory.providers.length && { service_providers: directory.providers }),
    ...(app && { application_credential: { id: app.id, name: app.name, restricted: app.restricted, ...(app.rules && { access_rules: app.rules }) } }),
  } }
}

const written = new WeakMap<TokenClaims, { of: Directory; withCatalog: boolean; json: Written }>()
/** The same for a token that is looked at again and again: written once, until the catalog changes. */
export function tokenText(c: TokenClaims, directory: Directory, withCatalog: boolean): Written {
  const have = written.get(c)
  if (have?.of === directory && have.withCatalog === withCatalog) return have.json
  const json = new Written(JSON.stringify(tokenBody(c, directory, withCatalog)))
  written.set(c, { of: directory, withCatalog, json })
  return json
}
