import { NOTHING, type Evaluator, type Fn } from '../evaluate.ts'
import { isMap } from '../python.ts'
import { UNKNOWN, type Json, type Path, type Value } from '../types.ts'

const aws = (ev: Evaluator) => ev.scope.dialect.front === 'aws'

/** `Ref`: a parameter, a pseudo parameter or a resource. */
export const ref: Fn = {
  check(arg, at, fault) {
    if (typeof arg !== 'string' || !arg) throw fault('Template error: every Ref object must have a single String value.', at)
  },
  refs(arg, at, see) {
    if (typeof arg === 'string') noteName(arg, see)
    else see.walk(arg, at)
  },
  run(arg, at, ev) {
    const name = typeof arg === 'string' ? arg : ev.some(arg, at)
    if (name === UNKNOWN) return UNKNOWN
    if (typeof name !== 'string') throw ev.fault('Template error: every Ref object must have a single String value.', at)
    return reference(name, at, ev)
  },
}

/** A name could be a parameter's or a resource's; who asks knows which there are. */
export function noteName(name: string, see: { found: { parameters: Set<string>, resources: Set<string> } }) {
  see.found.parameters.add(name)
  if (!name.includes('::')) see.found.resources.add(name)
}

export function reference(name: string, at: Path, ev: Evaluator): Value | typeof NOTHING {
  if (name === 'AWS::NoValue' && aws(ev)) return NOTHING
  if (Object.hasOwn(ev.scope.parameters, name)) return ev.scope.parameters[name]
  const missing = () => aws(ev)
    ? ev.fault(`Template format error: Unresolved resource dependencies [${name}] in the ${at[0] ?? 'Resources'} block of the template`, at)
    : ev.fault(`The specified reference "${name}" (in ${at.slice(0, -1).join('.')}) is incorrect.`, at, 'InvalidTemplateReference')
  if (name.includes('::') || (ev.scope.resources && !ev.scope.resources.has(name))) throw missing()
  if (!ev.scope.resource) return UNKNOWN
  const id = ev.ask(`resource ${name}`, () => ev.scope.resource!(name))
  if (id === undefined) throw missing()
  return id
}

const TWO = 'Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute'

/** `[resource, attribute]`, or the two with a dot between (not in heat's dialect). */
export const getAtt: Fn = {
  check(arg, at, fault) {
    if (typeof arg === 'string' ? !/^[^.]+\../.test(arg) : !Array.isArray(arg) || arg.length < 2 || typeof arg[0] !== 'string' || !arg[0]) throw fault(TWO, at)
  },
  refs(arg, at, see) {
    const [resource, attribute] = halves(arg)
    if (typeof resource === 'string') {
      see.found.resources.add(resource)
      see.found.attributes.push({ resource, attribute: typeof attribute === 'string' ? attribute : undefined, path: [] })
    }
    if (Array.isArray(arg)) see.walk(arg.slice(1) as Json, at)
  },
  run(arg, at, ev) {
    const [resource, wanted] = halves(arg)
    const attribute = ev.some(wanted, [...at, 1])
    if (attribute === UNKNOWN) return UNKNOWN
    if (typeof attribute !== 'string' || !attribute) throw ev.fault(TWO, at)
    return attributeOf(resource as string, attribute, at, ev)
  },
}

function halves(arg: Json): [Json, Json] {
  if (typeof arg === 'string') {
    const dot = arg.indexOf('.')
    return [arg.slice(0, dot), arg.slice(dot + 1)]
  }
  if (!Array.isArray(arg)) return [null, null]
  // `!GetAtt a.b.c` may come as three.
  return [arg[0], arg.length > 2 && arg.slice(1).every((part) => typeof part === 'string') ? arg.slice(1).join('.') : arg[1] ?? null]
}

export function attributeOf(resource: string, attribute: string, at: Path, ev: Evaluator): Value {
  if (ev.scope.resources && !ev.scope.resources.has(resource)) {
    throw aws(ev) ? ev.fault(`Template error: instance of Fn::GetAtt references undefined resource ${resource}`, at)
      : ev.fault(`The specified reference "${resource}" (in ${at.slice(0, -1).join('.')}) is incorrect.`, at, 'InvalidTemplateReference')
  }
  if (!ev.scope.attribute) return UNKNOWN
  const value = ev.ask(`attribute ${JSON.stringify([resource, attribute])}`, () => ev.scope.attribute!(resource, attribute, []))
  if (value !== undefined) return value
  if (!aws(ev)) return null
  throw ev.fault(`Template error: resource ${resource} does not support attribute type ${attribute} in Fn::GetAtt`, at)
}

const SUB = "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string"

/** The pieces of a text with `${Name}`, `${Resource.Attribute}` and `${!Literal}`. */
export function* pieces(text: string): Generator<{ literal: string } | { name: string }> {
  let last = 0
  for (const found of text.matchAll(/\$\{(!?)([^}]*)\}/g)) {
    yield { literal: text.slice(last, found.index) }
    yield found[1] ? { literal: `\${${found[2]}}` } : { name: found[2].trim() }
    last = found.index + found[0].length
  }
  yield { literal: text.slice(last) }
}

/** `text`, or `[text, { name: value }]` */
export const sub: Fn = {
  check(arg, at, fault) {
    const [text, map] = Array.isArray(arg) ? arg : [arg, undefined]
    if (typeof text !== 'string' || (Array.isArray(arg) && (arg.length !== 2 || !isMap(map)))) throw fault(SUB, at)
    for (const piece of pieces(text)) {
      if ('name' in piece && !/^[A-Za-z0-9_.:]+$/.test(piece.name)) throw fault('Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons', at)
    }
  },
  refs(arg, at, see) {
    const [text, map] = Array.isArray(arg) ? arg as [Json, { [key: string]: Json }] : [arg, {}]
    if (isMap(map)) for (const key in map as object) see.walk((map as { [key: string]: Json })[key], [...at, 1, key])
    if (typeof text !== 'string') return
    for (const piece of pieces(text)) {
      if (!('name' in piece) || (isMap(map) && Object.hasOwn(map, piece.name))) continue
      const dot = piece.name.indexOf('.')
      if (dot < 0) noteName(piece.name, see)
      else {
        see.found.resources.add(piece.name.slice(0, dot))
        see.found.attributes.push({ resource: piece.name.slice(0, dot), attribute: piece.name.slice(dot + 1), path: [] })
      }
    }
  },
  run(arg, at, ev) {
    const [text, map] = Array.isArray(arg) ? arg as [string, { [key: string]: Json }] : [arg as string, {}]
    let out = '', unknown = false
    for (const piece of pieces(text)) {
      const value = 'literal' in piece ? piece.literal : named(piece.name, map, at, ev)
      if (value === UNKNOWN) unknown = true
      else if (value !== NOTHING && typeof value === 'object') throw ev.fault('Template error: Fn::Sub expression does not resolve to a string', at)
      else out += value === NOTHING ? '' : String(value)
    }
    return unknown ? UNKNOWN : ev.spend(out, at)
  },
}

function named(name: string, map: { [key: string]: Json }, at: Path, ev: Evaluator): Value | typeof NOTHING {
  const value = Object.hasOwn(map, name) ? ev.some(map[name], [...at, 1, name])
    : name.includes('.') ? attributeOf(name.slice(0, name.indexOf('.')), name.slice(name.indexOf('.') + 1), at, ev)
      : reference(name, at, ev)
  return Array.isArray(value) && value.every((item) => typeof item === 'string') && !Object.hasOwn(map, name) ? value.join(',') : value
}
