import type { Source } from './parse.ts'
import { isMap } from './python.ts'
import type { Json, Path } from './types.ts'

export type Section = { [key: string]: Json }

/** A section that is a map or empty. */
export function sectionOf(source: Source, name: string): Section {
  const value = source.raw[name]
  if (value === undefined || value === null) return {}
  if (isMap(value)) return value as Section
  throw source.fault(source.front === 'aws' ? `Template format error: [/${name}] '${name}' expected to be an object` : `The ${name} section must be a map, found ${Array.isArray(value) ? 'a list' : `"${String(value)}"`}.`, [name])
}

export function within(source: Source, name: string, count: number, limit: number) {
  if (count <= limit) return
  throw source.fault(source.front === 'aws' ? `Template format error: Number of ${name.toLowerCase()}, ${count}, is greater than maximum allowed, ${limit}`
    : name === 'resources' ? `Request limit exceeded: Maximum resources per stack exceeded.` : `Request limit exceeded: Number of ${name}, ${count}, is greater than maximum allowed, ${limit}.`, [name], source.front === 'aws' ? undefined : 'RequestLimitExceeded')
}

export const isText = (value: Json | undefined): value is string => typeof value === 'string'
export const at = (...path: Path) => path
