import { and, asc, eq, inArray, like, type SQLWrapper } from 'drizzle-orm'
import { address, floatingIp, network, port, portSecurityGroup, securityGroup, subnet } from '../../../schema/network.ts'
import { q } from '../../kernel/db.ts'

/** What the compute API shows of servers' ports. `servers`: ids, or a query for them, so that a page of servers and its ports are one read. */
type Servers = string[] | SQLWrapper
const theirs = (servers: Servers) => and(inArray(port.device, servers), like(port.deviceOwner, 'compute:%'))

/** Every address of these servers, with the floating one on top of it where there is one; in the form `addressesView` takes. */
export const addressesOf = (servers: Servers) => q.select({ server: port.device, port: port.id, network: port.network, networkName: network.name, mac: port.mac, address: address.address, floating: floatingIp.address })
  .from(port).innerJoin(network, eq(network.id, port.network)).innerJoin(address, eq(address.port, port.id))
  .leftJoin(floatingIp, and(eq(floatingIp.port, port.id), eq(floatingIp.fixedAddress, address.address)))
  .where(theirs(servers)).orderBy(asc(port.createdAt), asc(port.id), asc(address.address))

/** Names of the security groups their ports are in. */
export const groupNamesOf = (servers: Servers) => q.selectDistinct({ server: port.device, id: securityGroup.id, name: securityGroup.name, description: securityGroup.description, project: securityGroup.project })
  .from(port).innerJoin(portSecurityGroup, eq(portSecurityGroup.port, port.id)).innerJoin(securityGroup, eq(securityGroup.id, portSecurityGroup.securityGroup)).where(theirs(servers))

/** What a host must know of each port, in the order the guest sees them. */
export const wiresOf = (servers: Servers) => q.select({ server: port.device, id: port.id, network: port.network, mac: port.mac, mtu: network.mtu, status: port.status, mine: port.ownedByServer })
  .from(port).innerJoin(network, eq(network.id, port.network)).where(theirs(servers)).orderBy(asc(port.createdAt), asc(port.id))

/** Servers that have an address like this one. */
export const serversWithAddress = (pattern: string) => q.select({ id: port.device }).from(port).innerJoin(address, eq(address.port, port.id)).where(like(address.address, pattern))

/** All that a guest is told of its network: each address with its port, network and subnet. */
export const wiringOf = (server: string) => q.select({ port, network, subnet, address: address.address, floating: floatingIp.address }).from(port).innerJoin(network, eq(network.id, port.network))
  .leftJoin(address, eq(address.port, port.id)).leftJoin(subnet, eq(subnet.id, address.subnet))
  .leftJoin(floatingIp, and(eq(floatingIp.port, port.id), eq(floatingIp.fixedAddress, address.address))).where(theirs([server])).orderBy(asc(port.createdAt), asc(port.id))
export type Wiring = Awaited<ReturnType<typeof wiringOf>>
