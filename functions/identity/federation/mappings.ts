import { Type as t } from 'typebox'
import { and, eq } from 'drizzle-orm'
import { federatedUser, federationProtocol, identityProvider, mapping } from '../../../schema/identity.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q } from '../../kernel/db.ts'
import { conflict, invalid } from '../../kernel/fault.ts'
import { base, filters, listed } from '../list.ts'
import { regular } from '../regular.ts'
import { revokeAll } from '../revoke.ts'
import { seal } from '../seal.ts'
import { endpoint } from '../service.ts'
import { found, id, wrapped } from '../wire.ts'
import { usersOf } from './providers.ts'
import { rulesSchema } from './rules.ts'
import { samlClientOf } from './saml2.ts'

onDuplicate('mapping.id', () => conflict('Conflict occurred attempting to store mapping - Duplicate entry.'))
onDuplicate('federation_protocol.idp_id, federation_protocol.id', () => conflict('Conflict occurred attempting to store federation_protocol - Duplicate entry.'))

export const mappings = regular({
  noun: 'mapping', plural: 'mappings', path: '/OS-FEDERATION/mappings', table: mapping, named: true, closed: true, required: ['rules'], filter: [],
  fields: { rules: rulesSchema, schema_version: t.Enum(['1.0', '2.0']) },
  rules: { get: 'identity:get_mapping', list: 'identity:list_mappings', create: 'identity:create_mapping', update: 'identity:update_mapping', delete: 'identity:delete_mapping' },
  defaults: () => ({ schemaVersion: '1.0' }),
  check(_, v) {
    for (const rule of v.rules ?? []) for (const r of rule.remote) {
      if (r.regex) for (const word of r.any_one_of ?? r.not_any_of ?? r.blacklist ?? r.whitelist ?? []) {
        try { new RegExp(word) } catch { throw invalid(`Invalid input for field 'rules': '${word.slice(0, 60)}' is not a regular expression.`) }
      }
    }
  },
})

type Protocol = typeof federationProtocol.$inferSelect
/** How this cloud itself asks the provider, where it does: of OpenID Connect its issuer, and what it knows us by; of SAML its metadata, or what of it counts. */
const client = t.Union([t.Null(), t.Object({
  issuer: t.String({ maxLength: 1024, pattern: '^https?://[^\\s]+$' }), client_id: t.String({ minLength: 1, maxLength: 255 }), client_secret: t.Optional(t.String({ minLength: 1, maxLength: 1024 })),
  scope: t.Optional(t.String({ maxLength: 1024 })),
}, { additionalProperties: false }), t.Object({ metadata: t.String({ minLength: 1, maxLength: 100_000 }), entity_id: t.Optional(t.String({ maxLength: 1024 })) }, { additionalProperties: false }), t.Object({
  idp_entity_id: t.String({ minLength: 1, maxLength: 1024 }), sso_url: t.String({ maxLength: 2048, pattern: '^https?://[^\\s]+$' }), certificates: t.Array(t.String({ maxLength: 20_000 }), { minItems: 1, maxItems: 10 }),
  entity_id: t.Optional(t.String({ maxLength: 1024 })),
}, { additionalProperties: false })])
const fields = { mapping_id: id, remote_id_attribute: t.Union([t.Null(), t.String({ maxLength: 64 })]), client }
const path = '/OS-FEDERATION/identity_providers/{idp}/protocols', at = `${path}/{protocol}`
const one = (p: Record<string, string>) => q.select().from(federationProtocol).where(and(eq(federationProtocol.idp, p.idp), eq(federationProtocol.id, p.protocol)))
const idpOf = (p: Record<string, string>) => q.select().from(identityProvider).where(eq(identityProvider.id, p.idp))
const mappingOf = (given: { mapping_id?: string }) => q.select({ id: mapping.id }).from(mapping).where(eq(mapping.id, given.mapping_id ?? ''))
const view = (ctx: Ctx, p: Protocol) => ({
  id: p.id, mapping_id: p.mapping, remote_id_attribute: p.remoteIdAttribute, ...(p.client && { client: { ...p.client, client_secret: undefined } }),
  links: { self: `${base(ctx)}/OS-FEDERATION/identity_providers/${p.idp}/protocols/${p.id}`, identity_provider: `${base(ctx)}/OS-FEDERATION/identity_providers/${p.idp}` },
})
const sealed = async (ctx: Ctx, p: { idp: string; id: string }, c: Record<string, unknown> | null | undefined) =>
  c && !('issuer' in c) ? { ...samlClientOf(c) } : c?.client_secret ? { ...c, client_secret: await seal(ctx.env, ctx.world, `${p.idp}/${p.id}`, String(c.client_secret)) } : c ?? null

export const protocols = [
  endpoint({
    id: 'protocols.list', method: 'GET', path, status: 200, policy: 'identity:list_protocols', summary: 'List how a provider may be used',
    async handle(ctx, { params, query, url }) {
      const [[idp], rows] = await ctx.read(idpOf(params), q.select().from(federationProtocol).where(and(eq(federationProtocol.idp, params.idp), filters(query, { id: federationProtocol.id }))).orderBy(federationProtocol.id))
      found(idp, 'identity provider', params.idp)
      return listed(ctx, url, 'protocols', rows.map((r) => view(ctx, r)))
    },
  }),
  endpoint({
    id: 'protocols.create', method: 'PUT', path: at, status: 201, policy: 'identity:create_protocol', summary: 'Let a provider be used in one way', body: { '3.0': wrapped('protocol', fields, ['mapping_id'], true) },
    async handle(ctx, { params, body }) {
      const given = body.protocol as Record<string, any>
      const [[idp], [rules]] = await ctx.read(idpOf(params), mappingOf(given))
      found(idp, 'identity provider', params.idp)
      if (!rules) throw invalid(`Could not find mapping: ${given.mapping_id}.`)
      if (!/^[^\s/\0]{1,64}$/.test(params.protocol)) throw invalid("Invalid input for field 'id': 1 to 64 characters without spaces and slashes are taken.")
      const row: Protocol = { id: params.protocol, idp: params.idp, mapping: given.mapping_id, remoteIdAttribute: given.remote_id_attribute ?? null, client: await sealed(ctx, { idp: params.idp, id: params.protocol }, given.client) }
      ctx.stage(q.insert(federationProtocol).values(row))
      return { protocol: view(ctx, row) }
    },
  }),
  endpoint({
    id: 'protocols.show', method: 'GET', path: at, status: 200, policy: 'identity:get_protocol', summary: 'Show how a provider may be used',
    async handle(ctx, { params }) {
      const [[row]] = await ctx.read(one(params))
      return { protocol: view(ctx, found(row, 'federation protocol', params.protocol)) }
    },
  }),
  endpoint({
    id: 'protocols.update', method: 'PATCH', path: at, status: 200, policy: 'identity:update_protocol', summary: 'Change how a provider may be used', body: { '3.0': wrapped('protocol', fields, [], true) },
    async handle(ctx, { params, body }) {
      const given = body.protocol as Record<string, any>
      const [[row], [rules]] = await ctx.read(one(params), mappingOf(given))
      found(row, 'federation protocol', params.protocol)
      if (given.mapping_id !== undefined && !rules) throw invalid(`Could not find mapping: ${given.mapping_id}.`)
      const next: Protocol = {
        ...row, mapping: given.mapping_id ?? row.mapping, remoteIdAttribute: given.remote_id_attribute === undefined ? row.remoteIdAttribute : given.remote_id_attribute,
        client: given.client === undefined ? row.client : await sealed(ctx, row, given.client),
      }
      ctx.stage(q.update(federationProtocol).set(next).where(and(eq(federationProtocol.idp, row.idp), eq(federationProtocol.id, row.id))), 'stale')
      return { protocol: view(ctx, next) }
    },
  }),
  endpoint({
    id: 'protocols.delete', method: 'DELETE', path: at, status: 204, policy: 'identity:delete_protocol', summary: 'Let a provider not be used in one way any more; tokens from it end',
    async handle(ctx, { params }) {
      const [[row]] = await ctx.read(one(params))
      found(row, 'federation protocol', params.protocol)
      revokeAll(ctx, usersOf(row.idp))
      ctx.stage(q.delete(federatedUser).where(and(eq(federatedUser.idp, row.idp), eq(federatedUser.protocol, row.id))))
      ctx.stage(q.delete(federationProtocol).where(and(eq(federationProtocol.idp, row.idp), eq(federationProtocol.id, row.id))), 'stale')
    },
  }),
]
