import { isMap } from '../python.ts'
import type { Constraint, Json, ParameterType } from '../types.ts'

/** A number, or a text that is one. NaN otherwise. */
export const numberOf = (value: Json | undefined): number =>
  typeof value === 'number' ? value : typeof value === 'string' && /^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$/.test(value) ? Number(value) : NaN

/** A constraint, or what is wrong with it. */
export function constraintOf(kind: Constraint['kind'], value: Json | { [key: string]: number | undefined }): Constraint | string {
  if (kind === 'allowed_values') return Array.isArray(value) ? { kind, values: value as Json[] } : 'AllowedValues must be a list'
  if (kind === 'allowed_pattern') return typeof value === 'string' ? { kind, pattern: value } : 'AllowedPattern must be a string'
  if (kind === 'custom_constraint') return typeof value === 'string' ? { kind, name: value } : 'custom_constraint must be a string'
  const { min, max, step, offset } = (isMap(value) ? value : {}) as { [key: string]: number | undefined }
  if (kind === 'modulo') {
    if (step === undefined || offset === undefined) return 'A modulo constraint must have a step value and an offset value specified.'
    if (Number.isNaN(step) || Number.isNaN(offset)) return 'step/offset must be numeric'
    if (!Number.isInteger(step) || !Number.isInteger(offset)) return 'step/offset must be integer'
    if (step === 0) return 'step cannot be 0.'
    if (Math.abs(offset) >= Math.abs(step)) return 'offset must be smaller (by absolute value) than step.'
    if (step * offset < 0) return 'step and offset must be both positive or both negative.'
    return { kind, step, offset }
  }
  if (min === undefined && max === undefined) return `A ${kind} constraint must have a min value and/or a max value specified.`
  if ([min, max].some((n) => n !== undefined && Number.isNaN(n))) return 'min/max must be numeric'
  if (kind === 'length' && [min, max].some((n) => n !== undefined && !Number.isInteger(n))) return 'min/max length must be integral'
  return { kind, ...min !== undefined && { min }, ...max !== undefined && { max } }
}

const VALID: Partial<Record<Constraint['kind'], ParameterType[]>> = {
  range: ['number'], modulo: ['number'], length: ['string', 'comma_delimited_list', 'json'], allowed_pattern: ['string'],
  allowed_values: ['string', 'number', 'boolean', 'comma_delimited_list'], custom_constraint: ['string', 'number', 'boolean', 'comma_delimited_list'],
}

/** Does this kind of constraint make no sense for the type? */
export const invalidFor = (type: ParameterType, { kind }: Constraint) => !VALID[kind]!.includes(type)
