import type { Json } from './types.ts'

/** A value as heat turns it into text: `True`, `None` and JSON with spaces after commas. */
export const text = (value: Json): string =>
  typeof value === 'string' ? value : value === true ? 'True' : value === false ? 'False' : value === null ? 'None' : typeof value === 'number' ? number(value) : dumps(value)

/** JSON as heat writes it: a space after comma and colon, only ASCII, keys in order when asked. */
export function dumps(value: Json, sorted = false): string {
  if (Array.isArray(value)) return `[${value.map((item) => dumps(item, sorted)).join(', ')}]`
  if (value && typeof value === 'object') {
    const keys = Object.keys(value)
    if (sorted) keys.sort(byCodePoint)
    return `{${keys.map((key) => `${dumps(key)}: ${dumps(value[key], sorted)}`).join(', ')}}`
  }
  if (typeof value === 'string') return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (c) => c === '\u007f' ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return typeof value === 'number' ? number(value) : JSON.stringify(value)
}

const number = (value: number) => String(value).replace(/e([+-])(\d)$/, 'e$10$2')

/** Text order by code points, which differs from UTF-16's beyond the basic plane. */
export const byCodePoint = (a: string, b: string) => {
  if (a === b) return 0
  const x = [...a], y = [...b]
  for (let i = 0; i < x.length && i < y.length; i++) if (x[i] !== y[i]) return x[i].codePointAt(0)! - y[i].codePointAt(0)!
  return x.length - y.length
}

export const isMap = <T>(value: T): value is Extract<T, { [key: string]: unknown }> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** Equality of values; maps whatever their order. `1 == True` is left behind. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i]))
  if (!isMap(a) || !isMap(b)) return false
  const left = a as Record<string, unknown>, right = b as Record<string, unknown>
  const keys = Object.keys(left)
  return keys.length === Object.keys(right).length && keys.every((key) => Object.hasOwn(right, key) && same(left[key], right[key]))
}

/** What Python calls a value's type, for messages. */
export const typeName = (value: unknown) =>
  value === null || value === undefined ? 'NoneType' : Array.isArray(value) ? 'list' : typeof value === 'string' ? 'str' : typeof value === 'boolean' ? 'bool'
    : typeof value === 'number' ? Number.isInteger(value) ? 'int' : 'float' : 'dict'
