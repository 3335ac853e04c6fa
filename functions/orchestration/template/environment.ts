import { TemplateFault } from './fault.ts'
import { limitsOf } from './limits.ts'
import { isMap, same } from './python.ts'
import { readText } from './text.ts'
import type { Environment, Json, Limits, Parameter } from './types.ts'

type Section = { [key: string]: Json }
const SECTIONS = ['parameters', 'resource_registry', 'parameter_defaults', 'encrypted_param_names', 'event_sinks', 'parameter_merge_strategies']
const HOOKS = ['pre-create', 'pre-update', 'pre-delete', 'post-create', 'post-update', 'post-delete']
const ACTIONS = ['update', 'replace']
const STRATEGIES = ['overwrite', 'merge', 'deep_merge']

export const emptyEnvironment = (): Environment => ({ parameters: {}, parameterDefaults: {}, encryptedParameters: [], resourceRegistry: {}, eventSinks: [], mergeStrategies: {} })

/** An environment's text, or what a request's body holds of one, to an environment. Unknown sections are refused. */
export function parseEnvironment(given: string | Json | undefined, limits?: Partial<Limits>): Environment {
  if (given === undefined || given === null) return emptyEnvironment()
  const { data, lineOf } = readText(typeof given === 'string' ? given : JSON.stringify(given), 'heat', limitsOf('heat', limits), 'environment')
  if (data === null) return emptyEnvironment()
  const fault = (words: string, ...path: string[]) => new TemplateFault(words, { path, line: lineOf(path), type: 'ValueError' })
  if (!isMap(data)) throw fault('The environment is not a valid YAML mapping data type.')
  const env = data as Section
  for (const [key, value] of Object.entries(env)) {
    if (!SECTIONS.includes(key)) throw fault(`environment has wrong section "${key}"`, key)
    if (value === null) throw fault(`environment has empty section "${key}"`, key)
    const list = key === 'encrypted_param_names' || key === 'event_sinks'
    if (list ? !Array.isArray(value) : !isMap(value)) throw fault(`environment section "${key}" must be a ${list ? 'list' : 'map'}`, key)
  }
  checkRegistry((env.resource_registry ?? {}) as Section, ['resource_registry'], fault)
  const strategies = (env.parameter_merge_strategies ?? {}) as Section
  for (const [name, strategy] of Object.entries(strategies)) {
    if (!STRATEGIES.includes(strategy as string)) throw fault(`Invalid merge strategy '${String(strategy)}' for parameter '${name}'.`, 'parameter_merge_strategies', name)
  }
  return {
    parameters: (env.parameters ?? {}) as Section, parameterDefaults: (env.parameter_defaults ?? {}) as Section,
    encryptedParameters: ((env.encrypted_param_names ?? []) as Json[]).map(String), resourceRegistry: (env.resource_registry ?? {}) as Section,
    eventSinks: (env.event_sinks ?? []) as Json[], mergeStrategies: strategies as Record<string, string>,
  }
}

type Faulty = (words: string, ...path: string[]) => TemplateFault

function checkRegistry(registry: Section, path: string[], fault: Faulty) {
  for (const [key, value] of Object.entries(registry)) {
    const here = [...path, key]
    const words = (typeof value === 'string' ? [value] : Array.isArray(value) ? value : [null]) as string[]
    if (key === 'hooks') {
      if (!words.every((word) => HOOKS.includes(word))) throw fault(`Invalid hook type "${String(value)}" for resource breakpoint, acceptable hook types are: ${HOOKS.join(', ')}`, ...here)
    } else if (key === 'restricted_actions') {
      if (!words.every((word) => ACTIONS.includes(word))) throw fault(`Invalid restricted_action type "${String(value)}" for resource, acceptable restricted_action types are: ${ACTIONS.join(', ')}`, ...here)
    } else if (isMap(value)) {
      if (path.length === 1 && key !== 'resources') throw fault(`The resource registry's entry "${key}" must be a text.`, ...here)
      checkRegistry(value as Section, here, fault)
    } else if (value !== null && typeof value !== 'string') throw fault(`The resource registry's entry "${key}" must be a text.`, ...here)
  }
}

/** As a request's answer shows it: encrypted names are nobody's business. */
export const shownEnvironment = (env: Environment): Section => ({
  parameters: env.parameters, parameter_defaults: env.parameterDefaults, resource_registry: env.resourceRegistry, event_sinks: env.eventSinks,
})

/** What a row keeps, and `parseEnvironment` reads again. */
export const storedEnvironment = (env: Environment): Section => ({ ...shownEnvironment(env), encrypted_param_names: env.encryptedParameters })

/**
 * Environment files over a base, in order. A parameter is overwritten unless a file's strategy for it says merge or deep_merge; two files may not differ in that.
 * `parameters` are those of the template and of the templates among the files.
 */
export function mergeEnvironments(base: Environment, names: readonly string[], files: Record<string, string>, parameters: ReadonlyMap<string, Pick<Parameter, 'type'>>, limits?: Partial<Limits>): Environment {
  const out = structuredClone(base)
  const strategies: Record<string, string> = {}
  for (const name of names) {
    if (!Object.hasOwn(files, name)) throw new TemplateFault(`The environment file ${name} is not among the files.`, { type: 'ValueError' })
    const env = parseEnvironment(files[name], limits)
    for (const section of ['parameters', 'parameterDefaults'] as const) {
      choose(env, section, strategies, parameters, name)
      for (const [key, value] of Object.entries(env[section])) {
        const strategy = parameters.has(key) ? strategies[key] : 'overwrite'
        out[section][key] = strategy === 'overwrite' || value === null || !Object.hasOwn(out[section], key) ? value : merged(key, out[section][key], value, parameters.get(key)!, strategy === 'deep_merge')
      }
    }
    out.resourceRegistry = mergeMaps(out.resourceRegistry, env.resourceRegistry)
    out.encryptedParameters.push(...env.encryptedParameters)
    out.eventSinks.push(...env.eventSinks.filter((sink) => !out.eventSinks.some((other) => same(sink, other))))
  }
  return out
}

function choose(env: Environment, section: 'parameters' | 'parameterDefaults', strategies: Record<string, string>, parameters: ReadonlyMap<string, unknown>, file: string) {
  for (const [key, value] of Object.entries(env[section])) {
    if (!parameters.has(key) || value === null) continue
    const said = Object.hasOwn(env.mergeStrategies, key) ? env.mergeStrategies[key] : undefined
    const strategy = said ?? strategies[key] ?? env.mergeStrategies.default ?? 'overwrite'
    if (strategies[key] !== undefined && strategies[key] !== strategy) {
      throw new TemplateFault(`Conflicting merge strategy '${strategy}' for parameter '${key}' in file '${file}'.`, { type: 'ConflictingMergeStrategyForParam' })
    }
    strategies[key] = strategy
  }
}

function merged(name: string, old: Json, value: Json, { type }: Pick<Parameter, 'type'>, deep: boolean): Json {
  const refuse = () => new TemplateFault(`Invalid merge strategy 'merge' for parameter '${name}'.`, { type: 'InvalidMergeStrategyForParam' })
  if (type === 'json') {
    const [a, b] = [old, value].map((item) => typeof item === 'string' && item ? parsed(name, item) : item)
    if (!isMap(a) || !isMap(b)) throw refuse()
    return deep ? deepMerge(a as Section, b as Section) : { ...a as Section, ...withoutNulls(b as Section) }
  }
  if (type === 'comma_delimited_list') return Array.isArray(old) && Array.isArray(value) ? [...old, ...value] : [old, value].flat().map(String).join(',')
  if (type === 'string') return `${String(old)}${String(value)}`
  if (type === 'number' && typeof old === 'number' && typeof value === 'number') return old + value
  throw refuse()
}

function parsed(name: string, text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (error) {
    throw new TemplateFault(`Invalid parameter in environment ${(error as Error).message}.`, { path: ['parameters', name], type: 'ValueError' })
  }
}

const withoutNulls = (map: Section): Section => Object.fromEntries(Object.entries(map).filter(([, value]) => value !== null))

function deepMerge(old: Section, value: Section): Section {
  const out = { ...old }
  for (const [key, item] of Object.entries(withoutNulls(value))) {
    const before = out[key]
    if (before === undefined || before === null) out[key] = item
    else if (isMap(item) && isMap(before)) out[key] = deepMerge(before as Section, item as Section)
    else if (Array.isArray(item) && Array.isArray(before)) out[key] = [...before, ...item]
    else if (typeof item === 'string' && typeof before === 'string') out[key] = before + item
    else out[key] = item
  }
  return out
}

/** Registries are merged entry by entry, resources' own among them. */
function mergeMaps(old: Section, value: Section): Section {
  const out = { ...old }
  for (const [key, item] of Object.entries(value)) out[key] = isMap(item) && isMap(out[key]) ? mergeMaps(out[key] as Section, item as Section) : item
  return out
}
