import ipaddr from 'ipaddr.js'
import { Type as t, type TSchema } from 'typebox'
import { invalid } from '../kernel/fault.ts'

/** Pieces that bodies are made of. */
export const closed = { additionalProperties: false } as const
export const name = t.String({ minLength: 1, maxLength: 255, pattern: '^(?! )[^\\u0000-\\u001f\\u007f]*(?<! )$' })
export const description = t.Union([t.String({ maxLength: 255, pattern: '^[^\\u0000-\\u0008\\u000e-\\u001f\\u007f]*$' }), t.Null()])
export const uuid = t.String({ pattern: '^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$' })
export const metadata = t.Record(t.String({ pattern: '^[a-zA-Z0-9-_:. ]{1,255}$' }), t.String({ maxLength: 255 }), closed)
export const tag = t.String({ minLength: 1, maxLength: 60, pattern: '^[^,/]*$' })
export const diskConfig = t.Enum(['AUTO', 'MANUAL'])
export const bool = t.Union([t.Boolean(), t.Enum(['True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes', 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no'])])
export const integer = (minimum: number, maximum = 2 ** 31 - 1) => t.Union([t.Integer({ minimum, maximum }), t.String({ pattern: minimum < 0 ? '^-?[0-9]+$' : '^[0-9]+$', minLength: 1, maxLength: 12 })])
export const adminPass = t.String({ maxLength: 255 })
export const ip = t.String({ maxLength: 45 })
export const hostname = t.String({ minLength: 2, maxLength: 63, pattern: '^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$' })
export const fqdn = t.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$' })
export const trustedCerts = t.Union([t.Array(t.String({ minLength: 1 }), { minItems: 1, maxItems: 50, uniqueItems: true }), t.Null()])
export const empty = t.Union([t.Object({}, closed), t.Null(), t.String(), t.Array(t.Unknown(), { maxItems: 0 })])
export const nothing = t.Null()
/** `{os-stop: null}`: an action that takes no words. Anything is accepted as them, as nova does. */
export const bare = (key: string) => t.Object({ [key]: t.Optional(t.Unknown()) })
export const action = <S extends TSchema>(key: string, schema: S) => t.Object({ [key]: schema }, closed)

/** Yes or no, in any of the ways clients write it. */
export const truth = (v: unknown): boolean => v === true || (typeof v === 'string' && /^(true|1|on|yes|t|y)$/i.test(v))
/** A whole number that may have come as text, inside the bounds its schema could not check. */
export function whole(v: number | string, field: string, minimum: number, maximum = 2 ** 31 - 1): number {
  const n = Number(v)
  if (!Number.isInteger(n) || n < minimum || n > maximum) throw invalid(`Invalid input for field/attribute ${field}. Value: ${v}. ${v} is ${n < minimum ? `less than the minimum of ${minimum}` : `greater than the maximum of ${maximum}`}`)
  return n
}
export function address(text: string | undefined, field: string, version?: 4 | 6): string | undefined {
  if (text === undefined || text === '') return undefined
  if (!ipaddr.isValid(text) || (version && ipaddr.parse(text).kind() !== `ipv${version}`) || (!text.includes(':') && !/^\d+\.\d+\.\d+\.\d+$/.test(text))) throw invalid(`Invalid input for field/attribute ${field}. Value: ${text}. '${text}' is not a 'ipv${version ?? 4}'`)
  return ipaddr.parse(text).toString()
}
export function base64(text: string | null | undefined, field: string): string | undefined {
  if (text === undefined || text === null || text === '') return undefined
  if (!/^(?:[A-Za-z0-9+/\s]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\s*$/.test(text.replace(/\s/g, ''))) throw invalid(`Invalid input for field/attribute ${field}. Value is not 'base64'.`)
  return text
}
export const isUuid = (s: string) => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(s)
