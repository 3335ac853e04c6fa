import { both, members, method, plain, whole, word } from './library.ts'
import { YaqlError } from './parse.ts'
import { flagsOf, putGroups, Regex, regexOf } from './regex.ts'
import { equal, lazily, mismatch, text, truthy, type Any, type Env, type Thunk, type YaqlFunction } from './run.ts'

const strip = (chars: string | undefined, left: boolean, right: boolean) => (whole: string) => {
  const drop = (c: string) => chars === undefined ? /\s/.test(c) : chars.includes(c)
  let a = 0, b = whole.length
  if (left) while (a < b && drop(whole[a])) a++
  if (right) while (b > a && drop(whole[b - 1])) b--
  return whole.slice(a, b)
}
const trim = (name: string, left: boolean, right: boolean) => both('chars', (s, [chars]) => strip(optional(chars, name), left, right)(word(s, name)))
const optional = (thunk: Thunk | undefined, name: string) => {
  const value = thunk?.value() ?? null
  return value === null ? undefined : word(value, name)
}

function split(s: string, separator: string | undefined, max: number): string[] {
  const parts = separator === undefined ? s.trim().split(/\s+/).filter(Boolean) : separator === '' ? undefined : s.split(separator)
  if (!parts) throw new YaqlError('empty separator')
  if (max < 0 || parts.length <= max + 1) return parts
  if (separator !== undefined) return [...parts.slice(0, max), parts.slice(max).join(separator)]
  let rest = s.trim()
  for (let i = 0; i < max; i++) rest = rest.replace(/^\S+\s+/, '')
  return [...parts.slice(0, max), rest]
}

function replaceText(s: string, from: string, to: string, count: number, env: Env): string {
  if (count < 0) { const out = s.replaceAll(from, () => to); env.spend(out.length / 10); return out }
  let out = '', rest = s
  for (; count > 0; count--) {
    const at = rest.indexOf(from)
    if (at < 0) break
    out += rest.slice(0, at) + to
    rest = rest.slice(at + from.length)
  }
  return out + rest
}

/** Positional and named fields without formats: `{}`, `{0}`, `{name}`. */
function format(pattern: string, args: Thunk[]): string {
  const positional = args.filter(({ key }) => !key)
  let next = 0
  return pattern.replace(/\{\{|\}\}|\{([^{}]*)\}/g, (found, field: string | undefined) => {
    if (field === undefined) return found[0]
    if (!/^\w*$/.test(field)) throw new YaqlError(`The format field "${field}" is not supported`)
    const thunk = /^\d*$/.test(field) ? positional[field === '' ? next++ : Number(field)] : args.find(({ key }) => key?.kind === 'word' && key.value === field)
    if (!thunk) throw new YaqlError(/^\d*$/.test(field) ? 'Replacement index out of range' : `'${field}'`)
    return text(thunk.value())
  })
}

const number = (value: Any, name: string): number => {
  if (value === null) return 0
  if (typeof value === 'boolean') return Number(value)
  if (typeof value === 'number') return value
  if (typeof value === 'string' && /^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$/.test(value)) return Number(value)
  throw new YaqlError(name === 'int' ? `invalid literal for int() with base 10` : `could not convert string to float`)
}
const affix = (name: string, test: (s: string, part: string) => boolean) => both('', (s, args) => args.some((arg) => test(word(s, name), word(arg.value(), name))))
const index = (name: string, last: boolean) => method('sub start length', (s, args, env) => {
  const [sub, start = 0, length] = args.map((arg) => arg.value())
  if (typeof s !== 'string') {
    const items = members(s, name, env), is = (item: Any) => equal(item, sub)
    return last ? items.findLastIndex(is) : items.findIndex(is)
  }
  const from = whole(start, name)
  const within = length === undefined ? s : s.slice(0, from + whole(length, name))
  const at = last ? within.slice(from).lastIndexOf(word(sub, name)) : within.indexOf(word(sub, name), from)
  return at < 0 ? -1 : last ? at + from : at
})
const math = (name: string, run: (n: number) => number): YaqlFunction => plain('op', ([n]) => { const value = n?.value(); if (typeof value !== 'number') throw mismatch(name); return run(value) })
const is = (test: (value: Any) => boolean): YaqlFunction => plain('value', ([v]) => test(v.value()))

export const values: Record<string, YaqlFunction> = {
  toUpper: both('', (s) => word(s, 'toUpper').toUpperCase()),
  toLower: both('', (s) => word(s, 'toLower').toLowerCase()),
  trim: trim('trim', true, true), trimLeft: trim('trimLeft', true, false), trimRight: trim('trimRight', false, true),
  norm: both('chars', (s, [chars]) => s === null ? null : strip(optional(chars, 'norm'), true, true)(word(s, 'norm')) || null),
  isEmpty: both('trimSpaces chars', (s, [spaces, chars]) => s === null || (spaces?.value() === false ? word(s, 'isEmpty') : strip(optional(chars, 'isEmpty'), true, true)(word(s, 'isEmpty'))) === ''),
  split: method('separator maxSplits', (s, [separator, max], env) => {
    if (s instanceof Regex) return s.split(word(separator?.value(), 'split'), whole(max?.value(), 'split', 0))
    const by = separator?.value() ?? null
    env.spend(word(s, 'split').length / 10)
    return by instanceof Regex ? by.split(s as string, whole(max?.value(), 'split', 0)) : split(s as string, by === null ? undefined : word(by, 'split'), whole(max?.value(), 'split', -1))
  }),
  join: method('separator', (a, args, env) => {
    if (args.length === 3) {
      const [other, predicate, selector] = args
      const right = members(other.value(), 'join', env)
      return lazily(members(a, 'join', env).flatMap((x) => right.filter((y) => truthy(predicate.of(x, y))).map((y) => selector.of(x, y))))
    }
    const b = args[0]?.value()
    const [items, separator] = typeof a === 'string' ? [b, a] : [a, b]
    const out = members(items, 'join', env).map(text).join(word(separator, 'join'))
    env.spend(out.length / 10)
    return out
  }),
  str: plain('value', ([v]) => text(v.value())),
  concat: {
    as: 'both',
    run(args, env, receiver) {
      const all = [...receiver === undefined ? [] : [receiver], ...args.map((arg) => arg.value())]
      if (all.every((item) => typeof item === 'string')) { const out = all.join(''); env.spend(out.length / 10); return out }
      return lazily(all.flatMap((item) => members(item, 'concat', env)))
    },
  },
  replace: method('old new count', (s, args, env) => {
    const [old, by, count] = args.map((arg) => arg.value())
    if (s instanceof Regex) return s.replace(word(old, 'replace'), (groups) => putGroups(word(by, 'replace'), groups), whole(count, 'replace', 0))
    if (Array.isArray(s)) {
      const at = whole(old, 'replace')
      return lazily([...s.slice(0, at), by, ...s.slice(at + whole(count, 'replace', 1))])
    }
    if (old instanceof Regex) return old.replace(word(s, 'replace'), (groups) => putGroups(word(by, 'replace'), groups), whole(count, 'replace', 0))
    if (typeof old === 'string') return replaceText(word(s, 'replace'), old, word(by, 'replace'), whole(count, 'replace', -1), env)
    if (old === null || typeof old !== 'object' || Array.isArray(old)) throw mismatch('replace')
    return Object.entries(old).reduce((sum, [from, to]) => replaceText(sum, from, text(to as Any), whole(by, 'replace', -1), env), word(s, 'replace'))
  }),
  format: both('', (s, args) => format(word(s, 'format'), args)),
  substring: method('start length', (s, [start, length]) => {
    const chars = [...word(s, 'substring')]
    const from = whole(start?.value(), 'substring'), n = whole(length?.value(), 'substring', -1)
    const at = from < 0 ? Math.max(chars.length + from, 0) : from
    return chars.slice(at, n < 0 ? undefined : at + n).join('')
  }),
  indexOf: index('indexOf', false), lastIndexOf: index('lastIndexOf', true),
  toCharArray: method('', (s) => [...word(s, 'toCharArray')]),
  startsWith: affix('startsWith', (s, part) => s.startsWith(part)), endsWith: affix('endsWith', (s, part) => s.endsWith(part)),
  hex: plain('num', ([n]) => { const v = whole(n.value(), 'hex'); return `${v < 0 ? '-' : ''}0x${Math.abs(v).toString(16)}` }),
  isString: is((v) => typeof v === 'string'), isBoolean: is((v) => typeof v === 'boolean'), isInteger: is((v) => Number.isInteger(v)), isNumber: is((v) => typeof v === 'number'), isRegex: is((v) => v instanceof Regex),
  int: plain('value', ([v]) => { const value = v.value(); if (typeof value === 'string' && !/^\s*[-+]?\d+\s*$/.test(value)) throw new YaqlError(`invalid literal for int() with base 10`); return Math.trunc(number(value, 'int')) }),
  float: plain('value', ([v]) => number(v.value(), 'float')), bool: plain('value', ([v]) => truthy(v.value())), not: plain('value', ([v]) => !truthy(v.value())),
  abs: math('abs', Math.abs), sign: math('sign', Math.sign),
  round: plain('number ndigits', ([n, d]) => {
    const value = n.value(), digits = whole(d?.value(), 'round', 0)
    if (typeof value !== 'number') throw mismatch('round')
    const scaled = value * 10 ** digits, down = Math.floor(scaled)
    // A half goes to the even neighbour.
    return (scaled - down === 0.5 ? down + down % 2 : Math.round(scaled)) / 10 ** digits
  }),
  pow: plain('a b', (args) => { const [a, b] = args.map((arg) => arg.value()); if (typeof a !== 'number' || typeof b !== 'number' || args.length !== 2) throw mismatch('pow'); return a ** b }),
  coalesce: plain('', (args) => { for (const arg of args) { const value = arg.value(); if (value !== null) return value } return null }),
  switch: { as: 'function', run(args) { for (const arg of args) { if (truthy(arg.left())) return arg.value() } return null } },
  selectCase: plain('', (args) => { const at = args.findIndex((arg) => truthy(arg.value())); return at < 0 ? args.length : at }),
  selectAllCases: plain('', (args) => lazily(args.flatMap((arg, i) => truthy(arg.value()) ? [i] : []))),
  switchCase: method('', (n, args) => { const i = whole(n, 'switchCase'); if (!args.length) return null; return (i >= 0 && i < args.length ? args[i] : args[args.length - 1]).value() }),
  let: { as: 'function', run: (args, env) => bind(args, env) }, with: { as: 'function', run: (args, env) => bind(args.filter(({ key }) => !key), env) },
  unpack: method('', (c, args, env) => env.with(members(c, 'unpack', env).map((item, i): [string, Any] => [args.length ? word(args[i]?.value() ?? null, 'unpack') : String(i + 1), item]))),
  assert: method('condition message', (o, [condition, message]) => { if (!truthy(condition.of(o))) throw new YaqlError(message ? text(message.value()) : 'Assertion failed'); return o }),
  regex: plain('pattern ignoreCase multiLine dotAll', ([pattern, i, m, s]) => new Regex(word(pattern.value(), 'regex'), flagsOf(truthy(i?.value() ?? null), truthy(m?.value() ?? null), truthy(s?.value() ?? null)))),
  matches: method('regexp', (s, [pattern]) => s instanceof Regex ? s.matches(word(pattern.value(), 'matches')) : regexOf(pattern.value() as string | Regex).matches(word(s, 'matches'))),
  search: method('string', (r, [s, selector]) => { if (!(r instanceof Regex) || selector) throw mismatch('search'); return [...first(r.all(word(s.value(), 'search')))][0] ?? null }),
  searchAll: method('string', (r, [s, selector]) => { if (!(r instanceof Regex) || selector) throw mismatch('searchAll'); return lazily([...r.all(word(s.value(), 'searchAll'))].map(({ groups }) => groups[0])) }),
  escapeRegex: plain('string', ([s]) => word(s.value(), 'escapeRegex').replace(/[^\w]/g, '\\$&')),
}

function* first(matches: Iterable<{ groups: (string | null)[] }>): Generator<Any> { for (const { groups } of matches) { yield groups[0]; return } }

function bind(args: Thunk[], env: Env): Env {
  const plain = args.filter(({ key }) => !key)
  return env.with([...plain.map((arg, i): [string, Any] => [String(i + 1), arg.value()]), ...args.filter(({ key }) => key).map((arg): [string, Any] => {
    if (arg.key!.kind !== 'word') throw mismatch('let')
    return [arg.key!.value, arg.value()]
  })])
}
