import type { Fn } from '../evaluate.ts'
import { dumps, isMap, same, text, typeName } from '../python.ts'
import type { Json } from '../types.ts'
import { plain } from './strings.ts'

/** `map_merge: [map ...]`: the last wins. */
export const mapMerge: Fn = plain((arg, at, fault) => {
  if (!Array.isArray(arg) && !isMap(arg)) throw fault('Incorrect arguments to "map_merge" should be: "map_merge" : [ { "key1": "val1" }, { "key2": "val2" } ]', at)
}, (arg, at, ev) => {
  if (!Array.isArray(arg)) throw ev.fault('Incorrect arguments to "map_merge" should be: "map_merge" : [ { "key1": "val1" }, { "key2": "val2" } ]', at)
  return Object.assign({}, ...arg.map((item) => {
    if (item !== null && !isMap(item)) throw ev.fault(`Incorrect arguments: Items to merge must be maps. An item is type ${typeName(item)} instead of a dict`, at)
    return item ?? {}
  }))
})

/** `map_replace: [map, { keys, values }]` */
export const mapReplace: Fn = (() => {
  const example = '"map_replace" : [ { "key1": "val1" }, {"keys": {"key1": "key2"}, "values": {"val1": "val2"}}]'
  const usage = `Incorrect arguments to "map_replace" should be: ${example}`
  const listOfMaps = `Incorrect arguments: to "map_replace", arguments must be a list of maps. Example:  ${example}`
  return plain((arg, at, fault) => {
    if (isMap(arg)) return
    if (!Array.isArray(arg) || arg.length !== 2) throw fault(usage, at)
  }, (arg, at, ev) => {
    if (!Array.isArray(arg) || arg.length !== 2) throw ev.fault(usage, at)
    const map = (value: Json | undefined) => {
      if (value === null || value === undefined) return {}
      if (!isMap(value)) throw ev.fault(listOfMaps, at)
      return value as { [key: string]: Json }
    }
    const source = map(arg[0]), change = map(arg[1])
    if (Object.keys(change).some((key) => key !== 'keys' && key !== 'values')) throw ev.fault(usage, at)
    const keys = map(change.keys), values = map(change.values)
    const out: { [key: string]: Json } = {}
    for (const [name, value] of Object.entries(source)) {
      const to = Object.hasOwn(keys, name) && keys[name] !== null ? text(keys[name]) : name
      if (to !== name && Object.hasOwn(source, to)) throw ev.fault(`key replacement ${to} collides with a key in the input map`, at)
      if (to !== name && Object.hasOwn(out, to)) throw ev.fault(`key replacement ${to} collides with a key in the output map`, at)
      const key = value !== null && typeof value === 'object' ? undefined : text(value)
      out[to] = key !== undefined && Object.hasOwn(values, key) ? values[key] : value
    }
    return out
  })
})()

/** `list_concat: [list ...]`, and the same without repetitions. */
export function listConcat(name: string, unique: boolean): Fn {
  const usage = `Incorrect arguments to "${name}" should be: "${name}" : [ [ <value 1>, <value 2> ], [ <value 3>, <value 4> ] ]`
  return plain((arg, at, fault) => {
    if (!Array.isArray(arg) && !isMap(arg)) throw fault(usage, at)
  }, (arg, at, ev) => {
    if (!Array.isArray(arg)) throw ev.fault(usage, at)
    const all: Json[] = []
    for (const item of arg) {
      if (item !== null && !Array.isArray(item)) throw ev.fault(`Incorrect arguments: Items to concat must be lists. An item is type ${typeName(item)} instead of a list`, at)
      all.push(...item ?? [])
    }
    return unique ? distinct(all) : all
  })
}

/** In order, each value once; a key per value keeps it linear. */
export function distinct(items: Json[]): Json[] {
  const seen = new Map<string, Json>()
  for (const item of items) {
    const key = dumps(item, true)
    if (!seen.has(key)) seen.set(key, item)
  }
  return [...seen.values()]
}

/** `filter: [values, list]`: the list without the values. */
export const filter: Fn = plain((arg, at, fault) => {
  if (!Array.isArray(arg)) throw fault('Argument to "filter" must be a list', at)
  if (arg.length !== 2) throw fault(`"filter" expected 2 arguments of the form [values, sequence] but got ${arg.length} arguments instead`, at)
}, (arg, at, ev) => {
  const [values, list] = arg as Json[]
  if (!truthy(list)) return list
  if (!Array.isArray(list)) throw ev.fault('"filter" only works with lists', at)
  if (!truthy(values)) return list
  if (!Array.isArray(values)) throw ev.fault('"filter" filters a list of values', at)
  const out = new Set(values.map((value) => dumps(value, true)))
  return list.filter((item) => !out.has(dumps(item, true)))
})

const truthy = (value: Json) => Boolean(value) && (typeof value !== 'object' || Object.keys(value!).length > 0)

/** `contains: [value, list]`; of a text: whether it has that part. */
export const contains: Fn = plain((arg, at, fault) => {
  if (!Array.isArray(arg) || !arg.length) throw fault('Incorrect arguments to "contains" should be: "contains" : [ "value1", [ "value1", "value2"]]', at)
  if (arg.length !== 2) throw fault('Arguments to "contains" must be of the form: [value1, [value1, value2]]', at)
}, (arg, at, ev) => {
  const [value, list] = arg as Json[]
  if (typeof list === 'string') {
    if (typeof value !== 'string') throw ev.fault(`'in <string>' requires string as left operand, not ${typeName(value)}`, at)
    return list.includes(value)
  }
  if (!Array.isArray(list)) throw ev.fault('Second argument to "contains" should be a sequence.', at)
  return list.some((item) => same(item, value))
})
