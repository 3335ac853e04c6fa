/** JSON as a template has it: functions are plain objects (`{ get_param: 'x' }`, `{ 'Fn::Join': [...] }`), short tags already written out. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** Stands where a value is not known yet, because the resource it comes from does not exist. */
export const UNKNOWN: unique symbol = Symbol('known only later')
export type Unknown = typeof UNKNOWN
/** What resolving gives: JSON with UNKNOWN anywhere inside. A function one of whose arguments is unknown is unknown as a whole. */
export type Value = null | boolean | number | string | Unknown | Value[] | { [key: string]: Value }

export type Language = 'hot' | 'cfn'
/** Whose words, defaults and limits apply: the orchestration API's or the Query API's. */
export type Front = 'heat' | 'aws'
/** Conditions by name; UNKNOWN when parameters are missing and may be. */
export type Conditions = Record<string, boolean | Unknown>
export type Path = readonly (string | number)[]

export interface Limits {
  /** Bytes of a template, an environment or a file. */
  bytes: number
  /** Nested lists and maps. */
  depth: number
  /** Scalars, lists and maps once aliases are followed. */
  nodes: number
  resources: number
  parameters: number
  outputs: number
  mappings: number
}

/** What decides the meaning of an expression: `hot 2016-10-14`, or `cfn` with its transforms. Small and plain, so that a row can hold it. */
export interface Dialect {
  language: Language
  /** `heat_template_version.2016-10-14`, `AWSTemplateFormatVersion.2010-09-09`, `HeatTemplateFormatVersion.2012-12-12`. Aliases keep their name. */
  version: string
  front: Front
  /** AWS::LanguageExtensions is declared. */
  extensions?: boolean
}

export type ParameterType = 'string' | 'number' | 'comma_delimited_list' | 'json' | 'boolean'

export type Constraint =
  | { kind: 'length', min?: number, max?: number, description?: string }
  | { kind: 'range', min?: number, max?: number, description?: string }
  | { kind: 'modulo', step: number, offset: number, description?: string }
  | { kind: 'allowed_values', values: Json[], description?: string }
  | { kind: 'allowed_pattern', pattern: string, description?: string }
  | { kind: 'custom_constraint', name: string, description?: string }

export interface Parameter {
  name: string
  /** As the template says it: `comma_delimited_list`, `CommaDelimitedList`, `AWS::EC2::KeyPair::KeyName`. */
  declared: string
  type: ParameterType
  /** Of lists: their items are numbers (`List<Number>`). */
  items?: 'number' | 'string'
  /** `AWS::SSM::Parameter::Value<...>`: the value is a name to look up. */
  ssm?: boolean
  /** Set when there is a default; `null` is none. */
  default?: Json
  label?: string
  description?: string
  hidden: boolean
  immutable: boolean
  tags: string[]
  constraints: Constraint[]
  constraintDescription?: string
}

export interface ParameterGroup { label?: string, description?: string, parameters: string[] }

export interface ResourceDefinition {
  name: string
  type: string
  properties: Json
  metadata: Json
  dependsOn: string[]
  /** A condition's name, or in HOT an expression. */
  condition?: Json
  /** Delete Retain Snapshot RetainExceptOnCreate; HOT may also use a function here, resolved later. */
  deletionPolicy?: Json
  updateReplacePolicy?: Json
  updatePolicy?: Json
  creationPolicy?: Json
  externalId?: Json
  description?: string
}

export interface OutputDefinition { name: string, value: Json, description?: string, condition?: Json, export?: Json }

export interface RuleDefinition { name: string, condition?: Json, assertions: { assert: Json, description?: string }[] }

export interface Template {
  dialect: Dialect
  description: string
  parameters: Map<string, Parameter>
  parameterGroups: ParameterGroup[]
  mappings: Map<string, { [top: string]: { [second: string]: Json } }>
  conditions: Map<string, Json>
  rules: Map<string, RuleDefinition>
  resources: Map<string, ResourceDefinition>
  outputs: Map<string, OutputDefinition>
  metadata: Json
  transforms: string[]
  /** The whole template as JSON, short tags written out, loops not yet unrolled. */
  raw: { [section: string]: Json }
  /** The line a path begins at, 1 the first; looked up only when somebody asks. */
  lineOf(path: Path): number | undefined
}

export interface ParseOptions {
  front?: Front
  limits?: Partial<Limits>
  /** Values for loops that run over parameters (Fn::ForEach); defaults are used without. */
  parameters?: Record<string, Json>
}

type Found = Value | undefined
/** A lookup may take its time: `resolve` wants answers at once, `resolveLater` waits. `undefined` is: there is no such thing. */
export type Lookup = Found | Promise<Found>

export interface Scope {
  dialect: Dialect
  /** Typed values, pseudo parameters among them (see `pseudoParameters`). A name that is absent is refused; UNKNOWN is allowed. */
  parameters: Record<string, Value>
  /** Evaluated conditions (see `conditionsOf`). */
  conditions?: Conditions
  mappings?: Template['mappings']
  /** What `get_resource` and `Ref` give. Without it every resource is unknown. */
  resource?(name: string): Lookup
  /** `get_attr` and `Fn::GetAtt`. The path under the attribute is for the callee to follow (`select` does). No attribute means all of them. */
  attribute?(name: string, attribute: string | undefined, path: Path): Lookup
  /** `get_file`. */
  file?(name: string): Lookup
  /** `resource_facade`: the surrounding stack's metadata, deletion or update policy. */
  facade?(what: 'metadata' | 'deletion_policy' | 'update_policy'): Lookup
  /** `Fn::ImportValue`. */
  imported?(name: string): Lookup
  /** `Fn::GetAZs`, the region possibly empty. */
  zones?(region: string): Lookup
  /** `{{resolve:ssm:...}}`: the service and what follows it. */
  dynamic?(service: string, reference: string): Lookup
  /** `Fn::ValueOf` and its kin, in rules. */
  parameterAttribute?(parameter: string, attribute: string): Lookup
  /** Which resources a template has, for refusals with the right words. */
  resources?: ReadonlySet<string>
  lineOf?: Template['lineOf']
}

/** Where an expression gets its values from. */
export interface References {
  parameters: Set<string>
  resources: Set<string>
  attributes: { resource: string, attribute: string | undefined, path: Path }[]
  conditions: Set<string>
  files: Set<string>
}

export interface Graph {
  /** Every resource that will exist, in an order that can be followed: what is needed comes first. */
  order: string[]
  requires: Map<string, Set<string>>
  requiredBy: Map<string, Set<string>>
}

export interface ParameterHooks {
  /** `custom_constraint: nova.flavor` and CloudFormation's own parameter types (`AWS::EC2::KeyPair::KeyName`): a reason when the value is refused. */
  custom?(constraint: string, value: Json, parameter: Parameter): string | undefined | Promise<string | undefined>
  /** `AWS::SSM::Parameter::Value<...>` */
  ssm?(name: string, parameter: Parameter): string | undefined | Promise<string | undefined>
}

export interface ParameterInput extends ParameterHooks {
  given?: Record<string, Json>
  /** parameter_defaults of the environment: used where nothing is given, and never refused for an unknown name. */
  defaults?: Record<string, Json>
  /** UsePreviousValue, and HOT's `--existing`: used where nothing is given. */
  previous?: Record<string, Json>
  /** Leave what is missing UNKNOWN rather than refuse it (validation of a template alone). */
  lenient?: boolean
}

export interface ParameterValues {
  /** Typed, for a scope. */
  values: Record<string, Value>
  /** As text for people; hidden ones as asterisks. */
  shown: Record<string, string>
  /** What to keep for the next update: given ones only, as they were given. */
  given: Record<string, Json>
  /** SSM names resolved to values, for DescribeStacks' ResolvedValue. */
  resolved: Record<string, string>
}

export interface Environment {
  parameters: Record<string, Json>
  parameterDefaults: Record<string, Json>
  encryptedParameters: string[]
  resourceRegistry: { [pattern: string]: Json }
  eventSinks: Json[]
  mergeStrategies: Record<string, string>
}
