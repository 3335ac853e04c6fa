import { awsFault } from '../aws/faults.ts'

export interface Filter { Name: string; Values?: string[] }
export interface Tag { key: string; value: string }
/** What a filter looks at, by its name. */
export type Sights<T> = Record<string, (item: T) => unknown>

/** Seen where every value fits. */
export const ANY = Symbol('any')

/** `*` and `?` stand for anything, unless escaped; a bare UUID for the id that it is. */
function pattern(text: string): RegExp {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return new RegExp(`^(${text}|[a-z-]+-${text.replaceAll('-', '')})$`)
  const source = text.replaceAll(/\\([*?\\])|[.+^${}()|[\]\\*?]/g, (m, escaped) => (escaped ? `\\${escaped}` : m === '*' ? '[^]*' : m === '?' ? '[^]' : `\\${m}`))
  return new RegExp(`^${source}$`)
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
    const sight = sightOf(sights, f.Name), values = (f.Values ?? []).map(pattern)
    return (item: T) => [sight(item)].flat(3).some((seen) => seen !== undefined && seen !== null && (seen === ANY || values.some((v) => v.test(String(seen)))))
  })
  return (item) => tests.every((test) => test(item))
}
