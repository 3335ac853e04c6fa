import { and, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { qosPolicy, rbac } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { full, onDuplicate, q } from '../../kernel/db.ts'
import { conflict } from '../../kernel/fault.ts'
import { field, resource, rows, type Resource, type Row } from '../../kernel/resource.ts'
import { style } from '../service.ts'
import { standardFields, standardRow, standardView, tagFilterNames, tagFilters } from '../standard.ts'
import { kindOf } from './kinds.ts'
import { usersOf, visiblePolicies } from './use.ts'

onDuplicate('qos_policy.project', () => conflict('A default QoS policy exists for this project.', { type: 'QoSPolicyDefaultAlreadyExists' }))

interface RuleRow { id: string; policy: string; kind: string; direction: string; value: number; burst: number }
/** A rule as its policy shows it, and as it stands alone. */
export function ruleView(r: RuleRow) {
  const k = kindOf(r.kind)
  return { id: r.id, [k.value]: r.value, ...(k.burst ? { [k.burst]: r.burst } : {}), ...(k.directions.length ? { direction: r.direction } : {}) }
}
const inPolicy = (r: RuleRow) => ({ ...ruleView(r), type: r.kind, qos_policy_id: r.policy })
const view = (r: Row) => ({ ...standardView(r), shared: r.shared || Boolean(r.opened), is_default: r.isDefault, rules: (JSON.parse(r.rules ?? '[]') as RuleRow[]).map(inPolicy) })

export const policyResource: Resource = {
  name: 'policy', plural: 'policies', path: '/qos/policies', table: qosPolicy, view, visible: visiblePolicies, sort: [['id', 'asc']], noun: 'QoS policy', faultType: 'QosPolicyNotFound',
  extras: {
    rules: sql<string>`(select json_group_array(json_object('id', r.id, 'policy', r.policy, 'kind', r.kind, 'direction', r.direction, 'value', r.value, 'burst', r.burst)) from qos_rule r where r.policy = ${full(qosPolicy.id)})`.as('rules'),
    opened: sql<number>`(select count(*) from rbac where object = ${full(qosPolicy.id)} and object_type = 'qos_policy')`.as('opened'),
  },
  fields: { ...standardFields, shared: field(t.Boolean(), 'create update filter sort'), is_default: field(t.Boolean(), 'create update filter', 'isDefault') },
  filterNames: tagFilterNames,
  filters: (_ctx, query) => tagFilters(query, sql`${qosPolicy.tags}`),
  joins: { remove: (_ctx, id) => [usersOf(id)] },
  verbs: {
    create(ctx: Ctx, values: Row): Row {
      const row = { shared: false, isDefault: false, ...standardRow(ctx, values) }
      ctx.stage(q.insert(qosPolicy).values(row))
      return row
    },
    update: rows(qosPolicy).update,
    remove(ctx, row, [[used]]) {
      if (used) throw conflict(`QoS Policy ${row.id} is used by ${used.type} ${used.id}.`, { type: 'QosPolicyInUse' })
      ctx.stage(q.delete(rbac).where(and(eq(rbac.object, row.id), eq(rbac.objectType, 'qos_policy'))))
      rows(qosPolicy).remove(ctx, row)
    },
  },
}
export const policies = resource(style, policyResource)
