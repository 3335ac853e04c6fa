import { and, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { host } from '../../../schema/host.ts'
import { snapshot, volume, volumeService } from '../../../schema/volume.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { isoMicros } from '../../kernel/view.ts'
import { isUp } from '../../hosts/up.ts'
import { closed, isTrue } from '../lists.ts'
import { BACKEND, endpoint, POOL } from '../service.ts'
import { CAPABILITIES } from '../types/capable.ts'

/** A host as this API knows it: one back end, one pool. The scheduler is the functions themselves. */
export const SCHEDULER = 'virga'
const gigabytes = (table: typeof volume | typeof snapshot) => sql<number>`(select coalesce(sum(size_gb), 0) from ${table} where host = ${host.id})`
const all = () => q.select({ host, service: volumeService, promised: gigabytes(volume).as('promised') }).from(host).leftJoin(volumeService, and(eq(volumeService.host, host.name), eq(volumeService.binary, 'cinder-volume'))).orderBy(host.name).limit(5000)
type Found = Awaited<ReturnType<typeof all>>[number]

interface Service { binary: string; host: string; zone: string; status: 'enabled' | 'disabled'; state: 'up' | 'down'; updated: number; reason: string | null; frozen: boolean }
/** What no single host is: where volumes go is decided by the functions, and backups are made by whichever host keeps the volume. */
const CENTRAL = ['cinder-scheduler', 'cinder-backup']
const services = (ctx: Ctx, rows: Found[], central: (typeof volumeService.$inferSelect)[]): Service[] => [
  ...CENTRAL.map((binary): Service => { const s = central.find((c) => c.binary === binary); return { binary, host: SCHEDULER, zone: 'nova', status: s?.disabled ? 'disabled' : 'enabled', state: 'up', updated: ctx.now(), reason: s?.disabledReason ?? null, frozen: false } }),
  ...rows.map(({ host: h, service: s }): Service => ({ binary: 'cinder-volume', host: h.name + BACKEND, zone: h.zone, status: s?.disabled || !h.enabled ? 'disabled' : 'enabled', state: isUp(h, ctx.now()) ? 'up' : 'down', updated: h.seenAt, reason: s?.disabledReason ?? h.disabledReason, frozen: s?.frozen ?? false })),
]
async function read(ctx: Ctx) {
  const [rows, central] = await ctx.read(all(), q.select().from(volumeService).where(eq(volumeService.host, SCHEDULER)))
  return { rows, list: services(ctx, rows, central) }
}
const same = (s: Service, name: string) => s.host === name || s.host.split('@')[0] === name || s.host === name.split('#')[0]

const manage = 'volume_extension:services' as const
const list = endpoint({
  id: 'services.list', method: 'GET', path: '/os-services', status: 200, policy: manage, summary: 'List back ends and the scheduler',
  async handle(ctx, { query }) {
    const { list } = await read(ctx)
    const binary = query.get('binary') ?? query.get('service'), name = query.get('host')
    return {
      services: list.filter((s) => (!binary || s.binary === binary) && (!name || same(s, name))).map((s) => ({
        binary: s.binary, host: s.host, zone: s.zone, status: s.status, state: s.state, updated_at: isoMicros(s.updated), disabled_reason: s.reason,
        ...(s.binary === 'cinder-volume' ? { replication_status: 'disabled', active_backend_id: null, frozen: s.frozen } : {}), ...(ctx.version >= 3007 ? { cluster: null } : {}), ...(ctx.version >= 3049 && s.binary === 'cinder-volume' ? { backend_state: s.state } : {}),
      })),
    }
  },
})

const target = { host: t.String({ minLength: 1, maxLength: 255 }), service: t.Optional(t.String({ maxLength: 255 })), binary: t.Optional(t.String({ maxLength: 255 })) }
async function chosen(ctx: Ctx, ask: { host: string; service?: string; binary?: string }) {
  const binary = ask.binary ?? ask.service
  if (!binary) throw invalid('Missing required element \'binary\' or \'service\' in request body.')
  const found = (await read(ctx)).list.find((s) => s.binary === binary && same(s, ask.host))
  if (!found) throw notFound('service', ask.host, `Service ${binary} could not be found on host ${ask.host}.`)
  return found
}
const keep = (ctx: Ctx, s: Service, set: { disabled?: boolean; disabledReason?: string | null; frozen?: boolean }) => {
  const at = { host: s.host.split('@')[0], binary: s.binary }
  ctx.stage(q.insert(volumeService).values({ ...at, ...set, updatedAt: ctx.now() }).onConflictDoUpdate({ target: [volumeService.host, volumeService.binary], set: { ...set, updatedAt: ctx.now() } }))
}
const turn = (word: 'enable' | 'disable') => endpoint({
  id: `services.${word}`, method: 'PUT', path: `/os-services/${word}`, status: 200, policy: manage, summary: `${word === 'enable' ? 'Let' : 'Let no longer'} new volumes go to a back end`, body: { '3.0': t.Object(target, closed) },
  async handle(ctx, { body }) {
    const s = await chosen(ctx, body)
    keep(ctx, s, { disabled: word === 'disable', disabledReason: null })
    return { host: body.host, service: s.binary, binary: s.binary, disabled: word === 'disable', status: `${word}d`, ...(word === 'enable' ? { disabled_reason: null } : {}) }
  },
})
const reason = endpoint({
  id: 'services.disable-log-reason', method: 'PUT', path: '/os-services/disable-log-reason', status: 200, policy: manage, summary: 'Disable a back end and say why', body: { '3.0': t.Object({ ...target, disabled_reason: t.String({ minLength: 1, maxLength: 255 }) }, closed) },
  async handle(ctx, { body }) {
    const s = await chosen(ctx, body)
    keep(ctx, s, { disabled: true, disabledReason: body.disabled_reason })
    return { host: body.host, service: s.binary, binary: s.binary, disabled: true, status: 'disabled', disabled_reason: body.disabled_reason }
  },
})
const freeze = (word: 'freeze' | 'thaw') => endpoint({
  id: `services.${word}`, method: 'PUT', path: `/os-services/${word}`, status: 200, policy: manage, summary: `${word === 'freeze' ? 'Freeze' : 'Thaw'} a back end`, body: { '3.0': t.Object({ host: t.String({ minLength: 1, maxLength: 255 }) }, closed) },
  async handle(ctx, { body }) {
    const s = await chosen(ctx, { ...body, binary: 'cinder-volume' }).catch((e) => { throw (e as { kind?: string }).kind === 'notFound' ? invalid(`Service cinder-volume could not be found on host ${body.host}.`) : e })
    keep(ctx, s, { frozen: word === 'freeze', disabled: word === 'freeze', disabledReason: word === 'freeze' ? 'frozen' : null })
  },
})
const none = (id: string, path: string, what: string, since?: string, status = 202) => endpoint({
  id: `services.${id}`, method: 'PUT', path, status, since, policy: manage, summary: what, body: { '3.0': t.Object({ host: t.Optional(t.Union([t.String(), t.Null()])), cluster: t.Optional(t.Union([t.String(), t.Null()])), backend_id: t.Optional(t.Union([t.String(), t.Null()])) }, closed) },
  handle() { throw invalid('Invalid replication target: no back end here replicates.') },
})
const logs = { host: t.Optional(t.Union([t.String(), t.Null()])), server: t.Optional(t.Union([t.String(), t.Null()])), prefix: t.Optional(t.Union([t.String(), t.Null()])), binary: t.Optional(t.Union([t.String(), t.Null()])) }
const getLog = endpoint({ id: 'services.get-log', method: 'PUT', path: '/os-services/get-log', status: 200, since: '3.32', policy: manage, summary: 'Show log levels', body: { '3.32': t.Object(logs, closed) }, handle: () => ({ log_levels: [{ host: SCHEDULER, binary: 'cinder-scheduler', levels: { virga: 'WARNING' } }] }) })
const setLog = endpoint({ id: 'services.set-log', method: 'PUT', path: '/os-services/set-log', status: 202, since: '3.32', policy: manage, summary: 'Set log levels (fixed here)', body: { '3.32': t.Object({ ...logs, level: t.Optional(t.String()) }, closed) }, handle() { throw invalid('Log levels are fixed: what is unusual is always logged.') } })

const hosts = 'volume_extension:hosts' as const
const hostList = endpoint({
  id: 'hosts.list', method: 'GET', path: '/os-hosts', status: 200, policy: hosts, summary: 'List hosts',
  async handle(ctx, { query }) {
    const zone = query.get('zone')
    return { hosts: (await read(ctx)).list.filter((s) => !zone || s.zone === zone).map((s) => ({ service: s.binary, host_name: s.host, zone: s.zone, 'service-status': s.state === 'up' ? 'available' : 'unavailable', 'service-state': s.status, 'last-update': isoMicros(s.updated) })) }
  },
})
const hostShow = endpoint({
  id: 'hosts.show', method: 'GET', path: '/os-hosts/{name}', status: 200, policy: hosts, summary: 'Show what a host keeps',
  async handle(ctx, { params }) {
    const name = params.name.split('@')[0]
    const here = (column: typeof volume.host | typeof snapshot.host) => sql`${column} = (select id from host where name = ${name})`
    const [[row], volumes, snapshots] = await ctx.read(q.select({ name: host.name }).from(host).where(eq(host.name, name)),
      q.select({ project: volume.project, n: sql<number>`count(*)`, gb: sql<number>`sum(size_gb)` }).from(volume).where(here(volume.host)).groupBy(volume.project),
      q.select({ project: snapshot.project, n: sql<number>`count(*)`, gb: sql<number>`sum(size_gb)` }).from(snapshot).where(here(snapshot.host)).groupBy(snapshot.project))
    if (!row) throw notFound('host', name, `Compute host ${params.name.slice(0, 255)} could not be found.`)
    const one = (project: string, v: { n: number; gb: number }[], s: { n: number; gb: number }[]) => {
      const sum = (l: { n: number; gb: number }[], k: 'n' | 'gb') => String(l.reduce((a, x) => a + x[k], 0))
      return { resource: { host: params.name, project, volume_count: sum(v, 'n'), total_volume_gb: sum(v, 'gb'), snapshot_count: sum(s, 'n'), total_snapshot_gb: sum(s, 'gb') } }
    }
    const projects = [...new Set([...volumes, ...snapshots].map((r) => r.project))]
    return { host: [one('(total)', volumes, snapshots), ...projects.map((p) => one(p, volumes.filter((v) => v.project === p), snapshots.filter((s) => s.project === p)))] }
  },
})
const hostUpdate = endpoint({ id: 'hosts.update', method: 'PUT', path: '/os-hosts/{name}', status: 200, policy: hosts, summary: 'Change a host (services are enabled and disabled instead)', body: { '3.0': t.Object({}) }, handle() { throw invalid('Use os-services/enable and os-services/disable.') } })

const capabilities = (r: Found) => ({
  volume_backend_name: CAPABILITIES.volume_backend_name, vendor_name: CAPABILITIES.vendor_name, driver_version: CAPABILITIES.driver_version, storage_protocol: CAPABILITIES.storage_protocol, QoS_support: false,
  total_capacity_gb: r.host.capacity?.diskGb ?? 0, free_capacity_gb: r.host.capacity?.freeDiskGb ?? 0, reserved_percentage: 0, timestamp: isoMicros(r.host.inventoryAt ?? r.host.seenAt),
  allocated_capacity_gb: r.promised, provisioned_capacity_gb: r.promised, thin_provisioning_support: true, thick_provisioning_support: false, max_over_subscription_ratio: '20.0', multiattach: false,
})
const pools = endpoint({
  id: 'pools', method: 'GET', path: '/scheduler-stats/get_pools', status: 200, policy: 'scheduler_extension:get_pools', summary: 'List pools',
  async handle(ctx, { query }) {
    const { rows } = await read(ctx)
    return { pools: rows.filter((r) => isUp(r.host, ctx.now()) && r.host.capacity).map((r) => ({ name: r.host.name + POOL, ...(isTrue(query.get('detail')) ? { capabilities: capabilities(r) } : {}) })) }
  },
})
const capability = endpoint({
  id: 'capabilities.show', method: 'GET', path: '/capabilities/{name}', status: 200, policy: 'volume_extension:capabilities', summary: 'Show what a back end can do',
  async handle(ctx, { params }) {
    const found = (await read(ctx)).rows.find((r) => r.host.name === params.name.split('@')[0])
    if (!found) throw notFound('host', params.name, `Service cinder-volume could not be found on host ${params.name.slice(0, 255)}.`)
    const c = capabilities(found)
    return {
      namespace: `OS::Storage::Capabilities::${found.host.name}${BACKEND}`, vendor_name: c.vendor_name, volume_backend_name: c.volume_backend_name, pool_name: null, driver_version: c.driver_version, storage_protocol: c.storage_protocol, display_name: null, description: null, visibility: null, replication_targets: [],
      properties: { thin_provisioning: { title: 'Thin Provisioning', description: 'Disks take what is written to them.', type: 'boolean' } },
    }
  },
})
const zones = endpoint({
  id: 'availability-zones.list', method: 'GET', path: '/os-availability-zone', status: 200, policy: 'any:read', summary: 'List availability zones',
  async handle(ctx) { const [rows] = await ctx.read(q.selectDistinct({ zone: host.zone }).from(host).orderBy(host.zone)); return { availabilityZoneInfo: (rows.length ? rows : [{ zone: 'nova' }]).map((r) => ({ zoneName: r.zone, zoneState: { available: true } })) } },
})
export default [list, turn('enable'), turn('disable'), reason, freeze('freeze'), freeze('thaw'), none('failover-host', '/os-services/failover_host', 'Fail a back end over (none replicates)'), none('failover', '/os-services/failover', 'Fail a back end over (none replicates)', '3.26'), getLog, setLog, hostList, hostShow, hostUpdate, pools, capability, zones]
