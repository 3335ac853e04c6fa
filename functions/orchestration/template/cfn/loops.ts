import { Evaluator } from '../evaluate.ts'
import type { Source } from '../parse.ts'
import { isMap } from '../python.ts'
import type { Section } from '../sections.ts'
import { UNKNOWN, type Dialect, type Json, type Parameter, type Path, type Template, type Value } from '../types.ts'

const LOOP = 'Fn::ForEach::'
const LAYOUT = 'Transform AWS::LanguageExtensions failed with: Fn::ForEach layout is incorrect.'

/** `Fn::ForEach` in conditions, resources (and their properties) and outputs, written out. */
export function unroll(source: Source, parameters: Map<string, Parameter>, mappings: Template['mappings'], dialect: Dialect): Source {
  const scope = { dialect, parameters: valuesFor(source, parameters), mappings, lineOf: source.lineOf }
  const evaluator = new Evaluator(scope)
  const raw = { ...source.raw }
  const names = new Set<string>()
  for (const section of ['Conditions', 'Resources', 'Outputs']) if (isMap(raw[section])) raw[section] = new Unroller(source, evaluator, names).value(raw[section] as Json, [section], new Map())
  return { ...source, raw }
}

/** Loops run before parameters are checked: what is given or the default, a list as a list. */
function valuesFor({ options }: Source, parameters: Map<string, Parameter>): Record<string, Value> {
  return Object.fromEntries([...parameters.values()].map(({ name, type, default: fallback }) => {
    const value = options.parameters?.[name] ?? fallback
    if (value === undefined || value === null) return [name, UNKNOWN]
    return [name, type === 'comma_delimited_list' && typeof value === 'string' ? value === '' ? [] : value.split(',').map((item) => item.trim()) : value]
  }))
}

type Bound = ReadonlyMap<string, string>

class Unroller {
  private source: Source
  private ev: Evaluator
  private names: Set<string>
  constructor(source: Source, ev: Evaluator, names: Set<string>) {
    this.source = source
    this.ev = ev
    this.names = names
  }

  value(value: Json, at: Path, bound: Bound): Json {
    if (typeof value === 'string') return bound.size ? put(value, bound) : value
    if (Array.isArray(value)) return value.map((item, i) => this.value(item, [...at, i], bound))
    if (!isMap(value)) return value
    const keys = Object.keys(value)
    if (keys.length === 1 && keys[0] === 'Ref') {
      const name = (value as Section).Ref
      if (typeof name === 'string' && bound.has(name)) return bound.get(name)!
    }
    const out: Section = {}
    for (const key of keys) {
      const item = (value as Section)[key]
      const entries = key.startsWith(LOOP) ? this.loop(key, item, [...at, key], bound) : [[bound.size ? put(key, bound) : key, this.value(item, [...at, key], bound)] as [string, Json]]
      for (const [name, made] of entries) {
        if (Object.hasOwn(out, name)) throw this.source.fault(`Transform AWS::LanguageExtensions failed with: the key ${name} is made twice.`, [...at, key])
        this.ev.room(1, at)
        out[name] = made
      }
    }
    return out
  }

  /** `[identifier, collection, { key: value }]` to the entries it makes. */
  private loop(name: string, arg: Json, at: Path, bound: Bound): [string, Json][] {
    if (!/^[A-Za-z0-9]+$/.test(name.slice(LOOP.length))) throw this.source.fault(LAYOUT, at)
    if (!bound.size && this.names.has(`${String(at[0])} ${name}`)) throw this.source.fault(LAYOUT, at)
    this.names.add(`${String(at[0])} ${name}`)
    if (!Array.isArray(arg) || arg.length !== 3) throw this.source.fault(LAYOUT, at)
    const [identifier, collection, body] = arg
    if (typeof identifier !== 'string' || !/^[A-Za-z0-9]+$/.test(identifier) || !isMap(body) || bound.has(identifier)) throw this.source.fault(LAYOUT, at)
    const items = this.ev.some(this.value(collection, [...at, 1], bound), [...at, 1])
    // Without the parameter's value there is nothing to run over yet; creating the stack will ask for it.
    if (items === UNKNOWN) return []
    if (!Array.isArray(items) || items.some((item) => item === UNKNOWN || item === null || typeof item === 'object')) {
      throw this.source.fault('Transform AWS::LanguageExtensions failed with: Fn::ForEach could not resolve its collection to a list of strings.', [...at, 1])
    }
    return items.flatMap((item) => {
      this.ev.room(1, at)
      return Object.entries(this.value(body as Json, [...at, 2], new Map([...bound, [identifier, String(item)]])) as Section)
    })
  }
}

/** `${Name}` as it is, `&{Name}` with letters and digits only. */
const put = (text: string, bound: Bound) =>
  text.includes('{') ? text.replace(/([$&])\{([A-Za-z0-9]+)\}/g, (whole, kind: string, name: string) => {
    const value = bound.get(name)
    return value === undefined ? whole : kind === '&' ? value.replace(/[^A-Za-z0-9]/g, '') : value
  }) : text
