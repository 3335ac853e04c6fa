import { callOf, Evaluator, type Fn } from '../evaluate.ts'
import { TemplateFault } from '../fault.ts'
import { plain } from '../hot/strings.ts'
import type { Source } from '../parse.ts'
import { isMap } from '../python.ts'
import { sectionOf, type Section } from '../sections.ts'
import { UNKNOWN, type Json, type Path, type RuleDefinition, type Scope, type Template, type Unknown, type Value } from '../types.ts'
import { equals, junction, not } from './aws.ts'
import { ref } from './references.ts'

const bad = (name: string, wanted: string) => `Template format error: every ${name} object in Rules requires ${wanted}.`
const scalar = (value: Json) => value !== null && typeof value !== 'object'
const two = (name: string, wanted: string): Fn['check'] => (arg, at, fault) => {
  if (!Array.isArray(arg) || arg.length !== 2) throw fault(bad(name, wanted), at)
}

/** `[[text ...], text]` */
const contains = plain(two('Fn::Contains', 'a list of strings and a string'), (arg, at, ev) => {
  const [list, value] = arg as Json[]
  if (!Array.isArray(list) || !scalar(value)) throw ev.fault(bad('Fn::Contains', 'a list of strings and a string'), at)
  return list.some((item) => String(item) === String(value))
})

const eachEquals = plain(two('Fn::EachMemberEquals', 'a list of strings and a string'), (arg, at, ev) => {
  const [list, value] = arg as Json[]
  if (!Array.isArray(list) || !scalar(value)) throw ev.fault(bad('Fn::EachMemberEquals', 'a list of strings and a string'), at)
  return list.flat().every((item) => String(item) === String(value))
})

const eachIn = plain(two('Fn::EachMemberIn', 'two lists of strings'), (arg, at, ev) => {
  const [list, among] = arg as Json[]
  if (!Array.isArray(list) || !Array.isArray(among)) throw ev.fault(bad('Fn::EachMemberIn', 'two lists of strings'), at)
  const all = new Set(among.flat().map(String))
  return list.flat().every((item) => all.has(String(item)))
})

/** The values of every parameter of a type, lists' members among them. */
const refAll = (template: Template): Fn => ({
  check(arg, at, fault) { if (typeof arg !== 'string') throw fault(bad('Fn::RefAll', "a parameter type's name"), at) },
  run: (arg, _at, ev) => ofType(template, arg as string).flatMap((name) => ev.scope.parameters[name] as Value),
})

const ofType = (template: Template, type: string) => [...template.parameters.values()].filter(({ declared }) => declared === type || declared === `List<${type}>`).map(({ name }) => name)

/** What a parameter's value has for an attribute: of a list a list. */
const valueOf = (template: Template): Fn => ({
  check(arg, at, fault) {
    if (!Array.isArray(arg) || arg.length !== 2 || !arg.every((item) => typeof item === 'string')) throw fault(bad('Fn::ValueOf', "a parameter's name and an attribute"), at)
    if (!template.parameters.has(arg[0] as string)) throw fault(`Template format error: Fn::ValueOf names the parameter ${arg[0] as string}, which is not in the template.`, at)
  },
  run: (arg, at, ev) => attribute((arg as string[])[0], (arg as string[])[1], at, ev),
})

const valueOfAll = (template: Template): Fn => ({
  check(arg, at, fault) { if (!Array.isArray(arg) || arg.length !== 2 || !arg.every((item) => typeof item === 'string')) throw fault(bad('Fn::ValueOfAll', 'a parameter type and an attribute'), at) },
  run: (arg, at, ev) => ofType(template, (arg as string[])[0]).flatMap((name) => attribute(name, (arg as string[])[1], at, ev)),
})

function attribute(parameter: string, name: string, at: Path, ev: Evaluator): Value {
  if (!ev.scope.parameterAttribute) return UNKNOWN
  const value = ev.ask(`attribute ${name} of parameter ${parameter}`, () => ev.scope.parameterAttribute!(parameter, name))
  if (value === undefined) throw ev.fault(`The parameter ${parameter} has no attribute ${name}.`, at)
  return value
}

const ruleFunctions = (template: Template): ReadonlyMap<string, Fn> => new Map(Object.entries({
  Ref: ref, 'Fn::And': junction('Fn::And', false), 'Fn::Or': junction('Fn::Or', true), 'Fn::Not': not, 'Fn::Equals': equals,
  'Fn::Contains': contains, 'Fn::EachMemberEquals': eachEquals, 'Fn::EachMemberIn': eachIn, 'Fn::RefAll': refAll(template), 'Fn::ValueOf': valueOf(template), 'Fn::ValueOfAll': valueOfAll(template),
}))

/** Rules know other functions than the rest, and conditions of their own. */
class RuleEvaluator extends Evaluator {
  constructor(scope: Scope, template: Template) {
    super(scope, true)
    this.functions = ruleFunctions(template)
  }

  override condition(json: Json, at: Path): boolean | Unknown {
    const call = callOf(json, this.functions)
    const value = call && call.fn.run(call.arg, [...at, call.name], this)
    if (value === UNKNOWN || typeof value === 'boolean') return value
    throw this.fault('Template format error: a rule needs functions that are true or false', at)
  }
}

export function readRules(source: Source): Map<string, RuleDefinition> {
  const { fault } = source
  const out = new Map<string, RuleDefinition>()
  for (const [name, value] of Object.entries(sectionOf(source, 'Rules'))) {
    const here = ['Rules', name]
    if (!isMap(value)) throw fault('Template format error: Every Rules member must be an object.', here)
    const data = value as Section
    const unknown = Object.keys(data).find((key) => key !== 'RuleCondition' && key !== 'Assertions')
    if (unknown) throw fault(`Template format error: Invalid rule property '${unknown}'`, [...here, unknown])
    if (!Array.isArray(data.Assertions) || !data.Assertions.length) throw fault('Template format error: Every Rules object must contain an Assertions member.', here)
    out.set(name, {
      name, ...data.RuleCondition !== undefined && { condition: data.RuleCondition },
      assertions: data.Assertions.map((item, i) => {
        if (!isMap(item) || !Object.hasOwn(item, 'Assert')) throw fault('Template format error: Every Assertions member must contain an Assert object.', [...here, 'Assertions', i])
        const one = item as Section
        return { assert: one.Assert as Json, ...typeof one.AssertDescription === 'string' && { description: one.AssertDescription } }
      }),
    })
  }
  return out
}

/** Shapes of all rules, once the parameters are known by name. */
export function checkRuleShapes(template: Template, { fault }: Source) {
  const functions = ruleFunctions(template)
  const walk = (value: Json, at: Path): void => {
    if (Array.isArray(value)) return value.forEach((item, i) => walk(item, [...at, i]))
    if (!isMap(value)) return
    const call = callOf(value as Json, functions)
    if (!call) throw fault(`Template format error: ${Object.keys(value)[0] ?? 'an empty object'} is not a function that Rules may use`, at)
    call.fn.check?.(call.arg, [...at, call.name], fault)
    walk(call.arg, [...at, call.name])
  }
  for (const { name, condition, assertions } of template.rules.values()) {
    if (condition !== undefined) walk(condition, ['Rules', name, 'RuleCondition'])
    assertions.forEach(({ assert }, i) => walk(assert, ['Rules', name, 'Assertions', i, 'Assert']))
  }
}

/** Every rule whose condition holds has all its assertions true, or the stack is refused with what they say. */
export async function checkRules(template: Template, scope: Omit<Scope, 'dialect'>): Promise<void> {
  const evaluator = new RuleEvaluator({ lineOf: template.lineOf, ...scope, dialect: template.dialect }, template)
  for (;;) {
    const failed: { words: string, at: Path }[] = []
    for (const { name, condition, assertions } of template.rules.values()) {
      if (condition !== undefined && evaluator.condition(condition, ['Rules', name, 'RuleCondition']) !== true) continue
      for (const [i, { assert, description }] of assertions.entries()) {
        const at = ['Rules', name, 'Assertions', i, 'Assert']
        if (evaluator.condition(assert, at) === false) failed.push({ words: description ?? `Rule ${name}: assertion ${i + 1} is not true`, at })
      }
    }
    if (await evaluator.settle()) continue
    if (!failed.length) return
    throw new TemplateFault(`Template validation error: ${failed.map(({ words }) => words).join('; ')}`, { path: failed[0].at, line: template.lineOf(failed[0].at), front: 'aws' })
  }
}
