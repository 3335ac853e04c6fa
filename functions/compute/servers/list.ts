import { and, desc, eq, getTableColumns, gte, inArray, lte, type SQL } from 'drizzle-orm'
import { pastServer, server, serverGuest } from '../../../schema/compute.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import type { Input } from '../../kernel/endpoint.ts'
import { invalid } from '../../kernel/fault.ts'
import { cutPage, keyset, pageLink, pageOf } from '../../kernel/page.ts'
import { endpoint, type Rule } from '../service.ts'
import { timeOf, truthy, wheresOf } from './filters.ts'
import type { Server } from './model.ts'
import { patternOf } from './pattern.ts'
import { around, assemble } from './read.ts'
import { briefView, serverView, type Shown } from './view.ts'

const sortable = {
  created_at: server.createdAt, updated_at: server.updatedAt, display_name: server.name, name: server.name, uuid: server.id, id: server.id, hostname: server.hostname, host: server.host, node: server.host,
  vm_state: server.state, task_state: server.task, power_state: server.power, launched_at: server.launchedAt, project_id: server.project, user_id: server.user, availability_zone: server.zone,
  image_ref: server.image, key_name: server.keyName, display_description: server.description, memory_mb: server.memoryMb, vcpus: server.vcpus, access_ip_v4: server.accessIPv4, access_ip_v6: server.accessIPv6,
  launch_index: server.launchIndex, locked_by: server.lockedBy, config_drive: server.configDrive, auto_disk_config: server.autoDisk, root_device_name: server.rootDevice, locked: server.lockedBy,
}

export const list = endpoint({
  id: 'servers.list', method: 'GET', path: '/servers', status: 200, summary: 'List servers', policy: 'os_compute_api:servers:index',
  async handle(ctx, input) {
    const { rows, next } = await page(ctx, input, 'os_compute_api:servers:index:get_all_tenants', false)
    return { servers: rows.map(briefView.at(ctx.version)), ...linked(ctx, input, next) }
  },
})
export const detail = endpoint({
  id: 'servers.detail', method: 'GET', path: '/servers/detail', status: 200, summary: 'List servers with details', policy: 'os_compute_api:servers:detail',
  async handle(ctx, input) {
    const { rows, next } = await page(ctx, input, 'os_compute_api:servers:detail:get_all_tenants', true)
    return { servers: rows.map(serverView.at(ctx.version)), ...linked(ctx, input, next) }
  },
})
const linked = (ctx: Ctx, { url }: Input, next?: string) => (next ? { servers_links: [{ rel: 'next', href: pageLink(ctx.origin, url, next) }] } : {})

/** One page and what lies around its servers: one read. */
async function page(ctx: Ctx, { query }: Input, everyone: Rule, whole: boolean): Promise<{ rows: Shown[]; next?: string }> {
  const all = query.has('all_tenants') && truthy(query.get('all_tenants')!, 'all_tenants')
  if (all) ctx.may(everyone)
  const project = all ? query.get('tenant_id') ?? query.get('project_id') ?? undefined : ctx.project
  const since = query.get('changes-since'), before = ctx.version >= 2066 ? query.get('changes-before') : null
  if (since && before && timeOf('changes-since', since) > timeOf('changes-before', before)) throw invalid('The value of changes-since must be less than or equal to changes-before.')
  const deleted = ctx.caller.admin && (/^(1|t|true|on|y|yes)$/i.test(query.get('deleted') ?? '') || query.get('status')?.toUpperCase() === 'DELETED')
  const asked = pageOf(query, sortable, { max: 1000, sort: [['created_at', 'desc']] })
  const none = query.get('limit') === '0'
  const { after, order } = keyset(server, server.id, asked)
  const where = and(project ? eq(server.project, project) : undefined, ...wheresOf(ctx, query), after)
  // A brief page takes two of forty columns: most of what a row costs is its columns.
  const columns = (whole ? getTableColumns(server) : { id: server.id, name: server.name }) as ReturnType<typeof getTableColumns<typeof server>>
  const rows = q.select(columns).from(server).where(where).orderBy(...order).limit(asked.limit + 1)
  const ids = q.select({ id: server.id }).from(server).where(where).orderBy(...order).limit(whole ? asked.limit : 0)
  const gone = q.select().from(pastServer).where(past(project, since, before)).orderBy(desc(pastServer.deletedAt)).limit(since || before || deleted ? asked.limit : 0)
  // Whoever is shown what servers were given is shown it in lists too.
  const given = whole && ctx.version >= 2003 && ctx.can('os_compute_api:os-extended-server-attributes') ? q.select({ server: serverGuest.server, userData: serverGuest.userData }).from(serverGuest).where(inArray(serverGuest.server, ids)) : undefined
  const [found, known, former, ...rest] = await ctx.read(rows, q.select({ id: server.id }).from(server).where(eq(server.id, asked.marker ?? '')), gone, ...(whole ? around(ids) : [] as never as ReturnType<typeof around>), ...(given ? [given] : []))
  if (asked.marker && !known.length) throw invalid(`marker [${asked.marker}] not found`)
  const cut = cutPage(deleted || none ? [] : found, asked, (r: Server) => r.id)
  // What no `like` can say is said here: a page may then be shorter than asked, its link still leads on.
  const name = query.getAll('name').at(-1)
  if (name !== undefined) cut.rows = cut.rows.filter((r) => patternOf(name).test(r.name))
  const data = new Map(given ? (rest.at(-1) as unknown as { server: string; userData: string | null }[]).map((g) => [g.server, g.userData]) : [])
  const shown = whole ? assemble(ctx, cut.rows, rest).map((s) => ({ ...s, userData: data.get(s.server.id) })) : cut.rows.map((s) => ({ ctx, server: s }) as Shown)
  const ghosts = (none ? [] : former).map((p): Shown => ({ ctx, server: { ...p.row, host: null, power: 0, task: null }, addresses: {}, groups: [], volumes: [], deletedAt: p.deletedAt }))
  return { rows: [...shown, ...ghosts].slice(0, asked.limit), next: cut.next }
}

const past = (project: string | undefined, since: string | null, before: string | null): SQL | undefined => and(
  project ? eq(pastServer.project, project) : undefined,
  since ? gte(pastServer.deletedAt, timeOf('changes-since', since)) : undefined, before ? lte(pastServer.deletedAt, timeOf('changes-before', before)) : undefined)
