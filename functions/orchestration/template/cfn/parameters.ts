import type { Source } from '../parse.ts'
import { numberOf } from '../parameters/constraints.ts'
import { isMap } from '../python.ts'
import type { Section } from '../sections.ts'
import type { Constraint, Json, Parameter, ParameterType } from '../types.ts'

const KEYS = ['Type', 'Default', 'NoEcho', 'AllowedValues', 'AllowedPattern', 'MaxLength', 'MinLength', 'MaxValue', 'MinValue', 'Description', 'ConstraintDescription']

/** CloudFormation's own names for ids: each one, and a list of them. */
export const AWS_TYPES = ['AWS::EC2::AvailabilityZone::Name', 'AWS::EC2::Image::Id', 'AWS::EC2::Instance::Id', 'AWS::EC2::KeyPair::KeyName', 'AWS::EC2::SecurityGroup::GroupName',
  'AWS::EC2::SecurityGroup::Id', 'AWS::EC2::Subnet::Id', 'AWS::EC2::Volume::Id', 'AWS::EC2::VPC::Id', 'AWS::Route53::HostedZone::Id']
const NO_LIST = ['AWS::EC2::KeyPair::KeyName']

interface Shape { type: ParameterType, items?: 'number' | 'string', ssm?: boolean }

/** What a declared type holds; undefined when there is no such type. */
export function shapeOf(declared: string, front: 'heat' | 'aws'): Shape | undefined {
  const simple: Record<string, Shape> = { String: { type: 'string' }, Number: { type: 'number' }, CommaDelimitedList: { type: 'comma_delimited_list', items: 'string' } }
  if (Object.hasOwn(simple, declared)) return simple[declared]
  if (front === 'heat') return declared === 'Json' ? { type: 'json' } : declared === 'Boolean' ? { type: 'boolean' } : undefined
  if (declared === 'List<Number>') return { type: 'comma_delimited_list', items: 'number' }
  if (declared === 'List<String>') return { type: 'comma_delimited_list', items: 'string' }
  if (AWS_TYPES.includes(declared) || declared === 'AWS::SSM::Parameter::Name') return { type: 'string' }
  const inner = /^List<(.+)>$/.exec(declared)?.[1]
  if (inner && AWS_TYPES.includes(inner) && !NO_LIST.includes(inner)) return { type: 'comma_delimited_list', items: 'string' }
  const ssm = /^AWS::SSM::Parameter::Value<(.+)>$/.exec(declared)?.[1]
  const of = ssm && !ssm.startsWith('AWS::SSM::') && ssm !== 'Number' && ssm !== 'List<Number>' ? shapeOf(ssm, front) : undefined
  return of && { ...of, ssm: true }
}

export function readCfnParameters(source: Source, section: Section): Map<string, Parameter> {
  const { fault, front } = source
  const aws = front === 'aws'
  const keys = aws ? KEYS : [...KEYS, 'Label']
  const out = new Map<string, Parameter>()
  for (const [name, value] of Object.entries(section)) {
    const here = ['Parameters', name]
    const bad = (ours: string, heats: string, key?: string) => fault(aws ? ours : heats, key ? [...here, key] : here, aws ? undefined : 'InvalidSchemaError')
    if (aws && !/^[A-Za-z0-9]{1,255}$/.test(name)) throw fault(`Template format error: Parameter name ${name} is non alphanumeric.`, here)
    if (!isMap(value)) throw bad('Template format error: Every Parameters member must be an object.', `Invalid parameter (${name}), expected a mapping`)
    const data = value as Section
    const unknown = Object.keys(data).find((key) => !keys.includes(key))
    if (unknown) throw bad(`Invalid template parameter property '${unknown}'`, `Invalid key '${unknown}' for parameter (${name})`, unknown)
    if (!Object.hasOwn(data, 'Type')) throw bad('Template format error: Every Parameters object must contain a Type member.', `Missing parameter type for parameter: ${name}`)
    const shape = typeof data.Type === 'string' ? shapeOf(data.Type, front) : undefined
    if (!shape) throw bad(`Template format error: Unrecognized parameter type: ${String(data.Type)}`, `Invalid type (${String(data.Type)})`, 'Type')
    if (aws && isMap(data.Default)) throw fault('Template format error: Every Default member must be a string.', [...here, 'Default'])
    if (aws && typeof data.Description === 'string' && data.Description.length > 4000) throw fault(`Template format error: Parameter '${name}' Description length is greater than 4000.`, [...here, 'Description'])
    out.set(name, {
      name, declared: data.Type as string, ...shape, hidden: String(data.NoEcho ?? 'false').toLowerCase() === 'true', immutable: false, tags: [],
      constraints: constraintsOf(data, shape, bad),
      ...data.Default !== undefined && data.Default !== null && { default: aws && Array.isArray(data.Default) ? data.Default.join(',') : data.Default },
      ...data.Label !== undefined && { label: String(data.Label) },
      ...data.Description !== undefined && data.Description !== null && { description: String(data.Description) },
      ...data.ConstraintDescription !== undefined && data.ConstraintDescription !== null && { constraintDescription: String(data.ConstraintDescription) },
    })
  }
  return out
}

function constraintsOf(data: Section, { type }: Shape, bad: (ours: string, heats: string, key: string) => Error): Constraint[] {
  const description = typeof data.ConstraintDescription === 'string' ? { description: data.ConstraintDescription } : {}
  const out: Constraint[] = []
  const number = (key: string): number | undefined => {
    if (data[key] === undefined || data[key] === null) return undefined
    const n = numberOf(data[key] as Json)
    if (Number.isNaN(n)) throw bad(`Template format error: Every ${key} member must be a number.`, 'min/max must be numeric', key)
    return n
  }
  const pair = (low: string, high: string) => {
    const min = number(low), max = number(high)
    return min === undefined && max === undefined ? undefined : { ...min !== undefined && { min }, ...max !== undefined && { max } }
  }
  const range = pair('MinValue', 'MaxValue'), length = pair('MinLength', 'MaxLength')
  if (range && type !== 'number') throw bad("Template format error: MinValue and MaxValue are only for parameters of type Number.", 'Range constraint invalid for String', data.MinValue === undefined ? 'MaxValue' : 'MinValue')
  if (length && type === 'number') throw bad('Template format error: MinLength and MaxLength are only for parameters of type String.', 'Length constraint invalid for Number', data.MinLength === undefined ? 'MaxLength' : 'MinLength')
  if (range) out.push({ kind: 'range', ...range, ...description })
  if (length) out.push({ kind: 'length', ...length, ...description })
  if (data.AllowedValues !== undefined && data.AllowedValues !== null) {
    if (!Array.isArray(data.AllowedValues)) throw bad('Template format error: Every AllowedValues member must be a list.', 'AllowedValues must be a list', 'AllowedValues')
    out.push({ kind: 'allowed_values', values: data.AllowedValues, ...description })
  }
  if (data.AllowedPattern !== undefined && data.AllowedPattern !== null) {
    if (typeof data.AllowedPattern !== 'string') throw bad('Template format error: Every AllowedPattern member must be a string.', 'AllowedPattern must be a string', 'AllowedPattern')
    out.push({ kind: 'allowed_pattern', pattern: data.AllowedPattern, ...description })
  }
  return out
}
