import { and, eq, inArray, isNotNull, or, sql } from 'drizzle-orm'
import { server } from '../../schema/compute.ts'
import { host } from '../../schema/host.ts'
import type { Desired, Rule } from '../../schema/hosts.ts'
import { address, addressGroup, floatingIp, network, port, portForwarding, portSecurityGroup, qosRule, router, routerInterface, securityGroupRule, subnet, subPort, trunk } from '../../schema/network.ts'
import type { HostRow } from '../hosts/signed.ts'
import type { Ctx } from '../kernel/ctx.ts'
import { full as column, q } from '../kernel/db.ts'
import { cidrOf } from './addresses.ts'
import { wireProtocol } from './security/protocols.ts'
import { dhcpOption } from './ports/options.ts'

/**
 * What the network of one host should be, from one snapshot. Networks: those with a guest here, or with a leg of a router
 * that lives here, or external ones of such a router.
 */
export async function desiredFor(ctx: Ctx, h: HostRow): Promise<Desired> {
  const here = eq(port.host, h.id)
  const routersHere = q.select({ id: router.id }).from(router).where(and(eq(router.host, h.id), eq(router.adminUp, true)))
  const legPorts = q.select({ id: routerInterface.port }).from(routerInterface).where(inArray(routerInterface.router, routersHere))
  const gatewayPorts = q.select({ id: sql<string>`${router.gatewayPort}` }).from(router).where(and(inArray(router.id, routersHere), isNotNull(router.gatewayPort)))
  const nets = q.select({ id: port.network }).from(port).where(or(here, inArray(port.id, legPorts), inArray(port.id, gatewayPorts)))
  const groupsHere = q.select({ id: portSecurityGroup.securityGroup }).from(portSecurityGroup).where(inArray(portSecurityGroup.port, q.select({ id: port.id }).from(port).where(here)))
  const remoteGroups = q.select({ id: sql<string>`${securityGroupRule.remoteGroup}` }).from(securityGroupRule).where(and(inArray(securityGroupRule.securityGroup, groupsHere), isNotNull(securityGroupRule.remoteGroup)))
  const [networks, subnets, ports, addresses, memberships, rules, remotes, groups, routers, legs, limited, hosts, [self], guests, legsAround, paces, branches, forwards] = await ctx.read(
    q.select().from(network).where(inArray(network.id, nets)),
    q.select().from(subnet).where(inArray(subnet.network, nets)),
    q.select().from(port).where(inArray(port.network, nets)),
    q.select().from(address).where(inArray(address.network, nets)),
    q.select().from(portSecurityGroup).where(inArray(portSecurityGroup.port, q.select({ id: port.id }).from(port).where(here))),
    q.select().from(securityGroupRule).where(inArray(securityGroupRule.securityGroup, groupsHere)),
    q.select({ group: portSecurityGroup.securityGroup, address: address.address, pairs: port.pairs }).from(portSecurityGroup)
      .innerJoin(address, eq(address.port, portSecurityGroup.port)).innerJoin(port, eq(port.id, portSecurityGroup.port)).where(inArray(portSecurityGroup.securityGroup, remoteGroups)),
    q.select().from(addressGroup).where(inArray(addressGroup.id, q.select({ id: sql<string>`${securityGroupRule.remoteAddressGroup}` }).from(securityGroupRule).where(inArray(securityGroupRule.securityGroup, groupsHere)))),
    q.select().from(router).where(inArray(router.id, routersHere)),
    q.select().from(routerInterface).where(inArray(routerInterface.router, routersHere)),
    q.select().from(floatingIp).where(inArray(floatingIp.router, routersHere)),
    q.select({ id: host.id, hypervisor: host.hypervisor }).from(host),
    q.select({ revision: host.revision }).from(host).where(eq(host.id, h.id)),
    // What a guest is told depends on its own row, its ports and the floating addresses on top of them.
    q.select({
      server: server.id,
      etag: sql<string>`${column(server.updatedAt)} || '.' || coalesce((select sum(p.revision) || '.' || count(f.id) || '.' || coalesce(max(f.updated_at), 0) from port p left join floating_ip f on f.port = p.id where p.device = ${column(server.id)}), '')`,
    }).from(server).where(eq(server.host, h.id)),
    // Legs of routers that live elsewhere: their hosts are peers, and guests here send there what leaves the subnet.
    q.select({ port: routerInterface.port, host: router.host }).from(routerInterface).innerJoin(router, eq(router.id, routerInterface.router)).innerJoin(port, eq(port.id, routerInterface.port))
      .where(and(inArray(port.network, nets), eq(router.adminUp, true), isNotNull(router.host))),
    q.select().from(qosRule).where(sql`${qosRule.policy} in (select qos_policy from port where host = ${h.id} union select qos_policy from network where id in ${nets}
      union select qos_policy from router where host = ${h.id} union select f.qos_policy from floating_ip f join router r on r.id = f.router where r.host = ${h.id})`),
    q.select({ port: subPort.port, parent: trunk.port, vlan: subPort.segmentationId, up: trunk.adminUp }).from(subPort).innerJoin(trunk, eq(trunk.id, subPort.trunk)).innerJoin(port, eq(port.id, trunk.port)).where(here),
    q.select({ forward: portForwarding, address: floatingIp.address, router: floatingIp.router }).from(portForwarding).innerJoin(floatingIp, eq(floatingIp.id, portForwarding.floatingIp)).where(inArray(floatingIp.router, routersHere)),
  )
  const floating = limited.filter((f) => f.fixedAddress !== null)
  const underlay = new Map(hosts.map((x) => [x.id, x.hypervisor?.address]))
  const of = <T, K>(list: T[], key: (t: T) => K) => { const m = Map.groupBy(list, key); return (k: K) => m.get(k) ?? [] }
  const subnetsOf = of(subnets, (s) => s.network), portsOf = of(ports, (p) => p.network), addressesOf = of(addresses, (a) => a.port)
  const rulesOf = of(rules, (r) => r.securityGroup), groupsOf = of(memberships, (m) => m.port), remotesOf = of(remotes, (r) => r.group)
  const legHost = new Map(legsAround.map((l) => [l.port, l.host!]))
  const hostOf = (p: (typeof ports)[number]) => legHost.get(p.id) ?? p.host
  const isLeg = (p: (typeof ports)[number]) => legHost.has(p.id)
  const bound = (p: (typeof ports)[number]) => addressesOf(p.id).map((a) => ({ subnet: a.subnet, address: a.address }))
  const prefixed = (p: string) => addressesOf(p).map((a) => ({ address: a.address, prefix: cidrOf(subnets.find((s) => s.id === a.subnet)!.cidr).prefix }))
  const full = (a: string) => `${a}/${a.includes(':') ? 128 : 32}`

  // Many ports share few rules, and a rule may list every member of a group.
  const wired = new Map<string, Rule>()
  const wire = (r: (typeof rules)[number]) => wired.get(r.id) ?? wired.set(r.id, wireOf(r)).get(r.id)!
  const wireOf = (r: (typeof rules)[number]): Rule => {
    const family = r.ethertype === 'IPv4' ? 4 : 6
    const same = (text: string) => text.includes(':') === (family === 6)
    const listed = r.remoteGroup ? remotesOf(r.remoteGroup).flatMap((m) => [full(m.address), ...m.pairs.map((p) => (p.ip_address.includes('/') ? p.ip_address : full(p.ip_address)))])
      : r.remoteAddressGroup ? groups.find((g) => g.id === r.remoteAddressGroup)?.addresses ?? [] : r.remoteIp ? [r.remoteIp] : undefined
    return { family, protocol: wireProtocol(r.protocol, family), min: r.portMin ?? undefined, max: r.portMax ?? undefined, remotes: listed && [...new Set(listed.filter(same))].sort() }
  }
  const security = (p: (typeof ports)[number]) => {
    if (!p.portSecurity) return undefined
    const all = groupsOf(p.id).flatMap((m) => rulesOf(m.securityGroup))
    return {
      ingress: all.filter((r) => r.direction === 'ingress').map(wire), egress: all.filter((r) => r.direction === 'egress').map(wire),
      pairs: p.pairs.map((x) => ({ mac: x.mac_address, cidr: x.ip_address.includes('/') ? x.ip_address : full(x.ip_address) })),
    }
  }
  /** What a policy says, by direction. */
  const pacesOf = (policy: string, kind: string) => {
    const by = (direction: string) => { const r = paces.find((x) => x.policy === policy && x.kind === kind && x.direction === direction); return r && { kbps: r.value, burst: r.burst } }
    const egress = by('egress'), ingress = by('ingress')
    return egress || ingress ? { ...(egress && { egress }), ...(ingress && { ingress }) } : undefined
  }
  const qos = (p: (typeof ports)[number]) => {
    const policy = p.qosPolicy ?? networks.find((n) => n.id === p.network)?.qosPolicy
    if (!policy) return undefined
    const packets = pacesOf(policy, 'packet_rate_limit'), dscp = paces.find((x) => x.policy === policy && x.kind === 'dscp_marking')?.value
    return { ...pacesOf(policy, 'bandwidth_limit'), ...(dscp === undefined ? {} : { dscp }), ...(packets && { packets }) }
  }
  const branchOf = new Map(branches.map((b) => [b.port, b]))
  const plugged = (p: (typeof ports)[number]) => p.deviceOwner.startsWith('compute:') && p.device !== ''
  /** The port the guest itself has: its own, or that of the trunk it is in. */
  const trunkOf = (p: (typeof ports)[number]) => { const b = branchOf.get(p.id); return b && ports.find((x) => x.id === b.parent && plugged(x)) }
  const isGuest = (p: (typeof ports)[number]) => plugged(p) || trunkOf(p) !== undefined
  const label = (p: (typeof ports)[number]) => (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(p.dnsName) ? p.dnsName : `host-${addressesOf(p.id)[0]?.address.replace(/[.:]+/g, '-').replace(/^-|-$/g, '') ?? p.id.slice(0, 8)}`)

  return {
    revision: self?.revision ?? h.revision,
    networks: networks.map((n) => {
      const dhcpPort = portsOf(n.id).find((p) => p.deviceOwner === 'network:dhcp')
      const peers = [...new Set(portsOf(n.id).flatMap((p) => { const at = hostOf(p); return at && at !== h.id ? underlay.get(at) ?? [] : [] }))].sort()
      return {
        id: n.id, vni: n.vni, mtu: n.mtu, external: n.external, peers, dnsDomain: n.dnsDomain.replace(/\.$/, ''),
        dhcp: dhcpPort && subnetsOf(n.id).some((s) => s.dhcp) ? { port: dhcpPort.id, mac: dhcpPort.mac, addresses: addressesOf(dhcpPort.id).map((a) => a.address) } : undefined,
        subnets: subnetsOf(n.id).map((s) => ({
          id: s.id, cidr: s.cidr, gateway: s.gateway ?? undefined, dhcp: s.dhcp, dns: s.dns, routes: s.routes,
          v6: s.version === 6 && s.dhcp ? ((s.raMode ?? s.addressMode) as 'slaac' | null) ?? undefined : undefined,
        })),
      }
    }),
    ports: ports.filter((p) => p.host === h.id && isGuest(p)).map((p) => ({
      id: p.id, network: p.network, mac: p.mac, server: trunkOf(p)?.device ?? p.device, up: p.adminUp && (branchOf.get(p.id)?.up ?? true), trunk: trunkOf(p) && { parent: trunkOf(p)!.id, vlan: branchOf.get(p.id)!.vlan }, addresses: bound(p), hostname: label(p), qos: qos(p), security: security(p),
      dhcpOptions: p.dhcpOptions.flatMap((o) => dhcpOption(o) ?? []),
    })),
    elsewhere: ports.filter((p) => !(p.host === h.id && isGuest(p)) && (!p.deviceOwner.startsWith('network:') || (isLeg(p) && hostOf(p) !== h.id))).map((p) => {
      const at = hostOf(p)
      return { id: p.id, network: p.network, mac: p.mac, addresses: bound(p), host: at && at !== h.id ? underlay.get(at) ?? undefined : undefined, hostname: isLeg(p) ? undefined : label(p) }
    }),
    routers: routers.map((r) => {
      const gateway = r.gatewayPort ? ports.find((p) => p.id === r.gatewayPort) : undefined
      return {
        id: r.id, routes: r.routes,
        external: gateway && {
          network: gateway.network, mac: gateway.mac, addresses: prefixed(gateway.id), snat: r.snat,
          gateways: addressesOf(gateway.id).flatMap((a) => subnets.find((s) => s.id === a.subnet)?.gateway ?? []),
        },
        interfaces: [...new Set(legs.filter((l) => l.router === r.id).map((l) => l.port))].flatMap((id) => {
          const p = ports.find((x) => x.id === id)
          return p ? [{ port: id, network: p.network, mac: p.mac, addresses: prefixed(id) }] : []
        }),
        forwards: forwards.filter((f) => f.router === r.id).map(({ forward: f, address }) => ({ address, protocol: wireProtocol(f.protocol, 4) as 6 | 17 | 132, min: f.outerMin, max: f.outerMax, fixed: f.inner, to: f.innerMin })),
        limits: [
          ...limited.filter((f) => f.router === r.id).flatMap((f) => { const own = f.qosPolicy && pacesOf(f.qosPolicy, 'bandwidth_limit'); return own ? [{ address: f.address, ...own }] : [] }),
          ...(gateway && r.qosPolicy ? addressesOf(gateway.id).filter((a) => !a.address.includes(':')).flatMap((a) => { const own = pacesOf(r.qosPolicy!, 'bandwidth_limit'); return own ? [{ address: a.address, ...own }] : [] }) : []),
        ],
        floating: floating.filter((f) => f.router === r.id).map((f) => ({ id: f.id, address: f.address, fixed: f.fixedAddress! })),
      }
    }),
    guests,
  }
}
