import { createHash } from 'node:crypto'
import type { Evaluator, Fn } from '../evaluate.ts'
import { byCodePoint, dumps, isMap, text, typeName } from '../python.ts'
import { UNKNOWN, type Json, type Path, type Value } from '../types.ts'

/** A function of its resolved arguments; unknown as long as one of them is. */
export const plain = (check: Fn['check'], run: (arg: Json, at: Path, ev: Evaluator) => Value): Fn => ({
  check,
  run(arg, at, ev) {
    const value = ev.some(arg, at)
    return ev.known(value) ? run(value, at, ev) : UNKNOWN
  },
})

/** `list_join: [delimiter, list ...]`: one list of strings (2013-05-23 to 2015-04-30), then several, of maps and lists too. */
export function join(name: string, multiple: boolean): Fn {
  const usage = `Incorrect arguments to "${name}" should be: "${name}" : [ " ", [ "str1", "str2"]${multiple ? ' ...' : ''}]`
  return plain((arg, at, fault) => {
    if (!Array.isArray(arg) || (multiple ? arg.length < 2 : arg.length !== 2)) throw fault(usage, at)
  }, (arg, at, ev) => {
    const [delimiter, ...lists] = arg as Json[]
    const items: Json[] = []
    for (const list of lists) {
      if (list === null || (multiple && (list === '' || list === false || list === 0))) continue
      if (!Array.isArray(list)) throw ev.fault(`"${name}" must operate on a list`, at)
      items.push(...list)
    }
    if (typeof delimiter !== 'string') throw ev.fault(`"${name}" delimiter must be a string`, at)
    return ev.spend(items.map((item) => {
      if (item === null) return ''
      if (typeof item === 'string') return item
      if (multiple && typeof item === 'object') return dumps(item, true)
      throw ev.fault(`Items to join must be ${multiple ? 'string, map or list' : 'strings'} not ${typeName(item)}`, at)
    }).join(delimiter), at)
  })
}

interface Replacing { name: string, json?: boolean, strict?: boolean, filled?: boolean }

/** `str_replace: { template, params }`; longer names first, each name once, nothing replaced in what was put in. */
export function strReplace({ name, json = false, strict = false, filled = false }: Replacing): Fn {
  const example = `${name}:\n              template: This is var1 template var2\n              params:\n                var1: a\n                var2: string`
  return plain((arg, at, fault) => {
    if (!isMap(arg)) throw fault(`Arguments to "${name}" must be a map`, at)
    if (!Object.hasOwn(arg, 'params') || !Object.hasOwn(arg, 'template')) throw fault(`"${name}" syntax should be ${example}`, at)
    if (!isMap(arg.params)) throw fault(`"${name}" parameters must be a mapping`, at)
  }, (arg, at, ev) => {
    const { template, params } = arg as { [key: string]: Json }
    return replaceIn(template, params, { name, json, strict, filled }, at, ev)
  })
}

export function replaceIn(template: Json, params: Json, { name, json, strict, filled }: Replacing, at: Path, ev: Evaluator): string {
  if (typeof template !== 'string') throw ev.fault(`"${name}" template must be a string`, at)
  if (!isMap(params)) throw ev.fault(`"${name}" params must be a map`, at)
  const empty = (key: string) => ev.fault(`${name} has an undefined or empty value for param ${key}, must be a defined non-empty value`, at)
  const values = new Map<string, string>()
  for (const key of Object.keys(params).sort((a, b) => b.length - a.length || byCodePoint(a, b))) {
    const value = params[key]
    if (!json && value !== null && typeof value === 'object') throw ev.fault(`"${name}" params must be strings or numbers, param ${key} is not valid`, at)
    if (filled && (value === null || value === '' || (typeof value === 'object' && !Object.keys(value).length))) throw empty(key)
    values.set(key, value === null ? '' : typeof value === 'object' ? dumps(value, true) : text(value))
  }
  const missing = new Set(values.keys())
  const replace = (text: string, keys: string[]): string => {
    if (!keys.length || !text) return text
    const [key, ...rest] = keys
    if (key === '') throw ev.fault('empty separator', at)
    const parts = text.split(key)
    if (parts.length > 1) missing.delete(key)
    return ev.spend(parts.map((part) => replace(part, rest)).join(values.get(key)!), at)
  }
  // Only names the text has at all are worth a pass.
  const out = replace(template, [...values.keys()].filter((key) => key === '' || template.includes(key)))
  if (strict && missing.size) throw ev.fault(`The following params were not found in the template: ${[...missing].join(',')}`, at)
  return out
}

/** `str_split: [delimiter, text, index]` */
export const strSplit: Fn = (() => {
  const usage = '"str_split" : [ ",", "apples,pears", <index>]'
  return plain((arg, at, fault) => {
    if (typeof arg === 'string' || (isMap(arg) && Object.keys(arg).length !== 1) || (Array.isArray(arg) && arg.length < 2)) throw fault(`Incorrect arguments to "str_split" should be: ${usage}`, at)
  }, (arg, at, ev) => {
    if (!Array.isArray(arg) || arg.length < 2) throw ev.fault(`Incorrect arguments to "str_split" should be: ${usage}`, at)
    const [delimiter, whole, index] = arg
    if (whole === null) return null
    if (typeof whole !== 'string') throw ev.fault(`'${typeName(whole)}' object has no attribute 'split'`, at)
    if (typeof delimiter !== 'string') throw ev.fault(`must be str or None, not ${typeName(delimiter)}`, at)
    if (delimiter === '') throw ev.fault('empty separator', at)
    const parts = whole.split(delimiter)
    if (index === undefined) return parts
    const n = typeof index === 'number' ? Math.trunc(index) : typeof index === 'string' && /^\s*[-+]?\d+\s*$/.test(index) ? Number(index) : NaN
    if (Number.isNaN(n)) throw ev.fault(`Incorrect index to "str_split" should be: ${usage}`, at)
    const part = parts.at(n)
    if (part === undefined) throw ev.fault(`Incorrect index to "str_split" should be between 0 and ${parts.length - 1}`, at)
    return part
  })
})()

const ALGORITHMS = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512']

/** `digest: [algorithm, text]`, the text's characters taken as bytes. */
export const digest: Fn = plain((arg, at, fault) => {
  if (isMap(arg)) return
  if (!Array.isArray(arg) || arg.some((item) => typeof item !== 'string' && !isMap(item))) throw fault('Argument to function "digest" must be a list of strings', at)
  if (arg.length !== 2) throw fault('Function "digest" usage: ["<algorithm>", "<value>"]', at)
}, (arg, at, ev) => {
  if (!Array.isArray(arg) || arg.some((item) => typeof item !== 'string')) throw ev.fault('Argument to function "digest" must be a list of strings', at)
  if (arg.length !== 2) throw ev.fault('Function "digest" usage: ["<algorithm>", "<value>"]', at)
  const [algorithm, value] = arg as string[]
  if (!ALGORITHMS.includes(algorithm.toLowerCase())) throw ev.fault(`Algorithm must be one of ${ALGORITHMS.join(', ')}`, at)
  if (/[^\0-\xff]/.test(value)) throw ev.fault("'latin-1' codec can't encode characters: ordinal not in range(256)", at)
  return createHash(algorithm.toLowerCase()).update(Buffer.from(value, 'latin1')).digest('hex')
})
