import { and, asc, desc, eq, inArray, like, or, sql, type SQLWrapper } from 'drizzle-orm'
import { address, floatingIp, network, port, portSecurityGroup, securityGroup, subnet } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { q } from '../../kernel/db.ts'
import { touch, touchPorts, withSubPorts } from '../touch.ts'

/** What the compute API shows of servers' ports. `servers`: ids, or a query for them, so that a page of servers and its ports are one read. */
type Servers = string[] | SQLWrapper
const theirs = (servers: Servers) => and(inArray(port.device, servers), like(port.deviceOwner, 'compute:%'))

/** The ports in the order they are plugged in: those made with the server first, as they were asked for. */
export const plugsOf = (servers: Servers) => q.select({ id: port.id, server: port.device, made: port.ownedByServer }).from(port).where(theirs(servers)).orderBy(desc(port.ownedByServer), asc(port.createdAt), asc(port.id))

/** Every address of these servers, with the floating one on top of it where there is one; in the form `addressesView` takes. */
export const addressesOf = (servers: Servers) => q.select({ server: port.device, port: port.id, network: port.network, networkName: network.name, mac: port.mac, address: address.address, floating: floatingIp.address })
  .from(port).innerJoin(network, eq(network.id, port.network)).innerJoin(address, eq(address.port, port.id))
  .leftJoin(floatingIp, and(eq(floatingIp.port, port.id), eq(floatingIp.fixedAddress, address.address)))
  .where(theirs(servers)).orderBy(asc(port.createdAt), asc(port.id), asc(address.address))

/** Names of the security groups their ports are in. */
export const groupNamesOf = (servers: Servers) => q.selectDistinct({ server: port.device, id: securityGroup.id, name: securityGroup.name, description: securityGroup.description, project: securityGroup.project })
  .from(port).innerJoin(portSecurityGroup, eq(portSecurityGroup.port, port.id)).innerJoin(securityGroup, eq(securityGroup.id, portSecurityGroup.securityGroup)).where(theirs(servers))

/** What a host must know of each port, in the order the guest sees them. */
export const wiresOf = (servers: Servers) => q.select({ server: port.device, id: port.id, network: port.network, mac: port.mac, mtu: network.mtu, status: port.status, mine: port.ownedByServer,
  /** It is just joining or leaving its server. */
  busy: sql<number>`exists (select 1 from saga g where g.lane = ${port.id} and g.state in ('open','unwinding','stuck'))` })
  .from(port).innerJoin(network, eq(network.id, port.network)).where(theirs(servers)).orderBy(asc(port.createdAt), asc(port.id))

/** Servers that have an address like this one. */
export const serversWithAddress = (pattern: string) => q.select({ id: port.device }).from(port).innerJoin(address, eq(address.port, port.id)).where(like(address.address, pattern))

/** All that a guest is told of its network: each address with its port, network and subnet. */
export const wiringOf = (server: string) => q.select({ port, network, subnet, address: address.address, floating: floatingIp.address }).from(port).innerJoin(network, eq(network.id, port.network))
  .leftJoin(address, eq(address.port, port.id)).leftJoin(subnet, eq(subnet.id, address.subnet))
  .leftJoin(floatingIp, and(eq(floatingIp.port, port.id), eq(floatingIp.fixedAddress, address.address))).where(theirs([server])).orderBy(asc(port.createdAt), asc(port.id))
export type Wiring = Awaited<ReturnType<typeof wiringOf>>

/** The ports of one server as its interfaces are shown. */
export const interfacesOf = (server: string) => q.select({ port, address: address.address, subnet: address.subnet }).from(port).leftJoin(address, eq(address.port, port.id)).where(theirs([server])).orderBy(asc(port.createdAt), asc(port.id))

/** Lets go of one port of a server: one made for it vanishes, another is free again. */
export function releasePort(ctx: Ctx, server: string, id: string) {
  const mine = and(eq(port.id, id), eq(port.device, server)), now = ctx.now()
  touchPorts(ctx, [id])
  ctx.stage(q.update(floatingIp).set({ port: null, fixedAddress: null, router: null, status: 'DOWN', updatedAt: now }).where(inArray(floatingIp.port, q.select({ id: port.id }).from(port).where(and(mine, eq(port.ownedByServer, true))))))
  ctx.stage(q.delete(port).where(and(mine, eq(port.ownedByServer, true))))
  ctx.stage(q.update(port).set({ device: '', deviceOwner: '', host: null, status: 'DOWN', updatedAt: now }).where(mine))
}
export function activatePort(ctx: Ctx, id: string) {
  ctx.stage(q.update(port).set({ status: 'ACTIVE', updatedAt: ctx.now() }).where(and(eq(port.id, id), eq(port.adminUp, true))))
}

/** The security groups of these names or ids that the project has. */
export const namedGroups = (project: string, name: string) => q.select({ id: securityGroup.id, name: securityGroup.name }).from(securityGroup).where(and(eq(securityGroup.project, project), or(eq(securityGroup.id, name), eq(securityGroup.name, name))))
export const joinGroup = (ctx: Ctx, server: string, group: string) => {
  ctx.stage(q.run(sql`insert or ignore into ${portSecurityGroup} (port, security_group) select id, ${group} from ${port} where device = ${server} and device_owner like 'compute:%' and port_security`))
  touch(ctx, { ports: sql`select id from port where device = ${server}` })
}
export const leaveGroup = (ctx: Ctx, server: string, group: string) => {
  touch(ctx, { ports: sql`select id from port where device = ${server}` })
  ctx.stage(q.delete(portSecurityGroup).where(and(eq(portSecurityGroup.securityGroup, group), inArray(portSecurityGroup.port, q.select({ id: port.id }).from(port).where(theirs([server]))))))
}

/** The ports of a server that is on no host for now. */
export function bindNowhere(ctx: Ctx, server: string) {
  touch(ctx, { ports: withSubPorts(sql`select id from port where device = ${server}`) })
  ctx.stage(q.update(port).set({ host: null, status: 'DOWN', updatedAt: ctx.now() }).where(theirs([server])))
}
