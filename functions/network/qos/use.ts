import { and, asc, eq, inArray, or, sql } from 'drizzle-orm'
import { qosPolicy, qosRule } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { conflict, notFound } from '../../kernel/fault.ts'
import { openedTo } from '../networks/visible.ts'
import { kindOf } from './kinds.ts'

/** What other resources do with policies: ask whether they may be put under one. */
export const visiblePolicies = (ctx: Ctx) => (ctx.caller.admin ? undefined
  : or(eq(qosPolicy.project, ctx.project), sql`${qosPolicy.shared} = 1`, inArray(qosPolicy.id, openedTo('qos_policy', ctx.project, 'access_as_shared'))))

const none = ['']
/** The policies of these ids that the caller may use, a row for each of their rules. */
export const policyQuery = (ctx: Ctx, ids: (string | null | undefined)[]) => q.select({ id: qosPolicy.id, kind: qosRule.kind }).from(qosPolicy).leftJoin(qosRule, eq(qosRule.policy, qosPolicy.id))
  .where(and(inArray(qosPolicy.id, ids.some(Boolean) ? ids.filter((x) => x != null) : none), visiblePolicies(ctx))) as unknown as Query

/** Refuses a policy that is not there, or asks for what hosts cannot do. */
export function usePolicy(id: string | null | undefined, rows: unknown, what: string) {
  if (!id) return
  const mine = (rows as { id: string; kind: string | null }[]).filter((r) => r.id === id)
  if (!mine.length) throw notFound('QoS policy', id, undefined, { type: 'QosPolicyNotFound' })
  const beyond = mine.find((r) => r.kind !== null && !kindOf(r.kind).enforced)
  if (beyond) throw unsupportedRule(beyond.kind!, what)
}
export const unsupportedRule = (kind: string, what: string) => conflict(`Rule ${kind} is not supported by ${what}: hosts do not carry it out.`, { type: 'QosRuleNotSupported' })

/** Only bandwidth can be limited where many guests share an address. */
export function useForAddress(id: string | null | undefined, rows: unknown, what: string) {
  usePolicy(id, rows, what)
  const other = (rows as { id: string; kind: string | null }[]).find((r) => r.id === id && r.kind !== null && r.kind !== 'bandwidth_limit')
  if (id && other) throw conflict(`Rule ${other.kind} is not supported by ${what}: only bandwidth is limited there.`, { type: 'QosRuleNotSupported' })
}

export const rulesOf = (policy: string) => q.select().from(qosRule).where(eq(qosRule.policy, policy)).orderBy(asc(qosRule.kind), asc(qosRule.id))

/** Hosts of whatever is under this policy. */
export const hostsUnder = (policy: string) => sql`select host from port where qos_policy = ${policy} and host is not null
  union select p.host from port p join network n on n.id = p.network where n.qos_policy = ${policy} and p.qos_policy is null and p.host is not null
  union select r.host from router r where r.qos_policy = ${policy} and r.host is not null
  union select r.host from router r join floating_ip f on f.router = r.id where f.qos_policy = ${policy} and r.host is not null`

/** What is under a policy, the first of each sort. */
export const usersOf = (policy: string): Query => q.all(sql`select * from (select 'network' as type, id from network where qos_policy = ${policy} limit 1) union all select * from (select 'port', id from port where qos_policy = ${policy} limit 1)
  union all select * from (select 'floatingip', id from floating_ip where qos_policy = ${policy} limit 1) union all select * from (select 'router', id from router where qos_policy = ${policy} limit 1)`) as unknown as Query
