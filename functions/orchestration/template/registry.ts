import { TemplateFault } from './fault.ts'
import { isMap } from './python.ts'
import type { Environment, Json } from './types.ts'

type Section = { [key: string]: Json }

export interface Registry {
  /** The type or template that stands for a type, for one resource or any. */
  find(type: string, resource?: string): string
  /** `pre-create` and its kin set for a resource. */
  hooks(resource: string): string[]
  restrictedActions(resource: string): string[]
  /** The environment of the stack within a resource: what is said about resources inside it moves up. */
  within(resource: string): Environment
}

export const isTemplateName = (type: string) => /\.(yaml|template)$/.test(type)

/** What an environment says about types. A resource's own entry comes first, then the type's, then the longest wildcard. */
export function registryOf(environment: Environment): Registry {
  const all = environment.resourceRegistry
  const resources = (isMap(all.resources) ? all.resources : {}) as Section
  const of = (resource: string) => Object.entries(resources).filter(([pattern, entry]) => isMap(entry) && matches(pattern, resource)) as [string, Section][]
  const words = (resource: string, key: 'hooks' | 'restricted_actions') =>
    [...new Set(of(resource).flatMap(([, entry]) => [entry[key] ?? []].flat() as string[]))]
  return {
    find(type, resource) {
      const seen = new Set<string>()
      let here = type
      while (!isTemplateName(here)) {
        const next = entryFor(here, resource === undefined ? undefined : resources[resource])
        if (next === undefined || next === here) return here
        if (seen.has(here)) throw new TemplateFault(`The resource registry leads in a circle: ${[...seen, here].join(' -> ')}`)
        seen.add(here)
        here = next
      }
      return here
    },
    hooks: (resource) => words(resource, 'hooks'),
    restrictedActions: (resource) => words(resource, 'restricted_actions'),
    within(resource) {
      const inner: Section = {}
      for (const [, entry] of of(resource)) for (const [key, value] of Object.entries(entry)) if (isMap(value)) inner[key] = { ...inner[key] as Section, ...value as Section }
      return { ...environment, parameters: {}, resourceRegistry: { ...all, resources: inner } }
    },
  }

  function entryFor(type: string, own: Json | undefined): string | undefined {
    if (isMap(own) && typeof (own as Section)[type] === 'string') return (own as Section)[type] as string
    if (typeof all[type] === 'string') return all[type]
    const globs = Object.keys(all).filter((key) => key.endsWith('*') && typeof all[key] === 'string' && type.startsWith(key.slice(0, -1)) && all[key] !== type)
    if (!globs.length) return undefined
    const best = globs.reduce((a, b) => b.length > a.length ? b : a)
    const target = all[best] as string
    return target.endsWith('*') ? target.slice(0, -1) + type.slice(best.length - 1) : target
  }
}

/** Shell patterns as resources' names are given: `*`, `?`, `[abc]`. Greedy with one way back, so never worse than length times length. */
export function matches(pattern: string, name: string): boolean {
  let p = 0, n = 0, star = -1, mark = 0
  while (n < name.length) {
    const one = oneAt(pattern, p, name[n])
    if (pattern[p] === '*') { star = p++; mark = n } else if (one) { p += one; n++ } else if (star >= 0) { p = star + 1; n = ++mark } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

/** How much of the pattern at this place takes the character, 0 when it does not. */
function oneAt(pattern: string, p: number, c: string): number {
  if (pattern[p] === '?') return 1
  if (pattern[p] !== '[') return pattern[p] === c && c !== undefined && pattern[p] !== '*' ? 1 : 0
  const end = pattern.indexOf(']', p + (pattern[p + 1] === '!' ? 3 : 2))
  if (end < 0) return c === '[' ? 1 : 0
  const not = pattern[p + 1] === '!'
  const set = pattern.slice(p + (not ? 2 : 1), end)
  let hit = false
  for (let i = 0; i < set.length; i++) {
    if (set[i + 1] === '-' && i + 2 < set.length) { hit ||= set[i] <= c && c <= set[i + 2]; i += 2 } else hit ||= set[i] === c
  }
  return hit !== not ? end - p + 1 : 0
}
