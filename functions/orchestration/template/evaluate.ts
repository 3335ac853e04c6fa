import { TemplateFault } from './fault.ts'
import { conditionFunctionsOf, functionsOf } from './functions.ts'
import { UNKNOWN, type Json, type Lookup, type Path, type Conditions, type References, type Scope, type Unknown, type Value } from './types.ts'

/** One intrinsic function of one version of a language. */
export interface Fn {
  /** Refuses a shape that no value could make right. Parsing calls it, so that it speaks before anything is made. */
  check?(arg: Json, at: Path, fault: FaultMaker): void
  /** Notes what the function refers to, where walking its argument would not show it. */
  refs?(arg: Json, at: Path, see: Seer): void
  run(arg: Json, at: Path, ev: Evaluator): Value | typeof NOTHING
  /** Earlier versions had it; this one refuses it by name. */
  removed?: boolean
}

export type FaultMaker = (words: string, at: Path, type?: string) => TemplateFault

export interface Seer { found: References, walk(value: Json, at: Path): void, fault: FaultMaker, conditions?: Conditions }

/** `AWS::NoValue`, and a branch of `if` that is not there: what holds it is dropped. */
export const NOTHING: unique symbol = Symbol('no value')

/** The function an object is a call of, if it is one. */
export function callOf(value: Json, functions: ReadonlyMap<string, Fn>): { name: string, fn: Fn, arg: Json } | undefined {
  if (!value || typeof value !== 'object' || Array.isArray(value)) return undefined
  let only: string | undefined
  for (const key in value) {
    if (only !== undefined) return undefined
    only = key
  }
  if (only === undefined) return undefined
  const fn = functions.get(only)
  return fn && { name: only, fn, arg: value[only] }
}

export const isKnown = (value: Value): value is Json => {
  if (value === UNKNOWN) return false
  if (Array.isArray(value)) return value.every(isKnown)
  if (value && typeof value === 'object') for (const key in value) if (!isKnown(value[key])) return false
  return true
}

export class Evaluator {
  readonly scope: Scope
  protected functions: ReadonlyMap<string, Fn>
  readonly known = isKnown
  /** Conditions not evaluated yet, and those being evaluated. */
  private definitions: ReadonlyMap<string, Json> | undefined
  private decided: Record<string, boolean | Unknown> = {}
  private deciding = new Set<string>()
  private room_ = { characters: 64 * 1024 * 1024, items: 100_000 }
  /** Lookups under way, by what was asked; `undefined` when answers have to come at once. */
  private later: Map<string, { value?: Value, done: boolean, wait: Promise<unknown> }> | undefined
  constructor(scope: Scope, later = false, definitions?: ReadonlyMap<string, Json>) {
    this.scope = scope
    this.functions = functionsOf(scope.dialect)
    this.definitions = definitions
    if (later) this.later = new Map()
  }

  /** Text made so far counts: functions within functions must not grow without bound. */
  spend(text: string, at: Path): string {
    this.room_.characters -= text.length
    if (this.room_.characters < 0) throw this.fault('The template expands to too much text.', at)
    return text
  }

  room(items: number, at: Path) {
    this.room_.items -= items
    if (this.room_.items < 0) throw this.fault('The template expands to too many values.', at)
  }

  /** A condition: a name, a boolean, or a function that a condition may use. */
  condition(json: Json, at: Path): boolean | Unknown {
    if (typeof json === 'boolean') return json
    if (typeof json === 'string') return this.named(json, at)
    const call = callOf(json, conditionFunctionsOf(this.scope.dialect))
    if (!call) throw this.fault(this.badCondition(json), at)
    const value = call.fn.run(call.arg, [...at, call.name], this)
    if (value === UNKNOWN || typeof value === 'boolean') return value
    if (typeof value === 'string' && call.name !== 'Ref') return this.named(value, at)
    throw this.fault(this.badCondition(value), at)
  }

  private badCondition(value: unknown) {
    return this.scope.dialect.front === 'aws' ? 'Template format error: Conditions can only be boolean operations on parameters and other conditions' : `Invalid condition "${typeof value === 'string' ? value : JSON.stringify(value)}"`
  }

  named(name: string, at: Path): boolean | Unknown {
    const known = this.scope.conditions
    if (known && Object.hasOwn(known, name)) return known[name]
    if (Object.hasOwn(this.decided, name)) return this.decided[name]
    const definition = this.definitions?.get(name)
    if (definition === undefined) throw this.fault(this.scope.dialect.front === 'aws' ? `Template error: unresolved condition dependency ${name}` : `Invalid condition "${name}"`, at)
    if (this.deciding.has(name)) throw this.fault(this.scope.dialect.front === 'aws' ? `Template format error: Circular dependency between conditions: [${[...this.deciding].join(', ')}]` : `Condition validation error: Circular definition for condition "${name}"`, at)
    this.deciding.add(name)
    const here = [this.scope.dialect.language === 'hot' ? 'conditions' : 'Conditions', name]
    if (typeof definition === 'string') throw this.fault(this.scope.dialect.front === 'aws' ? this.badCondition(definition) : `Condition validation error: The definition of condition "${name}" is invalid: ${definition}`, here)
    const value = this.condition(definition, here)
    this.deciding.delete(name)
    return this.decided[name] = value
  }

  readonly fault: FaultMaker = (words, at, type) => new TemplateFault(words, { path: at, line: this.scope.lineOf?.(at), type, front: this.scope.dialect.front })

  /** A value with its functions resolved; NOTHING is dropped by whoever holds it. */
  value(json: Json, at: Path): Value | typeof NOTHING {
    if (json === null || typeof json !== 'object') return typeof json === 'string' && this.scope.dialect.front === 'aws' && json.includes('{{resolve:') ? this.dynamic(json, at) : json
    if (Array.isArray(json)) {
      const out: Value[] = []
      for (let i = 0; i < json.length; i++) {
        const item = this.value(json[i], [...at, i])
        if (item !== NOTHING) out.push(item)
      }
      return out
    }
    const call = callOf(json, this.functions)
    if (call) return call.fn.run(call.arg, [...at, call.name], this)
    const out: { [key: string]: Value } = {}
    for (const key in json) {
      const item = this.value(json[key], [...at, key])
      if (item !== NOTHING) out[key] = item
    }
    return out
  }

  /** The same where nothing is no answer: an absent value is null. */
  some(json: Json, at: Path): Value {
    const value = this.value(json, at)
    return value === NOTHING ? null : value
  }

  /** A lookup's answer; what is still on its way is unknown for now. */
  ask(key: string, look: () => Lookup): Value | undefined {
    const before = this.later?.get(key)
    if (before) return before.done ? before.value : UNKNOWN
    const answer = look()
    if (!(answer instanceof Promise)) return answer
    if (!this.later) throw new Error(`${key} cannot be looked up at once`)
    const entry = { value: undefined as Value | undefined, done: false, wait: answer.then((value) => { entry.value = value; entry.done = true }) as Promise<unknown> }
    this.later.set(key, entry)
    return UNKNOWN
  }

  /** Waits for lookups under way; false when there were none. */
  async settle(): Promise<boolean> {
    const open = [...this.later?.values() ?? []].filter(({ done }) => !done)
    await Promise.all(open.map(({ wait }) => wait))
    return open.length > 0
  }

  private dynamic(text: string, at: Path): Value {
    let unknown = false
    const out = text.replace(/\{\{resolve:([a-z-]+):([^{}]*)\}\}/g, (whole, service: string, reference: string) => {
      const value = this.scope.dynamic ? this.ask(`dynamic ${whole}`, () => this.scope.dynamic!(service, reference)) : UNKNOWN
      if (value === undefined) throw this.fault(`Could not resolve dynamic reference: ${whole}`, at, 'ValidationError')
      if (value === UNKNOWN) unknown = true
      return String(value)
    })
    return unknown ? UNKNOWN : out
  }
}

/** A value with its functions resolved. Lookups must answer at once. */
export function resolve(json: Json, scope: Scope, at: Path = []): Value {
  return new Evaluator(scope).some(json, at)
}

/** The same for scopes whose lookups take time. */
export async function resolveLater(json: Json, scope: Scope, at: Path = []): Promise<Value> {
  const evaluator = new Evaluator(scope, true)
  for (;;) {
    const value = evaluator.some(json, at)
    if (!await evaluator.settle()) return value
  }
}
