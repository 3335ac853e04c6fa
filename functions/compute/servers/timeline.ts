import { createHash } from 'node:crypto'
import { and, asc, eq, like, sql } from 'drizzle-orm'
import { pastServer, server } from '../../../schema/compute.ts'
import { host } from '../../../schema/host.ts'
import { event } from '../../../schema/kernel.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { pageLink } from '../../kernel/page.ts'
import { isoMicros } from '../../kernel/view.ts'
import { endpoint, type Rule } from '../service.ts'
import { timeOf } from './filters.ts'
import { visible } from './model.ts'

/**
 * What was done to a server, read from its events: `compute.instance.WHAT.start`, then `.end` or `.error` with the same
 * request id; between them a `.retry` for each host that failed it. A server that is gone still tells.
 */
type Row = typeof event.$inferSelect
const words: Record<string, string> = {
  'reboot-hard': 'reboot', attachVolume: 'attach_volume', detachVolume: 'detach_volume', attachInterface: 'attach_interface', detachInterface: 'detach_interface', backup: 'createBackup', shelveOffload: 'shelveOffload',
}
const steps: Record<string, string> = {
  create: 'compute__do_build_and_run_instance', delete: 'compute_terminate_instance', start: 'compute_start_instance', stop: 'compute_stop_instance', reboot: 'compute_reboot_instance', rebuild: 'compute_rebuild_instance',
}
interface Action { name: string; start: Row; last: Row; retries: Row[]; end?: Row; error?: Row }

function actionsOf(rows: Row[]): Action[] {
  const found: Action[] = []
  for (const r of rows) {
    const m = /^compute\.instance\.([\w-]+)\.(start|end|error|retry)$/.exec(r.action)
    if (!m) continue
    const name = words[m[1]] ?? m[1]
    if (m[2] === 'start') { found.push({ name, start: r, last: r, retries: [] }); continue }
    const open = found.findLast((a) => a.name === name && a.start.requestId === r.requestId) ?? found.findLast((a) => a.name === name && !a.end && !a.error)
    if (!open) { if (m[2] === 'end') found.push({ name, start: r, last: r, retries: [], end: r }); continue }
    open.last = r
    if (m[2] === 'retry') open.retries.push(r)
    else if (m[2] === 'end') open.end = r
    else open.error = r
  }
  return found.reverse()
}

async function look(ctx: Ctx, id: string, rule: Rule) {
  const [live, gone, rows, hosts] = await ctx.read(
    q.select({ project: server.project, host: server.host }).from(server).where(and(eq(server.id, id), visible(ctx))),
    q.select({ project: pastServer.project, row: pastServer.row }).from(pastServer).where(and(eq(pastServer.id, id), ctx.caller.admin ? undefined : eq(pastServer.project, ctx.project))),
    q.select().from(event).where(and(eq(event.resource, id), like(event.action, 'compute.instance.%'))).orderBy(asc(event.seq)).limit(5000),
    q.select({ id: host.id, name: host.name }).from(host).where(sql`${host.id} in (select host from ${server} where id = ${id} union select json_extract(row, '$.host') from ${pastServer} where id = ${id} union select json_extract(detail, '$.host') from ${event} where resource = ${id} and action like '%.retry')`))
  const s = live[0] ?? (ctx.version >= 2021 && gone[0] ? { project: gone[0].project, host: gone[0].row.host } : undefined)
  if (!s) throw notFound('instance', id)
  ctx.may(rule, s)
  return { actions: actionsOf(rows), project: s.project, host: s.host, nameOf: (host: unknown) => hosts.find((h) => h.id === host)?.name ?? '' }
}

const view = (ctx: Ctx, id: string, a: Action) => ({
  action: a.name, instance_uuid: id, request_id: a.start.requestId, user_id: a.start.user, project_id: a.start.project, start_time: isoMicros(a.start.at), message: a.error ? 'Error' : null,
  ...(ctx.version >= 2058 ? { updated_at: isoMicros(a.last.at) } : {}),
})

export default [
  endpoint({
    id: 'servers.actions.list', method: 'GET', path: '/servers/{server}/os-instance-actions', status: 200, summary: 'What was done to a server', policy: 'os_compute_api:os-instance-actions:list',
    async handle(ctx, { params, query, url }) {
      const since = query.get('changes-since'), before = query.get('changes-before'), paged = ctx.version >= 2058
      if (ctx.version >= 2066 && since && before && timeOf('changes-since', since) > timeOf('changes-before', before)) throw invalid('The value of changes-since must be less than or equal to changes-before.')
      if (paged) for (const key of query.keys()) if (!['limit', 'marker', 'changes-since', ...(ctx.version >= 2066 ? ['changes-before'] : [])].includes(key)) throw invalid(`Additional properties are not allowed ('${key}' was unexpected)`)
      const limit = query.get('limit')
      if (paged && limit !== null && !/^\d+$/.test(limit)) throw invalid(`Invalid input for query parameters limit. Value: ${limit}.`)
      let { actions } = await look(ctx, params.server, 'os_compute_api:os-instance-actions:list')
      let next: string | undefined
      if (paged) {
        if (since) actions = actions.filter((a) => a.last.at >= timeOf('changes-since', since))
        if (before && ctx.version >= 2066) actions = actions.filter((a) => a.last.at <= timeOf('changes-before', before))
        const marker = query.get('marker')
        if (marker) {
          const at = actions.findIndex((a) => a.start.requestId === marker)
          if (at < 0) throw invalid(`Marker ${marker} could not be found.`)
          actions = actions.slice(at + 1)
        }
        if (limit && Number(limit) > 0 && actions.length > Number(limit)) { actions = actions.slice(0, Number(limit)); next = actions.at(-1)!.start.requestId }
      }
      return { instanceActions: actions.map((a) => view(ctx, params.server, a)), ...(next ? { links: [{ rel: 'next', href: pageLink(ctx.origin, url, next) }] } : {}) }
    },
  }),
  endpoint({
    id: 'servers.actions.show', method: 'GET', path: '/servers/{server}/os-instance-actions/{request}', status: 200, summary: 'One thing that was done to a server', policy: 'os_compute_api:os-instance-actions:show',
    async handle(ctx, { params }) {
      const { actions, project, host, nameOf } = await look(ctx, params.server, 'os_compute_api:os-instance-actions:show')
      const a = actions.find((x) => x.start.requestId === params.request)
      if (!a) throw notFound('action', params.request, `Action ${params.request} not found`)
      const admin = ctx.can('os_compute_api:os-instance-actions:events')
      const attempt = (start: Row, failed: Row | undefined, done = failed, on: unknown = failed?.detail?.host ?? host) => {
        const why = failed ? String(failed.detail?.why ?? '') : null
        return {
          event: steps[a.name] ?? `compute_${a.name}_instance`, start_time: isoMicros(start.at), finish_time: done ? isoMicros(done.at) : null, result: done ? (failed ? 'Error' : 'Success') : null,
          ...(admin || ctx.version < 2051 ? { traceback: why } : {}),
          ...(ctx.version >= 2062 ? { hostId: on ? createHash('sha224').update(project + String(on)).digest('hex') : '', ...(admin ? { host: nameOf(on) } : {}) } : {}),
          ...(ctx.version >= 2084 && ctx.can('os_compute_api:os-instance-actions:events:details') ? { details: why } : {}),
        }
      }
      // The newest first.
      const events = [...a.retries.map((r, i) => attempt(a.retries[i - 1] ?? a.start, r)), attempt(a.retries.at(-1) ?? a.start, a.error, a.end ?? a.error)].reverse()
      return { instanceAction: { ...view(ctx, params.server, a), ...(admin || ctx.version >= 2051 ? { events } : {}) } }
    },
  }),
]
