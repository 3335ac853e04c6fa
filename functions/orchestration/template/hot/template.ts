import type { Source } from '../parse.ts'
import { isMap } from '../python.ts'
import { checkExpressions } from '../check.ts'
import { sectionOf, within, type Section } from '../sections.ts'
import type { Json, OutputDefinition, ParameterGroup, ResourceDefinition, Template } from '../types.ts'
import { readHotParameters } from './parameters.ts'
import { hotConditional, hotDate, hotVersions } from './versions.ts'

const SECTIONS = ['heat_template_version', 'description', 'parameter_groups', 'parameters', 'resources', 'outputs']
const RESOURCE = ['type', 'properties', 'metadata', 'depends_on', 'deletion_policy', 'update_policy', 'description']
const POLICIES: Record<string, string> = { Delete: 'Delete', Retain: 'Retain', Snapshot: 'Snapshot' }
const LOWER: Record<string, string> = { ...POLICIES, delete: 'Delete', retain: 'Retain', snapshot: 'Snapshot' }

export function readHot(source: Source): Template {
  const { raw, fault, limits } = source
  const given = raw.heat_template_version
  const date = typeof given === 'string' ? hotDate(given) : undefined
  if (!date) throw fault(`The template version is invalid: "heat_template_version: ${typeof given === 'string' ? given : JSON.stringify(given)}". "heat_template_version" should be one of: ${hotVersions.join(', ')}`, ['heat_template_version'], 'InvalidTemplateVersion')
  const version = `heat_template_version.${String(given)}`
  const conditional = hotConditional(version)
  for (const key of Object.keys(raw)) {
    if (!SECTIONS.includes(key) && !(conditional && key === 'conditions')) throw fault(`The template section is invalid: ${key}`, [key], 'InvalidTemplateSection')
  }
  const parameters = readHotParameters(source, sectionOf(source, 'parameters'), date)
  within(source, 'parameters', parameters.size, limits.parameters)
  const template: Template = {
    dialect: { language: 'hot', version, front: source.front },
    description: typeof raw.description === 'string' ? raw.description : 'No description',
    parameters,
    parameterGroups: groups(source, parameters),
    mappings: new Map(),
    conditions: conditional ? conditions(source) : new Map(),
    rules: new Map(),
    resources: resources(source, conditional),
    outputs: outputs(source, conditional),
    metadata: {},
    transforms: [],
    raw,
    lineOf: source.lineOf,
  }
  within(source, 'resources', template.resources.size, limits.resources)
  within(source, 'outputs', template.outputs.size, limits.outputs)
  checkExpressions(template, source)
  return template
}

function conditions(source: Source): Map<string, Json> {
  const { raw, fault } = source
  const section = raw.conditions ?? {}
  if (!isMap(section)) throw fault(`Conditions validation error: Condition definitions must be a map. Found a ${Array.isArray(section) ? 'list' : 'str'} instead`, ['conditions'])
  for (const [name, value] of Object.entries(section as Section)) {
    if (typeof value !== 'boolean' && !isMap(value)) throw fault(`Condition validation error: The definition of condition "${name}" is invalid: ${JSON.stringify(value)}`, ['conditions', name])
  }
  return new Map(Object.entries(section as Section))
}

function resources(source: Source, conditional: boolean): Map<string, ResourceDefinition> {
  const { fault } = source
  const allowed = conditional ? [...RESOURCE, 'external_id', 'condition'] : RESOURCE
  const policies = conditional ? LOWER : POLICIES
  const out = new Map<string, ResourceDefinition>()
  for (const [name, value] of Object.entries(sectionOf(source, 'resources'))) {
    const here = ['resources', name]
    if (value === null || (isMap(value) && !Object.keys(value).length)) throw fault('Each resource must contain a type key.', here)
    if (!isMap(value)) throw fault(`"resources" must contain a map of resource maps. Found a [${Array.isArray(value) ? 'list' : 'str'}] instead`, here)
    const data = value as Section
    const unknown = Object.keys(data).find((key) => !allowed.includes(key))
    if (unknown) throw fault(`"${unknown}" is not a valid keyword inside a resource definition`, [...here, unknown])
    if (!Object.hasOwn(data, 'type')) throw fault('Each resource must contain a type key.', here)
    const must = (key: string, ok: boolean, type: string) => { if (!ok) throw fault(`Resource ${name} ${key} type must be ${type}`, [...here, key]) }
    must('type', typeof data.type === 'string', 'string')
    for (const key of ['properties', 'metadata', 'update_policy']) must(key, data[key] === undefined || data[key] === null || isMap(data[key]), 'object')
    const depends = data.depends_on ?? []
    must('depends_on', typeof depends === 'string' || Array.isArray(depends), 'list or string')
    if (Array.isArray(depends) && depends.some((item) => typeof item !== 'string')) throw fault(`Resource ${name} depends_on must be a list of strings`, [...here, 'depends_on'])
    must('description', data.description === undefined || typeof data.description === 'string', 'string')
    must('deletion_policy', data.deletion_policy === undefined || data.deletion_policy === null || typeof data.deletion_policy === 'string' || isMap(data.deletion_policy), 'string')
    if (typeof data.deletion_policy === 'string' && !Object.hasOwn(policies, data.deletion_policy)) throw fault(`Invalid deletion policy "${data.deletion_policy}"`, [...here, 'deletion_policy'])
    must('external_id', data.external_id === undefined || data.external_id === null || typeof data.external_id === 'string' || isMap(data.external_id), 'string')
    must('condition', data.condition === undefined || data.condition === null || typeof data.condition === 'string' || typeof data.condition === 'boolean' || isMap(data.condition), 'string_or_boolean')
    out.set(name, {
      name, type: data.type as string, properties: data.properties ?? {}, metadata: data.metadata ?? {},
      dependsOn: (Array.isArray(depends) ? depends : [depends]) as string[],
      ...data.condition !== undefined && data.condition !== null && { condition: data.condition },
      ...data.deletion_policy !== undefined && data.deletion_policy !== null && { deletionPolicy: typeof data.deletion_policy === 'string' ? policies[data.deletion_policy] : data.deletion_policy },
      ...data.update_policy && { updatePolicy: data.update_policy },
      ...data.external_id && { externalId: data.external_id },
      ...typeof data.description === 'string' && { description: data.description },
    })
  }
  return out
}

function outputs(source: Source, conditional: boolean): Map<string, OutputDefinition> {
  const { fault } = source
  const allowed = conditional ? ['description', 'value', 'condition'] : ['description', 'value']
  const out = new Map<string, OutputDefinition>()
  for (const [name, value] of Object.entries(sectionOf(source, 'outputs'))) {
    const here = ['outputs', name]
    if (value !== null && !isMap(value)) throw fault(`"outputs" must contain a map of output maps. Found a [${Array.isArray(value) ? 'list' : 'str'}] instead`, here)
    const data = (value ?? {}) as Section
    const unknown = Object.keys(data).find((key) => !allowed.includes(key))
    if (unknown) throw fault(`"${unknown}" is not a valid keyword inside a output definition`, [...here, unknown])
    if (!Object.hasOwn(data, 'value')) throw fault('Each output must contain a value key.', here)
    out.set(name, { name, value: data.value, ...data.description != null && { description: String(data.description) }, ...data.condition != null && { condition: data.condition } })
  }
  return out
}

function groups({ raw, fault }: Source, parameters: Template['parameters']): ParameterGroup[] {
  const section = raw.parameter_groups
  if (section === undefined || section === null) return []
  const error = (words: string, ...path: string[]) => fault(`Parameter Groups error: ${['parameter_groups', ...path.filter(Boolean)].join('.')}: ${words}`, ['parameter_groups'])
  if (!Array.isArray(section)) throw error('The parameter_groups should be a list.')
  const taken = new Set<string>()
  return section.map((item, i) => {
    if (!isMap(item)) throw fault('Parameter Groups error: each parameter group must be a map.', ['parameter_groups', i])
    const group = item as Section
    const label = typeof group.label === 'string' ? group.label : ''
    if (group.parameters === undefined || group.parameters === null) throw error('The parameters must be provided for each parameter group.', label)
    if (!Array.isArray(group.parameters)) throw error('The parameters of parameter group should be a list.', label)
    for (const name of group.parameters) {
      if (taken.has(String(name))) throw error(`The ${String(name)} parameter must be assigned to one parameter group only.`, label)
      taken.add(String(name))
      if (!parameters.has(String(name)) && !String(name).startsWith('OS::')) throw error(`The grouped parameter ${String(name)} does not reference a valid parameter.`, label)
    }
    return { ...label && { label }, ...typeof group.description === 'string' && { description: group.description }, parameters: group.parameters.map(String) }
  })
}
