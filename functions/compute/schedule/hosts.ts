import { and, asc, desc, eq, gte, isNotNull, sql, type SQL } from 'drizzle-orm'
import { aggregate, aggregateHost, flavor, server } from '../../../schema/compute.ts'
import { host } from '../../../schema/host.ts'
import { inventory, providerUsage } from '../../../schema/placement.ts'
import { job } from '../../../schema/kernel.ts'
import { SILENCE } from '../../hosts/up.ts'
import { full, q } from '../../kernel/db.ts'
import { fenceLane } from '../../kernel/queue.ts'
import { beyond } from '../../network/networks/physical.ts'
import type { Need } from '../../placement/claim.ts'

/** What a filter or a weigher may know of a host. */
export interface Candidate {
  id: string; name: string; zone: string; simulated: boolean; storage: string | null; address?: string | null
  freeVcpus: number; freeMemoryMb: number; freeDiskGb: number
  /** Metadata of the aggregates it is in, one record each. */
  aggregates: Record<string, string>[]
  /** Members of the asked server group on it. */
  groupMembers: number
}

const free = (cls: string): SQL<number> => sql<number>`coalesce((select (i.total - i.reserved) * i.ratio - coalesce(u.used, 0) from ${inventory} i
  left join ${providerUsage} u on u.provider = i.provider and u.class = i.class where i.provider = ${host}.id and i.class = ${cls}), 0)`

/** Zones are named by aggregates; a host in none keeps its own. */
export const zoneOf: SQL<string> = sql<string>`coalesce((select a.zone from ${aggregateHost} ah join ${aggregate} a on a.id = ah.aggregate
  where ah.host = ${host}.id and a.zone is not null order by a.id limit 1), ${host}.zone)`

/** What a flavor takes, looked up where it is needed: the flavor is read in the same round trip as the hosts. */
export const needFrom = (id: string, rootOnVolume: boolean): Asked => {
  const of = (what: SQL) => sql<number>`coalesce((select ${what} from ${flavor} where id = ${id}), 0)`
  return { vcpus: of(sql`vcpus`), memoryMb: of(sql`memory_mb`), diskGb: of(rootOnVolume ? sql`ephemeral_gb + (swap_mb + 1023) / 1024` : sql`disk_gb + ephemeral_gb + (swap_mb + 1023) / 1024`) }
}
type Asked = { [K in keyof Need]: number | SQL<number> }

const AT_MOST = 200

/** Hosts that are up, enabled and have room, roomiest first, in one statement whose cost does not grow with the servers. */
export function hostsQuery(now: number, need: Asked, asked: { zone?: string; group?: string | SQL; only?: string[]; /** Networks it has to lead to. */ networks?: SQL; /** It moves: not to where it is still to be cleared away. */ moving?: string }) {
  const memory = free('MEMORY_MB'), vcpus = free('VCPU'), disk = free('DISK_GB')
  const members = asked.group ? sql<number>`(select count(*) from ${server} s where s.group_id = ${asked.group} and s.host = ${host}.id)` : sql<number>`0`
  return q.select({
    id: host.id, name: host.name, zone: zoneOf, simulated: host.simulated, storage: host.storage, address: sql<string | null>`json_extract(${host.hypervisor}, '$.address')`,
    freeVcpus: vcpus, freeMemoryMb: memory, freeDiskGb: disk, groupMembers: members,
    aggregates: sql<string>`(select json_group_array(json(a.metadata)) from ${aggregateHost} ah join ${aggregate} a on a.id = ah.aggregate where ah.host = ${host}.id)`,
  }).from(host).where(and(
    eq(host.enabled, true), eq(host.forcedDown, false), gte(host.seenAt, now - SILENCE), isNotNull(host.inventoryAt),
    sql`${memory} >= ${need.memoryMb}`, sql`${vcpus} >= ${need.vcpus}`, sql`${disk} >= ${need.diskGb}`,
    sql`${host.vcpus} >= ${need.vcpus}`,
    asked.moving ? sql`not exists (select 1 from ${job} j where j.host = ${host}.id and j.state in ('queued', 'running') and j.lane like 'fence:%'
      and (j.lane = ${fenceLane(asked.moving)} or exists (select 1 from attachment a where a.server = ${asked.moving} and instr(j.args, a.volume) > 0)))` : undefined,
    asked.zone ? sql`${zoneOf} = ${asked.zone}` : undefined,
    asked.networks ? sql`not ${beyond(full(host.physicalNetworks), asked.networks)}` : undefined,
    asked.only ? sql`(${host.name} in ${asked.only} or ${host.id} in ${asked.only})` : undefined,
  )).orderBy(asked.group ? desc(members) : sql`1`, desc(memory), asc(host.id)).limit(AT_MOST)
}
export type HostRowRead = Awaited<ReturnType<typeof hostsQuery>>[number]
export const candidate = (r: HostRowRead): Candidate => ({ ...r, aggregates: JSON.parse(r.aggregates) as Record<string, string>[] })

/** What a server takes of a host, looked up where it is needed. */
export const needOn = (id: string): Asked => {
  const of = (what: SQL) => sql<number>`coalesce((select ${what} from ${server} where id = ${id}), 0)`, gb = (key: string) => sql`json_extract(shape, ${`$.${key}`})`
  const root = sql`case when exists (select 1 from attachment a where a.server = ${id} and a.boot_index = 0) then 0 else ${gb('diskGb')} end`
  return { vcpus: of(gb('vcpus')), memoryMb: of(gb('memoryMb')), diskGb: of(sql`${root} + ${gb('ephemeralGb')} + (${gb('swapMb')} + 1023) / 1024`) }
}

/** What is left on the host a server is on. */
export const roomOn = (id: string) => q.select({ vcpus: free('VCPU'), memoryMb: free('MEMORY_MB'), diskGb: free('DISK_GB') }).from(host).innerJoin(server, eq(server.host, host.id)).where(eq(server.id, id))
