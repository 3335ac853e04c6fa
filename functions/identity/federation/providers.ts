import { eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { federatedUser, federationProtocol, identityProvider, idpRemote, project, serviceProvider } from '../../../schema/identity.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { hex32 } from '../../kernel/env.ts'
import { conflict, invalid } from '../../kernel/fault.ts'
import { bump } from '../directory.ts'
import { regular } from '../regular.ts'
import { revokeAll } from '../revoke.ts'
import { removeUser } from '../users/remove.ts'
import { flag, found, id, nullable, text } from '../wire.ts'

const taken = (what: string) => () => conflict(`Conflict occurred attempting to store ${what} - Duplicate entry.`)
onDuplicate('identity_provider.id', taken('identity_provider'))
onDuplicate('service_provider.id', taken('service_provider'))
onDuplicate('idp_remote_id.remote_id', () => conflict('Conflict occurred attempting to store identity_provider - Duplicate remote ID.'))

const remotes = nullable(t.Array(t.String({ minLength: 1, maxLength: 255 }), { maxItems: 100, uniqueItems: true }))

/** Whoever came by a provider is told apart by it: tokens end with it. */
export const usersOf = (idp: string) => sql`select 'u:' || user_id as subject from federated_user where idp_id = ${idp}`

/** Where users come from whose passwords others keep. One that names no domain gets its own. */
export const identityProviders = regular({
  noun: 'identity_provider', plural: 'identity_providers', path: '/OS-FEDERATION/identity_providers', table: identityProvider, named: true, closed: true, filter: ['id', 'enabled'],
  fields: { enabled: flag, description: text, authorization_ttl: nullable(t.Integer({ minimum: 0, maximum: 525_600 })), remote_ids: remotes, domain_id: nullable(id) }, column: { domain_id: 'domain' },
  rules: { get: 'identity:get_identity_provider', list: 'identity:list_identity_providers', create: 'identity:create_identity_provider', update: 'identity:update_identity_provider', delete: 'identity:delete_identity_provider' },
  defaults: () => ({ enabled: false, description: null, authorizationTtl: null, remoteIds: [] }),
  reads: (v) => [q.select().from(project).where(eq(project.id, v.domain ?? ''))],
  check(ctx, v, [[home]], before) {
    if (v.remoteIds === null) v.remoteIds = []
    if (before) {
      if (v.domain !== undefined && v.domain !== before.domain) throw invalid('The domain of an identity provider cannot be changed.')
      return
    }
    if (v.domain != null) return void found(home?.isDomain ? home : undefined, 'domain', v.domain)
    v.domain = hex32(ctx.world)
    ctx.stage(q.insert(project).values({ id: v.domain, name: v.domain, isDomain: true, description: 'Made for an identity provider', createdAt: ctx.now() }))
  },
  changed(ctx, verb, row) {
    if (verb !== 'create') ctx.stage(q.delete(idpRemote).where(eq(idpRemote.idp, row.id)))
    if (verb !== 'delete' && row.remoteIds.length) ctx.stage(q.insert(idpRemote).values(row.remoteIds.map((remote: string) => ({ remote, idp: row.id }))))
    if (verb === 'update' && row.enabled) return
    if (verb !== 'create') revokeAll(ctx, usersOf(row.id))
    if (verb !== 'delete') return
    removeUser(ctx, sql`(select user_id from federated_user where idp_id = ${row.id})`)
    ctx.stage(q.delete(federatedUser).where(eq(federatedUser.idp, row.id)))
    ctx.stage(q.delete(federationProtocol).where(eq(federationProtocol.idp, row.id)))
  },
  links: (row) => ({ protocols: `OS-FEDERATION/identity_providers/${row.id}/protocols` }),
})

const address = t.String({ minLength: 1, maxLength: 255, pattern: '^https?://[^\\s]+$' })
/** Clouds that take this one's word for who somebody is. */
export const serviceProviders = regular({
  noun: 'service_provider', plural: 'service_providers', path: '/OS-FEDERATION/service_providers', table: serviceProvider, named: true, closed: true, required: ['auth_url', 'sp_url'], filter: ['id', 'enabled'],
  fields: { auth_url: address, sp_url: address, enabled: flag, description: text, relay_state_prefix: t.String({ maxLength: 256 }) },
  rules: { get: 'identity:get_service_provider', list: 'identity:list_service_providers', create: 'identity:create_service_provider', update: 'identity:update_service_provider', delete: 'identity:delete_service_provider' },
  defaults: () => ({ enabled: false, description: null, relayStatePrefix: 'ss:mem:' }),
  changed: (ctx) => bump(ctx),
})
