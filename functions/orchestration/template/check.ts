import { callOf, type FaultMaker, type Seer } from './evaluate.ts'
import { conditionFunctionsOf, functionsOf } from './functions.ts'
import type { Source } from './parse.ts'
import { isMap } from './python.ts'
import type { Conditions, Dialect, Json, Path, References, Template } from './types.ts'

/** Every function of a template has a shape that can be right; unknown ones are refused by name. */
export function checkExpressions(template: Template, { fault }: Source) {
  const hot = template.dialect.language === 'hot'
  const key = (name: string) => hot ? name : name.replace(/(^|_)(\w)/g, (_, __, letter: string) => letter.toUpperCase())
  const say: FaultMaker = (words, at, type) => fault(words, at, type)
  for (const [name, resource] of template.resources) {
    const here = [key('resources'), name]
    for (const field of ['properties', 'metadata', 'updatePolicy', 'creationPolicy', 'deletionPolicy', 'externalId'] as const) {
      const value = resource[field]
      if (value !== undefined) checkValue(value, [...here, FIELDS[field][hot ? 0 : 1]], template.dialect, say)
    }
    if (isMap(resource.condition)) checkCondition(resource.condition as Json, [...here, key('condition')], template.dialect, say)
  }
  for (const [name, output] of template.outputs) {
    checkValue(output.value, [key('outputs'), name, key('value')], template.dialect, say)
    if (isMap(output.condition)) checkCondition(output.condition as Json, [key('outputs'), name, key('condition')], template.dialect, say)
    if (output.export !== undefined) checkValue(output.export, [key('outputs'), name, 'Export', 'Name'], template.dialect, say)
  }
  for (const [name, condition] of template.conditions) if (typeof condition !== 'boolean') checkCondition(condition, [key('conditions'), name], template.dialect, say)
}

const FIELDS = {
  properties: ['properties', 'Properties'], metadata: ['metadata', 'Metadata'], updatePolicy: ['update_policy', 'UpdatePolicy'], creationPolicy: ['', 'CreationPolicy'],
  deletionPolicy: ['deletion_policy', 'DeletionPolicy'], externalId: ['external_id', ''],
} as const

export function checkValue(value: Json, at: Path, dialect: Dialect, fault: FaultMaker) {
  const functions = functionsOf(dialect)
  visit(value, at, functions, fault, (call, here, walk) => {
    if (call.name === 'if' || call.name === 'Fn::If') return inIf(call.arg as Json[], here, dialect, fault, walk)
    walk(call.arg, here)
  }, (map, at) => {
    if (dialect.language !== 'cfn' || dialect.front !== 'aws') return
    const only = Object.keys(map), unknown = only.find((key) => key.startsWith('Fn::'))
    if (unknown && !functions.has(unknown)) throw fault(needsExtensions(unknown, dialect) ?? `Template error: ${unknown} is not a valid function`, [...at, unknown])
    if (unknown && only.length > 1) throw fault(`Template error: ${unknown} must be the only key of its object`, [...at, unknown])
  })
}

type Walk = (value: Json, at: Path) => void
/** Goes through a value: each call of a function is checked and handed on, each map that is none is looked at and gone into. */
function visit(value: Json, at: Path, functions: ReturnType<typeof functionsOf>, fault: FaultMaker, onCall: (call: NonNullable<ReturnType<typeof callOf>>, here: Path, walk: Walk) => void, onMap: (map: { [key: string]: Json }, at: Path) => void) {
  const walk: Walk = (value, at) => {
    if (value === null || typeof value !== 'object') return
    if (Array.isArray(value)) return value.forEach((item, i) => walk(item, [...at, i]))
    const call = callOf(value, functions)
    if (call) {
      const here = [...at, call.name]
      call.fn.check?.(call.arg, here, fault)
      return onCall(call, here, walk)
    }
    onMap(value, at)
    for (const key of Object.keys(value)) walk(value[key], [...at, key])
  }
  walk(value, at)
}

function inIf(args: Json[], at: Path, dialect: Dialect, fault: FaultMaker, walk: (value: Json, at: Path) => void) {
  if (isMap(args[0])) checkCondition(args[0], [...at, 0], dialect, fault)
  args.slice(1).forEach((branch, i) => walk(branch, [...at, i + 1]))
}

const needsExtensions = (name: string, dialect: Dialect) =>
  !dialect.extensions && ['Fn::Length', 'Fn::ToJsonString', 'Fn::ForEach'].some((fn) => name.startsWith(fn)) ? `Template error: ${name.split('::').slice(0, 2).join('::')} needs the transform AWS::LanguageExtensions` : undefined

/** In HOT and heat's CFN a condition may use condition functions only; CloudFormation also lets values be computed. */
export function checkCondition(value: Json, at: Path, dialect: Dialect, fault: FaultMaker) {
  const others = functionsOf(dialect)
  visit(value, at, conditionFunctionsOf(dialect), fault, (call, here, walk) => {
    if (call.name === 'Fn::Equals' && dialect.front === 'aws') return (call.arg as Json[]).forEach((item, i) => checkValue(item, [...here, i], dialect, fault))
    walk(call.arg, here)
  }, (map, at) => {
    const other = callOf(map, others)
    if (other && dialect.front === 'heat') throw fault(`The function "${other.name}" is invalid in this context.`, [...at, other.name])
  })
}

/** What a value refers to. With conditions, branches not taken refer to nothing. */
export function referencesOf(value: Json, dialect: Dialect, conditions?: Conditions, fault?: FaultMaker): References {
  const functions = functionsOf(dialect)
  const found: References = { parameters: new Set(), resources: new Set(), attributes: [], conditions: new Set(), files: new Set() }
  const see: Seer = { found, walk, conditions, fault: fault ?? ((words) => { throw new Error(words) }) }
  walk(value, [])
  return found
  function walk(value: Json, at: Path): void {
    if (value === null || typeof value !== 'object') return
    if (Array.isArray(value)) return value.forEach((item, i) => walk(item, [...at, i]))
    const call = callOf(value, functions)
    if (!call) for (const key in value) walk(value[key], [...at, key])
    else if (call.fn.refs) call.fn.refs(call.arg, [...at, call.name], see)
    else walk(call.arg, [...at, call.name])
  }
}
