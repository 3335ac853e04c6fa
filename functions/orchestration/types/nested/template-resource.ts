import { invalid } from '../../../kernel/fault.ts'
import { isKnown, parse, registryOf, storedEnvironment, type Environment, type Json, type Parameter } from '../../template/index.ts'
import type { Attribute, Property, Reading, ResourceType, Work } from '../provider.ts'
import { changeChild, life, makeChild, memberOf } from './child.ts'

const kinds: Record<Parameter['type'], Property['type']> = { string: 'string', number: 'number', comma_delimited_list: 'list', json: 'map', boolean: 'boolean' }

/** A type made of a template: its parameters are properties, its outputs attributes, and each resource of it a stack. */
export function templateResource(name: string, file: string, files: Record<string, string>, environment: Environment | undefined, resource: string): ResourceType {
  const body = files[file]
  if (body === undefined) throw invalid(`Could not fetch remote template "${file}": it is not among the files given with the stack`, { type: 'StackValidationFailed' })
  const template = parse(body)
  const properties: Record<string, Property> = Object.fromEntries([...template.parameters.values()].map((p) => [p.name, { type: p.type === 'json' ? 'any' : kinds[p.type], description: p.description, required: p.default === undefined && !Object.hasOwn(environment?.parameterDefaults ?? {}, p.name), hidden: p.hidden, update: 'in-place', constraints: p.type === 'json' || p.constraints.some((c) => c.kind === 'allowed_pattern') ? [] : p.constraints.filter((c) => c.kind !== 'custom_constraint') } satisfies Property]))
  const attributes: Record<string, Attribute> = { ...Object.fromEntries([...template.outputs.values()].map((o) => [o.name, { description: o.description, of: (s: any, r: Reading) => outputOf(s, r, o.name) }])), '*': { of: reach as never } }
  const inner = withinOf(environment, resource), source = (given: Record<string, any>) => ({ body, files, environment: inner, given })
  const child = (r: Work) => ({ source: source(Object.fromEntries(Object.entries(r.properties).filter(([, v]) => v !== undefined && v !== null))), front: 'heat' as const, facade: { metadata: r.resource.metadata as Json } })
  return {
    name, properties, attributes, description: template.description,
    create: (r) => makeChild(r, child(r)),
    update: (r) => changeChild(r, child(r)),
    // A template may say what stands for it.
    ref: (r, shown) => (typeof shown?.outputs?.['OS::stack_id'] === 'string' ? shown.outputs['OS::stack_id'] : r.resource.physicalId ?? r.resource.name),
    preview: (p) => ({ body, files, environment: inner, given: Object.fromEntries(Object.entries(p).filter(([, v]) => v !== undefined && isKnown(v))) as Record<string, Json> }),
    ...life,
  }
}

/** An output that could not be had below cannot be had above, and says why. */
function outputOf(shown: any, r: Reading, name: string): unknown {
  const error = (shown.list as { key: string; error?: string }[]).find((o) => o.key === name)?.error
  return error === undefined ? shown.outputs[name] : { $error: `Error in ${r.resource.name} output ${name}: ${error}` }
}

/** What `resource.NAME[.ATTR…]` asks of a stack below. */
export function reach(shown: any, r: unknown, name: string): unknown {
  if (Object.hasOwn(shown.outputs, name)) return outputOf(shown, r as Reading, name)
  const [head, resource, ...rest] = name.split('.')
  if (head !== 'resource' || !shown.resources[resource]) return undefined
  return rest.length ? memberOf(r as Work, shown, resource, rest.join('.')) : shown.resources[resource].id
}

/** What the environment says to the stack within a resource. */
export const withinOf = (environment: Environment | undefined, resource: string): Json => (environment ? storedEnvironment(registryOf(environment).within(resource)) as Json : {})
