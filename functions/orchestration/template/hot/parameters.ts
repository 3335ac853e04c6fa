import type { Source } from '../parse.ts'
import { constraintOf, invalidFor, numberOf } from '../parameters/constraints.ts'
import { isMap } from '../python.ts'
import type { Section } from '../sections.ts'
import type { Constraint, Json, Parameter, ParameterType, Path } from '../types.ts'

const TYPES = ['string', 'number', 'comma_delimited_list', 'json', 'boolean']
const KEYS = ['type', 'description', 'default', 'schema', 'constraints', 'hidden', 'label', 'immutable']
const CONSTRAINTS = ['description', 'length', 'range', 'modulo', 'allowed_values', 'allowed_pattern', 'custom_constraint']

export function readHotParameters({ fault }: Source, section: Section, date: string): Map<string, Parameter> {
  const out = new Map<string, Parameter>()
  const keys = date >= '2018-03-02' ? [...KEYS, 'tags'] : KEYS
  for (const [name, value] of Object.entries(section)) {
    const here = ['parameters', name]
    const bad = (words: string, path: Path = here) => fault(words, path, 'InvalidSchemaError')
    if (!isMap(value)) throw bad(`Invalid parameter (${name}), expected a mapping`)
    const data = value as Section
    const unknown = Object.keys(data).find((key) => !keys.includes(key))
    if (unknown) throw bad(`Invalid key '${unknown}' for parameter (${name})`, [...here, unknown])
    if (!Object.hasOwn(data, 'type')) throw bad(`Missing parameter type for parameter: ${name}`)
    if (!TYPES.includes(data.type as string)) throw bad(`Invalid type (${String(data.type)})`, [...here, 'type'])
    if (data.tags !== undefined && !Array.isArray(data.tags)) throw bad(`Tags property should be a list for parameter: ${name}`, [...here, 'tags'])
    const type = data.type as ParameterType
    const constraints = constraintsOf(name, data.constraints, [...here, 'constraints'], date, bad)
    for (const constraint of constraints) {
      if (invalidFor(type, constraint)) throw bad(`Parameter '${name}' is invalid: ${CLASS[constraint.kind]} constraint invalid for ${NAMES[type]}`, here)
    }
    out.set(name, {
      name, declared: type, type, hidden: flag(data.hidden, 'hidden', here, bad), immutable: flag(data.immutable, 'immutable', here, bad),
      tags: (data.tags as Json[] | undefined)?.map(String) ?? [], constraints,
      ...data.default !== undefined && data.default !== null && { default: data.default },
      ...data.label !== undefined && data.label !== null && { label: String(data.label) },
      ...data.description !== undefined && data.description !== null && { description: String(data.description) },
    })
  }
  return out
}

const CLASS: Record<Constraint['kind'], string> = { length: 'Length', range: 'Range', modulo: 'Modulo', allowed_values: 'AllowedValues', allowed_pattern: 'AllowedPattern', custom_constraint: 'CustomConstraint' }
const NAMES: Record<ParameterType, string> = { string: 'String', number: 'Number', comma_delimited_list: 'CommaDelimitedList', json: 'Json', boolean: 'Boolean' }

function flag(value: Json | undefined, key: string, here: Path, bad: (words: string, path: Path) => Error): boolean {
  if (value === undefined || value === null) return false
  const text = String(value).toLowerCase()
  if (['true', 't', 'on', 'y', 'yes', '1'].includes(text)) return true
  if (['false', 'f', 'off', 'n', 'no', '0'].includes(text)) return false
  throw bad(`"${String(value)}" is not a valid boolean for ${key}`, [...here, key])
}

function constraintsOf(name: string, list: Json | undefined, here: Path, date: string, bad: (words: string, path?: Path) => Error): Constraint[] {
  if (list === undefined || list === null) return []
  if (!Array.isArray(list)) throw bad(`Invalid parameter constraints for parameter ${name}, expected a list`, here)
  return list.map((item, i) => {
    const at = [...here, i]
    if (!isMap(item)) throw bad('Invalid parameter constraints, expected a mapping', at)
    const data = item as Section
    const unknown = Object.keys(data).find((key) => !CONSTRAINTS.includes(key))
    if (unknown) throw bad(`Invalid key '${unknown}' for parameter constraints`, at)
    const description = typeof data.description === 'string' ? { description: data.description } : {}
    const inner = (key: string, keys: string[]) => {
      if (!isMap(data[key])) throw bad(`Invalid ${key} constraint, expected a mapping`, at)
      const map = data[key] as Section
      const wrong = Object.keys(map).find((key) => !keys.includes(key))
      if (wrong) throw bad(`Invalid key '${wrong}' for ${key} constraint`, at)
      return Object.fromEntries(keys.map((key) => [key, map[key] === undefined || map[key] === null ? undefined : numberOf(map[key])]))
    }
    const kind = date >= '2017-02-24' && Object.hasOwn(data, 'modulo') ? 'modulo' : (['range', 'length', 'allowed_values', 'allowed_pattern', 'custom_constraint'] as const).find((key) => Object.hasOwn(data, key))
    if (!kind) throw bad('No constraint expressed', at)
    const made = constraintOf(kind, kind === 'range' || kind === 'length' ? inner(kind, ['min', 'max']) : kind === 'modulo' ? inner(kind, ['step', 'offset']) : data[kind])
    if (typeof made === 'string') throw bad(made, at)
    return { ...made, ...description }
  })
}
