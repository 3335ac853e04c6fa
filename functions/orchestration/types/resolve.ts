import type { Environment, Json } from '../template/types.ts'
import { typeNamed } from './index.ts'
import type { ResourceType } from './provider.ts'

const isFile = (name: string) => /\.(yaml|template|yml|json)$/.test(name) || /^(https?|file):/.test(name)
const matches = (pattern: string, name: string) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name)

/** What a registry says a type is: of one resource first, then for all; a pattern's rest carries over. */
export function targetOf(type: string, environment: Environment | undefined, resource: string): string {
  const registry = environment?.resourceRegistry ?? {}, mine = (registry.resources as Record<string, Json> | undefined)?.[resource] as Record<string, Json> | undefined
  let at = type
  // A type may lead to another; a circle ends where it began.
  for (let i = 0; i < 10; i++) {
    let next: string | undefined
    for (const map of [mine ?? {}, registry]) {
      const pattern = Object.keys(map).filter((p) => p !== 'resources' && typeof map[p] === 'string' && matches(p, at)).sort((a, b) => b.length - a.length)[0]
      if (pattern === undefined) continue
      const to = map[pattern] as string
      next = to.endsWith('*') && pattern.endsWith('*') ? to.slice(0, -1) + at.slice(pattern.length - 1) : to
      break
    }
    if (next === undefined || next === at) return at
    at = next
  }
  return at
}

/** The type behind a name in a template; undefined when there is none. */
export async function typeFor(name: string, environment: Environment | undefined, files: Record<string, string>, resource: string): Promise<ResourceType | undefined> {
  const target = targetOf(name, environment, resource)
  if (isFile(target)) return (await import('./nested/template-resource.ts')).templateResource(name, target, files, environment)
  return typeNamed(target)
}
