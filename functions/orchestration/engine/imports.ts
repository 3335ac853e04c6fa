import { resolve, type Json } from '../template/index.ts'
import { scopeOf, type Program } from './program.ts'

/** The exports of other stacks a template asks for; their names may be put together of parameters. */
export function importsOf(program: Program): string[] {
  const names = new Set<string>(), scope = scopeOf(program, new Map())
  const look = (json: Json | undefined): void => {
    if (json === null || typeof json !== 'object') return
    if (!Array.isArray(json) && 'Fn::ImportValue' in json) { try { const v = resolve(json['Fn::ImportValue'], scope); if (typeof v === 'string') names.add(v) } catch { /* names nothing yet */ } }
    for (const v of Object.values(json)) look(v as Json)
  }
  for (const r of program.template.resources.values()) look(r.properties)
  for (const o of program.template.outputs.values()) look(o.value)
  return [...names]
}
