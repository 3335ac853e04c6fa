import { and, eq, inArray, or, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { addressGroup, rbac, securityGroupRule } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { conflict } from '../../kernel/fault.ts'
import { field, resource, rows, rowQuery, theRow, type Resource, type Row } from '../../kernel/resource.ts'
import { readCidr } from '../addresses.ts'
import { openedTo } from '../networks/visible.ts'
import { quotaQuery, withinQuota } from '../quotas/limits.ts'
import { endpoint, style } from '../service.ts'
import { standardFields, standardRow, standardView } from '../standard.ts'
import { touch } from '../touch.ts'

const addresses = t.Array(t.String({ maxLength: 64 }), { maxItems: 1000 })
const read = (list: string[]) => [...new Set(list.map((a) => readCidr(a.includes('/') ? a : `${a}/${a.includes(':') ? 128 : 32}`, 'addresses').text))].sort()
const view = (r: Row) => { const { tags: _, ...rest } = standardView(r); return { ...rest, addresses: r.addresses } }
/** Members of groups whose rules name it. */
const touchUsers = (ctx: Ctx, id: string) => touch(ctx, { rules: sql`select security_group from security_group_rule where remote_address_group = ${id}` })

/** Addresses with a name, for rules to speak of. */
export const addressGroupResource: Resource = {
  name: 'address_group', plural: 'address_groups', path: '/address-groups', table: addressGroup, view, sort: [['id', 'asc']],
  visible: (ctx) => (ctx.caller.admin ? undefined : or(eq(addressGroup.project, ctx.project), inArray(addressGroup.id, openedTo('address_group', ctx.project, 'access_as_shared')))),
  fields: { ...standardFields, addresses: field(addresses, 'create') },
  joins: { remove: (_ctx, id) => [q.select({ id: securityGroupRule.id }).from(securityGroupRule).where(eq(securityGroupRule.remoteAddressGroup, id)).limit(1)] },
  verbs: {
    async create(ctx, values) {
      const base = standardRow(ctx, values)
      const [quota] = await ctx.read(quotaQuery(base.project, ['address_group']))
      const row = { ...base, addresses: read(values.addresses ?? []) }
      ctx.stage(q.insert(addressGroup).values(row))
      withinQuota(ctx, base.project, quota as unknown as unknown[], { address_group: 1 })
      return row
    },
    update: rows(addressGroup).update,
    remove(ctx, row, [used]) {
      if (used.length) throw conflict(`Address group ${row.id} is in use on one or more security group rules`, { type: 'AddressGroupInUse' })
      ctx.stage(q.delete(rbac).where(and(eq(rbac.object, row.id), eq(rbac.objectType, 'address_group'))))
      rows(addressGroup).remove(ctx, row)
    },
  },
}
export const addressGroups = resource(style, addressGroupResource)

export const addressGroupActions = (['add', 'remove'] as const).map((verb) => endpoint({
  id: `address_groups.${verb}_addresses`, method: 'PUT', path: `/address-groups/{id}/${verb}_addresses`, status: 200, policy: 'update_address_group', summary: `${verb === 'add' ? 'Add addresses to' : 'Take addresses from'} an address group`,
  body: { '2.0': t.Object({ addresses }, { additionalProperties: false }) },
  async handle(ctx, { params, body }) {
    const [found] = await ctx.read(rowQuery(addressGroupResource, ctx, params.id) as unknown as Query) as unknown as [unknown[]]
    const row = theRow(addressGroupResource, found, ctx, params.id, 'update_address_group'), given = read(body.addresses)
    const next = verb === 'add' ? [...new Set([...row.addresses, ...given])].sort() : row.addresses.filter((a: string) => !given.includes(a))
    const out = rows(addressGroup).update(ctx, row, { addresses: next })
    touchUsers(ctx, row.id)
    return { address_group: view(out) }
  },
}))
