import { referencesOf } from './check.ts'
import { Evaluator } from './evaluate.ts'
import { TemplateFault } from './fault.ts'
import { type Conditions, type Graph, type Json, type ResourceDefinition, type Scope, type Template, type Value } from './types.ts'

/** Every condition's value. Unknown parameters make unknown conditions. */
export function conditionsOf(template: Template, parameters: Record<string, Value>): Conditions {
  const scope: Scope = { dialect: template.dialect, parameters, mappings: template.mappings, lineOf: template.lineOf }
  const evaluator = new Evaluator(scope, false, template.conditions)
  const section = template.dialect.language === 'hot' ? 'conditions' : 'Conditions'
  return Object.fromEntries([...template.conditions.keys()].map((name) => [name, evaluator.named(name, [section, name])]))
}

/** Does a resource or output with this condition exist? An unknown condition counts as yes. */
export function holds(condition: Json | undefined, template: Template, conditions: Conditions, parameters: Record<string, Value>, at: readonly string[]): boolean {
  if (condition === undefined) return true
  return new Evaluator({ dialect: template.dialect, parameters, conditions, mappings: template.mappings, lineOf: template.lineOf }).condition(condition, at) !== false
}

/** Which resources need which, and an order. Cycles are refused by name, as are references to nothing. */
export function dependencies(template: Template, conditions: Conditions = {}, parameters: Record<string, Value> = {}): Graph {
  const hot = template.dialect.language === 'hot'
  const section = hot ? 'resources' : 'Resources'
  const present = new Map([...template.resources].filter(([name, { condition }]) =>
    condition === undefined || holds(condition, template, conditions, parameters, [section, name, hot ? 'condition' : 'Condition'])))
  const requires = new Map<string, Set<string>>()
  for (const [name, resource] of present) requires.set(name, needed(template, resource, present, conditions))
  const requiredBy = new Map<string, Set<string>>([...present.keys()].map((name) => [name, new Set()]))
  for (const [name, needs] of requires) for (const need of needs) requiredBy.get(need)!.add(name)
  return { order: order(template, requires, requiredBy), requires, requiredBy }
}

function needed(template: Template, resource: ResourceDefinition, present: Map<string, ResourceDefinition>, conditions: Conditions): Set<string> {
  const { dialect } = template
  const hot = dialect.language === 'hot'
  const here = [hot ? 'resources' : 'Resources', resource.name]
  const out = new Set<string>()
  for (const name of resource.dependsOn) {
    if (present.has(name)) out.add(name)
    else if (!template.resources.has(name)) throw badReference(template, name, [...here, hot ? 'depends_on' : 'DependsOn'])
  }
  const expressions = [resource.properties, resource.metadata, resource.updatePolicy, resource.creationPolicy, resource.deletionPolicy, resource.externalId].filter((value) => value !== undefined)
  for (const value of expressions) {
    for (const name of referencesOf(value, dialect, conditions).resources) {
      if (present.has(name)) out.add(name)
      else if (template.parameters.has(name) && !hot) continue
      else if (!(hot && template.parameters.has(name) && dialect.version.endsWith('2013-05-23'))) throw badReference(template, name, here)
    }
  }
  return out
}

function badReference(template: Template, name: string, at: readonly string[]) {
  const { front } = template.dialect
  return new TemplateFault(front === 'aws' ? `Template format error: Unresolved resource dependencies [${name}] in the ${at[0]} block of the template` : `The specified reference "${name}" (in ${at.slice(1).join('.')}) is incorrect.`,
    { path: at, line: template.lineOf(at), front, type: front === 'aws' ? undefined : 'InvalidTemplateReference' })
}

/** What needs nothing first; whatever is left over is or hangs on a cycle. */
function order(template: Template, requires: Map<string, Set<string>>, requiredBy: Map<string, Set<string>>): string[] {
  const waits = new Map([...requires].map(([name, needs]) => [name, needs.size]))
  const out = [...waits].filter(([, n]) => n === 0).map(([name]) => name)
  for (let i = 0; i < out.length; i++) {
    for (const next of requiredBy.get(out[i])!) {
      const left = waits.get(next)! - 1
      waits.set(next, left)
      if (left === 0) out.push(next)
    }
  }
  if (out.length === requires.size) return out
  const cycle = cycleIn(requires, [...waits].find(([, n]) => n > 0)![0], new Set(out))
  const { front, language } = template.dialect
  const at = [language === 'hot' ? 'resources' : 'Resources', cycle[0]]
  throw new TemplateFault(front === 'aws' ? `Circular dependency between resources: [${[...cycle].sort().join(', ')}]` : `Circular Dependency Found: ${[...cycle, cycle[0]].join(' -> ')}`,
    { path: at, line: template.lineOf(at), front, type: front === 'aws' ? undefined : 'CircularDependencyException' })
}

/** Following what is needed and not settled ends in a circle. */
function cycleIn(requires: Map<string, Set<string>>, start: string, settled: Set<string>): string[] {
  const path: string[] = []
  const at = new Map<string, number>()
  for (let here = start; ;) {
    if (at.has(here)) return path.slice(at.get(here))
    at.set(here, path.length)
    path.push(here)
    here = [...requires.get(here)!].find((need) => !settled.has(need))!
  }
}

