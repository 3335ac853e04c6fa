import { getTableColumns, getTableName, is, sql, type SQL } from 'drizzle-orm'
import { SQLiteTable, type SQLiteColumn } from 'drizzle-orm/sqlite-core'
import * as schema from '../../../schema/index.ts'
import type { Invocation } from '../../kernel/invoke.ts'

/** A row of a kind, as much of it as removing takes. */
export interface Thing { id: string; name: string | null; created: number | null; more: string | null }
export interface Kind {
  kind: string
  /** What must be gone before. */
  after: string[]
  /** Which of its rows count, and what else removing takes of them. */
  only?: string
  more?: string
  /** The removal has been asked for and goes on, or another of its kind goes first. */
  going?: string
  remove: (t: Thing) => Invocation
}

const drop = (service: string, path: (t: Thing) => string, query?: Record<string, string>) => (t: Thing): Invocation => ({ service, method: 'DELETE', path: path(t), query })
const plain = (service: string, path: string) => drop(service, (t) => `${path}/${t.id}`)
const removing = (saga: string) => `exists (select 1 from saga s where s.lane = x.id and s.state in ('open', 'unwinding') and s.kind = '${saga}')`
const leg = `(select i.id from port i where i.device = x.id and i.device_owner like 'network:router_interface%' limit 1)`

/** All that a project can own, in every service, and what has to go before what: as a user would take it down by hand, in this order. */
export const KINDS: Kind[] = [
  { kind: 'stack', after: [], only: 'x.owner is null and x.deleted_at is null', going: `x.action = 'DELETE' and x.status = 'IN_PROGRESS'`, remove: drop('orchestration', (t) => `/stacks/${encodeURIComponent(t.name!)}/${t.id}`) },
  { kind: 'software_deployment', after: ['stack'], remove: plain('orchestration', '/software_deployments') },
  { kind: 'software_config', after: ['software_deployment'], remove: plain('orchestration', '/software_configs') },
  { kind: 'server', after: ['stack'], going: removing('server.delete'), remove: plain('compute', '/servers') },
  { kind: 'server_group', after: ['server'], remove: plain('compute', '/os-server-groups') },
  { kind: 'floating_ip', after: ['server'], remove: plain('network', '/floatingips') },
  { kind: 'trunk', after: ['server'], remove: plain('network', '/trunks') },
  { kind: 'ndp_proxy', after: ['server'], remove: plain('network', '/ndp_proxies') },
  { kind: 'bgpvpn', after: [], remove: plain('network', '/bgpvpn/bgpvpns') },
  { kind: 'metering_label', after: [], remove: plain('network', '/metering/metering-labels') },
  { kind: 'router', after: ['floating_ip', 'ndp_proxy'], more: leg, remove: (t) => (t.more ? { service: 'network', method: 'PUT', path: `/routers/${t.id}/remove_router_interface`, body: { port_id: t.more } } : plain('network', '/routers')(t)) },
  { kind: 'port', after: ['server', 'trunk', 'router'], only: `x.device_owner not like 'network:%'`, remove: plain('network', '/ports') },
  { kind: 'subnet', after: ['port'], remove: plain('network', '/subnets') },
  { kind: 'rbac', after: ['port'], remove: plain('network', '/rbac-policies') },
  { kind: 'network', after: ['subnet', 'rbac'], remove: plain('network', '/networks') },
  { kind: 'subnet_pool', after: ['subnet'], remove: plain('network', '/subnetpools') },
  { kind: 'address_scope', after: ['subnet_pool'], remove: plain('network', '/address-scopes') },
  { kind: 'security_group', after: ['port'], remove: plain('network', '/security-groups') },
  { kind: 'address_group', after: ['security_group'], remove: plain('network', '/address-groups') },
  { kind: 'qos_policy', after: ['network'], remove: plain('network', '/qos/policies') },
  { kind: 'attachment', after: ['server'], remove: plain('volume', '/attachments') },
  { kind: 'volume_transfer', after: ['stack'], remove: plain('volume', '/volume-transfers') },
  { kind: 'group_snapshot', after: ['stack'], remove: plain('volume', '/group_snapshots') },
  { kind: 'volume_backup', after: ['stack'], going: 'exists (select 1 from volume_backup c where c.parent = x.id)', remove: (t) => ({ service: 'volume', method: 'POST', path: `/backups/${t.id}/action`, body: { 'os-force_delete': {} } }) },
  { kind: 'snapshot', after: ['group_snapshot', 'server'], going: removing('snapshot.delete'), remove: plain('volume', '/snapshots') },
  { kind: 'volume', after: ['snapshot', 'attachment', 'volume_transfer'], going: removing('volume.delete'), remove: plain('volume', '/volumes') },
  { kind: 'volume_group', after: ['volume'], remove: (t) => ({ service: 'volume', method: 'POST', path: `/groups/${t.id}/action`, body: { delete: { 'delete-volumes': false } } }) },
  { kind: 'volume_message', after: ['volume', 'snapshot'], remove: plain('volume', '/messages') },
  { kind: 'image', after: ['server', 'volume'], remove: plain('image', '/images') },
  { kind: 'image_task', after: ['image'], remove: plain('image', '/tasks') },
  { kind: 'ssm_parameter', after: ['stack'], only: 'x.version = (select max(v.version) from ssm_parameter v where v.project = x.project and v.name = x.name)', remove: (t) => ({ service: 'ssm', method: 'POST', path: '/', action: 'DeleteParameter', body: { Name: t.name } }) },
  { kind: 'metadef_namespace', after: [], remove: drop('image', (t) => `/metadefs/namespaces/${encodeURIComponent(t.name!)}`) },
]

/** What a project is given rather than owns: goes with it. A path for each, by the project's id; undefined: the identity service's own. */
export const ALONG: Record<string, ((project: string) => Invocation) | undefined> = {
  application_credential: undefined, credential: undefined, endpoint_group_project: undefined, endpoint_project: undefined, oauth_token: undefined, project_tag: undefined, resource_limit: undefined, trust: undefined,
  compute_quota: (p) => ({ service: 'compute', method: 'DELETE', path: `/os-quota-sets/${p}` }),
  network_quota: (p) => ({ service: 'network', method: 'DELETE', path: `/quotas/${p}` }),
  volume_quota: (p) => ({ service: 'volume', method: 'DELETE', path: `/os-quota-sets/${p}` }),
  volume_default_type: (p) => ({ service: 'volume', method: 'DELETE', path: `/default-types/${p}` }),
}
/** What others said of a project, and notes about it: the rows go with it, and nothing else follows from that. */
export const FORGOTTEN = new Set(['flavor_access', 'volume_type_access', 'image_member', 'image_quota', 'auto_topology', 'drift_detection', 'ec2_tag', 'ec2_gateway', 'ec2_dhcp_options'])
/** What only says what was, or is a part of something else, or is the operator's. */
export const NOT_THINGS = new Set(['event', 'saga', 'past_server', 'server_move', 'placement_consumer', 'security_group_rule', 'segment_range', 'ec2_route_table'])
/** Whose it is, where the column is called otherwise. */
const OWNER: Record<string, string> = { image: 'owner', image_task: 'owner', metadef_namespace: 'owner', image_member: 'member' }

/** Tables with an owner, of whatever service. */
export const owned = Object.values(schema).filter((t): t is never => is(t, SQLiteTable)).flatMap((table) => {
  const columns = getTableColumns(table) as Record<string, SQLiteColumn>, name = getTableName(table), owner = columns[OWNER[name] ?? 'project'] as SQLiteColumn | undefined
  return owner ? [{ name, owner: owner.name, columns }] : []
})
export const forgotten = owned.filter((o) => FORGOTTEN.has(o.name))
/** The kinds there are tables for, as those of services may come and go. */
export const kinds = KINDS.flatMap((k) => { const t = owned.find((o) => o.name === k.kind); return t ? [{ ...k, table: t }] : [] })
type Known = (typeof kinds)[number]

/** One project by its id, or several by a query of ids. */
type Whose = string | SQL
const whose = (k: Known, project: Whose) => sql`x.${sql.identifier(k.table.owner)} ${typeof project === 'string' ? sql`= ${project}` : sql`in ${project}`}${k.only ? sql` and ${sql.raw(k.only)}` : sql``}`
const madeAt = (k: Known) => k.table.columns.createdAt ?? k.table.columns.at as SQLiteColumn | undefined
const since = (k: Known, before: number | null) => (before !== null && madeAt(k) ? sql` and x.${sql.identifier(madeAt(k).name)} < ${before}` : sql``)
const shown = (k: Known): SQL => {
  const { columns: c } = k.table, id = c.id ?? c.namespace ?? c.name, name = c.name ?? c.displayName ?? c.namespace
  return sql`x.${sql.identifier(id.name)} as id, ${k.kind === 'metadef_namespace' ? sql`x.namespace` : name ? sql`x.${sql.identifier(name.name)}` : sql`null`} as name, ${madeAt(k) ? sql`x.${sql.identifier(madeAt(k).name)}` : sql`null`} as created, ${k.more ? sql.raw(k.more) : sql`null`} as more`
}

export const things = (k: Known, project: string, before: number | null, limit: number, offset = 0) => sql`select ${shown(k)}, ${k.going ? sql.raw(`case when ${k.going} then 1 else 0 end`) : sql`0`} as going from ${sql.identifier(k.kind)} x where ${whose(k, project)}${since(k, before)} order by going, id limit ${limit} offset ${offset}`
/** How many of each kind, in one statement. */
export const counts = (project: Whose, before: number | null = null) => sql`select kind, n from (${sql.join(kinds.map((k) => sql`select ${k.kind} as kind, (select count(*) from ${sql.identifier(k.kind)} x where ${whose(k, project)}${since(k, before)}) as n`), sql` union all `)}) where n > 0`
/** The group every project has by itself. */
export const defaultGroups = (project: Whose) => sql`select id, project from security_group x where x.is_default = 1 and x.project ${typeof project === 'string' ? sql`= ${project}` : sql`in ${project}`}`
/** What identity itself keeps about a project: it goes along, and is worth knowing of. */
export const kept = (project: string) => sql`select kind, n from (${sql.join(['application_credential', 'credential', 'oauth_token', 'trust'].map((name) => sql`select ${name} as kind, (select count(*) from ${sql.identifier(name)} where project_id = ${project}${name === 'trust' ? sql` and deleted_at is null` : sql``}) as n`), sql` union all `)}) where n > 0`
/** What goes along and is there. */
export const alongside = (project: Whose) => sql`${sql.join(owned.filter((o) => ALONG[o.name]).map((o) => sql`select distinct ${o.name} as kind, ${sql.identifier(o.owner)} as project from ${sql.identifier(o.name)} where ${sql.identifier(o.owner)} ${typeof project === 'string' ? sql`= ${project}` : sql`in ${project}`}`), sql` union all `)}`

/** In words, what stands in the way of a delete; the group every project has by itself does not. */
export const stillOwned = (things: { kind: string; n: number }[], groups: number) => things.map((t) => (t.kind === 'security_group' ? { ...t, n: t.n - groups } : t)).filter((t) => t.n > 0).map((t) => `${t.n} ${t.kind.replaceAll('_', ' ')}${t.n === 1 ? '' : 's'}`).join(', ')
