import { both, empty, members, method, plain, whole } from './library.ts'
import { YaqlError } from './parse.ts'
import { compared, equal, isLazy, keyOf, lazily, mismatch, operate, truthy, unique, YSet, type Any, type Env, type Thunk, type YaqlFunction } from './run.ts'

/** What was ordered, with the keys it was ordered by. */
const orders = new WeakMap<object, { source: Any[], by: { key: (item: Any) => Any, down: boolean }[] }>()

function sorted(source: Any[], by: { key: (item: Any) => Any, down: boolean }[], env: Env): Any[] {
  const keyed = source.map((item) => ({ item, keys: by.map(({ key }) => key(item)) }))
  env.spend(source.length * 4)
  keyed.sort((a, b) => {
    for (const [i, { down }] of by.entries()) {
      if (compared('<', a.keys[i], b.keys[i])) return down ? 1 : -1
      if (compared('>', a.keys[i], b.keys[i])) return down ? -1 : 1
    }
    return 0
  })
  const out = lazily(keyed.map(({ item }) => item))
  orders.set(out, { source, by })
  return out
}

const order = (name: string, down: boolean) => method('selector', (c, [selector], env) => sorted(members(c, name, env), [{ key: (item) => selector.of(item), down }], env))
const then = (name: string, down: boolean) => method('selector', (c, [selector], env) => {
  const before = orders.get(members(c, name, env))
  if (!before) throw mismatch(name)
  return sorted(before.source, [...before.by, { key: (item) => selector.of(item), down }], env)
})

const where = method('predicate', (c, [p], env) => lazily(members(c, 'where', env).filter((item) => truthy(p.of(item)))))
const select = method('selector', (c, [s], env) => lazily(members(c, 'select', env).map((item) => s.of(item))))
const limit = method('count', (c, [n], env) => lazily(members(c, 'limit', env).slice(0, Math.max(whole(n?.value(), 'limit'), 0))))

function reduce(c: Any, selector: Thunk, seed: Thunk | undefined, env: Env, name: string): Any[] {
  const items = members(c, name, env)
  if (!seed && !items.length) throw empty()
  const out = [seed ? seed.value() : items[0]]
  for (const item of seed ? items : items.slice(1)) out.push(selector.of(out[out.length - 1], item))
  return out
}
const aggregate = method('selector seed', (c, [s, seed], env) => reduce(c, s, seed, env, 'aggregate').at(-1)!)

const best = (name: 'max' | 'min'): YaqlFunction => ({
  as: 'both', params: 'initial',
  run(args, env, receiver) {
    // As a function of two it compares those.
    if (!Array.isArray(receiver) && !(receiver instanceof YSet)) {
      if (args.length !== 1) throw mismatch(name)
      return pick(receiver!, args[0].value(), name)
    }
    const items = [...args.length ? [args[0].value()] : [], ...members(receiver, name, env)]
    if (!items.length) throw empty()
    return items.reduce((a, b) => pick(a, b, name))
  },
})
const pick = (a: Any, b: Any, name: 'max' | 'min') => compared('>', b, a) === (name === 'max') ? b : a

const edge = (name: string, at: 0 | -1) => method('default', (c, [fallback], env) => {
  const items = members(c, name, env)
  if (items.length) return items.at(at)!
  if (!fallback) throw empty()
  return fallback.value()
})

const find = (name: string, last: boolean) => (c: Any, test: (item: Any) => boolean, env: Env) => {
  const items = members(c, name, env)
  return last ? items.findLastIndex(test) : items.findIndex(test)
}

export const queries: Record<string, YaqlFunction> = {
  where, filter: where, select, map: select, limit, take: limit, aggregate, reduce: aggregate,
  skip: method('count', (c, [n], env) => lazily(members(c, 'skip', env).slice(Math.max(whole(n?.value(), 'skip'), 0)))),
  append: both('', (c, args, env) => lazily([...members(c, 'append', env), ...args.map((arg) => arg.value())])),
  distinct: both('keySelector', (c, [key], env) => lazily(unique(members(c, 'distinct', env), key && ((item) => key.of(item))))),
  enumerate: both('start', (c, [start], env) => lazily(members(c, 'enumerate', env).map((item, i) => [i + whole(start?.value(), 'enumerate', 0), item]))),
  any: both('predicate', (c, [p], env) => p ? members(c, 'any', env).some((item) => truthy(p.of(item))) : members(c, 'any', env).length > 0),
  all: both('predicate', (c, [p], env) => members(c, 'all', env).every((item) => truthy(p ? p.of(item) : item))),
  count: method('', (c, _, env) => members(c, 'count', env).length),
  sum: method('initial', (c, [initial], env) => {
    const items = [...initial ? [initial.value()] : [], ...members(c, 'sum', env)]
    if (!items.length) throw empty()
    return items.reduce((a, b) => operate('+', a, b, env))
  }),
  max: best('max'), min: best('min'), first: edge('first', 0), last: edge('last', -1),
  single: method('', (c, _, env) => {
    const items = members(c, 'single', env)
    if (items.length !== 1) throw new YaqlError(items.length ? 'Collection contains more than one item' : 'The collection is empty')
    return items[0]
  }),
  selectMany: method('selector', (c, [s], env) => lazily(members(c, 'selectMany', env).flatMap((item) => {
    const inner = s.of(item)
    return Array.isArray(inner) ? inner : inner instanceof YSet ? inner.items : [inner]
  }))),
  range: plain('start stop step', (args, env) => {
    const [a, b, step = 1] = args.map((arg) => whole(arg.value(), 'range'))
    const [start, stop] = b === undefined ? [0, a] : [a, b]
    if (step === 0) throw new YaqlError('range() arg 3 must not be zero')
    const length = Math.max(0, Math.ceil((stop - start) / step))
    env.spend(length)
    return lazily(Array.from({ length }, (_, i) => start + i * step))
  }),
  orderBy: order('orderBy', false), orderByDescending: order('orderByDescending', true), thenBy: then('thenBy', false), thenByDescending: then('thenByDescending', true),
  groupBy: method('keySelector valueSelector aggregator', (c, [key, value, aggregator], env) => {
    const groups = new Map<string, [Any, Any[]]>()
    for (const item of members(c, 'groupBy', env)) {
      const name = key.of(item)
      const group = groups.get(keyOf(name)) ?? [name, []]
      group[1].push(value ? value.of(item) : item)
      groups.set(keyOf(name), group)
    }
    return lazily([...groups.values()].map(([name, items]) => [name, aggregator ? aggregator.of(items) : items]))
  }),
  zip: method('', (c, args, env) => {
    const lists = [members(c, 'zip', env), ...args.map((arg) => members(arg.value(), 'zip', env))]
    return lazily(Array.from({ length: Math.min(...lists.map((list) => list.length)) }, (_, i) => lists.map((list) => list[i])))
  }),
  takeWhile: method('predicate', (c, [p], env) => {
    const items = members(c, 'takeWhile', env)
    const end = items.findIndex((item) => !truthy(p.of(item)))
    return lazily(end < 0 ? items.slice() : items.slice(0, end))
  }),
  skipWhile: method('predicate', (c, [p], env) => {
    const items = members(c, 'skipWhile', env)
    const start = items.findIndex((item) => !truthy(p.of(item)))
    return lazily(start < 0 ? [] : items.slice(start))
  }),
  indexWhere: method('predicate', (c, [p], env) => find('indexWhere', false)(c, (item) => truthy(p.of(item)), env)),
  lastIndexWhere: method('predicate', (c, [p], env) => find('lastIndexWhere', true)(c, (item) => truthy(p.of(item)), env)),
  slice: method('length', (c, [n], env) => {
    const items = members(c, 'slice', env), size = whole(n?.value(), 'slice')
    if (size < 1) throw mismatch('slice')
    return lazily(Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, i * size + size)))
  }),
  splitWhere: method('predicate', (c, [p], env) => {
    const out: Any[][] = [[]]
    for (const item of members(c, 'splitWhere', env)) if (truthy(p.of(item))) out.push([]); else out.at(-1)!.push(item)
    return lazily(out.filter((part, i) => i < out.length - 1 || part.length))
  }),
  sliceWhere: method('predicate', (c, [p], env) => {
    const out: Any[][] = []
    let before: Any | undefined
    for (const item of members(c, 'sliceWhere', env)) {
      const now = p.of(item)
      if (before === undefined || !equal(before, now)) out.push([])
      out.at(-1)!.push(item)
      before = now
    }
    return lazily(out)
  }),
  splitAt: method('index', (c, [n], env) => {
    const items = members(c, 'splitAt', env), at = whole(n?.value(), 'splitAt')
    return [items.slice(0, at), items.slice(at)]
  }),
  accumulate: method('selector seed', (c, [s, seed], env) => lazily(reduce(c, s, seed, env, 'accumulate'))),
  reverse: method('', (c, _, env) => lazily([...members(c, 'reverse', env)].reverse())),
  defaultIfEmpty: method('default', (c, [d], env) => members(c, 'defaultIfEmpty', env).length ? c : d.value()),
  isIterable: plain('value', ([v]) => { const value = v.value(); return Array.isArray(value) || value instanceof YSet }),
  memorize: method('', (c, _, env) => members(c, 'memorize', env)),
  flatten: both('', (c, _, env) => lazily(flat(members(c, 'flatten', env), env))),
  toList: method('', (c, _, env) => [...members(c, 'toList', env)]),
  toSet: method('', (c, _, env) => new YSet(members(c, 'toSet', env))),
  list: plain('', (args, env) => spread(args.map((arg) => arg.value()), env)),
  set: plain('', (args, env) => new YSet(spread(args.map((arg) => arg.value()), env))),
}

const flat = (items: Any[], env: Env): Any[] => items.flatMap((item) => Array.isArray(item) ? flat(members(item, 'flatten', env), env) : [item])
/** Only what a query made gives its members. */
const spread = (items: Any[], env: Env): Any[] => items.flatMap((item) => Array.isArray(item) && isLazy(item) ? spread(members(item, 'list', env), env) : [item])
