import { and, eq, ne, sql } from 'drizzle-orm'
import { address, floatingIp, router, routerInterface, subnet } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q, run, type Query } from '../../kernel/db.ts'
import { conflict, invalid, notFound } from '../../kernel/fault.ts'
import { rowQuery, type Row } from '../../kernel/resource.ts'
import { readAddress } from '../addresses.ts'
import { portResource } from '../ports/api.ts'
import { type FixedIp, parsed } from '../ports/view.ts'
import { listed, touch } from '../touch.ts'

const bad = (message: string) => invalid(`Bad floatingip request: ${message}.`, { type: 'BadRequest' })
const already = (what = '') => conflict(`Cannot associate floating IP with port using fixed IP${what}, as that fixed IP already has a floating IP on external network.`, { type: 'FloatingIPPortAlreadyAssociated' })
onDuplicate('floating_ip.port, floating_ip.fixed_address', () => already())

export interface Chain { router: string; subnet: string; leg: string; gateway: string | null; external: string | null }

/** The port, what floats over it already, and every router that has a leg next to it. */
export const associationReads = (ctx: Ctx, portId: string, self = ''): Query[] => [
  rowQuery(portResource, ctx, portId),
  q.select({ fixed: floatingIp.fixedAddress, network: floatingIp.network, address: floatingIp.address }).from(floatingIp).where(and(eq(floatingIp.port, portId), ne(floatingIp.id, self))),
  q.select({ router: routerInterface.router, subnet: routerInterface.subnet, leg: address.address, gateway: subnet.gateway, external: router.externalNetwork }).from(routerInterface)
    .innerJoin(router, eq(router.id, routerInterface.router)).innerJoin(subnet, eq(subnet.id, routerInterface.subnet))
    .innerJoin(address, and(eq(address.port, routerInterface.port), eq(address.subnet, routerInterface.subnet)))
    .where(sql`${routerInterface.subnet} in (select a.subnet from address a where a.port = ${portId})`),
] as unknown as Query[]

/** Where a floating address leads: a fixed IPv4 address of the port behind a router with a gateway to the address's network. */
export function associate(ctx: Ctx, fip: { id: string; network: string; project: string; address: string }, portId: string, fixed: string | null | undefined, joined: any[]) {
  const [[p], others, chains] = joined as [Row[], { fixed: string; network: string; address: string }[], Chain[]]
  if (!p || (p.project !== ctx.caller.project?.id && !ctx.caller.admin)) throw notFound('port', portId, undefined, { type: 'PortNotFound' })
  if (p.project !== fip.project && !ctx.caller.admin) throw bad(`Port ${p.id} is associated with a different tenant than Floating IP ${fip.id} and therefore cannot be bound`)
  const v4 = parsed<FixedIp>(p.fixed).filter((f) => !f.ip_address.includes(':'))
  const wanted = fixed ? readAddress(fixed, 'fixed_ip_address').text : undefined
  if (!v4.length) throw bad(`Cannot add floating IP to port ${p.id} that has no fixed IPv4 addresses`)
  const mine = wanted ? v4.filter((f) => f.ip_address === wanted) : v4
  if (!mine.length) throw bad(`Port ${p.id} does not have fixed ip ${wanted}`)
  if (mine.length > 1) throw bad(`Port ${p.id} has multiple fixed IPv4 addresses. Must provide a specific IPv4 address when assigning a floating IP`)
  const [at] = mine
  if (others.some((o) => o.fixed === at.ip_address)) throw already(` ${at.ip_address} on port ${p.id}`)
  const near = chains.filter((c) => c.subnet === at.subnet_id && c.external === fip.network)
  const via = near.find((c) => c.leg === c.gateway) ?? near[0]
  if (!via) throw notFound('router', fip.network, `External network ${fip.network} is not reachable from subnet ${at.subnet_id}. Therefore, cannot associate Port ${p.id} with a Floating IP.`, { type: 'ExternalGatewayForFloatingIPNotFound' })
  // The leg or the gateway may go at the same moment.
  ctx.stage(run(sql`insert into guard select 'stale', exists (select 1 from router_interface i join router r on r.id = i.router where i.router = ${via.router} and i.subnet = ${at.subnet_id} and r.external_network = ${fip.network})`))
  return {
    set: { port: p.id as string, fixedAddress: at.ip_address, router: via.router, status: 'ACTIVE' as const },
    details: { name: p.name, network_id: p.network, mac_address: p.mac, admin_state_up: p.adminUp, status: p.status, device_id: p.device, device_owner: p.deviceOwner },
  }
}
export const disassociated = { port: null, fixedAddress: null, router: null, status: 'DOWN' as const }

/** Hosts around a port: of its guests (their metadata tells of the address) and of the router in front of it. */
export const touchAround = (ctx: Ctx, ports: string[]) => (ports.length ? touch(ctx, {
  guestsOf: sql`select host from port where id in (${listed(ports)}) and host is not null`,
  routers: sql`select i.router from port p join subnet s on s.network = p.network join router_interface i on i.subnet = s.id where p.id in (${listed(ports)})`,
}) : undefined)
