import { asc, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { floatingIp, portForwarding } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, type Query } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { rows, rowQuery, theRow, type Row } from '../../kernel/resource.ts'
import { associate, associationReads } from '../floatingips/associate.ts'
import { floatingIpResource } from '../floatingips/api.ts'
import { endpoint } from '../service.ts'
import { listed, touch } from '../touch.ts'
import { forwardView, type Forward } from './view.ts'

/** Ports of a floating address that lead to ports of different guests. */
const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const
/** Ranges that move are carried out port by port. */
const MOVED = 256

const closed = { additionalProperties: false } as const
const number = t.Union([t.Integer({ minimum: 1, maximum: 65535 }), t.String({ pattern: '^\\d{1,5}$' })]), range = t.String({ pattern: '^\\d{1,5}(:\\d{1,5})?$' })
const fields = {
  protocol: t.String({ maxLength: 16 }), internal_port_id: t.String({ maxLength: 36 }), internal_ip_address: t.String({ maxLength: 64 }), description: t.String({ maxLength: 255 }),
  internal_port: number, external_port: number, internal_port_range: range, external_port_range: range,
}
const body = { '2.0': t.Object({ port_forwarding: t.Object(Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, t.Optional(v)])), closed) }, closed) }

const bad = (message: string) => invalid(`Bad port_forwarding request: ${message}`, { type: 'BadRequest' })
function span(single: unknown, several: unknown, name: string): [number, number] | undefined {
  if (single !== undefined && several !== undefined) throw bad(`only one of ${name} and ${name}_range may be given.`)
  if (single === undefined && several === undefined) return undefined
  const [from, to = from] = String(single ?? several).split(':').map(Number)
  if (from < 1 || to > 65535 || from > to) throw bad(`'${single ?? several}' is not a port or a range of ports for ${name}.`)
  return [from, to]
}
/** What a body says, over what there is. */
function read(ask: Row, now?: Forward) {
  const inner = span(ask.internal_port, ask.internal_port_range, 'internal_port') ?? (now && [now.innerMin, now.innerMax])
  const outer = span(ask.external_port, ask.external_port_range, 'external_port') ?? (now && [now.outerMin, now.outerMax])
  const protocol = ask.protocol === undefined ? now?.protocol : String(ask.protocol).toLowerCase()
  for (const [name, value] of [['protocol', protocol], ['internal_port', inner], ['external_port', outer], ['internal_port_id', ask.internal_port_id ?? now?.port]] as const) if (value === undefined) throw invalid(`Failed to parse request. Required attribute '${name}' not specified`)
  if (!PROTOCOLS.some((p) => p === protocol)) throw invalid(`Invalid input for protocol. Reason: '${protocol!.slice(0, 16)}' is not in ${JSON.stringify(PROTOCOLS)}.`)
  if (inner![1] - inner![0] !== outer![1] - outer![0]) throw bad('the ranges of internal and external ports are not of the same size.')
  if (inner![0] !== outer![0] && inner![1] - inner![0] >= MOVED) throw bad(`a range of more than ${MOVED} ports must have the same numbers inside and outside.`)
  return { protocol: protocol!, innerMin: inner![0], innerMax: inner![1], outerMin: outer![0], outerMax: outer![1], description: (ask.description ?? now?.description ?? '') as string }
}
const overlap = (a: [number, number], b: [number, number]) => a[0] <= b[1] && b[0] <= a[1]
function alone(f: Omit<Forward, 'description' | 'floatingIp'>, others: Forward[]) {
  for (const o of others) {
    if (o.id === f.id || o.protocol !== f.protocol) continue
    const outside = overlap([o.outerMin, o.outerMax], [f.outerMin, f.outerMax]), inside = o.port === f.port && o.inner === f.inner && overlap([o.innerMin, o.innerMax], [f.innerMin, f.innerMax])
    if (outside || inside) throw conflict(`Bad port_forwarding request: A duplicate port forwarding entry with same attributes already exists, conflicting values are ${JSON.stringify(outside ? { protocol: o.protocol, external_port_range: `${o.outerMin}:${o.outerMax}` } : { protocol: o.protocol, internal_port_range: `${o.innerMin}:${o.innerMax}` })}.`, { type: 'BadRequest' })
  }
}
const forwardsOf = (fip: string) => q.select().from(portForwarding).where(eq(portForwarding.floatingIp, fip)).orderBy(asc(portForwarding.id))
async function around(ctx: Ctx, fip: string, rule: 'get_floatingip' | 'update_floatingip', portId = '', forward = '') {
  // Without a port of its own a change is about the one it has.
  const about = portId || (forward ? (sql`(select port from port_forwarding where id = ${forward})` as unknown as string) : '')
  const [found, list, ...joined] = await ctx.read(rowQuery(floatingIpResource, ctx, fip) as Query, forwardsOf(fip), ...associationReads(ctx, about, fip)) as unknown as [unknown[], Forward[], ...unknown[][]]
  return { fip: theRow(floatingIpResource, found, ctx, fip, rule), list, joined }
}
function one(list: Forward[], id: string): Forward {
  const f = list.find((x) => x.id === id)
  if (!f) throw notFound('port forwarding', id, `Port Forwarding ${id} could not be found.`, { type: 'PortForwardingNotFound' })
  return f
}
/** Where a forward leads: found as for a floating address of its own, and behind the same router as its neighbours. */
function place(ctx: Ctx, fip: Row, portId: string, inner: string | undefined, list: Forward[], [port, , chains]: unknown[][], self = '') {
  const { set } = associate(ctx, fip as never, portId, inner, [port, [], chains])
  if (fip.router && fip.router !== set.router && list.some((f) => f.id !== self)) throw conflict(`Floating IP ${fip.id} has port forwardings behind another router.`, { type: 'BadRequest', status: 400 })
  return { inner: set.fixedAddress, router: set.router }
}
const at = '/floatingips/{fip}/port_forwardings'
/** The address's own revision moves along, so that two who forward at once see each other. */
const changed = (ctx: Ctx, fip: Row, router: string | null) => {
  rows(floatingIp).update(ctx, fip, { router, status: router ? 'ACTIVE' : 'DOWN' })
  touch(ctx, { routers: listed([router, fip.router].filter((r): r is string => Boolean(r))) })
}

export const portForwardings = [
  endpoint({ id: 'port_forwardings.list', method: 'GET', path: at, status: 200, policy: 'get_floatingip', summary: 'List the port forwardings of a floating IP',
    async handle(ctx, { params, query }) {
      const { list } = await around(ctx, params.fip, 'get_floatingip')
      const shown = list.map(forwardView) as Row[], asked = ['id', 'protocol', 'external_port', 'internal_port_id', 'internal_port', 'internal_ip_address', 'external_port_range', 'internal_port_range'].filter((n) => query.has(n))
      return { port_forwardings: shown.filter((f) => asked.every((n) => query.getAll(n).includes(String(f[n])))) }
    } }),
  endpoint({ id: 'port_forwardings.create', method: 'POST', path: at, status: 201, policy: 'update_floatingip', summary: 'Forward ports of a floating IP', body,
    async handle(ctx, { params, body }) {
      const ask = body.port_forwarding as Row, made = read(ask)
      const { fip, list, joined } = await around(ctx, params.fip, 'update_floatingip', ask.internal_port_id)
      if (fip.port) throw conflict(`Floating IP ${fip.id} is already associated to port ${fip.port}.`, { type: 'FloatingIPPortAlreadyAssociated' })
      const { inner, router } = place(ctx, fip, ask.internal_port_id, ask.internal_ip_address, list, joined)
      const row: Forward = { id: ctx.uuid(), floatingIp: fip.id, port: ask.internal_port_id, inner, ...made }
      alone(row, list)
      changed(ctx, fip, router)
      ctx.stage(q.insert(portForwarding).values(row))
      ctx.about(row.id)
      return { port_forwarding: forwardView(row) }
    } }),
  endpoint({ id: 'port_forwardings.show', method: 'GET', path: `${at}/{id}`, status: 200, policy: 'get_floatingip', summary: 'Show a port forwarding',
    async handle(ctx, { params }) { return { port_forwarding: forwardView(one((await around(ctx, params.fip, 'get_floatingip')).list, params.id)) } } }),
  endpoint({ id: 'port_forwardings.update', method: 'PUT', path: `${at}/{id}`, status: 200, policy: 'update_floatingip', summary: 'Change a port forwarding', body,
    async handle(ctx, { params, body }) {
      const ask = body.port_forwarding as Row
      const { fip, list, joined } = await around(ctx, params.fip, 'update_floatingip', ask.internal_port_id ?? '', params.id)
      const now = one(list, params.id), made = read(ask, now), portId = (ask.internal_port_id ?? now.port) as string
      const moved = ask.internal_port_id !== undefined || ask.internal_ip_address !== undefined
      const { inner, router } = moved ? place(ctx, fip, portId, ask.internal_ip_address ?? (ask.internal_port_id === now.port ? now.inner : undefined), list, joined, now.id) : { inner: now.inner, router: fip.router as string }
      const row: Forward = { ...now, ...made, port: portId, inner }
      alone(row, list)
      changed(ctx, fip, router)
      ctx.stage(q.update(portForwarding).set(row).where(eq(portForwarding.id, now.id)), 'stale')
      return { port_forwarding: forwardView(row) }
    } }),
  endpoint({ id: 'port_forwardings.delete', method: 'DELETE', path: `${at}/{id}`, status: 204, policy: 'update_floatingip', summary: 'Remove a port forwarding',
    async handle(ctx, { params }) {
      const { fip, list } = await around(ctx, params.fip, 'update_floatingip')
      one(list, params.id)
      changed(ctx, fip, list.length > 1 ? fip.router : null)
      ctx.stage(q.delete(portForwarding).where(eq(portForwarding.id, params.id)), 'stale')
    } }),
]
