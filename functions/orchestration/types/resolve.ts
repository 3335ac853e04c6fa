import { isTemplateName, registryOf, type Environment } from '../template/index.ts'
import { typeNamed } from './index.ts'
import type { ResourceType } from './provider.ts'

/** The type behind a name in a template, by the environment's registry; undefined when there is none. */
export async function typeFor(name: string, environment: Environment | undefined, files: Record<string, string>, resource: string): Promise<ResourceType | undefined> {
  const target = environment ? registryOf(environment).find(name, resource) : name
  if (isTemplateName(target)) return (await import('./nested/template-resource.ts')).templateResource(name, target, files, environment, resource)
  return typeNamed(target)
}
