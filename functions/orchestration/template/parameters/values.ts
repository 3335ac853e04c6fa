import { TemplateFault } from '../fault.ts'
import { patternOf } from '../pattern.ts'
import { dumps, same, text, typeName } from '../python.ts'
import { UNKNOWN, type Constraint, type Front, type Json, type Parameter, type ParameterInput, type ParameterValues, type Path, type Template, type Value } from '../types.ts'
import { numberOf } from './constraints.ts'

/** A value refused: heat's and CloudFormation's words for the same thing. */
class Refused { heat: string; aws: string; constructor(heat: string, aws: string) { this.heat = heat; this.aws = aws } }

/** The values of a template's parameters: given, previous, by the environment's defaults, by the template's own. Every constraint holds. */
export async function parametersOf(template: Template, input: ParameterInput = {}): Promise<ParameterValues> {
  const { given = {}, previous = {}, defaults = {} } = input
  const { dialect: { front, language }, parameters } = template
  const section = language === 'hot' ? 'parameters' : 'Parameters'
  const fault = (words: string, path: Path, type?: string) => new TemplateFault(words, { path, line: template.lineOf(path), type, front })
  const unknown = Object.keys(given).filter((name) => !parameters.has(name))
  if (unknown.length) throw new TemplateFault(front === 'aws' ? `Parameters: [${unknown.join(', ')}] do not exist in the template` : `The Parameter (${unknown[0]}) was not defined in template.`, { front, type: front === 'aws' ? undefined : 'UnknownUserParameter' })

  const out: ParameterValues = { values: {}, shown: {}, given: {}, resolved: {} }
  const missing: string[] = []
  for (const [name, parameter] of parameters) {
    const own = given[name] ?? previous[name]
    let raw = own ?? defaults[name] ?? parameter.default
    if (own !== undefined && own !== null) out.given[name] = own
    if (front === 'heat' && parameter.default !== undefined) await checkDefault(parameter, (exp) => fault(`Parameter '${name}' is invalid: Invalid default ${told(parameter, text(parameter.default!))} (${exp})`, [section, name], 'InvalidSchemaError'))
    if (raw === undefined || raw === null) {
      if (!input.lenient && front === 'heat') throw fault(`The Parameter (${name}) was not provided.`, [section, name], 'UserParameterMissing')
      missing.push(name)
      out.values[name] = UNKNOWN
      continue
    }
    try {
      if (parameter.ssm) {
        const answer = await input.ssm?.(text(raw), parameter)
        if (answer === undefined && input.ssm) throw new Refused(`Unable to fetch parameters [${text(raw)}] from parameter store for this account.`, `Unable to fetch parameters [${text(raw)}] from parameter store for this account.`)
        if (answer === undefined) { out.values[name] = UNKNOWN; out.shown[name] = shownAs(parameter, raw); continue }
        out.resolved[name] = answer
        out.shown[name] = shownAs(parameter, raw)
        raw = answer
      }
      const value = typed(parameter, raw, front)
      for (const constraint of parameter.constraints) await satisfy(constraint, value, raw, parameter, input)
      if (front === 'aws' && !parameter.ssm && parameter.declared.includes('AWS::')) await ask(parameter.declared, value, parameter, input)
      out.values[name] = value
      out.shown[name] ??= shownAs(parameter, value)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      throw fault(front === 'aws' ? error.aws : `Parameter '${name}' is invalid: ${error.heat}`, [section, name])
    }
  }
  if (missing.length && !input.lenient) throw new TemplateFault(`Parameters: [${missing.join(', ')}] must have values`, { front })
  return out
}

/** Heat checks a default by its own constraints, custom ones apart, even where something else is given. */
async function checkDefault(parameter: Parameter, fault: (words: string) => TemplateFault) {
  try {
    const value = typed(parameter, parameter.default!, 'heat')
    for (const constraint of parameter.constraints) if (constraint.kind !== 'custom_constraint') await satisfy(constraint, value, parameter.default!, parameter, {})
  } catch (error) {
    throw error instanceof Refused ? fault(error.heat) : error
  }
}

/** Names immutable parameters whose value an update would change. */
export const immutableChanges = (template: Template, before: Record<string, Value>, after: Record<string, Value>) =>
  [...template.parameters.values()].filter(({ name, immutable }) => immutable && Object.hasOwn(before, name) && !same(before[name], after[name])).map(({ name }) => name)

function typed(parameter: Parameter, raw: Json, front: Front): Json {
  const { type, name } = parameter
  const only = (wanted: string) => new Refused(`Value must be ${wanted}`, `Parameter '${name}' must be ${wanted}`)
  if (type === 'number') {
    const n = numberOf(raw)
    if (Number.isNaN(n)) throw new Refused(`could not convert string to float: '${told(parameter, text(raw))}'`, `Parameter '${name}' must be a number`)
    return n
  }
  if (type === 'boolean') {
    const word = text(raw).trim().toLowerCase()
    if (['1', 't', 'true', 'on', 'y', 'yes'].includes(word)) return true
    if (['0', 'f', 'false', 'off', 'n', 'no'].includes(word)) return false
    throw new Refused(`Unrecognized value '${told(parameter, text(raw))}', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'`, `Parameter '${name}' must be a boolean`)
  }
  if (type === 'json') return json(raw, parameter)
  if (type === 'comma_delimited_list') {
    const items = Array.isArray(raw) ? raw.map(text) : typeof raw === 'string' || (typeof raw === 'number' && front === 'aws') ? text(raw) === '' ? [] : text(raw).split(',').map((item) => front === 'aws' ? item.trim() : item) : undefined
    if (!items) throw new Refused(`Value must be a comma-delimited list string: '${typeName(raw)}' object has no attribute 'split'`, `Parameter '${name}' must be a list`)
    if (parameter.items !== 'number') return items
    const wrong = items.find((item) => Number.isNaN(numberOf(item)))
    if (wrong !== undefined) throw new Refused(`${told(parameter, wrong)} is not a number`, `Parameter '${name}' must be a list of numbers`)
    return items
  }
  if (typeof raw === 'object') {
    if (parameter.declared === 'string' || parameter.declared === 'String') return dumps(raw)
    throw only('a string')
  }
  return text(raw)
}

function json(raw: Json, parameter: Parameter): Json {
  if (typeof raw !== 'string') return raw
  if (raw === '') return raw
  try {
    return JSON.parse(raw) as Json
  } catch (error) {
    const words = `Value must be valid JSON${parameter.hidden ? '' : `: ${(error as Error).message}`}`
    throw new Refused(words, words)
  }
}

async function satisfy(constraint: Constraint, value: Json, raw: Json, parameter: Parameter, hooks: ParameterInput) {
  const { name } = parameter
  const custom = constraint.description
  const refuse = (heat: string, aws: string) => new Refused(custom ?? heat, custom ? `Parameter '${name}' failed to satisfy constraint: ${custom}` : aws)
  const each = Array.isArray(value) && parameter.type === 'comma_delimited_list' ? value : [value]
  if (constraint.kind === 'range') {
    const bad = each.map(numberOf).find((n) => (constraint.min !== undefined && n < constraint.min) || (constraint.max !== undefined && n > constraint.max))
    if (bad !== undefined) throw refuse(`${told(parameter, bad)} is out of range (min: ${constraint.min ?? 'None'}, max: ${constraint.max ?? 'None'})`,
      bad < (constraint.min ?? -Infinity) ? `Parameter '${name}' must be a number not less than ${constraint.min}` : `Parameter '${name}' must be a number not greater than ${constraint.max}`)
  } else if (constraint.kind === 'length') {
    const length = typeof value === 'string' ? [...value].length : Object.keys(value as object).length
    const low = constraint.min !== undefined && length < constraint.min
    if (low || (constraint.max !== undefined && length > constraint.max)) throw refuse(`length (${told(parameter, length)}) is out of range (min: ${constraint.min ?? 'None'}, max: ${constraint.max ?? 'None'})`,
      low ? `Parameter '${name}' must contain at least ${constraint.min} characters` : `Parameter '${name}' must contain at most ${constraint.max} characters`)
  } else if (constraint.kind === 'modulo') {
    const n = numberOf(value)
    if (((n % constraint.step) + constraint.step) % constraint.step !== constraint.offset) throw refuse(`${told(parameter, n)} is not a multiple of ${constraint.step} with an offset of ${constraint.offset}`, `Parameter '${name}' must be a multiple of ${constraint.step}`)
  } else if (constraint.kind === 'allowed_values') {
    const allowed = constraint.values.map((item) => parameter.type === 'number' ? numberOf(item) : parameter.type === 'boolean' ? boolean(item) : text(item))
    if (!each.every((item) => allowed.some((other) => same(item, other)))) throw refuse(`${told(parameter, dumps(raw))} is not an allowed value [${constraint.values.map((item) => dumps(item)).join(', ')}]`, `Parameter '${name}' must be one of AllowedValues`)
  } else if (constraint.kind === 'allowed_pattern') {
    const pattern = patternOf(constraint.pattern)
    if (!pattern) throw new Refused(`The pattern "${constraint.pattern}" is not supported: look-around and back references are not`, `Parameter '${name}': the pattern ${constraint.pattern} is not supported: look-around and back references are not`)
    if (!each.every((item) => pattern.whole(text(item)))) throw refuse(`"${told(parameter, text(value))}" does not match pattern "${constraint.pattern}"`, `Parameter '${name}' must match pattern ${constraint.pattern}`)
  } else await ask(constraint.name, value, parameter, hooks, custom)
}

/** A value in a message; a hidden one is not told. */
const told = ({ hidden }: Parameter, value: string | number) => hidden ? '******' : value

const boolean = (value: Json) => ['1', 't', 'true', 'on', 'y', 'yes'].includes(text(value).toLowerCase())

async function ask(constraint: string, value: Json, parameter: Parameter, hooks: ParameterInput, words?: string) {
  const reason = await hooks.custom?.(constraint, value, parameter)
  if (reason) throw new Refused(words ?? reason, words ? `Parameter '${parameter.name}' failed to satisfy constraint: ${words}` : reason)
}

/** As text for people; a hidden one tells nothing, not even its length. */
export function shownAs(parameter: Pick<Parameter, 'hidden' | 'type' | 'declared'>, value: Value): string {
  if (parameter.hidden) return /^[a-z]/.test(parameter.declared) ? '******' : '****'
  if (value === UNKNOWN) return ''
  if (parameter.type === 'comma_delimited_list' && Array.isArray(value)) return value.map((item) => text(item as Json)).join(',')
  return parameter.type === 'json' && typeof value !== 'string' ? dumps(value as Json) : text(value as Json)
}

/** The parameters every stack has besides its own. */
export function pseudoParameters(template: Template, stack: { id: string, name: string, project: string, region?: string, partition?: string, urlSuffix?: string, notificationArns?: string[], arn?: string }): Record<string, Value> {
  if (template.dialect.language === 'hot') return { 'OS::stack_id': stack.id, 'OS::stack_name': stack.name, 'OS::project_id': stack.project, ...stack.region && { 'OS::region': stack.region } }
  return {
    'AWS::StackId': stack.arn ?? stack.id, 'AWS::StackName': stack.name, 'AWS::Region': stack.region ?? 'RegionOne',
    ...template.dialect.front === 'aws' && {
      'AWS::AccountId': stack.project, 'AWS::Partition': stack.partition ?? 'aws', 'AWS::URLSuffix': stack.urlSuffix ?? 'amazonaws.com', 'AWS::NotificationARNs': stack.notificationArns ?? [],
    },
  }
}
