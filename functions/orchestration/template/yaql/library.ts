import { YaqlError } from './parse.ts'
import { isDict, mismatch, YSet, type Any, type Dict, type Env, type Thunk, type YaqlFunction } from './run.ts'

/** Writes a function down: how it is called, its parameters' names, what it does with its receiver (or first argument) and the rest. */
export type Body = (receiver: Any, args: Thunk[], env: Env) => Any
export const method = (params: string, body: Body): YaqlFunction => ({ as: 'method', params: params || undefined, run: (args, env, receiver) => body(receiver!, args, env) })
export const both = (params: string, body: Body): YaqlFunction => ({ as: 'both', params: params || undefined, run: (args, env, receiver) => body(receiver!, args, env) })
export const plain = (params: string, body: (args: Thunk[], env: Env) => Any): YaqlFunction => ({ as: 'function', params: params || undefined, run: (args, env) => body(args, env) })

/** A collection's members; a map or a text is none. */
export function members(value: Any | undefined, name: string, env: Env): Any[] {
  const items = Array.isArray(value) ? value : value instanceof YSet ? value.items : undefined
  if (!items) throw mismatch(name)
  env.spend(items.length)
  return items
}

export function whole(value: Any | undefined, name: string, fallback?: number): number {
  if (value === undefined && fallback !== undefined) return fallback
  if (typeof value !== 'number' || !Number.isInteger(value)) throw mismatch(name)
  return value
}

export function word(value: Any | undefined, name: string): string {
  if (typeof value !== 'string') throw mismatch(name)
  return value
}

export function dictOf(value: Any | undefined, name: string): Dict {
  if (!isDict(value)) throw mismatch(name)
  return value
}

export const empty = () => new YaqlError('The collection is empty')
