import { invalid } from '../../kernel/fault.ts'
import type { Environment, Json } from '../template/types.ts'

const mapOf = (v: Json | undefined, what: string): Record<string, Json> => {
  if (v === undefined || v === null) return {}
  if (typeof v !== 'object' || Array.isArray(v)) throw invalid(`The environment's ${what} must be a map.`)
  return v
}
const known = ['parameters', 'parameter_defaults', 'resource_registry', 'encrypted_param_names', 'event_sinks', 'parameter_merge_strategies']

/** An environment as a document: sections checked, absent ones empty. */
export function environmentOf(json: Json): Environment {
  const e = mapOf(json, 'text'), odd = Object.keys(e).find((k) => !known.includes(k))
  if (odd !== undefined) throw invalid(`environment has wrong section "${odd}"`)
  return {
    parameters: mapOf(e.parameters, 'parameters'), parameterDefaults: mapOf(e.parameter_defaults, 'parameter_defaults'), resourceRegistry: mapOf(e.resource_registry, 'resource_registry'),
    encryptedParameters: (e.encrypted_param_names as string[] | undefined) ?? [], eventSinks: (e.event_sinks as Json[] | undefined) ?? [], mergeStrategies: mapOf(e.parameter_merge_strategies, 'parameter_merge_strategies') as Record<string, string>,
  }
}
