import { and, asc, eq, gt, isNotNull, lt } from 'drizzle-orm'
import { pastServer, server } from '../../../schema/compute.ts'
import { host } from '../../../schema/host.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid } from '../../kernel/fault.ts'
import { isoMicros } from '../../kernel/view.ts'
import { endpoint } from '../service.ts'
import { statusOf, type Server } from '../servers/model.ts'

const HOUR = 3600_000_000, DAY = 24 * HOUR

/** `2026-11-21`, `2026-11-21T10:00:00` or with microseconds, UTC. */
function time(text: string | null, otherwise: number, name: string): number {
  if (text === null) return otherwise
  const t = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d+)?)?$/.test(text) ? Date.parse(`${text.replace(' ', 'T')}${text.length > 10 ? '' : 'T00:00:00'}Z`) : NaN
  if (Number.isNaN(t)) throw invalid(`Datetime is in invalid format: ${name} is ${text}`)
  return t * 1000
}
function period(ctx: Ctx, query: URLSearchParams) {
  const end = time(query.get('end'), ctx.now(), 'end'), start = time(query.get('start'), end - 28 * DAY, 'start')
  if (end < start) throw invalid('Invalid start time. The start time cannot occur after the end time.')
  if (ctx.version >= 2075) for (const key of query.keys()) if (!['start', 'end', 'detailed', 'limit', 'marker'].includes(key)) throw invalid(`Additional properties are not allowed ('${key}' was unexpected)`)
  return { start, end, detailed: query.get('detailed') === '1' }
}
interface Life { s: Server; from: number; to?: number }

async function lives(ctx: Ctx, start: number, end: number, project?: string): Promise<Life[]> {
  const [now, gone] = await ctx.read(
    q.select().from(server).where(and(project ? eq(server.project, project) : undefined, isNotNull(server.launchedAt), lt(server.launchedAt, end))).orderBy(asc(server.id)).limit(10000),
    q.select().from(pastServer).where(and(project ? eq(pastServer.project, project) : undefined, isNotNull(pastServer.launchedAt), lt(pastServer.launchedAt, end), gt(pastServer.deletedAt, start))).orderBy(asc(pastServer.id)).limit(10000))
  return [...now.map((s) => ({ s, from: s.launchedAt! })), ...gone.map((p) => ({ s: p.row, from: p.launchedAt!, to: p.deletedAt }))]
}
function report(ctx: Ctx, project: string, list: Life[], { start, end, detailed }: { start: number; end: number; detailed: boolean }) {
  const hours = (l: Life) => Math.max(0, Math.min(l.to ?? ctx.now(), end) - Math.max(l.from, start)) / HOUR
  const sum = (f: (l: Life) => number) => list.reduce((n, l) => n + f(l) * hours(l), 0)
  const gb = ({ s }: Life) => s.shape.diskGb + s.shape.ephemeralGb
  return {
    tenant_id: project, start: isoMicros(start), stop: isoMicros(end), total_hours: sum(() => 1), total_vcpus_usage: sum((l) => l.s.shape.vcpus), total_memory_mb_usage: sum((l) => l.s.shape.memoryMb), total_local_gb_usage: sum(gb),
    ...(detailed ? { server_usages: list.map((l) => ({
      instance_id: l.s.id, name: l.s.name, tenant_id: project, flavor: l.s.shape.name, vcpus: l.s.shape.vcpus, memory_mb: l.s.shape.memoryMb, local_gb: gb(l), hours: hours(l), started_at: isoMicros(l.from), ended_at: l.to ? isoMicros(l.to) : null,
      uptime: Math.floor(((l.to ?? ctx.now()) - l.from) / 1_000_000), state: l.to ? 'terminated' : statusOf(l.s).toLowerCase(),
    })) } : {}),
  }
}
/** From 2.40 a page is a number of servers, whoever they belong to. */
function paged(ctx: Ctx, list: Life[], query: URLSearchParams, url: URL, links: string) {
  const limit = query.get('limit'), marker = query.get('marker')
  if (ctx.version < 2040) return { list, more: {} }
  if (limit !== null && !/^\d+$/.test(limit)) throw invalid(`Invalid input for query parameters limit. Value: ${limit}.`)
  let rest = list
  if (marker) {
    const at = list.findIndex((l) => l.s.id === marker)
    if (at < 0) throw invalid(`marker [${marker}] not found`)
    rest = list.slice(at + 1)
  }
  const most = limit === null ? 1000 : Math.min(1000, Number(limit)), page = rest.slice(0, most), to = new URL(url)
  if (rest.length <= most || !page.length) return { list: page, more: {} }
  to.searchParams.set('marker', page.at(-1)!.s.id)
  return { list: page, more: { [links]: [{ rel: 'next', href: to.href }] } }
}

export default [
  endpoint({
    id: 'usage.list', method: 'GET', path: '/os-simple-tenant-usage', status: 200, summary: 'What projects have used', policy: 'os_compute_api:os-simple-tenant-usage:list',
    async handle(ctx, { query, url }) {
      const p = period(ctx, query), { list, more } = paged(ctx, await lives(ctx, p.start, p.end), query, url, 'tenant_usages_links')
      return { tenant_usages: [...Map.groupBy(list, (l) => l.s.project)].map(([project, of]) => report(ctx, project, of, p)), ...more }
    },
  }),
  endpoint({
    id: 'usage.show', method: 'GET', path: '/os-simple-tenant-usage/{project}', status: 200, summary: 'What a project has used', policy: 'os_compute_api:limits',
    async handle(ctx, { params, query, url }) {
      ctx.may('os_compute_api:os-simple-tenant-usage:show', { project: params.project })
      const p = period(ctx, query), { list, more } = paged(ctx, await lives(ctx, p.start, p.end, params.project), query, url, 'tenant_usage_links')
      return { tenant_usage: list.length ? report(ctx, params.project, list, { ...p, detailed: true }) : {}, ...more }
    },
  }),
  ...['/os-instance_usage_audit_log', '/os-instance_usage_audit_log/{before}'].map((path, n) => endpoint({
    id: `usage.audit${n ? '_before' : ''}`, method: 'GET', path, status: 200, summary: 'Runs of the usage audit: usage is counted from rows, nothing runs', policy: `os_compute_api:os-instance-usage-audit-log:${n ? 'show' : 'list'}`,
    async handle(ctx, { params }) {
      const before = n ? time(decodeURIComponent(params.before).replace(/%20/g, ' '), 0, 'before') : ctx.now()
      const [rows] = await ctx.read(q.select({ name: host.name }).from(host).orderBy(asc(host.name)))
      const d = new Date(before / 1000), month = (k: number) => `${new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + k, 1)).toISOString().slice(0, 10)} 00:00:00`
      const log = { hosts_not_run: rows.map((r) => r.name), log: {}, num_hosts: rows.length, num_hosts_done: 0, num_hosts_not_run: rows.length, num_hosts_running: 0, overall_status: `0 of ${rows.length} hosts done. 0 errors.`, period_beginning: month(-1), period_ending: month(0), total_errors: 0, total_instances: 0 }
      return n ? { instance_usage_audit_log: log } : { instance_usage_audit_logs: log }
    },
  })),
]
