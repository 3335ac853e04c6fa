import type { Fn } from '../evaluate.ts'
import { plain } from '../hot/strings.ts'
import { isMap } from '../python.ts'
import type { Json } from '../types.ts'
import { collections } from './collections.ts'
import { parseYaql, YaqlError, type Node } from './parse.ts'
import { queries } from './queries.ts'
import { Env, isDict, Runner, YSet, type Any, type YaqlFunction } from './run.ts'
import { Regex } from './regex.ts'
import { values } from './values.ts'

const STEPS = 200_000
const library = new Map<string, YaqlFunction>(Object.entries({ ...values, ...collections, ...queries, set: { ...queries.set, bound: collections.set } }))
const runner = new Runner(library)
export const yaqlFunctions = [...library.keys()].sort()

/** The value of an expression for `$`. */
export function evaluate(expression: string, data: Json): Json {
  const env = new Env(new Map([['1', data as Any]]), { steps: STEPS })
  return out(runner.run(parseYaql(expression), env))
}

function out(value: Any): Json {
  if (Array.isArray(value)) return value.map(out)
  if (value instanceof YSet) return value.items.map(out)
  if (value instanceof Regex || value instanceof Env) throw new YaqlError('The expression gives no value')
  if (isDict(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, out(item)]))
  return value
}

const EXAMPLE = '"yaql" syntax should be yaql:\n              expression: $.data.var1.sum()\n              data:\n                var1: [3, 2, 1]'

/** `yaql: { expression, data }` */
export const yaql: Fn = {
  ...plain((arg, at, fault) => {
    if (!isMap(arg)) throw fault('Arguments to "yaql" must be a map.', at)
    if (!Object.hasOwn(arg, 'expression') || Object.keys(arg).some((key) => key !== 'expression' && key !== 'data')) throw fault(EXAMPLE, at)
    const { expression } = arg as { expression: Json }
    if (isMap(expression)) return
    if (typeof expression !== 'string') throw fault('The "expression" argument to yaql must contain a string.', at)
    try {
      known(parseYaql(expression))
    } catch (error) {
      if (error instanceof YaqlError) throw fault(`Bad expression ${error.message}.`, at)
      throw error
    }
  }, (arg, at, ev) => {
    const { expression, data } = arg as { expression: Json, data?: Json }
    if (typeof expression !== 'string') throw ev.fault('The "expression" argument to yaql must contain a string.', at)
    try {
      return evaluate(expression, { data: data ?? {} })
    } catch (error) {
      if (error instanceof YaqlError) throw ev.fault(error.message, at)
      throw error
    }
  }),
}

/** A function this YAQL does not have is refused before anything runs. */
function known(node: Node): void {
  if (node.kind === 'call') {
    if (!library.has(node.name)) throw new YaqlError(`Unknown function "${node.name}"`)
    for (const { key, value } of node.args) { if (key) known(key); known(value) }
  } else if (node.kind === 'list') node.items.forEach(known)
  else if (node.kind === 'map') node.pairs.flat().forEach(known)
  else if (node.kind === 'dot') { known(node.on); known(node.right) } else if (node.kind === 'index') { known(node.on); node.args.forEach(({ value }) => known(value)) } else if (node.kind === 'unary') known(node.of)
  else if (node.kind === 'binary') { known(node.left); known(node.right) }
}
