import { Type as t } from 'typebox'
import { invalid } from '../kernel/fault.ts'

export const closed = { additionalProperties: false } as const
export const MAX = 2_147_483_647
const hex = '[0-9a-fA-F]'
/** With dashes or without, as clients have always been allowed to write it. */
const uuidPattern = `^${hex}{8}-?${hex}{4}-?${hex}{4}-?${hex}{4}-?${hex}{12}$`
export const uuid = t.String({ pattern: uuidPattern })
/** A member's name that is a UUID. */
export const uuidKey = t.String({ pattern: `^${hex}{8}-${hex}{4}-${hex}{4}-${hex}{4}-${hex}{12}$` })
export const className = t.String({ pattern: '^[A-Z0-9_]+$', maxLength: 255 })
export const customName = t.String({ pattern: '^CUSTOM_[A-Z0-9_]+$', maxLength: 255 })
export const generation = t.Integer({ minimum: -MAX, maximum: MAX })

export const isUuid = (text: string) => new RegExp(uuidPattern).test(text)
export const isCustom = (name: string) => /^CUSTOM_[A-Z0-9_]+$/.test(name) && name.length <= 255
/** One spelling of a UUID: lower case, with dashes. */
export const canonical = (text: string) => text.replaceAll('-', '').toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
export function uuidIn(text: string, what: string) {
  if (!isUuid(text)) throw invalid(`Malformed ${what}: ${text} is not a UUID.`)
  return canonical(text)
}
