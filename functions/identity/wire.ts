import { Type as t, type TSchema } from 'typebox'
import { forbidden, notFound } from '../kernel/fault.ts'

/** What this API takes for common members. Unlike elsewhere, members it does not know are kept and shown again. */
export const id = t.String({ minLength: 1, maxLength: 64 })
export const nameTo = (max: number) => t.String({ minLength: 1, maxLength: max, pattern: '\\S' })
export const text = t.Union([t.String({ maxLength: 65_535 }), t.Null()])
export const idOrNull = t.Union([id, t.Null()])
export const flag = t.Boolean()
export const object = t.Record(t.String(), t.Unknown())
export const nullable = <S extends TSchema>(s: S) => t.Union([s, t.Null()])

/** `{noun: {...}}` */
export const wrapped = (noun: string, fields: Record<string, TSchema>, required: string[] = [], closed = false) =>
  t.Object({ [noun]: t.Object(Object.fromEntries(Object.entries(fields).map(([k, s]) => [k, required.includes(k) ? s : t.Optional(s)])), closed ? { additionalProperties: false } : {}) })

/** Members that are none of `known`: kept as they are. */
export const extraOf = (body: Record<string, unknown>, known: Iterable<string>) => {
  const out = { ...body }
  for (const k of known) delete out[k]
  delete out.id; delete out.links
  return out
}

/** The row, or 404 in this API's words. */
export function found<T>(row: T | undefined, noun: string, of: string): T {
  if (row === undefined) throw notFound(noun, of, `Could not find ${noun}: ${of}.`)
  return row
}

/** Some rows are marked as not to be touched: the mark comes off first, alone. */
export function mutable(noun: string, row: { id: string; options: Record<string, unknown> }, change?: { options?: Record<string, unknown> }) {
  if (row.options.immutable !== true) return
  if (change?.options && 'immutable' in change.options && change.options.immutable !== true) return
  throw forbidden(`Cannot change or delete ${noun} ${row.id}: it is marked immutable. Set the option 'immutable' to false first.`)
}

/** Options are merged; null takes one away. */
export const mergeOptions = (old: Record<string, unknown>, change: Record<string, unknown> | undefined) =>
  Object.fromEntries(Object.entries({ ...old, ...change }).filter(([, v]) => v !== null))
