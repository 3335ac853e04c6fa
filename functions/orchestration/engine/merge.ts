import { parse as yaml } from 'yaml'
import { invalid } from '../../kernel/fault.ts'
import { mergeEnvironments, parse, parseEnvironment, storedEnvironment, type Json } from '../template/index.ts'

/** A document that came as text or already read; an environment's limits hold for it. */
export function environment(v: unknown): Record<string, Json> {
  if (v === undefined || v === null || v === '') return {}
  if (typeof v === 'object' && !Array.isArray(v)) return v as Record<string, Json>
  if (typeof v !== 'string' || v.length > 524_288) throw invalid('It must be a map of at most 524288 bytes.')
  let e: unknown
  try { e = yaml(v, { maxAliasCount: 100 }) } catch (x) { throw invalid(`Error parsing: ${(x as Error).message}`) }
  if (!e || typeof e !== 'object' || Array.isArray(e)) throw invalid('It must be a map.')
  return e as Record<string, Json>
}
/** Environment files in their order, over what came inline; clients that name files send the sum of them inline too. */
export function environments(inline: unknown, names: string[], files: Record<string, string>, template: unknown): Json {
  const base = parseEnvironment(inline as Json)
  if (!names.length) return storedEnvironment(base) as Json
  const { parameters } = parse(template as string)
  return storedEnvironment(mergeEnvironments(base, names, files, parameters)) as Json
}
