import { and, eq, sql } from 'drizzle-orm'
import { Type as t } from 'typebox'
import { address, bgpvpnAssociation, floatingIp, network, port, portForwarding, router, routerInterface, subnet } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q, run, type Query } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { rowQuery, theRow, type Row } from '../../kernel/resource.ts'
import { cidrOf, contains, newMac, offsetOf, overlaps, readAddress, toNumber } from '../addresses.ts'
import { networksOf } from '../networks/visible.ts'
import type { SubnetRow } from '../ports/allocate.ts'
import { portResource } from '../ports/api.ts'
import { type FixedIp, parsed } from '../ports/view.ts'
import { quotaQuery, withinQuota } from '../quotas/limits.ts'
import { endpoint } from '../service.ts'
import { routerResource, settle } from './api.ts'
import { clash, type Leg, legsOf, outsideOf } from './gateway.ts'
import { touchRouters } from './place.ts'
import type { Route } from './routes.ts'

const bad = (message: string) => invalid(`Bad router request: ${message}`, { type: 'BadRequest' })
const nullable = <T extends Parameters<typeof t.Union>[0][number]>(s: T) => t.Optional(t.Union([s, t.Null()]))
const body = { '2.0': t.Object({ subnet_id: nullable(t.String({ maxLength: 36 })), port_id: nullable(t.String({ maxLength: 36 })) }, { additionalProperties: false }) }
const shown = (r: Row, leg: { port: string; network: string; subnets: string[] }) => ({ id: r.id, tenant_id: r.project, project_id: r.project, port_id: leg.port, network_id: leg.network, subnet_id: leg.subnets[0], subnet_ids: leg.subnets, tags: [] })
const gone = (noun: string, id: string, type: string) => notFound(noun, id, undefined, { type })

export const addInterface = endpoint({
  id: 'routers.add_interface', method: 'PUT', path: '/routers/{id}/add_router_interface', status: 200, policy: 'add_router_interface', summary: 'Give a router a leg on a subnet', body,
  async handle(ctx, { params, body }) {
    const { subnet_id: sid, port_id: pid } = body
    if (sid && pid) throw bad('Cannot specify both subnet-id and port-id.')
    if (!sid && !pid) throw bad('Either subnet_id or port_id must be specified.')
    const [found, subnets, ports, legs, outside, holders, quota, associated] = await ctx.read(
      rowQuery(routerResource, ctx, params.id) as unknown as Query,
      q.select({ subnet, network }).from(subnet).innerJoin(network, eq(network.id, subnet.network)).where(and(
        sid ? eq(subnet.id, sid) : sql`${subnet.id} in (select a.subnet from address a where a.port = ${pid})`, ctx.caller.admin ? undefined : networksOf(ctx.project))),
      rowQuery(portResource, ctx, pid ?? '') as unknown as Query, legsOf(params.id), outsideOf(params.id),
      q.select({ port: address.port }).from(address).innerJoin(subnet, and(eq(subnet.id, address.subnet), eq(subnet.gateway, address.address))).where(eq(address.subnet, sid ?? '')), quotaQuery(ctx.caller.project?.id ?? '', ['port']),
      q.select({ network: bgpvpnAssociation.network }).from(bgpvpnAssociation).where(sql`${bgpvpnAssociation.port} is null and (${bgpvpnAssociation.router} = ${params.id} or ${bgpvpnAssociation.network} in (select s.network from subnet s where s.id = ${sid ?? ''} or s.id in (select a.subnet from address a where a.port = ${pid ?? ''})))`)) as unknown as [unknown[], { subnet: SubnetRow; network: typeof network.$inferSelect }[], Row[], Leg[], Leg[], { port: string }[], unknown[], { network: string | null }[]]
    const r = theRow(routerResource, found, ctx, params.id, 'add_router_interface')
    if (sid && !subnets[0]) throw gone('subnet', sid, 'SubnetNotFound')
    for (const { subnet: s } of subnets) {
      if (legs.some((l) => l.subnet.id === s.id)) throw bad(`Router already has a port on subnet ${s.id}.`)
      const other = [...legs, ...outside].find((l) => overlaps(cidrOf(l.subnet.cidr), cidrOf(s.cidr)))
      if (other) throw clash(s, other.subnet)
      if (s.version === 6 && !s.raMode && s.addressMode) throw bad(`IPv6 subnet ${s.id} configured to receive RAs from an external router cannot be added to Neutron Router.`)
    }
    if (associated.some((a) => a.network) && associated.some((a) => !a.network)) throw conflict('It is not allowed to add an interface to a router if both the router and the network are bound to an L3 BGPVPN.', { type: 'RouterInterfaceAttachmentConflict' })
    const leg = sid ? bySubnet(ctx, r, subnets[0], legs, holders, r.project === ctx.caller.project?.id ? quota : []) : byPort(ctx, r, ports[0], pid!, subnets.map((s) => s.subnet))
    // What overlaps is decided on what was read: two interfaces added at once meet here.
    ctx.stage(q.update(router).set({ revision: r.revision + 1, updatedAt: ctx.now() }).where(and(eq(router.id, r.id), eq(router.revision, r.revision))), 'stale')
    settle(ctx, r.id)
    return shown(r, leg)
  },
})

function bySubnet(ctx: Ctx, r: Row, { subnet: s, network: net }: { subnet: SubnetRow; network: typeof network.$inferSelect }, legs: Leg[], holders: { port: string }[], quota: unknown[]) {
  if (net.project !== ctx.caller.project?.id && !ctx.caller.admin) throw bad(`Cannot add interface to router because subnet ${s.id} is not owned by project making the request.`)
  if (!s.gateway) throw bad('Subnet for router interface must have a gateway IP')
  if (holders.length) throw conflict(`Unable to complete operation for network ${net.id}. The IP address ${s.gateway} is in use.`, { type: 'IpAddressInUse' })
  // Subnets of IPv6 on one network share the router's port there: one router, one source of advertisements.
  const shared = s.version === 6 ? legs.find((l) => l.network === net.id && l.subnet.version === 6) : undefined
  const id = shared?.port ?? ctx.uuid(), now = ctx.now()
  if (!shared) {
    ctx.stage(q.insert(port).values({ id, project: r.project, name: '', revision: 1, createdAt: now, updatedAt: now, network: net.id, mac: newMac(ctx.world.random(3)), deviceOwner: 'network:router_interface', device: r.id, status: 'ACTIVE', portSecurity: false }))
    withinQuota(ctx, r.project, quota as unknown as unknown[], { port: 1 })
  }
  ctx.stage(q.insert(address).values({ subnet: s.id, address: s.gateway, n: offsetOf(cidrOf(s.cidr), toNumber(s.gateway)), port: id, network: net.id }))
  ctx.stage(q.insert(routerInterface).values({ router: r.id, port: id, subnet: s.id }))
  return { port: id, network: net.id, subnets: [s.id] }
}

function byPort(ctx: Ctx, r: Row, p: Row | undefined, id: string, subnets: SubnetRow[]) {
  if (!p) throw gone('port', id, 'PortNotFound')
  if (p.device) throw conflict(`Unable to complete operation on port ${p.id} for network ${p.network}. Port already has an attached device ${p.device}.`, { type: 'PortInUse' })
  if (p.project !== r.project && !ctx.caller.admin) throw gone('port', id, 'PortNotFound')
  const fixed = parsed<FixedIp>(p.fixed)
  if (!fixed.length) throw bad('Router port must have at least one fixed IP')
  if (subnets.filter((s) => s.version === 4).length > 1) throw bad('Cannot have multiple IPv4 subnets on router port')
  ctx.stage(q.update(port).set({ device: r.id, deviceOwner: 'network:router_interface', portSecurity: false, pairs: [], status: 'ACTIVE', revision: p.revision + 1, updatedAt: ctx.now() }).where(and(eq(port.id, p.id), eq(port.device, ''))), 'stale')
  ctx.stage(run(sql`delete from port_security_group where port = ${p.id}`))
  ctx.stage(q.insert(routerInterface).values(subnets.map((s) => ({ router: r.id, port: p.id as string, subnet: s.id }))))
  return { port: p.id as string, network: p.network as string, subnets: subnets.map((s) => s.id) }
}

export const removeInterface = endpoint({
  id: 'routers.remove_interface', method: 'PUT', path: '/routers/{id}/remove_router_interface', status: 200, policy: 'remove_router_interface', summary: "Take a router's leg on a subnet away", body,
  async handle(ctx, { params, body }) {
    const { subnet_id: sid, port_id: pid } = body
    if (!sid && !pid) throw bad('Either subnet_id or port_id must be specified.')
    const [found, legs, floating, forwarded] = await ctx.read(
      rowQuery(routerResource, ctx, params.id) as unknown as Query, legsOf(params.id),
      q.select({ id: floatingIp.id, subnet: address.subnet }).from(floatingIp).innerJoin(address, and(eq(address.port, floatingIp.port), eq(address.address, floatingIp.fixedAddress))).where(eq(floatingIp.router, params.id)),
      q.select({ id: portForwarding.id, subnet: address.subnet }).from(portForwarding).innerJoin(floatingIp, eq(floatingIp.id, portForwarding.floatingIp)).innerJoin(address, and(eq(address.port, portForwarding.port), eq(address.address, portForwarding.inner))).where(eq(floatingIp.router, params.id))) as unknown as [unknown[], Leg[], { id: string; subnet: string }[], { id: string; subnet: string }[]]
    const used = [...floating, ...forwarded]
    const r = theRow(routerResource, found, ctx, params.id, 'remove_router_interface')
    const going = legs.filter((l) => (pid ? l.port === pid : true) && (sid ? l.subnet.id === sid : true))
    if (!going.length) {
      if (pid && sid && legs.some((l) => l.port === pid)) throw conflict(`Subnet ID ${sid} could not be found on port ${pid}.`, { type: 'SubnetMismatchForPort' })
      if (pid) throw notFound('router interface', pid, `Router ${r.id} does not have an interface with id ${pid}`, { type: 'RouterInterfaceNotFound' })
      throw notFound('router interface', sid!, `Router ${r.id} has no interface on subnet ${sid}`, { type: 'RouterInterfaceNotFoundForSubnet' })
    }
    const legPort = going[0].port, subnets = going.map((l) => l.subnet.id)
    for (const l of going) {
      if (used.some((f) => f.subnet === l.subnet.id)) throw conflict(`Router interface for subnet ${l.subnet.id} on router ${r.id} cannot be deleted, as it is required by one or more floating IPs.`, { type: 'RouterInterfaceInUseByFloatingIP' })
      const near = (via: string) => { const a = readAddress(via, 'routes'); return a.version === l.subnet.version && contains(cidrOf(l.subnet.cidr), a.n) }
      if ((r.routes as Route[]).some((x) => near(x.nexthop))) throw conflict(`Router interface for subnet ${l.subnet.id} on router ${r.id} cannot be deleted, as it is required by one or more routes.`, { type: 'RouterInterfaceInUseByRoute' })
    }
    touchRouters(ctx, [r.id])
    if (going.length === legs.filter((l) => l.port === legPort).length) ctx.stage(q.delete(port).where(eq(port.id, legPort)), 'stale')
    else for (const s of subnets) {
      ctx.stage(q.delete(routerInterface).where(and(eq(routerInterface.router, r.id), eq(routerInterface.subnet, s))), 'stale')
      ctx.stage(q.delete(address).where(and(eq(address.port, legPort), eq(address.subnet, s))))
    }
    // A floating address that was bound to this leg at the same moment keeps it.
    ctx.stage(run(sql`insert into guard select 'stale', not exists (select 1 from floating_ip f join address a on a.port = f.port and a.address = f.fixed_address where f.router = ${r.id} and a.subnet in (select value from json_each(${JSON.stringify(subnets)})))`))
    ctx.stage(q.update(router).set({ revision: r.revision + 1, updatedAt: ctx.now() }).where(and(eq(router.id, r.id), eq(router.revision, r.revision))), 'stale')
    return shown(r, { port: legPort, network: going[0].network, subnets })
  },
})
