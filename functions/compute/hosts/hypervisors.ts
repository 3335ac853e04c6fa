import { inArray } from 'drizzle-orm'
import { server } from '../../../schema/compute.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { pageLink } from '../../kernel/page.ts'
import { isUuid, truth } from '../shapes.ts'
import { endpoint, type Rule } from '../service.ts'
import { allHosts, idOf, oneHost, up, type HostShown } from './read.ts'

const rule = (what: string) => `os_compute_api:os-hypervisors:${what}` as Rule
type Guests = Map<string, { uuid: string; name: string }[]>

const brief = (ctx: Ctx, r: HostShown) => ({ id: idOf(ctx, r), hypervisor_hostname: r.h.name, state: up(ctx, r) ? 'up' : 'down', status: r.h.enabled ? 'enabled' : 'disabled' })
/** ` 12:00:00 up 3 days,  2:04,  0 users,  load average: 0.1, 0.2, 0.3` */
function uptime(r: HostShown): string | null {
  const v = r.h.hypervisor
  if (!v) return null
  const s = v.uptimeSeconds, hm = `${Math.floor((s % 86400) / 3600)}:${String(Math.floor((s % 3600) / 60)).padStart(2, '0')}`
  return ` ${new Date((r.h.inventoryAt ?? 0) / 1000).toISOString().slice(11, 19)} up ${s >= 86400 ? `${Math.floor(s / 86400)} days, ` : ''}${hm},  0 users,  load average: ${v.load.map((n) => n.toFixed(2)).join(', ')}`
}
function detail(ctx: Ctx, r: HostShown, guests?: Guests) {
  const { h } = r, cpu = { arch: h.hypervisor?.arch ?? '', model: h.hypervisor?.cpuModel ?? '', vendor: '', features: [] as string[], topology: { cores: h.vcpus, sockets: 1, threads: 1 } }
  const old = ctx.version < 2088
  return {
    ...brief(ctx, r), host_ip: h.hypervisor?.address ?? null, hypervisor_type: h.simulated ? 'simulated' : h.hypervisor?.type ?? 'QEMU', hypervisor_version: h.hypervisor?.version ?? 0,
    service: { id: idOf(ctx, r), host: h.name, disabled_reason: h.disabledReason },
    ...(old ? {
      vcpus: h.vcpus, vcpus_used: r.vcpus, memory_mb: h.memoryMb, memory_mb_used: r.memoryMb + Math.min(h.reservedMemoryMb, h.memoryMb), local_gb: h.diskGb, local_gb_used: r.diskGb, free_ram_mb: Math.max(0, h.memoryMb - Math.min(h.reservedMemoryMb, h.memoryMb) - r.memoryMb), free_disk_gb: Math.max(0, h.diskGb - r.diskGb),
      running_vms: r.servers, current_workload: r.busy, disk_available_least: h.capacity?.freeDiskGb ?? 0, cpu_info: ctx.version >= 2028 ? cpu : JSON.stringify(cpu),
    } : { uptime: uptime(r), servers: [] }),
    ...(guests ? { servers: ctx.version < 2075 && !guests.get(h.id)?.length ? undefined : guests.get(h.id) ?? [] } : {}),
  }
}
async function guestsOf(ctx: Ctx, rows: HostShown[]): Promise<Guests> {
  if (!rows.length) return new Map()
  const [found] = await ctx.read(q.select({ uuid: server.id, name: server.name, host: server.host }).from(server).where(inArray(server.host, rows.map((r) => r.h.id))))
  return new Map([...Map.groupBy(found, (s) => s.host!)].map(([h, list]) => [h, list.map((s) => ({ uuid: s.uuid, name: s.name }))]))
}

async function list(ctx: Ctx, query: URLSearchParams, url: URL, shape: (r: HostShown, guests?: Guests) => object) {
  const pattern = ctx.version >= 2053 ? query.get('hypervisor_hostname_pattern') : null, with_ = ctx.version >= 2053 && query.has('with_servers')
  if (with_ && !/^(true|false|1|0|on|off|yes|no|t|f|y|n)$/i.test(query.get('with_servers')!)) throw invalid(`Invalid input for query parameters with_servers. Value: ${query.get('with_servers')}. It is not a boolean.`)
  const limit = query.get('limit'), marker = query.get('marker'), paged = ctx.version >= 2033
  if (paged && limit !== null && !/^\d+$/.test(limit)) throw invalid(`Invalid input for query parameters limit. Value: ${limit}.`)
  if (pattern && (limit !== null || marker)) throw invalid('Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.')
  let rows = await allHosts(ctx)
  if (pattern !== null) {
    rows = rows.filter((r) => r.h.name.includes(pattern))
    if (!rows.length) throw notFound('hypervisor', pattern, `No hypervisor matching '${pattern}' could be found.`)
  }
  if (paged && marker) {
    const at = rows.findIndex((r) => String(idOf(ctx, r)) === marker)
    if (at < 0) throw invalid(`Marker ${marker} could not be found.`)
    rows = rows.slice(at + 1)
  }
  let next: string | undefined
  if (paged && limit !== null && Number(limit) > 0 && rows.length > Number(limit)) { rows = rows.slice(0, Number(limit)); next = String(idOf(ctx, rows.at(-1)!)) }
  const guests = with_ && truth(query.get('with_servers')) ? await guestsOf(ctx, rows) : undefined
  return { hypervisors: rows.map((r) => shape(r, guests)), ...(next ? { hypervisors_links: [{ rel: 'next', href: pageLink(ctx.origin, url, next) }] } : {}) }
}
const matching = async (ctx: Ctx, pattern: string) => {
  const rows = (await allHosts(ctx)).filter((r) => r.h.name.includes(pattern))
  if (!rows.length) throw notFound('hypervisor', pattern, `No hypervisor matching '${pattern}' could be found.`)
  return rows
}
const check = (ctx: Ctx, id: string) => { if (ctx.version >= 2053 && !isUuid(id)) throw invalid(`Invalid uuid ${id}`) }

export default [
  endpoint({ id: 'hypervisors.list', method: 'GET', path: '/os-hypervisors', status: 200, summary: 'List hypervisors', policy: rule('list'), handle: (ctx, { query, url }) => list(ctx, query, url, (r, g) => ({ ...brief(ctx, r), ...(g ? { servers: g.get(r.h.id) ?? (ctx.version < 2075 ? undefined : []) } : {}) })) }),
  endpoint({ id: 'hypervisors.detail', method: 'GET', path: '/os-hypervisors/detail', status: 200, summary: 'List hypervisors with details', policy: rule('list-detail'), handle: (ctx, { query, url }) => list(ctx, query, url, (r, g) => detail(ctx, r, g)) }),
  endpoint({
    id: 'hypervisors.statistics', method: 'GET', path: '/os-hypervisors/statistics', until: '2.87', status: 200, summary: 'Sums over all hypervisors', policy: rule('statistics'),
    async handle(ctx) {
      const rows = (await allHosts(ctx)).filter((r) => r.h.enabled), all = rows.map((r) => detail({ ...ctx, version: 2001, now: () => ctx.now() } as Ctx, r) as Record<string, any>), sum = (k: string) => all.reduce((n, x) => n + Number(x[k]), 0)
      return { hypervisor_statistics: { count: rows.length, ...Object.fromEntries(['vcpus', 'vcpus_used', 'memory_mb', 'memory_mb_used', 'local_gb', 'local_gb_used', 'free_ram_mb', 'free_disk_gb', 'current_workload', 'running_vms', 'disk_available_least'].map((k) => [k, sum(k)])) } }
    },
  }),
  endpoint({
    id: 'hypervisors.show', method: 'GET', path: '/os-hypervisors/{hypervisor}', status: 200, summary: 'Show a hypervisor', policy: rule('show'),
    async handle(ctx, { params, query }) {
      check(ctx, params.hypervisor)
      const r = await oneHost(ctx, params.hypervisor, 'Hypervisor')
      return { hypervisor: detail(ctx, r, ctx.version >= 2088 || (ctx.version >= 2053 && truth(query.get('with_servers'))) ? await guestsOf(ctx, truth(query.get('with_servers')) ? [r] : []) : undefined) }
    },
  }),
  endpoint({
    id: 'hypervisors.uptime', method: 'GET', path: '/os-hypervisors/{hypervisor}/uptime', until: '2.87', status: 200, summary: 'How long a hypervisor is up', policy: rule('uptime'),
    async handle(ctx, { params }) {
      check(ctx, params.hypervisor)
      const r = await oneHost(ctx, params.hypervisor, 'Hypervisor')
      if (!up(ctx, r)) throw invalid(`Host '${r.h.name}' is down.`)
      return { hypervisor: { ...brief(ctx, r), uptime: uptime(r) ?? '' } }
    },
  }),
  endpoint({ id: 'hypervisors.search', method: 'GET', path: '/os-hypervisors/{hypervisor}/search', until: '2.52', status: 200, summary: 'Hypervisors whose name contains a text', policy: rule('search'), async handle(ctx, { params }) { return { hypervisors: (await matching(ctx, params.hypervisor)).map((r) => brief(ctx, r)) } } }),
  endpoint({
    id: 'hypervisors.servers', method: 'GET', path: '/os-hypervisors/{hypervisor}/servers', until: '2.52', status: 200, summary: 'Servers on hypervisors whose name contains a text', policy: rule('servers'),
    async handle(ctx, { params }) {
      const rows = await matching(ctx, params.hypervisor), guests = await guestsOf(ctx, rows)
      return { hypervisors: rows.map((r) => ({ ...brief(ctx, r), ...(guests.get(r.h.id)?.length ? { servers: guests.get(r.h.id) } : {}) })) }
    },
  }),
]
