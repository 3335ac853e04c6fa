import { awsFault } from '../aws/faults.ts'

export interface Filter { Name: string; Values?: string[] }
export interface Tag { key: string; value: string }
/** What a filter looks at, by its name. */
export type Sights<T> = Record<string, (item: T) => unknown>

/** Seen where every value fits. */
export const ANY = Symbol('any')

const ANYTHING = Symbol('*'), ONE = Symbol('?')
/**
 * `*` and `?` stand for anything, unless escaped; a bare UUID for the id that it is. A star that has matched is gone back to
 * only until the next one has: what a pattern costs is its length times the text's, whoever wrote it.
 */
export function glob(pattern: string): (text: string) => boolean {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(pattern)) { const hex = `-${pattern.replaceAll('-', '')}`; return (text) => text === pattern || text.endsWith(hex) }
  const parts = [...pattern.matchAll(/\\([*?\\])|([^])/gu)].map(([, escaped, plain]) => (escaped !== undefined ? escaped : plain === '*' ? ANYTHING : plain === '?' ? ONE : plain))
  return (text) => {
    const chars = [...text]
    let p = 0, star = -1, from = 0
    for (let c = 0; c < chars.length;) {
      if (p < parts.length && parts[p] !== ANYTHING && (parts[p] === ONE || parts[p] === chars[c])) { p++; c++ }
      else if (parts[p] === ANYTHING) { star = p++; from = c }
      else if (star >= 0) { p = star + 1; c = ++from }
      else return false
    }
    return parts.slice(p).every((x) => x === ANYTHING)
  }
}
const tagsIn = (item: unknown) => ((item as { tagSet?: Tag[] }).tagSet ?? [])

function sightOf<T>(sights: Sights<T>, name: string): (item: T) => unknown {
  if (Object.hasOwn(sights, name)) return sights[name]
  if (name === 'tag-key') return (x) => tagsIn(x).map((t) => t.key)
  if (name === 'tag-value') return (x) => tagsIn(x).map((t) => t.value)
  if (name.startsWith('tag:')) { const key = name.slice(4); return (x) => tagsIn(x).filter((t) => t.key === key).map((t) => t.value) }
  throw awsFault('InvalidParameterValue', `The filter '${name.slice(0, 80)}' is invalid`)
}

/** All filters have to hold, each with one of its values. */
export function matcher<T>(sights: Sights<T>, filters: Filter[] | undefined): (item: T) => boolean {
  const tests = (filters ?? []).map((f) => {
    const sight = sightOf(sights, f.Name), values = (f.Values ?? []).map(glob)
    return (item: T) => [sight(item)].flat(3).some((seen) => seen !== undefined && seen !== null && (seen === ANY || values.some((fits) => fits(String(seen)))))
  })
  return (item) => tests.every((test) => test(item))
}
