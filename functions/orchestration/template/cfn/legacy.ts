import type { Fn } from '../evaluate.ts'
import { plain, replaceIn } from '../hot/strings.ts'
import { isMap, text, typeName } from '../python.ts'
import { UNKNOWN, type Json } from '../types.ts'

/** CloudFormation's functions as heat has them, in its CFN templates and the first HOT. */

export const findAzs: Fn = {
  run(arg, at, ev) {
    const region = ev.some(arg, at)
    if (region === UNKNOWN || !ev.scope.zones) return UNKNOWN
    return ev.ask(`zones ${String(region)}`, () => ev.scope.zones!(typeof region === 'string' ? region : '')) ?? []
  },
}

/** `[index, list or map]`; what is not there is an empty text. */
export const select: Fn = plain((arg, at, fault) => {
  if (!Array.isArray(arg) || arg.length !== 2) throw fault('Arguments to "Fn::Select" must be of the form [index, collection]', at)
}, (arg, at, ev) => {
  const [index, from] = arg as Json[]
  if (from === '' || from === null) return ''
  let collection: Json = from
  if (typeof from === 'string') try { collection = JSON.parse(from) as Json } catch { throw ev.fault('"Fn::Select": the text is no JSON', at) }
  if (isMap(collection)) {
    if (typeof index !== 'string') throw ev.fault('Index to "Fn::Select" must be a string', at)
    return Object.hasOwn(collection, index) ? (collection as { [key: string]: Json })[index] : ''
  }
  if (!Array.isArray(collection)) throw ev.fault('Arguments to Fn::Select not fully resolved', at)
  const n = typeof index === 'number' ? Math.trunc(index) : /^\s*[-+]?\d+\s*$/.test(String(index)) ? Number(index) : NaN
  if (Number.isNaN(n)) throw ev.fault('Index to "Fn::Select" must be an integer', at)
  return collection.at(n) ?? ''
})

export const split: Fn = plain((arg, at, fault) => {
  if (!Array.isArray(arg) || arg.length !== 2) throw fault('Incorrect arguments to "Fn::Split" should be: "Fn::Split" : [ ",", "str1,str2"]]', at)
}, (arg, at, ev) => {
  const [delimiter, whole] = arg as Json[]
  if (typeof delimiter !== 'string') throw ev.fault('Delimiter for Fn::Split must be string', at)
  if (typeof whole !== 'string') throw ev.fault(`String to split must be string; got <class '${typeName(whole)}'>`, at)
  if (delimiter === '') throw ev.fault('empty separator', at)
  return whole.split(delimiter)
})

/** `[map, text]`: each key in the text replaced. */
export const replace: Fn = (() => {
  const usage = 'Incorrect arguments to "Fn::Replace" should be: {"Fn::Replace": [ {"$var1": "foo", "%var2%": "bar"}, "$var1 is %var2%"]}'
  return plain((arg, at, fault) => {
    if (!Array.isArray(arg) || arg.length !== 2) throw fault(usage, at)
  }, (arg, at, ev) => replaceIn((arg as Json[])[1], (arg as Json[])[0], { name: 'Fn::Replace' }, at, ev))
})()

/** Heat takes user data as it is: nothing is encoded. */
export const base64: Fn = plain(undefined, (arg, at, ev) => {
  if (typeof arg !== 'string') throw ev.fault('"Fn::Base64" argument must be a string', at)
  return arg
})

/** `['Name', 'Value', ['.member.0.Name=key', '.member.0.Value=door']]` to `{ key: 'door' }` */
export const memberListToMap: Fn = plain((arg, at, fault) => {
  if (!Array.isArray(arg) || arg.length !== 3) throw fault("Wrong Arguments try: \"{'Fn::MemberListToMap': ['Name', 'Value', ['.member.0.Name=key', '.member.0.Value=door']]}\"", at)
  if (typeof arg[0] !== 'string') throw fault('Fn::MemberListToMap Key Name must be a string', at)
  if (typeof arg[1] !== 'string') throw fault('Fn::MemberListToMap Value Name must be a string', at)
}, (arg, at, ev) => {
  const [keyName, valueName, list] = arg as [string, string, Json]
  if (!Array.isArray(list)) throw ev.fault('Member list must be a list', at)
  const members = new Map<number, { key?: string, value?: string }>()
  for (const item of list) {
    if (typeof item !== 'string') throw ev.fault('Member list items must be strings', at)
    const eq = item.indexOf('=')
    const found = /^\.?member\.(\d+)\.(.+)$/.exec(item.slice(0, eq < 0 ? undefined : eq))
    if (!found || eq < 0) continue
    const member = members.get(Number(found[1])) ?? {}
    if (found[2] === keyName) member.key = item.slice(eq + 1)
    if (found[2] === valueName) member.value = item.slice(eq + 1)
    members.set(Number(found[1]), member)
  }
  const out: { [key: string]: Json } = {}
  for (const [, { key, value }] of [...members].sort(([a], [b]) => a - b)) if (key !== undefined && value !== undefined) out[key] = value
  return out
})

/** `[map, key, second key]` of the template's own mappings. */
export const findInMap: Fn = plain((arg, at, fault) => {
  if (!Array.isArray(arg) || arg.length !== 3) throw fault(Array.isArray(arg) ? arg.length < 3 ? `'not enough values to unpack (expected 3, got ${arg.length})'` : "'too many values to unpack (expected 3)'" : '"Fn::FindInMap" must have a list of three arguments', at)
}, (arg, at, ev) => {
  const [map, key, value] = (arg as Json[]).map((item) => typeof item === 'string' ? item : text(item))
  const top = ev.scope.mappings?.get(map)
  if (!top) throw ev.fault(`'${map}'`, at)
  if (!Object.hasOwn(top, key)) throw ev.fault(`'${key}'`, at)
  if (!isMap(top[key]) || !Object.hasOwn(top[key], value)) throw ev.fault(`'${value}'`, at)
  return top[key][value]
})
