import { and, asc, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { host } from '../../../schema/host.ts'
import { port, portBinding } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q, type Query } from '../../kernel/db.ts'
import { conflict, notFound } from '../../kernel/fault.ts'
import { rowQuery, rows, theRow, type Row } from '../../kernel/resource.ts'
import { lackingQuery } from '../networks/physical.ts'
import { portResource } from '../ports/api.ts'
import { endpoint } from '../service.ts'
import { touchPorts } from '../touch.ts'

type Binding = typeof portBinding.$inferSelect
const exists = (id: string, at: string) => conflict(`Binding for port ${id} on host ${at} already exists.`, { type: 'PortBindingAlreadyExists' })
onDuplicate('port_binding.port, port_binding.host', () => conflict('Binding for this port and host already exists.', { type: 'PortBindingAlreadyExists' }))

const closed = { additionalProperties: false } as const
const fields = { profile: t.Optional(t.Union([t.Record(t.String(), t.Unknown()), t.Null()])), vnic_type: t.Optional(t.Enum(['normal', 'direct', 'macvtap', 'baremetal', 'direct-physical', 'virtio-forwarder', 'smart-nic'])) }
const text = t.Optional(t.String({ maxLength: 255 }))

/** Where a port is bound, and where it is going to be: the active one is the port's own, the others wait beside it. */
async function around(ctx: Ctx, id: string, rule: string, at = '') {
  const [found, waiting, [known], lacking] = await ctx.read(rowQuery(portResource, ctx, id) as Query, q.select().from(portBinding).where(eq(portBinding.port, id)).orderBy(asc(portBinding.host)), q.select({ id: host.id, name: host.name }).from(host).where(eq(host.name, at)),
    lackingQuery(sql`(select id from host where name = ${at})`, sql`select network from port where id = ${id}`)) as unknown as [Row[], Binding[], [{ id: string; name: string } | undefined], { physical: string }[]]
  const p = theRow(portResource, found, ctx, id, rule), active = (p.hostName ?? p.bindingHost) as string
  return { p, waiting, known, lacking, active, list: [...(active ? [shown({ host: active, vnicType: p.vnicType, profile: p.profile }, 'ACTIVE', Boolean(p.hostName))] : []), ...waiting.map((b) => shown(b, 'INACTIVE', true))] }
}
const shown = (b: Pick<Binding, 'host' | 'vnicType' | 'profile'>, status: string, bound: boolean) => ({ host: b.host, status, vnic_type: b.vnicType, profile: b.profile, vif_type: bound ? 'bridge' : 'binding_failed', vif_details: bound ? { port_filter: true, connectivity: 'l2' } : {}, project_id: undefined })
const noBinding = (id: string, at: string) => notFound('binding', at, `Binding for port ${id} for host ${at} could not be found.`, { type: 'PortBindingNotFound' })
const path = '/ports/{port}/bindings'

export const bindings = [
  endpoint({ id: 'port_bindings.list', method: 'GET', path, status: 200, policy: 'get_port_binding', summary: 'Where a port is bound', async handle(ctx, { params, query }) {
    const asked = ['host', 'status', 'vif_type', 'vnic_type'].filter((n) => query.has(n))
    return { bindings: (await around(ctx, params.port, 'get_port_binding')).list.filter((b) => asked.every((n) => query.getAll(n).includes(String((b as Row)[n])))) }
  } }),
  endpoint({ id: 'port_bindings.create', method: 'POST', path, status: 201, policy: 'create_port_binding', summary: 'Bind a port to one more host, to become active later',
    body: { '2.0': t.Object({ binding: t.Object({ host: t.String({ minLength: 1, maxLength: 255 }), ...fields, tenant_id: text, project_id: text }, closed) }, closed) },
    async handle(ctx, { params, body }) {
      const { p, list, known, lacking, active } = await around(ctx, params.port, 'create_port_binding', body.binding.host), at = body.binding.host
      if (list.some((b) => b.host === at)) throw exists(p.id, at)
      if (!known) throw conflict(`Binding for port ${p.id} on host ${at} could not be created: there is no such host.`, { type: 'PortBindingError' })
      if (lacking.length) throw conflict(`Binding for port ${p.id} on host ${at} could not be created: that host does not lead to physical network ${lacking[0].physical}.`, { type: 'PortBindingError' })
      const row = { port: p.id as string, host: at, vnicType: body.binding.vnic_type ?? 'normal', profile: (body.binding.profile ?? {}) as Record<string, unknown> }
      // The first one is in force at once.
      if (!active) bind(ctx, p, known.id, row)
      else ctx.stage(q.insert(portBinding).values(row))
      return { binding: shown(row, active ? 'INACTIVE' : 'ACTIVE', true) }
    } }),
  endpoint({ id: 'port_bindings.show', method: 'GET', path: `${path}/{host}`, status: 200, policy: 'get_port_binding', summary: 'Show a binding', async handle(ctx, { params }) {
    const found = (await around(ctx, params.port, 'get_port_binding')).list.find((b) => b.host === params.host)
    if (!found) throw noBinding(params.port, params.host)
    return { binding: found }
  } }),
  endpoint({ id: 'port_bindings.update', method: 'PUT', path: `${path}/{host}`, status: 200, policy: 'update_port_binding', summary: 'Change a binding', body: { '2.0': t.Object({ binding: t.Object({ host: text, ...fields }, closed) }, closed) },
    async handle(ctx, { params, body }) {
      const { p, waiting, list } = await around(ctx, params.port, 'update_port_binding'), now = list.find((b) => b.host === params.host)
      if (!now) throw noBinding(params.port, params.host)
      const set = { ...(body.binding.vnic_type && { vnicType: body.binding.vnic_type }), ...(body.binding.profile !== undefined && { profile: (body.binding.profile ?? {}) as Record<string, unknown> }) }
      if (waiting.some((b) => b.host === params.host)) { if (Object.keys(set).length) ctx.stage(q.update(portBinding).set(set).where(and(eq(portBinding.port, p.id), eq(portBinding.host, params.host))), 'stale') }
      else rows(port).update(ctx, p, set)
      return { binding: { ...now, ...(set.vnicType && { vnic_type: set.vnicType }), ...(set.profile && { profile: set.profile }) } }
    } }),
  endpoint({ id: 'port_bindings.activate', method: 'PUT', path: `${path}/{host}/activate`, status: 200, policy: 'update_port_binding', summary: 'Make a binding the one in force', bodyOptional: true,
    async handle(ctx, { params }) {
      const { p, waiting, known, active } = await around(ctx, params.port, 'update_port_binding', params.host), next = waiting.find((b) => b.host === params.host)
      if (active === params.host) throw conflict(`Binding for port ${p.id} on host ${params.host} is already active.`, { type: 'PortBindingAlreadyActive' })
      if (!next || !known) throw noBinding(params.port, params.host)
      ctx.stage(q.delete(portBinding).where(and(eq(portBinding.port, p.id), eq(portBinding.host, params.host))), 'stale')
      if (active) ctx.stage(q.insert(portBinding).values({ port: p.id, host: active, vnicType: p.vnicType, profile: p.profile }))
      bind(ctx, p, known.id, next)
      return { binding: shown(next, 'ACTIVE', true) }
    } }),
  endpoint({ id: 'port_bindings.delete', method: 'DELETE', path: `${path}/{host}`, status: 204, policy: 'delete_port_binding', summary: 'Remove a binding', async handle(ctx, { params }) {
    const { p, waiting, active } = await around(ctx, params.port, 'delete_port_binding')
    if (waiting.some((b) => b.host === params.host)) return void ctx.stage(q.delete(portBinding).where(and(eq(portBinding.port, p.id), eq(portBinding.host, params.host))), 'stale')
    if (active !== params.host) throw noBinding(params.port, params.host)
    bind(ctx, p, null, { vnicType: 'normal', profile: {} })
  } }),
]

function bind(ctx: Ctx, p: Row, to: string | null, of: Pick<Binding, 'vnicType' | 'profile'>) {
  touchPorts(ctx, [p.id])
  rows(port).update(ctx, p, { host: to, bindingHost: '', vnicType: of.vnicType, profile: of.profile, ...(to === p.host ? {} : { status: 'DOWN' }) })
  touchPorts(ctx, [p.id])
}
