import { parse as yaml } from 'yaml'
import { invalid } from '../../kernel/fault.ts'
import type { Json } from '../template/index.ts'

const MAX = 512 * 1024
/** An environment as a document or as text; nothing is nothing. */
export function environment(v: unknown): Record<string, Json> {
  let e = v
  if (typeof v === 'string') {
    if (v.length > MAX) throw invalid(`Environment exceeds maximum allowed size (${MAX} bytes).`, { type: 'RequestLimitExceeded' })
    try { e = yaml(v, { maxAliasCount: 100 }) } catch (x) { throw invalid(`Environment not in valid format: ${(x as Error).message}`) }
  }
  if (e === undefined || e === null) return {}
  if (typeof e !== 'object' || Array.isArray(e)) throw invalid('Environment not in valid format: it is not a map')
  return e as Record<string, Json>
}
/** Environment files in their order; each lies over those before, and what came inline is one of them when it stands alone. */
export function environments(inline: unknown, names: string[], files: Record<string, string>): Json {
  if (!names.length) return environment(inline)
  let out: Record<string, any> = {}
  for (const name of names) {
    if (files[name] === undefined) throw invalid(`The environment file ${name} is not among the files.`)
    const e = environment(files[name]) as Record<string, any>
    out = { ...out, ...e, ...Object.fromEntries(['parameters', 'parameter_defaults', 'resource_registry'].filter((k) => out[k] || e[k]).map((k) => [k, { ...out[k], ...e[k] }])) }
  }
  return out
}
