import { view } from '../../kernel/view.ts'
import type { ProviderRow } from './read.ts'

const links = (...rels: string[]) => (p: ProviderRow) => ({
  links: [{ rel: 'self', href: `/placement/resource_providers/${p.id}` }, ...rels.map((rel) => ({ rel, href: `/placement/resource_providers/${p.id}/${rel}` }))],
})
export const providerView = view<ProviderRow>((p) => ({ uuid: p.id, name: p.name, generation: p.generation, ...links('inventories', 'usages')(p) }))
  .since('1.1', links('inventories', 'usages', 'aggregates'))
  .since('1.6', links('inventories', 'usages', 'aggregates', 'traits'))
  .since('1.11', links('inventories', 'usages', 'aggregates', 'traits', 'allocations'))
  .since('1.14', (p) => ({ parent_provider_uuid: p.parent, root_provider_uuid: p.root }))
