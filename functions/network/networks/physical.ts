import { sql, type SQL } from 'drizzle-orm'
import { host } from '../../../schema/host.ts'
import { network, segmentRange } from '../../../schema/network.ts'
import { q } from '../../kernel/db.ts'
import { invalid } from '../../kernel/fault.ts'

/** Which hosts lead to which physical networks: each says so of itself. One of a release that does not is taken to lead everywhere. */
const lacks = (networks: SQL, has: SQL) => sql`from network n where n.id in (${networks}) and n.provider_type <> 'vxlan' and n.physical_network is not null
  and ${has} is not null and n.physical_network not in (select value from json_each(${has}))`

/** True where a host, named by its column of what it leads to, does not lead to all of these networks. */
export const beyond = (has: SQL, networks: SQL) => sql`exists (select 1 ${lacks(networks, has)})`
/** How many of these a host does not lead to. */
export const missing = (has: SQL, networks: SQL) => sql`(select count(*) ${lacks(networks, has)})`
/** What a host, given by a query for its id, would have to lead to for these networks and does not. */
const lacked = (id: SQL, networks: SQL) => sql`select distinct n.physical_network as physical ${lacks(networks, sql`(select h.physical_networks from host h where h.id = ${id})`)}`
export const lackingQuery = (id: SQL, networks: SQL) => q.all<{ physical: string }>(lacked(id, networks))
export const lackingOne = (id: SQL, networks: SQL) => sql<string | null>`(${lacked(id, networks)} limit 1)`

type Net = Pick<typeof network.$inferSelect, 'providerType' | 'physicalNetwork'>
/** The same of rows at hand. */
export const leadsTo = (h: { physicalNetworks: string[] | null }, n: Net): boolean => n.providerType === 'vxlan' || n.physicalNetwork === null || !h.physicalNetworks || h.physicalNetworks.includes(n.physicalNetwork)
/** How a host that leads there carries the network. */
export const carriedBy = (h: { physicalNetworks: string[] | null }, n: Net & { segment: number | null }) =>
  (n.providerType === 'flat' || (n.providerType === 'vlan' && n.segment !== null)) && n.physicalNetwork !== null && h.physicalNetworks?.includes(n.physicalNetwork) ? { network: n.physicalNetwork, ...(n.providerType === 'vlan' ? { vlan: n.segment! } : {}) } : undefined

/** A port that cannot be bound, in compute's words. */
export const bindingFailed = (port: string, lacking: { physical: string }[]) => invalid(`Binding failed for port ${port}: its host does not lead to physical network ${lacking.map((l) => l.physical).join(', ')}.`)

/** Whether a name is that of a physical network: a host leads to it, or an operator has set numbers of it aside. */
export const knownQuery = (name: string | null | undefined) => q.select({ host: sql<number>`exists (select 1 from ${host} h, json_each(h.physical_networks) where value = ${name ?? ''})`, range: sql<number>`exists (select 1 from ${segmentRange} r where r.physical_network = ${name ?? ''} and r.network_type = 'vlan')` }).from(sql`(select 1)`)

const refuse = (why: string) => invalid(`Invalid input for operation: ${why}.`, { type: 'InvalidInput' })
interface Provider { providerType?: string | null; physicalNetwork?: string | null; segment?: number | null; external?: boolean }

/** What a network is asked to be, in so far as it is said; refuses what says too much or too little. */
export function providerOf(v: Provider): 'vxlan' | 'flat' | 'vlan' {
  const physical = v.physicalNetwork ?? null, segment = v.segment ?? null
  if (!v.providerType && !(v.external && physical) && (physical !== null || segment !== null)) throw refuse('network_type required')
  const type = (v.providerType ?? (physical ? 'flat' : 'vxlan')) as 'vxlan' | 'flat' | 'vlan'
  if (type === 'vxlan' && segment !== null && segment > 16_777_215) throw refuse('segmentation_id out of range (1 through 16777215)')
  if (type === 'vxlan' && physical !== null) throw refuse('provider:physical_network specified for vxlan network')
  if (type === 'flat' && !physical) throw refuse('physical_network required for flat provider network')
  if (type === 'flat' && segment !== null) throw refuse('segmentation_id is not allowed for flat provider network')
  if (type === 'vlan' && segment !== null && !physical) throw refuse('segmentation_id requires physical_network for VLAN provider network')
  if (type === 'vlan' && segment !== null && segment > 4094) throw refuse('segmentation_id out of range (1 through 4094)')
  return type
}

/** Refuses a physical network that nobody leads to. */
export function known(type: string, v: Provider, [found]: { host: number; range: number }[]) {
  if (!v.physicalNetwork) return
  if (!found.host && !found.range) throw refuse(`physical_network '${v.physicalNetwork}' unknown for ${type === 'vlan' ? 'VLAN' : type} provider network`)
  if (type === 'vlan' && v.segment == null && !found.range) throw refuse(`Physical network ${v.physicalNetwork} requires segmentation_id to be specified when creating a provider network`)
}
