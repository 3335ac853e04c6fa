import { and, eq, sql } from 'drizzle-orm'
import { Type as t, type TSchema } from 'typebox'
import { qosPolicy, qosRule } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q, type Query } from '../../kernel/db.ts'
import type { Endpoint } from '../../kernel/endpoint.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { rowQuery, theRow, type Row } from '../../kernel/resource.ts'
import { endpoint } from '../service.ts'
import { touch } from '../touch.ts'
import { kindOf, kinds, MARKS, type Kind } from './kinds.ts'
import { policyResource, ruleView } from './policies.ts'
import { hostsUnder, rulesOf, unsupportedRule, usersOf } from './use.ts'

const closed = { additionalProperties: false } as const
type RuleRow = typeof qosRule.$inferSelect
const same = (kind: string, other = '', policy = '') => conflict(`Rule ${kind} conflicts with ${other ? `rule ${other} which already exists in QoS Policy ${policy}` : 'another rule of its QoS policy'}.`, { type: 'QoSRulesConflict' })
onDuplicate('qos_rule.policy, qos_rule.kind, qos_rule.direction', () => same(''))

/** A policy the caller may see, its rules and what is under it, in one trip. */
async function around(ctx: Ctx, policy: string): Promise<{ policy: Row; rules: RuleRow[]; users: { type: string; id: string }[] }> {
  const [found, rules, users] = await ctx.read(rowQuery(policyResource, ctx, policy) as Query, rulesOf(policy), usersOf(policy)) as unknown as [unknown[], RuleRow[], { type: string; id: string }[]]
  return { policy: theRow(policyResource, found, ctx, policy, 'get_policy'), rules, users }
}
function one(rules: RuleRow[], kind: Kind, id: string, policy: string): RuleRow {
  const rule = rules.find((r) => r.id === id && r.kind === kind.type)
  if (!rule) throw notFound('QoS rule', id, `QoS rule ${id} for policy ${policy} could not be found.`, { type: 'QosRuleNotFound' })
  return rule
}
/** A change of its rules is a change of the policy, and of every host where something is under it. */
function changed(ctx: Ctx, policy: string) {
  ctx.stage(q.update(qosPolicy).set({ revision: sql`${qosPolicy.revision} + 1`, updatedAt: ctx.now() }).where(eq(qosPolicy.id, policy)), 'stale')
  touch(ctx, { hostsOf: hostsUnder(policy) })
}
/** What may be written for things that share an address is less than for ports. */
function fits(kind: Kind, users: { type: string; id: string }[]) {
  const [first] = users
  if (!kind.enforced && first) throw unsupportedRule(kind.type, `${first.type} ${first.id}`)
  const address = users.find((u) => u.type === 'floatingip' || u.type === 'router')
  if (kind.type !== 'bandwidth_limit' && address) throw unsupportedRule(kind.type, `${address.type} ${address.id}`)
}
function read(kind: Kind, body: Row, now?: RuleRow) {
  const direction = (kind.directions.length ? body.direction ?? now?.direction ?? 'egress' : '') as RuleRow['direction']
  const value = (body[kind.value] ?? now?.value) as number, burst = kind.burst ? Number(body[kind.burst] ?? now?.burst ?? 0) : 0
  return { direction, value, burst }
}
const otherOf = (rules: RuleRow[], kind: Kind, direction: string, id = '') => rules.find((r) => r.kind === kind.type && r.direction === direction && r.id !== id)
/** A minimum beyond the limit could never be. */
function consistent(rules: RuleRow[], kind: Kind, at: { direction: string; value: number }) {
  for (const [least, most] of [['minimum_bandwidth', 'bandwidth_limit'], ['minimum_packet_rate', 'packet_rate_limit']]) {
    if (kind.type !== least && kind.type !== most) continue
    const of = (type: string) => (kind.type === type ? at.value : rules.find((r) => r.kind === type && r.direction === at.direction)?.value)
    const min = of(least), max = of(most)
    if (min !== undefined && max !== undefined && min > max) throw invalid(`Bad qos request: ${kindOf(least).value} ${min} is more than ${kindOf(most).value} ${max} of the same direction.`, { type: 'QoSRuleParameterConflict' })
  }
}

function rulesOfKind(kind: Kind): Endpoint[] {
  const name = `${kind.type}_rule`, base = `/qos/policies/{policy}/${kind.plural}`, words = `${kind.type.replaceAll('_', ' ')} rule`
  const properties = (optional: boolean): Record<string, TSchema> => ({
    [kind.value]: optional ? t.Optional(kind.schema) : kind.schema,
    ...(kind.burst ? { [kind.burst]: t.Optional(t.Integer({ minimum: 0, maximum: 2147483647 })) } : {}),
    ...(kind.directions.length ? { direction: t.Optional(t.Enum(kind.directions)) } : {}),
    ...(optional ? {} : { tenant_id: t.Optional(t.String({ maxLength: 255 })), project_id: t.Optional(t.String({ maxLength: 255 })) }),
  })
  const body = (optional: boolean) => ({ '2.0': t.Object({ [name]: t.Object(properties(optional), closed) }, closed) })
  const update = async (ctx: Ctx, policy: string, id: string, change: Row) => {
    const { rules } = await around(ctx, policy)
    const now = one(rules, kind, id, policy), next = { ...now, ...read(kind, change, now) }
    const other = otherOf(rules, kind, next.direction, id)
    if (other) throw same(kind.type, other.id, policy)
    consistent(rules.filter((r) => r.id !== id), kind, next)
    ctx.stage(q.update(qosRule).set({ direction: next.direction, value: next.value, burst: next.burst }).where(eq(qosRule.id, id)), 'stale')
    changed(ctx, policy)
    return { [name]: ruleView(next) }
  }
  const remove = async (ctx: Ctx, policy: string, id: string) => {
    one((await around(ctx, policy)).rules, kind, id, policy)
    ctx.stage(q.delete(qosRule).where(eq(qosRule.id, id)), 'stale')
    changed(ctx, policy)
  }
  /** The policy of a rule that is named without it. */
  const policyOf = async (ctx: Ctx, id: string) => {
    const [[found]] = await ctx.read(q.select({ policy: qosRule.policy }).from(qosRule).where(and(eq(qosRule.id, id), eq(qosRule.kind, kind.type))))
    if (!found) throw notFound('QoS rule', id, undefined, { type: 'QosRuleNotFound' })
    return found.policy
  }
  const show = async (ctx: Ctx, policy: string, id: string) => ({ [name]: ruleView(one((await around(ctx, policy)).rules, kind, id, policy)) })
  const alias = `/qos/alias_${kind.plural}/{rule}`
  return [
    endpoint({
      id: `qos.${kind.plural}.list`, method: 'GET', path: base, status: 200, policy: 'get_policy_rule', summary: `List the ${words}s of a policy`,
      async handle(ctx, { params, query }) {
        const mine = (await around(ctx, params.policy)).rules.filter((r) => r.kind === kind.type).map(ruleView)
        const asked = ['id', kind.value, kind.burst, 'direction'].filter((n): n is string => n !== undefined && query.has(n))
        return { [kind.plural]: mine.filter((r) => asked.every((n) => query.getAll(n).includes(String((r as Row)[n])))) }
      },
    }),
    endpoint({
      id: `qos.${kind.plural}.create`, method: 'POST', path: base, status: 201, policy: 'create_policy_rule', summary: `Add a ${words} to a policy`, body: body(false),
      async handle(ctx, { params, body }) {
        const { rules, users } = await around(ctx, params.policy)
        fits(kind, users)
        const row = { id: ctx.uuid(), policy: params.policy, kind: kind.type, ...read(kind, (body as Row)[name]) }
        const other = otherOf(rules, kind, row.direction)
        if (other) throw same(kind.type, other.id, params.policy)
        consistent(rules, kind, row)
        ctx.stage(q.insert(qosRule).values(row))
        changed(ctx, params.policy)
        ctx.about(row.id)
        return { [name]: ruleView(row) }
      },
    }),
    endpoint({ id: `qos.${kind.plural}.show`, method: 'GET', path: `${base}/{rule}`, status: 200, policy: 'get_policy_rule', summary: `Show a ${words}`, handle: (ctx, { params }) => show(ctx, params.policy, params.rule) }),
    endpoint({ id: `qos.${kind.plural}.update`, method: 'PUT', path: `${base}/{rule}`, status: 200, policy: 'update_policy_rule', summary: `Change a ${words}`, body: body(true), handle: (ctx, { params, body }) => update(ctx, params.policy, params.rule, (body as Row)[name]) }),
    endpoint({ id: `qos.${kind.plural}.delete`, method: 'DELETE', path: `${base}/{rule}`, status: 204, policy: 'delete_policy_rule', summary: `Remove a ${words}`, handle: (ctx, { params }) => remove(ctx, params.policy, params.rule) }),
    endpoint({ id: `qos.alias_${kind.plural}.show`, method: 'GET', path: alias, status: 200, policy: 'get_policy_rule', summary: `Show a ${words} by its id alone`, async handle(ctx, { params }) { return show(ctx, await policyOf(ctx, params.rule), params.rule) } }),
    endpoint({ id: `qos.alias_${kind.plural}.update`, method: 'PUT', path: alias, status: 200, policy: 'update_policy_rule', summary: `Change a ${words} by its id alone`, body: { '2.0': t.Object({ [`alias_${name}`]: t.Optional(t.Object(properties(true), closed)), [name]: t.Optional(t.Object(properties(true), closed)) }, closed) },
      async handle(ctx, { params, body }) {
        const change = (body as Row)[`alias_${name}`] ?? (body as Row)[name]
        if (!change) throw invalid(`Unable to find '${name}' in request body`)
        return update(ctx, await policyOf(ctx, params.rule), params.rule, change)
      } }),
    endpoint({ id: `qos.alias_${kind.plural}.delete`, method: 'DELETE', path: alias, status: 204, policy: 'delete_policy_rule', summary: `Remove a ${words} by its id alone`, async handle(ctx, { params }) { await remove(ctx, await policyOf(ctx, params.rule), params.rule) } }),
  ]
}

const bounds = (k: Kind) => [
  { parameter_name: k.value, parameter_type: k.type === 'dscp_marking' ? 'choices' : 'range', parameter_values: k.type === 'dscp_marking' ? MARKS : { start: 1, end: 2147483647 } },
  ...(k.burst ? [{ parameter_name: k.burst, parameter_type: 'range', parameter_values: { start: 0, end: 2147483647 } }] : []),
  ...(k.directions.length ? [{ parameter_name: 'direction', parameter_type: 'choices', parameter_values: k.directions }] : []),
]
/** Only what hosts carry out is offered. */
const ruleTypes: Endpoint[] = [
  endpoint({
    id: 'qos.rule_types.list', method: 'GET', path: '/qos/rule-types', status: 200, policy: 'get_rule_type', summary: 'Kinds of rules that hosts carry out',
    handle: (_ctx, { query }) => ({ rule_types: (query.get('all_rules') === 'true' ? kinds : kinds.filter((k) => k.enforced)).filter((k) => !query.has('type') || query.getAll('type').includes(k.type)).map((k) => ({ type: k.type })) }),
  }),
  endpoint({
    id: 'qos.rule_types.show', method: 'GET', path: '/qos/rule-types/{type}', status: 200, policy: 'get_rule_type', summary: 'What a kind of rule takes',
    handle(_ctx, { params }) {
      const kind = kinds.find((k) => k.type === params.type && k.enforced)
      if (!kind) throw notFound('rule type', params.type, `Rule type ${params.type} could not be found.`, { type: 'QosRuleTypeNotFound' })
      return { rule_type: { type: kind.type, drivers: [{ name: 'bridge', supported_parameters: bounds(kind) }] } }
    },
  }),
]
export const qosRules: Endpoint[] = [...ruleTypes, ...kinds.flatMap(rulesOfKind)]
