import type { Source } from '../parse.ts'
import type { Dialect, Parameter, Template } from '../types.ts'

export function unroll(source: Source, _parameters: Map<string, Parameter>, _mappings: Template['mappings'], _dialect: Dialect): Source {
  return source
}
