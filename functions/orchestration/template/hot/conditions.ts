import { NOTHING, type Fn } from '../evaluate.ts'
import { same } from '../python.ts'
import { UNKNOWN, type Json } from '../types.ts'

const isList = (arg: Json): arg is Json[] => Array.isArray(arg)

/** `if: [condition, then, else]`. From 2021-04-16 on the last may be missing, and then there is nothing. */
export const iff = (name: string, nullable: boolean): Fn => ({
  check(arg, at, fault) {
    if (!isList(arg) || !(arg.length === 3 || (nullable && arg.length === 2))) {
      throw fault(`Arguments to "${name}" must be of the form: [condition_name, value_if_true, value_if_false]`, at)
    }
  },
  refs(arg, at, see) {
    if (!isList(arg)) return
    const [condition, then, otherwise] = arg
    if (typeof condition === 'string') see.found.conditions.add(condition)
    else see.walk(condition, [...at, 0])
    // A branch not taken needs nothing.
    const known = see.conditions && typeof condition === 'string' ? see.conditions[condition] : condition
    if (known !== false) see.walk(then, [...at, 1])
    if (known !== true && otherwise !== undefined) see.walk(otherwise, [...at, 2])
  },
  run(arg, at, ev) {
    const [condition, then, otherwise] = arg as Json[]
    const holds = ev.condition(condition, [...at, 0])
    if (holds === UNKNOWN) return UNKNOWN
    if (holds) return ev.value(then, [...at, 1])
    return otherwise === undefined ? NOTHING : ev.value(otherwise, [...at, 2])
  },
})

export const equals = (name: string): Fn => ({
  check(arg, at, fault) {
    if (!isList(arg) || arg.length !== 2) throw fault(`Arguments to "${name}" must be of the form: [value_1, value_2]`, at)
  },
  run(arg, at, ev) {
    const [a, b] = (arg as Json[]).map((item, i) => ev.some(item, [...at, i]))
    return ev.known(a) && ev.known(b) ? same(a, b) : UNKNOWN
  },
})

/** HOT's `not: condition`, CloudFormation's `Fn::Not: [condition]`. */
export const not = (name: string, listed: boolean): Fn => ({
  check(arg, at, fault) {
    if (listed && (!isList(arg) || arg.length !== 1)) throw fault(`Arguments to "${name}" must be of the form: [condition]`, at)
    if (!listed && (arg === null || arg === '')) throw fault(`Argument to "${name}" must be a condition`, at)
  },
  run(arg, at, ev) {
    const holds = listed ? ev.condition((arg as Json[])[0], [...at, 0]) : ev.condition(arg, at)
    return holds === UNKNOWN ? UNKNOWN : !holds
  },
})

/** `and` and `or`: what decides ends it, whatever is unknown besides. */
export const junction = (name: string, decisive: boolean): Fn => ({
  check(arg, at, fault) {
    if (!isList(arg)) throw fault(`Arguments to "${name}" must be a list of conditions`, at)
    if (arg.length < 2) throw fault(`The minimum number of condition arguments to "${name}" is 2.`, at)
  },
  run(arg, at, ev) {
    let unknown = false
    for (const [i, item] of (arg as Json[]).entries()) {
      const holds = ev.condition(item, [...at, i])
      if (holds === decisive) return decisive
      unknown ||= holds === UNKNOWN
    }
    return unknown ? UNKNOWN : !decisive
  },
})
