import { type Evaluator, type Fn } from '../evaluate.ts'
import { plain } from '../hot/strings.ts'
import { isMap, same } from '../python.ts'
import { UNKNOWN, type Json, type Path, type Value } from '../types.ts'

const list = (arg: Json): Json[] => Array.isArray(arg) ? arg : []
const scalar = (value: Json): value is string | number | boolean => value !== null && typeof value !== 'object'
const isCall = (value: Json) => isMap(value) && Object.keys(value).length === 1

export const base64: Fn = plain((arg, at, fault) => {
  if (!scalar(arg) && !isCall(arg)) throw fault('Template error: every Fn::Base64 object must have a String-typed value.', at)
}, (arg, at, ev) => {
  if (!scalar(arg)) throw ev.fault('Template error: every Fn::Base64 object must have a String-typed value.', at)
  const bytes = new TextEncoder().encode(String(arg))
  let text = ''
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000))
  return ev.spend(btoa(text), at)
})

const JOIN = 'Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.'

export const join: Fn = plain((arg, at, fault) => {
  if (!Array.isArray(arg) || arg.length !== 2 || typeof arg[0] !== 'string' || !(Array.isArray(arg[1]) || isCall(arg[1]))) throw fault(JOIN, at)
}, (arg, at, ev) => {
  const [delimiter, items] = list(arg)
  if (!Array.isArray(items) || !items.every(scalar)) throw ev.fault(JOIN, at)
  return ev.spend(items.join(delimiter as string), at)
})

const SPLIT = 'Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.'

export const split: Fn = plain((arg, at, fault) => {
  if (!Array.isArray(arg) || arg.length !== 2 || typeof arg[0] !== 'string' || !(scalar(arg[1]) || isCall(arg[1]))) throw fault(SPLIT, at)
}, (arg, at, ev) => {
  const [delimiter, whole] = list(arg)
  if (!scalar(whole) || delimiter === '') throw ev.fault(SPLIT, at)
  return String(whole).split(delimiter as string)
})

const SELECT = 'Template error: Fn::Select requires a list argument with two elements: an integer index and a list'

/** Only the chosen item has to be known. */
export const select: Fn = {
  check(arg, at, fault) {
    if (!Array.isArray(arg) || arg.length !== 2 || !(scalar(arg[0]) || isCall(arg[0])) || !(Array.isArray(arg[1]) || isCall(arg[1]))) throw fault(SELECT, at)
  },
  run(arg, at, ev) {
    const index = ev.some(list(arg)[0], [...at, 0])
    const from = ev.some(list(arg)[1], [...at, 1])
    if (index === UNKNOWN || from === UNKNOWN) return UNKNOWN
    if (!/^\d+$/.test(String(index)) || !Array.isArray(from)) throw ev.fault(SELECT, at)
    const item = from[Number(index)]
    if (item === undefined || item === null) throw ev.fault(`Template error: Fn::Select cannot select nonexistent value at index ${String(index)}`, at)
    return item
  },
}

export const getAzs: Fn = {
  check(arg, at, fault) {
    if (typeof arg !== 'string' && !isCall(arg)) throw fault('Template error: every Fn::GetAZs object must have a String-typed value.', at)
  },
  run(arg, at, ev) {
    const region = ev.some(arg, at)
    if (region === UNKNOWN || !ev.scope.zones) return UNKNOWN
    return ev.ask(`zones ${String(region)}`, () => ev.scope.zones!(String(region))) ?? []
  },
}

export const importValue: Fn = {
  check(arg, at, fault) {
    if (!scalar(arg) && !isCall(arg)) throw fault('Template error: every Fn::ImportValue object must have a single String value.', at)
  },
  run(arg, at, ev) {
    const name = ev.some(arg, at)
    if (name === UNKNOWN || !ev.scope.imported) return UNKNOWN
    if (typeof name !== 'string') throw ev.fault('Template error: the attribute in Fn::ImportValue must be a string', at)
    const value = ev.ask(`import ${name}`, () => ev.scope.imported!(name))
    if (value === undefined) throw ev.fault(`No export named ${name} found`, at)
    return value
  },
}

/** Macros and includes run code or fetch text from elsewhere: neither exists here. */
export const transform: Fn = {
  check(arg, at, fault) {
    const name = isMap(arg) ? String((arg as { [key: string]: Json }).Name) : ''
    throw fault(name === 'AWS::Include' ? 'Transform AWS::Include is not supported: put the snippet into the template.' : `No transform named ${name} found.`, at)
  },
  run(arg, at, ev) { throw ev.fault('Fn::Transform is not supported.', at) },
}

const THREE = 'Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value'

/** `[map, key, key]`; with the language extensions `{ DefaultValue }` as a fourth and functions anywhere. */
export const findInMap = (extended: boolean): Fn => ({
  check(arg, at, fault) {
    if (!Array.isArray(arg) || !(arg.length === 3 || (extended && arg.length === 4 && isMap(arg[3]) && Object.hasOwn(arg[3], 'DefaultValue')))) throw fault(THREE, at)
    if (arg.slice(0, 3).some((item) => !scalar(item) && !isCall(item))) throw fault(THREE, at)
  },
  run(arg, at, ev) {
    const [map, key, second] = list(arg).slice(0, 3).map((item, i) => ev.some(item, [...at, i]))
    if (map === UNKNOWN || key === UNKNOWN || second === UNKNOWN) return UNKNOWN
    const top = ev.scope.mappings?.get(String(map))
    const fallback = list(arg)[3] as { DefaultValue: Json } | undefined
    const row = top && Object.hasOwn(top, String(key)) ? top[String(key)] : undefined
    if (row && Object.hasOwn(row, String(second))) return extended ? ev.some(row[String(second)], at) : row[String(second)]
    if (fallback) return ev.value(fallback.DefaultValue, [...at, 3, 'DefaultValue'])
    throw ev.fault(top ? `Template error: Unable to get mapping for ${String(map)}::${String(key)}::${String(second)}` : `Template error: Mapping named '${String(map)}' is not present in the 'Mappings' section of template.`, at)
  },
})

export const toJsonString: Fn = plain((arg, at, fault) => {
  if (arg === null || typeof arg !== 'object') throw fault('Template error: every Fn::ToJsonString object must have an object or array value.', at)
}, (arg, at, ev) => ev.spend(JSON.stringify(arg), at))

export const length: Fn = {
  check(arg, at, fault) {
    if (!Array.isArray(arg) && !isCall(arg)) throw fault('Template error: every Fn::Length object must have an array value.', at)
  },
  run(arg, at, ev) {
    const value = ev.some(arg, at)
    if (value === UNKNOWN) return UNKNOWN
    if (!Array.isArray(value)) throw ev.fault('Template error: every Fn::Length object must have an array value.', at)
    return value.length
  },
}

export const iff: Fn = {
  check(arg, at, fault) {
    if (!Array.isArray(arg) || arg.length !== 3) throw fault('Template error: Fn::If requires a list argument with three elements', at)
    if (typeof arg[0] !== 'string') throw fault('Template error: Fn::If requires a list argument with the first element being a condition', at)
  },
  refs(arg, at, see) {
    const [condition, then, otherwise] = list(arg)
    see.found.conditions.add(condition as string)
    const known = see.conditions?.[condition as string]
    if (known !== false) see.walk(then, [...at, 1])
    if (known !== true) see.walk(otherwise, [...at, 2])
  },
  run(arg, at, ev) {
    const [condition, then, otherwise] = list(arg)
    const holds = ev.named(condition as string, [...at, 0])
    if (holds === UNKNOWN) return UNKNOWN
    return holds ? ev.value(then, [...at, 1]) : ev.value(otherwise, [...at, 2])
  },
}

export const equals: Fn = {
  check(arg, at, fault) {
    if (!Array.isArray(arg) || arg.length !== 2) throw fault('Template error: every Fn::Equals object requires a list of 2 string parameters.', at)
  },
  run(arg, at, ev) {
    const [a, b] = list(arg).map((item, i) => ev.some(item, [...at, i]))
    if (!ev.known(a) || !ev.known(b)) return UNKNOWN
    // Values are texts here: 1 and "1", true and "true" are the same.
    return scalar(a) && scalar(b) ? String(a) === String(b) : same(a, b)
  },
}

export const not: Fn = {
  check(arg, at, fault) {
    if (!Array.isArray(arg) || arg.length !== 1 || !isMap(arg[0])) throw fault('Template error: every Fn::Not object requires one boolean parameter.', at)
  },
  run(arg, at, ev) {
    const holds = ev.condition(list(arg)[0], [...at, 0])
    return holds === UNKNOWN ? UNKNOWN : !holds
  },
}

export const junction = (name: string, decisive: boolean): Fn => ({
  check(arg, at, fault) {
    if (!Array.isArray(arg) || arg.length < 2 || arg.length > 10 || !arg.every(isMap)) throw fault(`Template error: every ${name} object requires a list of at least 2 and at most 10 boolean parameters.`, at)
  },
  run(arg, at, ev) {
    let unknown = false
    for (const [i, item] of list(arg).entries()) {
      const holds = ev.condition(item, [...at, i])
      if (holds === decisive) return decisive
      unknown ||= holds === UNKNOWN
    }
    return unknown ? UNKNOWN : !decisive
  },
})

export const condition: Fn = {
  check(arg, at, fault) {
    if (typeof arg !== 'string') throw fault('Template error: every Condition member must be a string.', at)
  },
  refs(arg, _at, see) { see.found.conditions.add(arg as string) },
  run: (arg, at, ev) => ev.named(arg as string, at),
}

const CIDR = 'Template error: every Fn::Cidr object requires two or three parameters: an IP block, a count from 1 to 256 and optionally the number of subnet bits.'

/** `[block, count, bits]`: the first `count` ranges of `bits` host bits (8 for IPv4 and 64 for IPv6 unless said). */
export const cidr: Fn = plain((arg, at, fault) => {
  if (!Array.isArray(arg) || arg.length < 2 || arg.length > 3) throw fault(CIDR, at)
}, (arg, at, ev) => {
  const [block, count, bits] = list(arg)
  const n = Number(count)
  if (typeof block !== 'string' || !Number.isInteger(n) || n < 1 || n > 256) throw ev.fault(CIDR, at)
  return ranges(block, n, bits === undefined ? undefined : Number(bits), at, ev)
})

function ranges(block: string, count: number, given: number | undefined, at: Path, ev: Evaluator): Value {
  const [address, prefix] = block.split('/')
  const six = address.includes(':')
  const width = six ? 128 : 32
  const size = Number(prefix)
  const base = six ? six6(address) : four(address)
  const bits = given ?? (six ? 64 : 8)
  if (base === undefined || !prefix || !Number.isInteger(size) || size > width || !Number.isInteger(bits) || bits < 1 || bits > width) throw ev.fault(CIDR, at)
  const room = width - size - bits
  if (room < 0 || (room < 9 && count > 2 ** room)) throw ev.fault(`Template error: Fn::Cidr cannot make ${count} ranges of ${bits} bits of ${block}`, at)
  const start = base >> BigInt(width - size) << BigInt(width - size)
  return Array.from({ length: count }, (_, i) => {
    const here = start + (BigInt(i) << BigInt(bits))
    return `${six ? show6(here) : show4(here)}/${width - bits}`
  })
}

function four(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return undefined
  return parts.reduce((sum, part) => sum << 8n | BigInt(part), 0n)
}

function six6(text: string): bigint | undefined {
  const [head, tail, more] = text.split('::')
  if (more !== undefined) return undefined
  const words = (part: string | undefined) => part ? part.split(':') : []
  const a = words(head), b = words(tail)
  const gap = tail === undefined ? 0 : 8 - a.length - b.length
  const all = [...a, ...Array<string>(Math.max(gap, 0)).fill('0'), ...b]
  if (all.length !== 8 || all.some((word) => !/^[0-9a-fA-F]{1,4}$/.test(word))) return undefined
  return all.reduce((sum, word) => sum << 16n | BigInt(`0x${word}`), 0n)
}

const show4 = (value: bigint) => [24n, 16n, 8n, 0n].map((shift) => String(value >> shift & 255n)).join('.')

/** The shortest form: the first longest run of zeroes left out. */
function show6(value: bigint) {
  const words = Array.from({ length: 8 }, (_, i) => (value >> BigInt(112 - 16 * i) & 0xffffn).toString(16))
  let best = { at: -1, length: 1 }
  for (let i = 0; i < 8; i++) {
    let n = 0
    while (i + n < 8 && words[i + n] === '0') n++
    if (n > best.length) best = { at: i, length: n }
  }
  return best.at < 0 ? words.join(':') : `${words.slice(0, best.at).join(':')}::${words.slice(best.at + best.length).join(':')}`
}

