import { invalid } from '../kernel/fault.ts'
import { canonical, isUuid, MAX } from './shapes.ts'

/** Wanted traits: of each set at least one, of `forbidden` none. Wanted aggregates alike. */
export interface Wanted { required: Set<string>[]; forbidden: Set<string> }
export type Amounts = Map<string, number>

/** Refuses parameters that this version does not have. */
export function known(query: URLSearchParams, allowed: (name: string) => boolean) {
  for (const name of new Set(query.keys())) if (!allowed(name)) throw invalid(`Invalid query string parameters: additional properties are not allowed ('${name}' was unexpected).`)
}

/** `VCPU:2,MEMORY_MB:1024` */
export function amounts(text: string): Amounts {
  const out: Amounts = new Map()
  for (const part of text.split(',')) {
    const m = /^([A-Z0-9_]+):(-?\d+)$/.exec(part.trim())
    if (!m) throw invalid(`Badly formed resources parameter: expected resources=VCPU:2,MEMORY_MB:1024, with positive integer amounts. Got: ${part || 'an empty string'}.`)
    const amount = Number(m[2])
    if (amount < 1 || amount > MAX) throw invalid(`Requested resource ${m[1]} requires an amount from 1 to ${MAX}. Got: ${m[2]}.`)
    out.set(m[1], amount)
  }
  return out
}

/** `A,!B`, and from 1.39 `in:A,B` and the parameter more than once; before, the last one counts. */
export function traits(values: string[], version: number): Wanted {
  const out: Wanted = { required: [], forbidden: new Set() }
  for (const value of version >= 1039 ? values : values.slice(-1)) {
    const either = value.startsWith('in:')
    if (either && version < 1039) throw invalid(`Invalid query string parameters: the form 'in:A,B' is understood since microversion 1.39. Got: ${value}`)
    const names = (either ? value.slice(3) : value).split(',').map((n) => n.trim())
    if (names.some((n) => !n.replace(/^!+/, ''))) throw invalid(`Invalid query string parameters: expected 'required' as HW_CPU_X86_VMX,CUSTOM_MAGIC. Got an empty trait in: ${value}`)
    const not = names.filter((n) => n.startsWith('!'))
    if (not.length && (either || version < 1022)) throw invalid(`Invalid query string parameters: forbidden traits are not understood ${either ? "with 'in:'" : 'before microversion 1.22'}. Got: ${value}`)
    if (either) out.required.push(new Set(names))
    else for (const n of names) if (!n.startsWith('!')) out.required.push(new Set([n]))
    for (const n of not) out.forbidden.add(n.replace(/^!+/, ''))
  }
  return out
}
export const traitNames = (w: Wanted) => [...w.required.flatMap((s) => [...s]), ...w.forbidden]

/** `UUID`, `in:UUID,UUID`; from 1.24 on repeated; from 1.32 on with `!` before either. */
export function memberships(values: string[], version: number): Wanted {
  if (values.length > 1 && version < 1024) throw invalid('Multiple member_of parameters are not supported before microversion 1.24.')
  const out: Wanted = { required: [], forbidden: new Set() }
  for (const value of values) {
    const m = /^(!?)(in:)?(.*)$/s.exec(value)!
    if (value.includes(',') && !m[2]) throw invalid(`Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword. Got: ${value}`)
    if (m[1] && version < 1032) throw invalid(`Forbidden aggregates are not supported before microversion 1.32. Got: ${value}`)
    const ids = m[3].split(',').map((id) => {
      if (!isUuid(id)) throw invalid(`Invalid query string parameters: expected 'member_of' to contain UUIDs. Got: ${id}`)
      return canonical(id)
    })
    if (m[1]) for (const id of ids) out.forbidden.add(id)
    else out.required.push(new Set(ids))
  }
  return out
}

export function tree(value: string, what = 'in_tree'): string {
  if (!isUuid(value.trim())) throw invalid(`Invalid query string parameters: expected '${what}' to be a UUID. Got: ${value}`)
  return canonical(value.trim())
}
