import { both, dictOf, members, method, plain, whole } from './library.ts'
import { contains, equal, isDict, lazily, mismatch, text, unique, YSet, type Any, type Dict, type Thunk, type YaqlFunction } from './run.ts'

/** `a => 1, 'b' => 2` */
function mapping(args: Thunk[], name: string): Dict {
  if (args.some(({ key }) => !key)) throw mismatch(name)
  return Object.fromEntries(args.map((arg) => [text(arg.left()), arg.value()]))
}

function merge(a: Dict, b: Dict, list: (a: Any[], b: Any[]) => Any, item: (a: Any, b: Any) => Any, levels: number): Dict {
  const out: Dict = { ...a }
  for (const [key, value] of Object.entries(b)) {
    const before = out[key]
    if (!Object.hasOwn(out, key)) out[key] = value
    else if (levels !== 1 && isDict(before) && isDict(value)) out[key] = merge(before, value, list, item, levels === 0 ? 0 : levels - 1)
    else if (levels !== 1 && Array.isArray(before) && Array.isArray(value)) out[key] = list(before, value)
    else out[key] = item(before, value)
  }
  return out
}

const asSet = (value: Any, name: string) => { if (!(value instanceof YSet)) throw mismatch(name); return value }
const setOf = (name: string, keep: (a: YSet, b: YSet) => Any[]) => method('right', (a, [b]) => new YSet(keep(asSet(a, name), asSet(b.value(), name))))
const has = (set: YSet, item: Any) => set.items.some((other) => equal(item, other))

export const collections: Record<string, YaqlFunction> = {
  dict: {
    as: 'function',
    run(args, env) {
      if (args.length === 1 && !args[0].key) {
        return Object.fromEntries(members(args[0].value(), 'dict', env).map((pair) => {
          if (!Array.isArray(pair) || pair.length !== 2) throw mismatch('dict')
          return [text(pair[0]), pair[1]]
        }))
      }
      return mapping(args, 'dict')
    },
  },
  toDict: method('keySelector valueSelector', (c, [key, value], env) => Object.fromEntries(members(c, 'toDict', env).map((item) => [text(key.of(item)), value ? value.of(item) : item]))),
  keys: method('', (d) => Object.keys(dictOf(d, 'keys'))),
  values: method('', (d) => Object.values(dictOf(d, 'values'))),
  items: method('', (d) => Object.entries(dictOf(d, 'items')).map(([key, value]) => [key, value])),
  get: method('key default', (d, [key, fallback]) => {
    const name = key.value()
    return typeof name === 'string' && Object.hasOwn(dictOf(d, 'get'), name) ? (d as Dict)[name] : fallback ? fallback.value() : null
  }),
  // `set` is a function of its own too: see queries.
  set: {
    as: 'method',
    run(args, _env, receiver) {
      const d = dictOf(receiver, 'set')
      if (args.length && args.every(({ key }) => key)) return { ...d, ...mapping(args, 'set') }
      if (args.length === 1) return { ...d, ...dictOf(args[0].value(), 'set') }
      if (args.length === 2) return { ...d, [text(args[0].value())]: args[1].value() }
      throw mismatch('set')
    },
  },
  containsKey: method('key', (d, [key]) => { const name = key.value(); return typeof name === 'string' && Object.hasOwn(dictOf(d, 'containsKey'), name) }),
  containsValue: method('value', (d, [value]) => { const wanted = value.value(); return Object.values(dictOf(d, 'containsValue')).some((item) => equal(item, wanted)) }),
  contains: method('value', (c, [value]) => contains(c, value.value())),
  mergeWith: method('another listMerger itemMerger maxLevels', (d, [other, list, item, levels], env) => merge(dictOf(d, 'mergeWith'), dictOf(other.value(), 'mergeWith'),
    list ? (a, b) => list.of(a, b) : (a, b) => { env.spend(a.length + b.length); return unique([...a, ...b]) }, item ? (a, b) => item.of(a, b) : (_, b) => b, whole(levels?.value(), 'mergeWith', 0))),
  len: both('', (c, _, env) => typeof c === 'string' ? [...c].length : isDict(c) ? Object.keys(c).length : members(c, 'len', env).length),
  isList: plain('value', ([v]) => Array.isArray(v.value())),
  isDict: plain('value', ([v]) => isDict(v.value())),
  isSet: plain('value', ([v]) => v.value() instanceof YSet),
  delete: method('', (c, args, env) => {
    const values = args.map((arg) => arg.value())
    if (isDict(c)) return Object.fromEntries(Object.entries(c).filter(([key]) => !values.includes(key)))
    const items = [...members(c, 'delete', env)]
    const at = whole(values[0], 'delete'), count = whole(values[1], 'delete', 1)
    return lazily(count < 0 ? items.slice(0, at) : [...items.slice(0, at), ...items.slice(at + count)])
  }),
  deleteAll: method('keys', (d, [keys], env) => { const out = members(keys.value(), 'deleteAll', env); return Object.fromEntries(Object.entries(dictOf(d, 'deleteAll')).filter(([key]) => !out.includes(key))) }),
  insert: method('position value', (c, [at, value], env) => { const items = [...members(c, 'insert', env)]; items.splice(whole(at?.value(), 'insert'), 0, value.value()); return items }),
  insertMany: method('position values', (c, [at, values], env) => { const items = [...members(c, 'insertMany', env)]; items.splice(whole(at?.value(), 'insertMany'), 0, ...members(values.value(), 'insertMany', env)); return lazily(items) }),
  union: setOf('union', (a, b) => [...a.items, ...b.items]),
  intersect: setOf('intersect', (a, b) => a.items.filter((item) => has(b, item))),
  difference: setOf('difference', (a, b) => a.items.filter((item) => !has(b, item))),
  symmetricDifference: setOf('symmetricDifference', (a, b) => [...a.items.filter((item) => !has(b, item)), ...b.items.filter((item) => !has(a, item))]),
  add: method('', (s, args) => new YSet([...asSet(s, 'add').items, ...args.map((arg) => arg.value())])),
  remove: method('', (s, args) => { const out = new YSet(args.map((arg) => arg.value())); return new YSet(asSet(s, 'remove').items.filter((item) => !has(out, item))) }),
}
