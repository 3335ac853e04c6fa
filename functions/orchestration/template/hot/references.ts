import { NOTHING, type Fn } from '../evaluate.ts'
import { isMap } from '../python.ts'
import { UNKNOWN, type Json, type Path, type Value } from '../types.ts'

/** `get_param: name` or `[name, key, index ...]`; a path that leads nowhere gives an empty string. */
export const getParam: Fn = {
  check(arg, at, fault) {
    if (arg === null || arg === '' || (Array.isArray(arg) && !arg.length)) throw fault('Function "get_param" must have arguments', at)
    if (typeof arg !== 'string' && !Array.isArray(arg) && !isMap(arg)) throw fault('Argument to "get_param" must be string or list', at)
    if (Array.isArray(arg) && typeof arg[0] !== 'string' && !isMap(arg[0])) throw fault('Parameter name in "get_param" must be string', at)
  },
  refs(arg, at, see) {
    const name = Array.isArray(arg) ? arg[0] : arg
    if (typeof name === 'string') see.found.parameters.add(name)
    see.walk(arg, at)
  },
  run(arg, at, ev) {
    const args = ev.some(arg, at)
    if (args === UNKNOWN) return UNKNOWN
    const [name, ...path] = Array.isArray(args) ? args : [args]
    if (name === UNKNOWN || path.includes(UNKNOWN)) return UNKNOWN
    if (name === null || name === '' || name === undefined) throw ev.fault('Function "get_param" must have arguments', at)
    if (typeof name !== 'string') throw ev.fault(Array.isArray(args) ? 'Parameter name in "get_param" must be string' : 'Argument to "get_param" must be string or list', at)
    if (!Object.hasOwn(ev.scope.parameters, name)) throw ev.fault(`The Parameter (${name}) was not provided.`, at, 'UserParameterMissing')
    return select(ev.scope.parameters[name], path as Path) ?? ''
  },
}

/** Follows keys and indices; undefined when they lead nowhere. */
export function select(value: Value, path: Path): Value | undefined {
  let here: Value | undefined = value
  for (const step of path) {
    if (here === UNKNOWN) return UNKNOWN
    if (Array.isArray(here)) {
      const index: number = typeof step === 'number' ? step : /^\s*[-+]?\d+\s*$/.test(String(step)) ? Number(step) : NaN
      here = here.at(index)
      if (Number.isNaN(index)) return undefined
    } else if (isMap(here) && Object.hasOwn(here, step)) here = (here as { [key: string]: Value })[step]
    else return undefined
  }
  return here
}

/** A name, or something that gives one. */
const naming = (what: 'resources' | 'files'): Fn['refs'] => (arg, at, see) => { if (typeof arg === 'string') see.found[what].add(arg); else see.walk(arg, at) }
export const getResource: Fn = {
  check(arg, at, fault) {
    if (typeof arg !== 'string' && !isMap(arg)) throw fault(`The specified reference "${shown(arg)}" (in ${at.slice(0, -1).join('.')}) is incorrect.`, at, 'InvalidTemplateReference')
  },
  refs: naming('resources'),
  run(arg, at, ev) {
    const name = ev.some(arg, at)
    if (name === UNKNOWN) return UNKNOWN
    if (typeof name !== 'string' || (ev.scope.resources && !ev.scope.resources.has(name))) throw badReference(ev, name, at)
    if (!ev.scope.resource) return UNKNOWN
    const id = ev.ask(`resource ${name}`, () => ev.scope.resource!(name))
    if (id === undefined) throw badReference(ev, name, at)
    return id
  },
}

const shown = (value: unknown) => typeof value === 'string' ? value : JSON.stringify(value)
const badReference = (ev: { fault: Fault }, name: unknown, at: Path) =>
  ev.fault(`The specified reference "${shown(name === UNKNOWN ? null : name)}" (in ${at.slice(0, -1).join('.')}) is incorrect.`, at, 'InvalidTemplateReference')
type Fault = (words: string, at: Path, type?: string) => Error

/** How many arguments a version's `get_attr` wants at least, and whether a missing value is an empty string (2013-05-23) or nothing. */
export const getAttr = (least: 1 | 2): Fn => ({
  check(arg, at, fault) {
    if (isMap(arg)) return
    const forms = least === 1
      ? 'Arguments to "get_attr" can be of the next forms: [resource_name] or [resource_name, attribute, (path), ...]'
      : 'Arguments to "get_attr" must be of the form [resource_name, attribute, (path), ...]'
    if (!Array.isArray(arg)) throw fault('Argument to "get_attr" must be a list', at)
    if (arg.length < least) throw fault(forms, at)
  },
  refs(arg, at, see) {
    if (!Array.isArray(arg)) return see.walk(arg, at)
    const [resource, attribute, ...path] = arg
    if (typeof resource === 'string') {
      see.found.resources.add(resource)
      see.found.attributes.push({ resource, attribute: typeof attribute === 'string' ? attribute : undefined, path: path.filter((step): step is string | number => typeof step === 'string' || typeof step === 'number') })
    }
    see.walk(arg as Json, at)
  },
  run(arg, at, ev) {
    const args = ev.some(arg, at)
    if (args === UNKNOWN || !Array.isArray(args) || args.some((item) => item === UNKNOWN)) return UNKNOWN
    const [name, attribute, ...path] = args
    if (typeof name !== 'string' || (ev.scope.resources && !ev.scope.resources.has(name))) throw badReference(ev, name, at)
    if (!ev.scope.attribute) return UNKNOWN
    const value = ev.ask(`attribute ${JSON.stringify(args)}`, () => ev.scope.attribute!(name, attribute === undefined || attribute === null ? undefined : String(attribute), path as Path))
    return value === undefined ? null : value
  },
})

export const getFile: Fn = {
  check(arg, at, fault) {
    if (typeof arg !== 'string' && !isMap(arg)) throw fault('Argument to "get_file" must be a string', at)
  },
  refs: naming('files'),
  run(arg, at, ev) {
    const key = ev.some(arg, at)
    if (key === UNKNOWN) return UNKNOWN
    if (typeof key !== 'string') throw ev.fault('Argument to "get_file" must be a string', at)
    if (!ev.scope.file) return UNKNOWN
    const content = ev.ask(`file ${key}`, () => ev.scope.file!(key))
    if (content === undefined) throw ev.fault(`No content found in the "files" section for get_file path: ${key}`, at)
    return content
  },
}

const FACADE = { metadata: 'metadata', deletion_policy: 'deletion_policy', update_policy: 'update_policy', Metadata: 'metadata', DeletionPolicy: 'deletion_policy', UpdatePolicy: 'update_policy' } as const

/** `resource_facade: metadata`, or with CloudFormation's names. */
export const facade = (name: string, words: readonly (keyof typeof FACADE)[]): Fn => ({
  check(arg, at, fault) {
    if (!words.includes(arg as never)) throw fault(`Incorrect arguments to "${name}" should be one of: ${words.join(', ')}`, at)
  },
  run(arg, _at, ev) {
    const what = FACADE[arg as keyof typeof FACADE]
    return (ev.scope.facade ? ev.ask(`facade ${what}`, () => ev.scope.facade!(what)) : UNKNOWN) ?? NOTHING
  },
})
