import { checkExpressions } from '../check.ts'
import type { Source } from '../parse.ts'
import { isMap } from '../python.ts'
import { sectionOf, within, type Section } from '../sections.ts'
import type { Dialect, Json, OutputDefinition, ParameterGroup, ResourceDefinition, Template } from '../types.ts'
import { readCfnParameters } from './parameters.ts'
import { checkRuleShapes, readRules } from './rules.ts'
import { unroll } from './loops.ts'

const HEAT = ['AWSTemplateFormatVersion', 'HeatTemplateFormatVersion', 'Description', 'Mappings', 'Parameters', 'Resources', 'Outputs']
const AWS = ['AWSTemplateFormatVersion', 'Description', 'Metadata', 'Parameters', 'Rules', 'Mappings', 'Conditions', 'Transform', 'Resources', 'Outputs', 'Hooks']
const HEAT_RESOURCE = ['Type', 'Properties', 'Metadata', 'DependsOn', 'DeletionPolicy', 'UpdatePolicy', 'Description', 'Condition']
const AWS_RESOURCE = [...HEAT_RESOURCE, 'CreationPolicy', 'UpdateReplacePolicy']

export function readCfn(source: Source): Template {
  const { raw, front, limits } = source
  const dialect = dialectOf(source)
  sections(source, dialect)
  const parameters = readCfnParameters(source, sectionOf(source, 'Parameters'))
  within(source, 'parameters', parameters.size, limits.parameters)
  const transforms = transformsOf(source)
  dialect.extensions = transforms.includes('AWS::LanguageExtensions') || undefined
  const mappings = mappingsOf(source, dialect)
  within(source, 'mappings', mappings.size, limits.mappings)
  const whole = dialect.extensions ? unroll(source, parameters, mappings, dialect) : source
  const template: Template = {
    dialect,
    description: describe(source),
    parameters,
    parameterGroups: groups(raw.Metadata),
    mappings,
    conditions: conditions(whole),
    rules: front === 'aws' ? readRules(source) : new Map(),
    resources: resources(whole, dialect),
    outputs: outputs(whole, dialect),
    metadata: raw.Metadata ?? {},
    transforms,
    raw,
    lineOf: source.lineOf,
  }
  within(source, 'resources', template.resources.size, limits.resources)
  within(source, 'outputs', template.outputs.size, limits.outputs)
  checkExpressions(template, source)
  checkRuleShapes(template, source)
  return template
}

function dialectOf({ raw, front, fault }: Source): Dialect {
  const key = Object.hasOwn(raw, 'HeatTemplateFormatVersion') ? 'HeatTemplateFormatVersion' : 'AWSTemplateFormatVersion'
  const version = raw[key] ?? '2010-09-09'
  const right = key === 'HeatTemplateFormatVersion' ? '2012-12-12' : '2010-09-09'
  if (version !== right) {
    throw front === 'aws' ? fault('Template format error: unsupported value for AWSTemplateFormatVersion.', [key])
      : fault(`The template version is invalid: "${key}: ${String(version)}". "${key}" should be: ${right}`, [key], 'InvalidTemplateVersion')
  }
  return { language: 'cfn', version: `${key}.${right}`, front }
}

function sections({ raw, front, fault }: Source, { version }: Dialect) {
  const allowed = front === 'aws' ? [...AWS, 'HeatTemplateFormatVersion'] : version.startsWith('Heat') ? HEAT : [...HEAT, 'Conditions']
  const unknown = Object.keys(raw).filter((key) => !allowed.includes(key))
  if (unknown.length) throw front === 'aws' ? fault(`Invalid template property or properties [${unknown.join(', ')}]`, [unknown[0]]) : fault(`The template section is invalid: ${unknown[0]}`, [unknown[0]], 'InvalidTemplateSection')
  if (front === 'aws' && (!isMap(raw.Resources) || !Object.keys(raw.Resources).length)) throw fault('Template format error: At least one Resources member must be defined.', ['Resources'])
  if (raw.Hooks !== undefined) throw fault('Template format error: Hooks are not supported.', ['Hooks'])
}

function describe({ raw, front, fault }: Source) {
  if (raw.Description === undefined || raw.Description === null) return front === 'aws' ? '' : 'No description'
  if (typeof raw.Description !== 'string') throw fault("Template format error: 'Description' must be a string.", ['Description'])
  if (front === 'aws' && new TextEncoder().encode(raw.Description).length > 1024) throw fault("Template format error: 'Description' length is greater than 1024.", ['Description'])
  return raw.Description
}

function transformsOf({ raw, fault }: Source): string[] {
  const names = raw.Transform === undefined || raw.Transform === null ? [] : [raw.Transform].flat()
  return names.map((item) => {
    const name = typeof item === 'string' ? item : isMap(item) ? String((item as Section).Name) : String(item)
    if (name === 'AWS::LanguageExtensions') return name
    if (name.startsWith('AWS::')) throw fault(`Transform ${name} is not supported.`, ['Transform'])
    throw fault(`No transform named ${name} found.`, ['Transform'])
  })
}

function mappingsOf(source: Source, { extensions }: Dialect): Template['mappings'] {
  const { fault } = source
  const out: Template['mappings'] = new Map()
  for (const [name, map] of Object.entries(sectionOf(source, 'Mappings'))) {
    if (extensions && name.startsWith('Fn::ForEach')) continue
    const bad = (words: string, ...path: string[]) => fault(`Template format error: ${words}`, ['Mappings', name, ...path])
    if (source.front === 'aws' && !/^[A-Za-z0-9.-]{1,255}$/.test(name)) throw bad(`Mappings name '${name}' is non alphanumeric.`)
    if (!isMap(map)) throw bad(`Every Mappings member must be an object.`)
    for (const [top, row] of Object.entries(map as Section)) {
      if (!isMap(row)) throw bad('Every Mappings member must be an object of objects.', top)
      for (const [second, value] of Object.entries(row as Section)) {
        const leaf = value === null ? false : Array.isArray(value) ? value.every((item) => item !== null && typeof item !== 'object') : typeof value !== 'object'
        if (!leaf && source.front === 'aws' && !extensions) throw bad('Every Mappings attribute must be a String or a List.', top, second)
      }
    }
    out.set(name, map as { [top: string]: { [second: string]: Json } })
  }
  return out
}

function conditions(source: Source): Map<string, Json> {
  for (const [name, value] of Object.entries(sectionOf(source, 'Conditions'))) {
    if (!isMap(value) && !(source.front === 'heat' && typeof value === 'boolean')) {
      throw source.fault(source.front === 'aws' ? 'Template format error: Conditions can only be boolean operations on parameters and other conditions' : `Condition validation error: The definition of condition "${name}" is invalid: ${JSON.stringify(value)}`, ['Conditions', name])
    }
  }
  return new Map(Object.entries(sectionOf(source, 'Conditions')))
}

const POLICIES = ['Delete', 'Retain', 'Snapshot']

function resources(source: Source, dialect: Dialect): Map<string, ResourceDefinition> {
  const { fault, front } = source
  const aws = front === 'aws'
  const out = new Map<string, ResourceDefinition>()
  const allowed = aws ? AWS_RESOURCE : dialect.version.startsWith('Heat') ? HEAT_RESOURCE.slice(0, -1) : HEAT_RESOURCE
  for (const [name, value] of Object.entries(sectionOf(source, 'Resources'))) {
    const here = ['Resources', name]
    if (aws && !/^[A-Za-z0-9]{1,255}$/.test(name)) throw fault(`Template format error: Resource name ${name} is non alphanumeric.`, here)
    if (!isMap(value)) throw fault(aws ? 'Template format error: Any Resources member must be an object.' : `Resources must contain Resource. Found a [${Array.isArray(value) ? 'list' : 'str'}] instead`, here)
    const data = value as Section
    if (!data.Type) throw fault(aws ? `Template format error: [/Resources/${name}] Every Resources object must contain a Type member.` : 'Each Resource must contain a Type key.', here)
    const unknown = Object.keys(data).find((key) => !allowed.includes(key))
    if (unknown && aws) throw fault(`Invalid template resource property '${unknown}'`, [...here, unknown])
    const must = (key: string, ok: boolean, type: string) => {
      if (!ok) throw fault(aws ? `Template format error: [/Resources/${name}/${key}] '${key}' expected to be ${type}` : `Resource ${name} ${key} type must be ${type}`, [...here, key])
    }
    must('Type', typeof data.Type === 'string', 'string')
    for (const key of ['Properties', 'Metadata', 'UpdatePolicy', 'CreationPolicy']) must(key, data[key] === undefined || data[key] === null || isMap(data[key]), 'object')
    const depends = data.DependsOn ?? []
    must('DependsOn', typeof depends === 'string' || (Array.isArray(depends) && depends.every((item) => typeof item === 'string')), 'list or string')
    must('Condition', data.Condition === undefined || data.Condition === null || typeof data.Condition === 'string' || (!aws && (typeof data.Condition === 'boolean' || isMap(data.Condition))), 'string')
    for (const key of aws ? ['DeletionPolicy', 'UpdateReplacePolicy'] : ['DeletionPolicy']) policy(source, data[key], [...here, key], dialect, key)
    out.set(name, {
      name, type: data.Type as string, properties: data.Properties ?? {}, metadata: data.Metadata ?? {}, dependsOn: (Array.isArray(depends) ? depends : [depends]) as string[],
      ...data.Condition !== undefined && data.Condition !== null && { condition: data.Condition },
      ...data.DeletionPolicy && { deletionPolicy: data.DeletionPolicy }, ...data.UpdateReplacePolicy && { updateReplacePolicy: data.UpdateReplacePolicy },
      ...data.UpdatePolicy && { updatePolicy: data.UpdatePolicy }, ...data.CreationPolicy && { creationPolicy: data.CreationPolicy },
      ...typeof data.Description === 'string' && { description: data.Description },
    })
  }
  return out
}

function policy({ fault, front }: Source, value: Json | undefined, here: string[], { extensions }: Dialect, key: string) {
  if (value === undefined || value === null) return
  if (isMap(value) && (front === 'heat' || extensions)) return
  if (typeof value !== 'string') throw fault(front === 'aws' ? `Template format error: Every ${key} member must be a string.` : `Resource ${here[1]} ${key} type must be string`, here)
  const allowed = front === 'aws' && key === 'DeletionPolicy' ? [...POLICIES, 'RetainExceptOnCreate'] : POLICIES
  if (!allowed.includes(value)) throw fault(front === 'aws' ? `Template format error: Unrecognized ${key} ${value} for resource ${here[1]}` : `Invalid deletion policy "${value}"`, here)
}

function outputs(source: Source, dialect: Dialect): Map<string, OutputDefinition> {
  const { fault, front } = source
  const aws = front === 'aws'
  const out = new Map<string, OutputDefinition>()
  for (const [name, value] of Object.entries(sectionOf(source, 'Outputs'))) {
    const here = ['Outputs', name]
    if (aws && !/^[A-Za-z0-9]{1,255}$/.test(name)) throw fault(`Template format error: Output name ${name} is non alphanumeric.`, here)
    if (!isMap(value)) throw fault(aws ? 'Template format error: Any Outputs member must be an object.' : `Output validation error: Outputs.${name}: Output definitions must be a map. Found a ${Array.isArray(value) ? 'list' : 'str'} instead`, here)
    const data = value as Section
    const unknown = Object.keys(data).find((key) => !['Description', 'Value', 'Condition', ...aws ? ['Export'] : []].includes(key))
    if (unknown && aws) throw fault(`Invalid template output property '${unknown}'`, [...here, unknown])
    if (!Object.hasOwn(data, 'Value') || (aws && data.Value === null)) throw fault(aws ? 'Template format error: Every Outputs member must contain a Value object' : `Output validation error: Outputs.${name}: Each output definition must contain a Value key.`, here)
    if (aws && data.Description !== undefined && typeof data.Description !== 'string') throw fault('Template format error: Every Outputs Description member must be a string.', [...here, 'Description'])
    if (aws && data.Export !== undefined && !(isMap(data.Export) && Object.hasOwn(data.Export, 'Name'))) throw fault(`Output ${name} is malformed. The Name field of every Export member must be specified.`, [...here, 'Export'])
    const conditional = aws || !dialect.version.startsWith('Heat')
    out.set(name, {
      name, value: data.Value, ...data.Description != null && { description: String(data.Description) },
      ...conditional && data.Condition != null && { condition: data.Condition }, ...data.Export != null && { export: (data.Export as Section).Name },
    })
  }
  return out
}

/** Metadata's AWS::CloudFormation::Interface names groups; what it says wrong is only not shown. */
function groups(metadata: Json | undefined): ParameterGroup[] {
  const face = isMap(metadata) ? (metadata as Section)['AWS::CloudFormation::Interface'] : undefined
  const list = isMap(face) ? (face as Section).ParameterGroups : undefined
  if (!Array.isArray(list)) return []
  return list.filter(isMap).map((item) => {
    const group = item as Section
    const label = isMap(group.Label) ? (group.Label as Section).default : undefined
    return { ...typeof label === 'string' && { label }, parameters: Array.isArray(group.Parameters) ? group.Parameters.map(String) : [] }
  })
}

