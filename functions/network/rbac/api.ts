import { and, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { addressGroup, addressScope, network, port, qosPolicy, rbac, router, securityGroup, subnetPool } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q, type Query } from '../../kernel/db.ts'
import { conflict, forbidden, invalid, notFound } from '../../kernel/fault.ts'
import { field, resource, rows, type Resource, type Row } from '../../kernel/resource.ts'
import { quotaQuery, withinQuota } from '../quotas/limits.ts'
import { style } from '../service.ts'
import { standardFields } from '../standard.ts'

onDuplicate('rbac.object_type, rbac.object, rbac.action, rbac.target', () => conflict('An RBAC policy already exists with those values.', { type: 'DuplicateRbacPolicy' }))

const objects = { network, subnetpool: subnetPool, address_scope: addressScope, address_group: addressGroup, security_group: securityGroup, qos_policy: qosPolicy }
const types = Object.keys(objects) as (keyof typeof objects)[]
const actions = (type: string) => (type === 'network' ? ['access_as_shared', 'access_as_external'] : ['access_as_shared'])

function mayAim(ctx: Ctx, target: string, verb: string) {
  if (target === '*' && !ctx.caller.admin) throw forbidden(`(rule:${verb}_rbac_policy and rule:${verb}_rbac_policy:target_tenant) is disallowed by policy`, { type: 'PolicyNotAuthorized' })
}

async function create(ctx: Ctx, values: Row): Promise<Row> {
  const type = values.objectType as keyof typeof objects, table = objects[type]
  if (!table) throw invalid(`Invalid input for object_type. Reason: '${String(values.objectType).slice(0, 64)}' is not in ${JSON.stringify(types)}.`)
  if (!actions(type).includes(values.action)) throw invalid(`Invalid action '${values.action}' for object type '${type}'. Valid actions: ${actions(type).join(', ')}`, { type: 'InvalidInput' })
  mayAim(ctx, values.target, 'create')
  if (values.action === 'access_as_external' && !ctx.caller.admin) throw forbidden('(rule:create_rbac_policy and rule:create_rbac_policy:action) is disallowed by policy', { type: 'PolicyNotAuthorized' })
  const project = values.project ?? ctx.caller.project?.id ?? ''
  if (project !== ctx.caller.project?.id && !ctx.caller.admin) throw forbidden("Policy doesn't allow to create resources for another project.", { type: 'PolicyNotAuthorized' })
  const [[object], quota] = await ctx.read(q.select({ project: table.project }).from(table).where(eq(table.id, values.object)), quotaQuery(project, ['rbac_policy']))
  // Only who owns a thing may open it.
  if (!object || (object.project !== ctx.caller.project?.id && !ctx.caller.admin)) throw notFound(type.replaceAll('_', ' '), values.object, undefined, { type: 'RbacObjectNotFound' })
  const row = { id: ctx.uuid(), project, objectType: type, object: values.object, action: values.action, target: values.target }
  ctx.stage(q.insert(rbac).values(row))
  withinQuota(ctx, project, quota as unknown as unknown[], { rbac_policy: 1 })
  return row
}

/** What the one it was opened to has built on it keeps it open. */
const usedBy = (id: string) => {
  const policy = (column: string) => sql`(select ${sql.raw(column)} from rbac where id = ${id})`
  const theirs = sql`(${policy('target')} = '*' or ${port.project} = ${policy('target')})`
  return [
    q.select({ id: port.id }).from(port).where(and(sql`${port.network} = ${policy('object')}`, sql`${policy('action')} = 'access_as_shared'`, sql`${port.project} <> ''`, sql`${port.project} <> (select n.project from network n where n.id = ${port.network})`, theirs)).limit(1),
    q.select({ id: router.id }).from(router).where(and(sql`${router.externalNetwork} = ${policy('object')}`, sql`${policy('action')} = 'access_as_external'`, sql`(${policy('target')} = '*' or ${router.project} = ${policy('target')})`)).limit(1),
    q.select({ id: port.id }).from(port).where(and(sql`${port.qosPolicy} = ${policy('object')}`, sql`${port.project} <> (select g.project from qos_policy g where g.id = ${port.qosPolicy})`, theirs)).limit(1),
    q.select({ id: port.id }).from(port).where(and(sql`exists (select 1 from port_security_group m where m.port = ${port.id} and m.security_group = ${policy('object')})`, sql`${port.project} <> (select g.project from security_group g where g.id = ${policy('object')})`, theirs)).limit(1),
  ] as unknown as Query[]
}
function refuseUsed(row: Row, joined: unknown[][]) {
  if (joined.some((rows) => rows.length)) throw conflict(`RBAC policy on object ${row.object} cannot be removed because other objects depend on it.`, { type: 'RbacPolicyInUse' })
}

export const rbacResource: Resource = {
  name: 'rbac_policy', plural: 'rbac_policies', path: '/rbac-policies', table: rbac, sort: [['id', 'asc']], noun: 'RBAC policy', faultType: 'RbacPolicyNotFound',
  view: (r) => ({ id: r.id, tenant_id: r.project, project_id: r.project, object_type: r.objectType, object_id: r.object, action: r.action, target_tenant: r.target }),
  fields: {
    id: standardFields.id, tenant_id: standardFields.tenant_id, project_id: standardFields.project_id,
    object_type: field(t.String({ maxLength: 64 }), 'create filter sort required', 'objectType'), object_id: field(t.String({ maxLength: 36 }), 'create filter sort required', 'object'),
    action: field(t.String({ maxLength: 64 }), 'create filter sort required'), target_tenant: field(t.String({ minLength: 1, maxLength: 255 }), 'create update filter sort required', 'target'),
  },
  joins: { update: (_ctx, id) => usedBy(id), remove: (_ctx, id) => usedBy(id) },
  verbs: {
    create,
    update(ctx, row, change, joined) {
      if (change.target === undefined || change.target === row.target) return row
      mayAim(ctx, change.target, 'update')
      if (change.target !== '*') refuseUsed(row, joined)
      return rows(rbac).update(ctx, row, change)
    },
    remove(ctx, row, joined) {
      refuseUsed(row, joined)
      rows(rbac).remove(ctx, row)
    },
  },
}
export const rbacPolicies = resource(style, rbacResource)
