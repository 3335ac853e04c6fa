import { and, eq, or, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { segmentRange } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { full, q, type Query } from '../../kernel/db.ts'
import { conflict, invalid } from '../../kernel/fault.ts'
import { field, resource, rows, type Resource, type Row } from '../../kernel/resource.ts'
import { style } from '../service.ts'
import { standardFields, standardRow, standardView, tagFilterNames, tagFilters } from '../standard.ts'

type Range = typeof segmentRange.$inferSelect
const most = { vxlan: 16_777_215, vlan: 4094 } as const
const used = sql<string>`(select json_group_object(n.segment, n.project) from network n where n.provider_type = ${full(segmentRange.networkType)} and n.segment between ${full(segmentRange.minimum)} and ${full(segmentRange.maximum)} and n.physical_network is ${full(segmentRange.physicalNetwork)})`.as('used')

function check(r: Pick<Range, 'minimum' | 'maximum' | 'networkType' | 'physicalNetwork' | 'id'>, others: Range[]) {
  if (r.minimum > r.maximum) throw invalid('Invalid input for minimum. Reason: it is more than maximum.', { type: 'InvalidInput' })
  if (r.maximum > most[r.networkType]) throw invalid(`Invalid input for maximum. Reason: network type ${r.networkType} ends at ${most[r.networkType]}.`, { type: 'InvalidInput' })
  if ((r.networkType === 'vlan') !== Boolean(r.physicalNetwork)) throw invalid(`Invalid input for physical_network. Reason: it is ${r.networkType === 'vlan' ? 'required for' : 'not allowed with'} network type ${r.networkType}.`, { type: 'InvalidInput' })
  const over = others.find((o) => o.id !== r.id && o.networkType === r.networkType && (o.physicalNetwork ?? null) === (r.physicalNetwork ?? null) && o.minimum <= r.maximum && r.minimum <= o.maximum)
  if (over) throw conflict(`Network segment range overlaps with range ${over.id} (${over.minimum}-${over.maximum}).`, { type: 'NetworkSegmentRangeOverlaps' })
}
const inUse = (r: Row) => Object.keys(JSON.parse(r.used ?? '{}')).map(Number)
const referenced = (id: string, why: string) => conflict(`Network Segment Range ${id} is referenced by one or more tenant networks: ${why}.`, { type: 'NetworkSegmentRangeReferencedByProject' })
const available = (r: Row) => { const taken = new Set(inUse(r)), out: number[] = []; for (let n = r.minimum; n <= r.maximum && out.length < 4094; n++) if (!taken.has(n)) out.push(n); return out }
const all = () => q.select().from(segmentRange)

/** Numbers that new networks are given: a project's own range before the shared ones, any number when there is none. */
export const rangeResource: Resource = {
  name: 'network_segment_range', plural: 'network_segment_ranges', path: '/network_segment_ranges', table: segmentRange, sort: [['id', 'asc']], faultType: 'NetworkSegmentRangeNotFound', visible: () => undefined,
  extras: { used },
  view: (r) => ({ ...standardView(r), project_id: r.shared ? null : r.project, tenant_id: r.shared ? null : r.project, default: r.isDefault, shared: r.shared, network_type: r.networkType, physical_network: r.physicalNetwork, minimum: r.minimum, maximum: r.maximum, used: JSON.parse(r.used ?? '{}'), available: available(r) }),
  fields: {
    ...standardFields, shared: field(t.Boolean(), 'create filter sort'), default: field(t.Boolean(), 'filter sort', 'isDefault'), network_type: field(t.Enum(['vxlan', 'vlan', 'gre', 'geneve']), 'create filter sort required', 'networkType'),
    physical_network: field(t.Union([t.String({ maxLength: 64 }), t.Null()]), 'create filter sort', 'physicalNetwork'), minimum: field(t.Integer({ minimum: 1 }), 'create update filter sort required'), maximum: field(t.Integer({ minimum: 1 }), 'create update filter sort required'),
  },
  filterNames: tagFilterNames, filters: (_ctx, query) => tagFilters(query, sql`${segmentRange.tags}`),
  joins: { update: () => [all() as unknown as Query] },
  verbs: {
    async create(ctx, values) {
      if (values.networkType !== 'vxlan' && values.networkType !== 'vlan') throw invalid(`Invalid input for network_type. Reason: networks of type ${values.networkType} are not offered.`, { type: 'InvalidInput' })
      const shared = values.shared ?? true
      if (!shared && !values.project) throw invalid('Invalid input for project_id. Reason: a range that is not shared needs one.', { type: 'InvalidInput' })
      const row = { isDefault: false, physicalNetwork: null, ...standardRow(ctx, values), shared } as unknown as Range
      const [others] = await ctx.read(all())
      check(row, others)
      ctx.stage(q.insert(segmentRange).values(row))
      return row
    },
    update(ctx, row, change, [others]) {
      const next = { ...row, ...change } as Range
      check(next, others as Range[])
      const out = inUse(row).find((n) => n < next.minimum || n > next.maximum)
      if (out !== undefined) throw referenced(row.id, `number ${out} is used`)
      return rows(segmentRange).update(ctx, row, change)
    },
    remove(ctx, row) {
      const [first] = inUse(row)
      if (first !== undefined) throw referenced(row.id, `number ${first} is used`)
      rows(segmentRange).remove(ctx, row)
    },
  },
}
export const ranges = resource(style, rangeResource)

/** The range a new network of this project is numbered from, its own before a shared one, and what of it is taken. */
export const rangeFor = (project: string, type: string) => q.select({ physical: segmentRange.physicalNetwork, minimum: segmentRange.minimum, maximum: segmentRange.maximum, used }).from(segmentRange)
  .where(and(eq(segmentRange.networkType, type as 'vxlan'), or(eq(segmentRange.shared, true), eq(segmentRange.project, project)))).orderBy(segmentRange.shared, segmentRange.id)

/** A free number at random, and the physical network it is one of; undefined when there are no ranges. */
export function numberFrom(ctx: Ctx, list: { physical: string | null; minimum: number; maximum: number; used: string }[]): { number: number; physical: string | null } | undefined {
  if (!list.length) return undefined
  for (const r of list) {
    const taken = new Set(Object.keys(JSON.parse(r.used ?? '{}')).map(Number)), size = r.maximum - r.minimum + 1
    if (taken.size >= size) continue
    const start = ctx.world.random(3).reduce((n, byte) => n * 256 + byte, 0) % size
    for (let i = 0; i < size; i++) { const n = r.minimum + (start + i) % size; if (!taken.has(n)) return { number: n, physical: r.physical } }
  }
  throw conflict('Unable to create the network. No available network found in the maximum allowed number of attempts: all ranges are used up.', { type: 'NoNetworkAvailable', status: 503 })
}
