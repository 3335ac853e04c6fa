import { sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import type { Ctx } from '../../kernel/ctx.ts'
import type { Query } from '../../kernel/db.ts'
import { start } from '../../kernel/engine.ts'
import { invalid, notFound } from '../../kernel/fault.ts'
import { bindingFailed, lackingQuery } from '../../network/networks/physical.ts'
import { interfacesOf } from '../../network/ports/of-servers.ts'
import { networksAsked, planPorts, portReads, type PortRequest } from '../../network/ports/plan.ts'
import { endpoint } from '../service.ts'
import { address, closed, ip, tag, uuid } from '../shapes.ts'
import attach from './attach.saga.ts'
import { gripOf, gripReads, timeline } from './grip.ts'
import { mine, power, serverQuery, type Server } from './model.ts'
import { nicOf, type Wired } from './spec.ts'
import { joins } from './verbs.ts'

const path = '/servers/{server}/os-interface'
type Row = Awaited<ReturnType<typeof interfacesOf>>[number]
const hot = (s: Server) => s.power === power.running || s.power === power.paused

function view(ctx: Ctx, rows: Row[]) {
  const p = rows[0].port
  return {
    port_id: p.id, net_id: p.network, mac_addr: p.mac, port_state: p.status, fixed_ips: rows.flatMap((r) => (r.address ? [{ subnet_id: r.subnet, ip_address: r.address }] : [])),
    ...(ctx.version >= 2070 ? { tag: null } : {}),
  }
}
const byPort = (rows: Row[]) => [...Map.groupBy(rows, (r) => r.port.id).values()]

async function look(ctx: Ctx, id: string, rule: 'list' | 'show') {
  const [rows, found] = await ctx.read(serverQuery(ctx, id), interfacesOf(id))
  mine(ctx, rows, id, `os_compute_api:os-attach-interfaces:${rule}`)
  return byPort(found)
}

export async function attachInterface(ctx: Ctx, id: string, request: PortRequest) {
  const reads = gripReads(ctx, id)
  const read = await ctx.read(...reads as unknown as [Query], lackingQuery(sql`(select host from server where id = ${id})`, networksAsked(ctx, request)), ...portReads(ctx, request)) as unknown[][]
  const g = gripOf(ctx, id, 'attachInterface', read), s = g.server
  const [made] = planPorts(ctx, request, read.slice(reads.length + 1), { server: id, hostname: s.hostname, host: s.host })
  if (!made) throw invalid('There is no network to attach an interface to: name one.')
  const lacking = read[reads.length] as { physical: string }[]
  if (lacking.length) throw bindingFailed(made.id, lacking)
  joins(ctx, s)
  timeline(ctx, s, 'attachInterface', { port: made.id })
  await start(ctx, attach, { server: id, host: s.host, hot: hot(s), join: true, nic: nicOf(made as Wired, s.imageProperties) }, { lane: made.id, project: s.project })
  return made
}

export async function detachInterface(ctx: Ctx, id: string, port: string) {
  const read = await ctx.read(...gripReads(ctx, id)), g = gripOf(ctx, id, 'detachInterface', read), s = g.server
  const wire = g.ports.find((p) => p.id === port)
  if (!wire) throw notFound('port', port, `Port ${port} is not attached to instance ${id}.`)
  joins(ctx, s)
  timeline(ctx, s, 'detachInterface', { port })
  await start(ctx, attach, { server: id, host: s.host, hot: hot(s), join: false, nic: nicOf(wire, s.imageProperties) }, { lane: port, project: s.project })
}

const fixed = t.Array(t.Object({ ip_address: ip }, closed), { minItems: 1, maxItems: 1 })
const body = (more = {}) => t.Object({ interfaceAttachment: t.Optional(t.Object({ net_id: t.Optional(uuid), port_id: t.Optional(uuid), fixed_ips: t.Optional(fixed), ...more }, closed)) }, closed)

export default [
  endpoint({
    id: 'servers.interfaces.list', method: 'GET', path, status: 200, summary: "List a server's interfaces", policy: 'os_compute_api:os-attach-interfaces:list',
    async handle(ctx, { params }) { return { interfaceAttachments: (await look(ctx, params.server, 'list')).map((rows) => view(ctx, rows)) } },
  }),
  endpoint({
    id: 'servers.interfaces.show', method: 'GET', path: `${path}/{port}`, status: 200, summary: "Show one of a server's interfaces", policy: 'os_compute_api:os-attach-interfaces:show',
    async handle(ctx, { params }) {
      const found = (await look(ctx, params.server, 'show')).find(([r]) => r.port.id === params.port)
      if (!found) throw notFound('port', params.port, `Instance ${params.server} does not have a port with id ${params.port}`)
      return { interfaceAttachment: view(ctx, found) }
    },
  }),
  endpoint({
    id: 'servers.interfaces.attach', method: 'POST', path, status: 200, summary: 'Give a server another interface', policy: 'os_compute_api:os-attach-interfaces:create', body: { '2.1': body(), '2.49': body({ tag: t.Optional(tag) }) }, bodyOptional: true,
    async handle(ctx, { params, body }) {
      const b = (body?.interfaceAttachment ?? {}) as { net_id?: string; port_id?: string; fixed_ips?: { ip_address: string }[]; tag?: string }
      if (b.net_id && b.port_id) throw invalid('Must not input both network_id and port_id')
      if (b.fixed_ips && !b.net_id) throw invalid('Must input network_id when request IP address')
      const made = await attachInterface(ctx, params.server, { nics: b.port_id ? [{ port: b.port_id }] : b.net_id ? [{ network: b.net_id, fixedIp: address(b.fixed_ips?.[0].ip_address, 'fixed_ips'), tag: b.tag }] : 'auto' })
      return { interfaceAttachment: { port_id: made.id, net_id: made.network, mac_addr: made.mac, port_state: 'DOWN', fixed_ips: made.addresses.map((a) => ({ subnet_id: a.subnet, ip_address: a.address })), ...(ctx.version >= 2070 ? { tag: b.tag ?? null } : {}) } }
    },
  }),
  endpoint({
    id: 'servers.interfaces.detach', method: 'DELETE', path: `${path}/{port}`, status: 202, summary: "Take one of a server's interfaces away", policy: 'os_compute_api:os-attach-interfaces:delete',
    handle: (ctx, { params }) => detachInterface(ctx, params.server, params.port),
  }),
]
