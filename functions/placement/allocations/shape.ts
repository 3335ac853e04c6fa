import { Type as t, type Static } from 'typebox'
import { canonical, className, closed, generation, MAX, uuid, uuidKey } from '../shapes.ts'

const resources = t.Record(className, t.Integer({ minimum: 1, maximum: MAX }), { ...closed, minProperties: 1 })
const list = t.Array(t.Object({ resource_provider: t.Object({ uuid }, closed), resources }, closed), { minItems: 1 })
const byProvider = (minProperties: number) => t.Record(uuidKey, t.Object({ generation: t.Optional(generation), resources }, closed), { ...closed, minProperties })
const id = t.String({ minLength: 1, maxLength: 255 })
const whose = { project_id: id, user_id: id }
const seen = { consumer_generation: t.Union([t.Integer({ minimum: -MAX, maximum: MAX }), t.Null()]) }
const mappings = { mappings: t.Optional(t.Record(t.String({ pattern: '^([a-zA-Z0-9_-]{1,64})?$' }), t.Array(uuid, { minItems: 1 }), { ...closed, minProperties: 1 })) }
const type = { consumer_type: t.String({ pattern: '^[A-Z0-9_]+$', minLength: 1, maxLength: 255 }) }

const v13 = t.Object({ allocations: byProvider(0), ...whose }, closed)
const v28 = t.Object({ allocations: byProvider(0), ...whose, ...seen }, closed)
const v34 = t.Object({ allocations: byProvider(0), ...whose, ...seen, ...mappings }, closed)
const v38 = t.Object({ allocations: byProvider(0), ...whose, ...seen, ...mappings, ...type }, closed)

/** What one consumer holds from now on, by the version from which it is said so. */
export const single = {
  '1.0': t.Object({ allocations: list }, closed),
  '1.8': t.Object({ allocations: list, ...whose }, closed),
  '1.12': t.Object({ allocations: byProvider(1), ...whose }, closed),
  '1.28': v28, '1.34': v34, '1.38': v38,
}
const many = { ...closed, minProperties: 1 }
export const several = { '1.13': t.Record(uuidKey, v13, many), '1.28': t.Record(uuidKey, v28, many), '1.34': t.Record(uuidKey, v34, many), '1.38': t.Record(uuidKey, v38, many) }
export const anyNumber = { '1.30': t.Record(uuidKey, v28, closed), '1.34': t.Record(uuidKey, v34, closed), '1.38': t.Record(uuidKey, v38, closed) }

/** What a consumer is to hold, whole. Undefined: not said in this version. */
export interface Wish { consumer: string; project?: string; user?: string; type?: string; generation?: number | null; wants: Held[] }
export interface Held { provider: string; class: string; used: number }
type Said = { allocations: Static<typeof list> | Record<string, { resources: Record<string, number> }>; project_id?: string; user_id?: string; consumer_generation?: number | null; consumer_type?: string }

export function wishOf(consumer: string, said: Said): Wish {
  const parts = Array.isArray(said.allocations) ? said.allocations.map((a) => [a.resource_provider.uuid, a.resources] as const) : Object.entries(said.allocations).map(([id, a]) => [id, a.resources] as const)
  // Of a provider named twice, the last counts: it is a set by provider.
  const wants = [...new Map(parts.map(([id, r]) => [canonical(id), r]))].flatMap(([provider, r]) => Object.entries(r).map(([name, used]) => ({ provider, class: name, used })))
  return { consumer: canonical(consumer), project: said.project_id, user: said.user_id, type: said.consumer_type, generation: said.consumer_generation, wants }
}
export const wishesOf = (said: Record<string, Said>) => Object.entries(said).map(([consumer, one]) => wishOf(consumer, one))
