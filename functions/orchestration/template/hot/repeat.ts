import type { Evaluator, Fn } from '../evaluate.ts'
import { isMap, typeName } from '../python.ts'
import { UNKNOWN, type Json, type Path, type Value } from '../types.ts'

interface Kind { maps: boolean, permutations: boolean }

const EXAMPLE = "repeat:\n              template: This is %var%\n              for_each:\n                %var%: ['a', 'b', 'c']"

/** `repeat: { template, for_each, permutations }`: the template once for each combination; from 2016-10-14 over maps' keys too, from 2017-09-01 in step when permutations are off. */
export const repeat = ({ maps, permutations }: Kind): Fn => ({
  check(arg, at, fault) {
    if (!isMap(arg)) throw fault('Arguments to "repeat" must be a map', at)
    if (!Object.hasOwn(arg, 'for_each') || !Object.hasOwn(arg, 'template')) throw fault(`"repeat" syntax should be ${EXAMPLE}`, at)
    if (!isMap(arg.for_each)) throw fault('The "for_each" argument to "repeat" must contain a map', at)
    if (permutations && Object.hasOwn(arg, 'permutations') && typeof arg.permutations !== 'boolean' && !isMap(arg.permutations)) throw fault('"permutations" should be boolean type for repeat function.', at)
  },
  run(arg, at, ev) {
    const args = arg as { [key: string]: Json }
    const each = ev.some(args.for_each, [...at, 'for_each'])
    const template = ev.some(args.template, [...at, 'template'])
    const nested = permutations && args.permutations !== undefined ? ev.some(args.permutations, [...at, 'permutations']) : true
    if (!ev.known(each) || !ev.known(template) || !ev.known(nested)) return UNKNOWN
    if (!isMap(each)) throw ev.fault('The "for_each" argument to "repeat" must contain a map', at)
    if (typeof nested !== 'boolean') throw ev.fault('"permutations" should be boolean type for repeat function.', at)
    const names = Object.keys(each)
    if (!names.length) throw ev.fault('The "for_each" argument to "repeat" must not be empty', at)
    const given = Object.values(each as { [key: string]: Json }).map((value) => listOf(value, maps && nested, at, ev))
    const lists = given.map((list) => list ?? [])
    if (!nested && new Set(given.filter((list) => list !== null).map((list) => list!.length)).size > 1) {
      throw ev.fault('For repeat, the length of for_each values should be equal if no nested loop.', at)
    }
    return (nested ? product(lists, at, ev) : zip(lists)).map((values) => put(names, values, template, at, ev)) as Value[]
  },
})

function listOf(value: Json, maps: boolean, at: Path, ev: Evaluator): Json[] | null {
  if (value === null) return null
  if (Array.isArray(value)) return value
  if (maps && isMap(value)) return Object.keys(value)
  throw ev.fault(`The values of the "for_each" argument to "repeat" must be lists${maps ? ' or maps' : ''}`, at)
}

const zip = (lists: Json[][]) => Array.from({ length: Math.min(...lists.map((list) => list.length)) }, (_, i) => lists.map((list) => list[i]))

function product(lists: Json[][], at: Path, ev: Evaluator): Json[][] {
  ev.room(lists.reduce((n, list) => n * list.length, 1), at)
  return lists.reduce<Json[][]>((rows, list) => rows.flatMap((row) => list.map((item) => [...row, item])), [[]])
}

/** A copy of the template with the names replaced in every text and key. */
function put(names: string[], values: Json[], template: Json, at: Path, ev: Evaluator): Json {
  if (typeof template === 'string') {
    return names.reduce((text, name, i) => {
      const value = values[i]
      if (typeof value !== 'string') throw ev.fault(`replace() argument 2 must be str, not ${typeName(value)}`, at)
      return ev.spend(name === '' ? text : text.replaceAll(name, () => value), at)
    }, template)
  }
  if (Array.isArray(template)) return template.map((item) => put(names, values, item, at, ev))
  if (isMap(template)) return Object.fromEntries(Object.entries(template).map(([key, value]) => [put(names, values, key, at, ev), put(names, values, value, at, ev)]))
  return template
}
