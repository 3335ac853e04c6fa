import { and, eq, inArray, or } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { addressScope, rbac, subnetPool } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { conflict, forbidden } from '../../kernel/fault.ts'
import { field, resource, rows, type Resource } from '../../kernel/resource.ts'
import { openedTo } from '../networks/visible.ts'
import { style } from '../service.ts'
import { standardFields, standardRow, standardView } from '../standard.ts'

export const visibleScopes = (ctx: Ctx) => (ctx.caller.admin ? undefined : or(eq(addressScope.project, ctx.project), eq(addressScope.shared, true), inArray(addressScope.id, openedTo('address_scope', ctx.project, 'access_as_shared'))))
const share = (ctx: Ctx, shared: unknown) => { if (shared && !ctx.caller.admin) throw forbidden('(rule:create_address_scope and rule:create_address_scope:shared) is disallowed by policy', { type: 'PolicyNotAuthorized' }) }

/** Pools whose addresses mean one thing together. */
export const scopeResource: Resource = {
  name: 'address_scope', plural: 'address_scopes', path: '/address-scopes', table: addressScope, visible: visibleScopes, sort: [['id', 'asc']],
  view: (r) => { const { tags: _t, created_at: _c, updated_at: _u, revision_number: _r, description: _d, ...rest } = standardView(r); return { ...rest, ip_version: r.version, shared: r.shared } },
  fields: { id: standardFields.id, name: standardFields.name, tenant_id: standardFields.tenant_id, project_id: standardFields.project_id, ip_version: field(t.Enum([4, 6]), 'create filter sort required', 'version'), shared: field(t.Boolean(), 'create update filter') },
  joins: { remove: (_ctx, id) => [q.select({ id: subnetPool.id }).from(subnetPool).where(eq(subnetPool.addressScope, id)).limit(1)] },
  verbs: {
    create(ctx, values) {
      share(ctx, values.shared)
      const row = { shared: false, ...standardRow(ctx, values) } as typeof addressScope.$inferInsert
      ctx.stage(q.insert(addressScope).values(row))
      return row
    },
    update(ctx, row, change) {
      share(ctx, change.shared)
      if (row.shared && change.shared === false) throw conflict(`Unable to update address scope ${row.id}: Shared address scope can't be unshared.`, { type: 'AddressScopeUpdateError', status: 400 })
      return rows(addressScope).update(ctx, row, change)
    },
    remove(ctx, row, [used]) {
      if (used.length) throw conflict(`Unable to complete operation on address scope ${row.id}. There are one or more subnet pools in use on the address scope`, { type: 'AddressScopeInUse' })
      ctx.stage(q.delete(rbac).where(and(eq(rbac.object, row.id), eq(rbac.objectType, 'address_scope'))))
      rows(addressScope).remove(ctx, row)
    },
  },
}
export const addressScopes = resource(style, scopeResource)
