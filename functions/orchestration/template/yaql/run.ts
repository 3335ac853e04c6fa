import { isMap, same } from '../python.ts'
import { YaqlError, type Argument, type Node } from './parse.ts'
import { regexOf, Regex } from './regex.ts'

export type Any = null | boolean | number | string | Any[] | Regex | YSet | Env | { [key: string]: Any }
export type Dict = { [key: string]: Any }

/** A set keeps its members in the order they came. */
export class YSet { items: Any[]; constructor(items: Any[]) { this.items = unique(items) } }

/** Variables in force, and how much work is left. */
export class Env {
  vars: Map<string, Any>
  budget: { steps: number }
  constructor(vars: Map<string, Any>, budget: { steps: number }) { this.vars = vars; this.budget = budget }
  with(more: [string, Any][]): Env { return new Env(new Map([...this.vars, ...more]), this.budget) }
  spend(steps: number) {
    this.budget.steps -= steps
    if (this.budget.steps < 0) throw new YaqlError('The expression takes too many steps')
  }
}

/** An argument not evaluated yet: its value, or its value for items that become `$`, `$1`, `$2`. */
export interface Thunk { key?: Node, value(): Any, of(...items: Any[]): Any, /** What stands left of `=>`; a word is itself. */ left(): Any }

export interface YaqlFunction {
  /** Called as `f(x)`, as `x.f()`, or either way. */
  as: 'function' | 'method' | 'both'
  /** Parameters after the receiver, for arguments by name. */
  params?: string
  run(args: Thunk[], env: Env, receiver: Any | undefined): Any
  /** What the name means as a method, where that is something else. */
  bound?: YaqlFunction
}

export type Library = ReadonlyMap<string, YaqlFunction>

/** Collections a query made: `list()` and `set()` take their members, not them. */
const made = new WeakSet<object>()
export const lazily = (items: Any[]) => { made.add(items); return items }
export const isLazy = (value: Any) => Array.isArray(value) && made.has(value)

export const isDict = (value: Any | undefined): value is Dict => isMap(value) && !(value instanceof Regex) && !(value instanceof YSet) && !(value instanceof Env)
export const truthy = (value: Any): boolean => Array.isArray(value) ? value.length > 0 : value instanceof YSet ? value.items.length > 0 : isDict(value) ? Object.keys(value).length > 0 : Boolean(value)
export const mismatch = (name: string) => new YaqlError(`No function "${name}" matches supplied arguments`)

export function equal(a: Any, b: Any): boolean {
  if (a instanceof YSet && b instanceof YSet) return a.items.length === b.items.length && a.items.every((item) => b.items.some((other) => same(item, other)))
  return same(a, b)
}

export function unique(items: Any[], key: (item: Any) => Any = (item) => item): Any[] {
  const seen = new Map<string, Any>()
  for (const item of items) {
    const text = keyOf(key(item))
    if (!seen.has(text)) seen.set(text, item)
  }
  return [...seen.values()]
}

export const keyOf = (value: Any): string => JSON.stringify(value, (_, inner: unknown) =>
  inner instanceof YSet ? { set: inner.items.map(keyOf).sort() } : isMap(inner) ? Object.fromEntries(Object.entries(inner as object).sort(([a], [b]) => a < b ? -1 : 1)) : inner)

export class Runner {
  private library: Library
  constructor(library: Library) { this.library = library }

  run(node: Node, env: Env): Any {
    env.spend(1)
    switch (node.kind) {
      case 'literal': case 'word': return node.value
      case 'variable': return env.vars.get(node.name === '' ? '1' : node.name) ?? null
      case 'list': return node.items.map((item) => this.run(item, env))
      case 'map': return Object.fromEntries(node.pairs.map(([key, value]) => [text(this.run(key, env)), this.run(value, env)]))
      case 'call': return this.call(node.name, node.args, env, undefined)
      case 'dot': return this.dot(node, env)
      case 'index': return this.index(this.run(node.on, env), node.args.map((arg) => this.thunk(arg, env)))
      case 'unary': return unary(node.op, this.run(node.of, env))
      case 'binary': return this.binary(node, env)
    }
  }

  thunk({ key, value }: Argument, env: Env): Thunk {
    return {
      key,
      value: () => this.run(value, env),
      of: (...items) => this.run(value, env.with(items.map((item, i) => [String(i + 1), item]))),
      left: () => { if (!key) throw new YaqlError('A pair is missing'); return this.run(key, env) },
    }
  }

  private call(name: string, args: Argument[], env: Env, receiver: Any | undefined): Any {
    const entry = this.library.get(name)
    const fn = receiver === undefined ? entry : entry?.bound ?? entry
    if (!fn || fn.as === (receiver === undefined ? 'method' : 'function')) throw new YaqlError(receiver === undefined ? `Unknown function "${name}"` : `Unknown method "${name}"`)
    const thunks = args.map((arg) => this.thunk(arg, env))
    if (fn.as === 'both' && receiver === undefined) {
      const first = thunks.shift()
      if (!first) throw mismatch(name)
      return fn.run(named(fn, thunks, name), env, first.value())
    }
    return fn.run(named(fn, thunks, name), env, receiver)
  }

  private dot({ on, right, safe }: Extract<Node, { kind: 'dot' }>, env: Env): Any {
    const receiver = this.run(on, env)
    if (safe && receiver === null) return null
    if (right.kind === 'call') return this.call(right.name, right.args, env, receiver)
    if (right.kind !== 'word') throw mismatch('#operator_.')
    return member(receiver, right.value, env)
  }

  private index(on: Any, args: Thunk[]): Any {
    const key = args[0]?.value()
    if (isDict(on) && typeof key === 'string' && args.length <= 2) {
      if (Object.hasOwn(on, key)) return on[key]
      if (args.length === 2) return args[1].value()
      throw new YaqlError(`'${key}'`)
    }
    if (Array.isArray(on) && Number.isInteger(key) && args.length === 1) {
      const item = on.at(key as number)
      if (item === undefined) throw new YaqlError('list index out of range')
      return item
    }
    throw mismatch('#indexer')
  }

  private binary({ op, left, right }: Extract<Node, { kind: 'binary' }>, env: Env): Any {
    const a = this.run(left, env)
    if (op === 'and') return truthy(a) ? this.run(right, env) : a
    if (op === 'or') return truthy(a) ? a : this.run(right, env)
    if (op === '->') {
      if (!(a instanceof Env)) throw mismatch('#operator_->')
      return this.run(right, a)
    }
    return operate(op, a, this.run(right, env), env)
  }
}

/** `a.b`: of a map its entry, of a list each member's. */
export function member(on: Any, name: string, env: Env): Any {
  if (isDict(on)) {
    if (!Object.hasOwn(on, name)) throw new YaqlError(`'${name}'`)
    return on[name]
  }
  const items = Array.isArray(on) ? on : on instanceof YSet ? on.items : undefined
  if (!items) throw new YaqlError(`Unknown function "#property#${name}"`)
  env.spend(items.length)
  return items.map((item) => member(item, name, env))
}

/** Arguments by name take their parameter's place. */
function named(fn: YaqlFunction, thunks: Thunk[], name: string): Thunk[] {
  if (fn.params === undefined || !thunks.some(({ key }) => key?.kind === 'word')) return thunks
  const params = fn.params.split(' ')
  const out: Thunk[] = []
  thunks.forEach((thunk, i) => {
    const at = thunk.key?.kind === 'word' ? params.indexOf(thunk.key.value) : i
    if (at < 0) throw mismatch(name)
    out[at] = thunk
  })
  return out
}

function unary(op: string, value: Any): Any {
  if (op === 'not') return !truthy(value)
  if (typeof value !== 'number') throw mismatch(`#unary_operator_${op}`)
  return op === '-' ? -value : value
}

export function operate(op: string, a: Any, b: Any, env: Env): Any {
  if (op === '=') return equal(a, b)
  if (op === '!=') return !equal(a, b)
  if (op === 'in') return contains(b, a)
  if (op === '=~' || op === '!~') {
    if (typeof a !== 'string' || !(typeof b === 'string' || b instanceof Regex)) throw mismatch(`#operator_${op}`)
    return regexOf(b).matches(a) === (op === '=~')
  }
  if (op === '<' || op === '>' || op === '<=' || op === '>=') return compared(op, a, b)
  if (typeof a === 'number' && typeof b === 'number') return arithmetic(op, a, b)
  if (op === '+') {
    if (typeof a === 'string' && typeof b === 'string') { env.spend((a.length + b.length) / 10); return a + b }
    if (Array.isArray(a) && Array.isArray(b)) { env.spend(a.length + b.length); return lazily([...a, ...b]) }
    if (isDict(a) && isDict(b)) return { ...a, ...b }
  }
  if (op === '*') {
    const [many, times] = typeof a === 'number' ? [b, a] : [a, b]
    if (Number.isInteger(times) && (typeof many === 'string' || Array.isArray(many))) {
      const n = Math.max(times as number, 0)
      env.spend(many.length * n)
      return typeof many === 'string' ? many.repeat(n) : Array.from({ length: n }, () => many).flat(1)
    }
  }
  throw mismatch(`#operator_${op}`)
}

function arithmetic(op: string, a: number, b: number): number {
  if (op === '+') return a + b
  if (op === '-') return a - b
  if (op === '*') return a * b
  if (b === 0) throw new YaqlError('integer division or modulo by zero')
  const whole = Number.isInteger(a) && Number.isInteger(b)
  if (op === '/') return whole ? Math.floor(a / b) : a / b
  return a - b * Math.floor(a / b)
}

/** null is less than anything; numbers, texts and sets compare among themselves. */
export function compared(op: string, a: Any, b: Any): boolean {
  if (a === null || b === null) {
    const order = Number(a !== null) - Number(b !== null)
    return op === '<' ? order < 0 : op === '>' ? order > 0 : op === '<=' ? order <= 0 : order >= 0
  }
  if (a instanceof YSet && b instanceof YSet) {
    const within = (x: YSet, y: YSet) => x.items.every((item) => y.items.some((other) => equal(item, other)))
    return op === '<=' ? within(a, b) : op === '>=' ? within(b, a) : op === '<' ? within(a, b) && !within(b, a) : within(b, a) && !within(a, b)
  }
  if (!(typeof a === 'number' && typeof b === 'number') && !(typeof a === 'string' && typeof b === 'string')) throw mismatch(`#operator_${op}`)
  return op === '<' ? a < b : op === '>' ? a > b : op === '<=' ? a <= b : a >= b
}

export function contains(collection: Any, value: Any): boolean {
  if (typeof collection === 'string' && typeof value === 'string') return collection.includes(value)
  const items = Array.isArray(collection) ? collection : collection instanceof YSet ? collection.items : undefined
  if (!items) throw mismatch('#operator_in')
  return items.some((item) => equal(item, value))
}

/** A value as YAQL's `str` writes it. */
export function text(value: Any): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new YaqlError('Only texts, numbers, booleans and null can be written as text')
}
