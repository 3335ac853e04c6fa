import type { Cloud } from '../../tests/harness/cloud.ts'

export const NEWEST = '1.39'
/** The operator at the placement service of a cloud. */
export async function operator(c: Cloud) {
  const token = await c.admin()
  const ask = (method: string, path: string, body?: unknown, version = NEWEST) => c.call(method, `/placement${path}`, { token, body, version: `placement ${version}` })
  /** A provider with what it has: amounts by class. */
  async function provider(name: string, stock: Record<string, number> = {}, more: { parent?: string; traits?: string[]; aggregates?: string[] } = {}) {
    const { uuid } = (await must(ask('POST', '/resource_providers', { name, parent_provider_uuid: more.parent ?? null }))).body
    let generation = 0
    if (Object.keys(stock).length) generation = (await must(ask('PUT', `/resource_providers/${uuid}/inventories`, { resource_provider_generation: generation, inventories: Object.fromEntries(Object.entries(stock).map(([k, total]) => [k, { total }])) }))).body.resource_provider_generation
    if (more.traits) generation = (await must(ask('PUT', `/resource_providers/${uuid}/traits`, { resource_provider_generation: generation, traits: more.traits }))).body.resource_provider_generation
    if (more.aggregates) await must(ask('PUT', `/resource_providers/${uuid}/aggregates`, { resource_provider_generation: generation, aggregates: more.aggregates }))
    return uuid as string
  }
  const hold = (consumer: string, allocations: Record<string, Record<string, number>>, generation: number | null = null, more = {}) => ask('PUT', `/allocations/${consumer}`, {
    allocations: Object.fromEntries(Object.entries(allocations).map(([id, resources]) => [id, { resources }])), project_id: 'p1', user_id: 'u1', consumer_generation: generation, consumer_type: 'TEST', ...more,
  })
  return { ask, provider, hold, show: async (id: string) => (await ask('GET', `/resource_providers/${id}`)).body, inventories: async (id: string) => (await ask('GET', `/resource_providers/${id}/inventories`)).body }
}
export async function must<T extends { status: number; text: string }>(answer: Promise<T>): Promise<T> {
  const r = await answer
  if (r.status >= 300) throw new Error(`${r.status} ${r.text}`)
  return r
}
export const error = (r: { body: any }) => r.body.errors[0] as { status: number; title: string; detail: string; code?: string; request_id: string; max_version?: string; min_version?: string }
