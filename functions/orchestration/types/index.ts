import type { ResourceType } from './provider.ts'

type Load = () => Promise<{ default: ResourceType }>
/** Every type by its name, loaded when a template uses it. */
export const types: Record<string, Load> = {
  'OS::Heat::RandomString': () => import('./os/heat/random-string.ts'),
  'OS::Heat::TestResource': () => import('./os/heat/test-resource.ts'),
  'OS::Neutron::Net': () => import('./os/neutron/net.ts'),
  'OS::Nova::Server': () => import('./os/nova/server.ts'),
}
export const typeNamed = async (name: string): Promise<ResourceType | undefined> => (await types[name]?.())?.default
