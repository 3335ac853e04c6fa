import { and, eq, gte, inArray, isNotNull, isNull, lte, or, sql, type SQL } from 'drizzle-orm'
import { server } from '../../../schema/compute.ts'
import { host } from '../../../schema/host.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { forbidden, invalid } from '../../kernel/fault.ts'
import { serversWithAddress } from '../../network/ports/of-servers.ts'
import { behind } from './model.ts'
import { patternOf } from './pattern.ts'

/** A filter by the version it came with; `admin`: nobody else's is looked at, it is passed over in silence as nova does. */
interface Filter { since?: number; admin?: boolean | number; where: (values: string[], ctx: Ctx) => SQL | undefined }
const one = (f: (v: string, ctx: Ctx) => SQL | undefined) => (values: string[], ctx: Ctx) => f(values.at(-1)!, ctx)
const is = (column: Parameters<typeof eq>[0]) => one((v) => eq(column, v))
const whole = (column: Parameters<typeof eq>[0]) => one((v) => (/^-?\d+$/.test(v) ? eq(column, Number(v)) : sql`0`))
const lastPart = (ref: string) => ref.replace(/\/+$/, '').split('/').at(-1)!

/** Of a name's pattern what the database can tell; `patternOf` tells the rest. */
const matching = (column: SQL | typeof server.name) => one((v) => sql`${column} like ${patternOf(v).like} escape '\\'`)
const time = (name: string, v: string) => {
  const t = Date.parse(/^\d{4}-\d\d-\d\d(T[\d:.]+)?$/.test(v) ? `${v}${v.includes('T') ? '' : 'T00:00:00'}Z` : v.replace(' ', '+'))
  if (Number.isNaN(t) || !/^\d{4}-\d\d-\d\d([T ]|$)/.test(v)) throw invalid(`Invalid input for query parameters ${name}. Value: ${v}. '${v}' is not a 'date-time'`)
  return t * 1000
}
export const timeOf = time
const tags = (kind: 'every' | 'some' | 'none' | 'missing') => one((v) => {
  const hits = v.split(',').map((t) => sql`exists (select 1 from json_each(${server.tags}) where value = ${t})`)
  const all = and(...hits)!, any = or(...hits)!
  return { every: all, some: any, none: sql`not ${all}`, missing: sql`not ${any}` }[kind]
})

export const filters: Record<string, Filter> = {
  name: { where: matching(server.name) },
  status: { where: (values, ctx) => {
    const found = values.map(behind)
    if (found.every((f) => !f)) {
      if (values.some((v) => v.toUpperCase() === 'DELETED')) { if (!ctx.caller.admin) throw forbidden('Only administrators may list deleted instances'); return sql`0` }
      if (ctx.version >= 2038) throw invalid('Invalid status value')
      return sql`0`
    }
    return or(...found.flatMap((f) => !f ? [] : [...(f.states.length ? [inArray(server.state, f.states)] : []), ...f.tasks.map((t) => and(eq(server.state, t.state), eq(server.task, t.task)))]))
  } },
  image: { where: one((v) => eq(server.image, lastPart(v))) },
  flavor: { where: one((v) => sql`json_extract(${server.shape}, '$.id') = ${lastPart(v)}`) },
  ip: { where: one((v) => inArray(server.id, serversWithAddress(patternOf(v).like))) },
  ip6: { since: 2005, admin: 2005, where: one((v) => inArray(server.id, serversWithAddress(patternOf(v).like))) },
  reservation_id: { where: is(server.reservation) },
  'changes-since': { where: one((v) => gte(server.updatedAt, time('changes-since', v))) },
  'changes-before': { since: 2066, where: one((v) => lte(server.updatedAt, time('changes-before', v))) },
  tags: { since: 2026, where: tags('every') }, 'tags-any': { since: 2026, where: tags('some') }, 'not-tags': { since: 2026, where: tags('none') }, 'not-tags-any': { since: 2026, where: tags('missing') },
  locked: { since: 2073, where: one((v) => (truthy(v, 'locked') ? isNotNull(server.lockedBy) : isNull(server.lockedBy))) },
  availability_zone: { admin: 2083, where: one((v) => sql`coalesce((select zone from ${host} where id = ${server.host}), ${server.zone}) = ${v}`) },
  config_drive: { admin: 2083, where: one((v) => eq(server.configDrive, v !== '' && v !== 'False' && v !== 'false' && v !== '0')) },
  key_name: { admin: 2083, where: is(server.keyName) },
  created_at: { admin: 2083, where: one((v) => gte(server.createdAt, time('created_at', v))) },
  launched_at: { admin: 2083, where: one((v) => gte(server.launchedAt, time('launched_at', v))) },
  terminated_at: { admin: 2083, where: () => undefined },
  power_state: { admin: 2083, where: whole(server.power) },
  task_state: { admin: 2083, where: is(server.task) }, vm_state: { admin: 2083, where: is(server.state) },
  progress: { admin: 2083, where: () => undefined },
  user_id: { admin: 2083, where: is(server.user) },
  host: { admin: true, where: one((v) => inArray(server.host, q.select({ id: host.id }).from(host).where(eq(host.name, v)))) },
  node: { admin: true, where: one((v) => inArray(server.host, q.select({ id: host.id }).from(host).where(eq(host.name, v)))) },
  hostname: { admin: true, where: is(server.hostname) }, uuid: { admin: true, where: is(server.id) }, launch_index: { admin: true, where: whole(server.launchIndex) },
  description: { admin: true, where: matching(sql`${server.description}`) }, access_ip_v4: { admin: true, where: is(server.accessIPv4) }, access_ip_v6: { admin: true, where: is(server.accessIPv6) },
  auto_disk_config: { admin: true, where: one((v) => eq(server.autoDisk, /^(auto|true|1)$/i.test(v))) }, root_device_name: { admin: true, where: is(server.rootDevice) },
  image_ref: { admin: true, where: is(server.image) }, kernel_id: { admin: true, where: () => undefined }, ramdisk_id: { admin: true, where: () => undefined }, cell_name: { admin: true, where: () => undefined },
  locked_by: { admin: true, where: one((v) => sql`${server.lockedBy} = ${v}`) },
}
/** Known, and not a condition on the row. */
const others = ['all_tenants', 'limit', 'marker', 'sort_key', 'sort_dir', 'tenant_id', 'project_id', 'deleted', 'soft_deleted', 'metadata', 'system_metadata', 'block_device_mapping', 'services', 'pci_devices', 'security_groups', 'tags', 'instance_type_id', 'display_name', 'display_description', 'node', 'sort', 'is_public']
const joined = ['block_device_mapping', 'extra', 'info_cache', 'system_metadata', 'metadata', 'pci_devices', 'security_groups', 'services']

export function truthy(v: string, name: string): boolean {
  if (/^(1|t|true|on|y|yes)$/i.test(v) || v === '') return true
  if (/^(0|f|false|off|n|no)$/i.test(v)) return false
  throw invalid(`Invalid input for query parameter ${name}. Value: ${v}. It is not a boolean.`)
}

/** The conditions a query asks for; unknown names are refused from 2.75 on, passed over before. */
export function wheresOf(ctx: Ctx, query: URLSearchParams): (SQL | undefined)[] {
  const out: (SQL | undefined)[] = []
  for (const name of new Set(query.keys())) {
    const f = filters[name]
    if (joined.includes(name) || name.startsWith('_')) throw invalid(`Invalid filter field: ${name}.`)
    if (!f && !others.includes(name) && ctx.version >= 2075) throw invalid(`Additional properties are not allowed ('${name}' was unexpected)`)
    if (!f || (f.since && ctx.version < f.since)) continue
    if (f.admin && !ctx.caller.admin && (f.admin === true || ctx.version < f.admin)) continue
    out.push(f.where(query.getAll(name), ctx))
  }
  return out
}
