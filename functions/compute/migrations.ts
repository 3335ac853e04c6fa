import { and, asc, inArray, like } from 'drizzle-orm'
import { host } from '../../schema/host.ts'
import { event } from '../../schema/kernel.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { q } from '../kernel/db.ts'
import type { Input } from '../kernel/endpoint.ts'
import { invalid } from '../kernel/fault.ts'
import { pageLink } from '../kernel/page.ts'
import { isoMicros } from '../kernel/view.ts'
import { timeOf } from './servers/filters.ts'

/** Resizes happen on the server's own host; what is known of them is its timeline. */
const told = ['resize.start', 'resize.end', 'resize.error', 'confirmResize.end', 'revertResize.end', 'delete.end'].map((w) => `compute.instance.${w}`)
const becomes: Record<string, string> = { 'compute.instance.resize.end': 'finished', 'compute.instance.resize.error': 'error', 'compute.instance.confirmResize.end': 'confirmed', 'compute.instance.revertResize.end': 'reverted' }
const allowed = ['host', 'hidden', 'status', 'instance_uuid', 'source_compute', 'migration_type', 'limit', 'marker', 'changes-since', 'changes-before', 'user_id', 'project_id']

/** A stable id for one that has none of its own. */
const uuidOf = (requestId: string) => requestId.replace(/^req-/, '')

export async function listMigrations(ctx: Ctx, { query, url }: Input) {
  const paged = ctx.version >= 2059, limit = query.get('limit'), marker = query.get('marker')
  if (paged && limit !== null && !/^\d+$/.test(limit)) throw invalid(`Invalid input for query parameters limit. Value: ${limit}.`)
  if (paged) for (const key of query.keys()) if (!allowed.includes(key) || (key === 'changes-before' && ctx.version < 2066) || (/^(user|project)_id$/.test(key) && ctx.version < 2080)) throw invalid(`Additional properties are not allowed ('${key}' was unexpected)`)
  const [rows, hosts] = await ctx.read(q.select().from(event).where(and(like(event.action, 'compute.instance.%'), inArray(event.action, told))).orderBy(asc(event.seq)).limit(10000), q.select({ id: host.id, name: host.name }).from(host))
  const open = new Map<string, Record<string, any>>(), found: Record<string, any>[] = []
  for (const r of rows) {
    if (r.action === 'compute.instance.resize.start' && r.detail?.from) {
      const name = hosts.find((h) => h.id === r.detail!.host)?.name ?? ''
      const m = { r, id: r.seq, uuid: uuidOf(r.requestId), status: 'migrating', at: r.at, host: name, from: r.detail.from, to: r.detail.to }
      open.set(r.resource!, m)
      found.push(m)
    } else if (open.has(r.resource!) && becomes[r.action]) Object.assign(open.get(r.resource!)!, { status: becomes[r.action], at: r.at })
  }
  const is = (key: string, v: unknown) => !query.has(key) || query.get(key) === String(v)
  let list = found.reverse().filter((m) => is('instance_uuid', m.r.resource) && is('status', m.status) && is('host', m.host) && is('source_compute', m.host) && is('migration_type', 'resize') && (!query.has('user_id') || m.r.user === query.get('user_id')) && (!query.has('project_id') || m.r.project === query.get('project_id'))
    && (!paged || !query.has('changes-since') || m.at >= timeOf('changes-since', query.get('changes-since')!)) && (!paged || !query.has('changes-before') || m.at <= timeOf('changes-before', query.get('changes-before')!)))
  if (paged && marker) {
    const at = list.findIndex((m) => m.uuid === marker)
    if (at < 0) throw invalid(`Marker ${marker} could not be found.`)
    list = list.slice(at + 1)
  }
  const most = paged ? Math.min(1000, Number(limit ?? 1000) || 1000) : 1000, page = list.slice(0, most)
  return {
    migrations: page.map((m) => ({
      id: m.id, instance_uuid: m.r.resource, status: m.status, source_compute: m.host, dest_compute: m.host, source_node: m.host, dest_node: m.host, dest_host: null, old_instance_type_id: Number(m.from) || 0, new_instance_type_id: Number(m.to) || 0, created_at: isoMicros(m.r.at), updated_at: isoMicros(m.at),
      ...(ctx.version >= 2023 ? { migration_type: 'resize' } : {}), ...(paged ? { uuid: m.uuid } : {}), ...(ctx.version >= 2080 ? { user_id: m.r.user, project_id: m.r.project } : {}),
    })),
    ...(paged && list.length > most ? { migrations_links: [{ rel: 'next', href: pageLink(ctx.origin, url, page.at(-1)!.uuid) }] } : {}),
  }
}
