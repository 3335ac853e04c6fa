import { and, eq, inArray, isNotNull, sql } from 'drizzle-orm'
import { server } from '../../../schema/compute.ts'
import type { Desired } from '../../../schema/hosts.ts'
import type { GroupRule, Stated, StatedPort } from '../../../schema/desired.ts'
import { address, addressGroup, conntrackHelper, floatingIp, meteringLabel, meteringRule, ndpProxy, network, port, portForwarding, portSecurityGroup, qosRule, router, routerInterface, securityGroupRule, subnet, subPort, trunk } from '../../../schema/network.ts'
import type { HostRow } from '../../hosts/signed.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { full as column, q } from '../../kernel/db.ts'
import { cidrOf } from '../addresses.ts'
import { exchangeReads, meetingOf } from '../bgpvpns/members.ts'
import { carriedBy } from '../networks/physical.ts'
import { dhcpOption } from '../ports/options.ts'
import { wireProtocol } from '../security/protocols.ts'
import { around, hostsOf, isHere, listed, peersOf, type News } from './around.ts'

type PortRow = typeof port.$inferSelect
type RuleRow = typeof securityGroupRule.$inferSelect
const full = (a: string) => `${a}/${a.includes(':') ? 128 : 32}`
const some = <K extends string, T>(name: K, list: T[]) => (list.length ? { [name]: list } as Record<K, T[]> : {})
const grouped = <T, K>(list: T[], key: (t: T) => K) => { const m = Map.groupBy(list, key); return (k: K) => m.get(k) ?? [] }

/** What a guest is told depends on its own row, its ports and the floating addresses on top of them. */
const guestsOf = (on: string) => q.select({
  server: server.id,
  etag: sql<string>`${column(server.updatedAt)} || '.' || coalesce((select sum(p.revision) || '.' || count(f.id) || '.' || coalesce(max(f.updated_at), 0) from port p left join floating_ip f on f.port = p.id where p.device = ${column(server.id)}), '')`,
}).from(server).where(eq(server.host, on))

/** What should be on a host: all of it, or, given the news, what of it is new. From one snapshot. */
export async function stateFor(ctx: Ctx, h: HostRow, news?: News): Promise<Stated> {
  const a = around(h.id), here = isHere(h.id), empty = sql`select null where 0`
  const changed = news && listed(news.changed), anew = news && listed(news.anew)
  const told = news ? sql`(${port.id} in (${changed}) or ${port.network} in (${anew}))` : sql`${port.network} in ${a.networks}`
  const toldIds = news ? sql`(select id from port where id in (${changed}) union select id from port where network in (${anew}))` : sql`(select id from port where network in ${a.networks})`
  const nets = news ? sql`(${listed([...new Set([...news.networks, ...news.anew])])})` : a.networks
  const whole = news ? sql`(${anew})` : a.networks
  const own = sql`${port.id} in ${toldIds} and ${port.host} = ${h.id}`
  const groupsHere = news ? q.select({ id: portSecurityGroup.securityGroup }).from(portSecurityGroup).where(inArray(portSecurityGroup.port, q.select({ id: port.id }).from(port).where(own))) : a.groups
  const heard = news ? sql`(${listed(news.groups)})` : a.remoteGroups
  if (news && !news.changed.length && !news.anew.length && !news.networks.length && !news.groups.length) {
    const [guests] = await ctx.read(guestsOf(h.id))
    return { revision: h.revision, base: news.base, have: news.have, changed: [], networks: [], ports: [], elsewhere: [], groups: [], guests }
  }
  const [networks, subnets, ports, addresses, memberships, rules, remotes, groups, hosts, guests, legsAround, paces, branches, spoken, beside, routers = [], legs = [], limited = [], forwards = [], meters = [], helpers = [], proxies = [], speakers = [], members = []] = await ctx.read(
    q.select().from(network).where(sql`${network.id} in ${nets}`),
    q.select().from(subnet).where(sql`${subnet.network} in ${whole}`),
    q.select().from(port).where(told),
    q.select().from(address).where(news ? sql`(${address.port} in (${changed}) or ${address.network} in (${anew}))` : sql`${address.network} in ${a.networks}`),
    q.select({ port: portSecurityGroup.port, securityGroup: portSecurityGroup.securityGroup }).from(portSecurityGroup).where(news ? sql`${portSecurityGroup.port} in (${changed})` : inArray(portSecurityGroup.port, q.select({ id: port.id }).from(port).where(here))),
    q.select().from(securityGroupRule).where(inArray(securityGroupRule.securityGroup, groupsHere)),
    q.select({ port: port.id, group: portSecurityGroup.securityGroup, address: address.address, pairs: port.pairs }).from(portSecurityGroup)
      .innerJoin(address, eq(address.port, portSecurityGroup.port)).innerJoin(port, eq(port.id, portSecurityGroup.port)).where(sql`${portSecurityGroup.securityGroup} in ${heard}`),
    q.select().from(addressGroup).where(inArray(addressGroup.id, q.select({ id: sql<string>`${securityGroupRule.remoteAddressGroup}` }).from(securityGroupRule).where(inArray(securityGroupRule.securityGroup, groupsHere)))),
    hostsOf(sql`select host from port where id in ${toldIds} union select r.host from router_interface i join router r on r.id = i.router where i.port in ${toldIds}`),
    guestsOf(h.id),
    // Legs of routers that live elsewhere: guests here send there what leaves the subnet.
    q.select({ port: routerInterface.port, host: router.host }).from(routerInterface).innerJoin(router, eq(router.id, routerInterface.router))
      .where(and(sql`${routerInterface.port} in ${toldIds}`, eq(router.adminUp, true), isNotNull(router.host))),
    q.select().from(qosRule).where(sql`${qosRule.policy} in (select qos_policy from port where host = ${h.id} union select qos_policy from network where id in ${nets}
      union select qos_policy from router where host = ${h.id} union select f.qos_policy from floating_ip f join router r on r.id = f.router where r.host = ${h.id})`),
    q.select({ port: subPort.port, parent: trunk.port, vlan: subPort.segmentationId, up: trunk.adminUp, device: port.device, owner: port.deviceOwner }).from(subPort).innerJoin(trunk, eq(trunk.id, subPort.trunk)).innerJoin(port, eq(port.id, trunk.port)).where(here),
    // Of changed ports, the groups that rules here speak of.
    news ? q.selectDistinct({ id: sql<string>`${securityGroupRule.remoteGroup}` }).from(securityGroupRule).where(and(inArray(securityGroupRule.securityGroup, a.groups), isNotNull(securityGroupRule.remoteGroup))) : q.all<{ id: string }>(empty),
    peersOf(sql`select id from network where id in ${nets}`),
    // News says nothing of routers: whom those concern asks for everything.
    ...(news ? [] as const : [
      q.select().from(router).where(sql`${router.id} in ${a.routers}`),
      q.select().from(routerInterface).where(sql`${routerInterface.router} in ${a.routers}`),
      q.select().from(floatingIp).where(sql`${floatingIp.router} in ${a.routers}`),
      q.select({ forward: portForwarding, address: floatingIp.address, router: floatingIp.router }).from(portForwarding).innerJoin(floatingIp, eq(floatingIp.id, portForwarding.floatingIp)).where(sql`${floatingIp.router} in ${a.routers}`),
      q.select({ router: router.id, label: meteringLabel.id, rule: meteringRule }).from(router).innerJoin(meteringLabel, sql`(${meteringLabel.shared} or ${meteringLabel.project} = ${router.project})`).innerJoin(meteringRule, eq(meteringRule.label, meteringLabel.id)).where(sql`${router.id} in ${a.routers}`),
      q.select().from(conntrackHelper).where(sql`${conntrackHelper.router} in ${a.routers}`),
      q.select({ router: ndpProxy.router, address: ndpProxy.address }).from(ndpProxy).where(sql`${ndpProxy.router} in ${a.routers}`),
      ...exchangeReads(sql`select id from ${a.routers}`),
    ] as const),
  )
  const peers = (id: string) => [...new Set(beside.filter((p) => p.network === id && p.host !== h.id).map((p) => p.address))].sort()
  const underlay = new Map(hosts.map((x) => [x.id, x.address]))
  const subnetsOf = grouped(subnets, (s) => s.network), portsOf = grouped(ports, (p) => p.network), addressesOf = grouped(addresses, (x) => x.port)
  const rulesOf = grouped(rules, (r) => r.securityGroup), groupsOf = grouped(memberships, (m) => m.port)
  const legHost = new Map(legsAround.map((l) => [l.port, l.host!]))
  const hostOf = (p: PortRow) => legHost.get(p.id) ?? p.host
  const bound = (p: PortRow) => addressesOf(p.id).map((x) => ({ subnet: x.subnet, address: x.address }))
  const prefixed = (p: string) => addressesOf(p).map((x) => ({ address: x.address, prefix: cidrOf(subnets.find((s) => s.id === x.subnet)!.cidr).prefix }))
  const cidrs = (list: { address: string }[], pairs: PortRow['pairs']) => [...list.map((m) => full(m.address)), ...pairs.map((p) => (p.ip_address.includes('/') ? p.ip_address : full(p.ip_address)))]

  // Many ports share few rules.
  const wired = new Map<string, GroupRule>()
  const wire = (r: RuleRow) => wired.get(r.id) ?? wired.set(r.id, wireOf(r)).get(r.id)!
  const wireOf = (r: RuleRow): GroupRule => {
    const family = r.ethertype === 'IPv4' ? 4 : 6
    const listed = r.remoteAddressGroup ? groups.find((g) => g.id === r.remoteAddressGroup)?.addresses ?? [] : r.remoteIp ? [r.remoteIp] : undefined
    return { family, protocol: wireProtocol(r.protocol, family), min: r.portMin ?? undefined, max: r.portMax ?? undefined,
      ...(r.remoteGroup ? { group: r.remoteGroup } : { remotes: listed && [...new Set(listed.filter((text) => text.includes(':') === (family === 6)))].sort() }) }
  }
  const security = (p: PortRow): StatedPort['security'] => {
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
  const policyOf = new Map(networks.map((n) => [n.id, n.qosPolicy]))
  const qos = (p: PortRow) => {
    const policy = p.qosPolicy ?? policyOf.get(p.network)
    if (!policy) return undefined
    const packets = pacesOf(policy, 'packet_rate_limit'), dscp = paces.find((x) => x.policy === policy && x.kind === 'dscp_marking')?.value
    return { ...pacesOf(policy, 'bandwidth_limit'), ...(dscp === undefined ? {} : { dscp }), ...(packets && { packets }) }
  }
  const branchOf = new Map(branches.map((b) => [b.port, b]))
  const plugged = (p: { owner: string; device: string }) => p.owner.startsWith('compute:') && p.device !== ''
  /** What leads to the trunk a port is in, when a guest has that. */
  const trunkOf = (p: PortRow) => { const b = branchOf.get(p.id); return b && plugged(b) ? b : undefined }
  const isOwn = (p: PortRow) => (p.host === h.id || p.arriving === h.id) && (plugged({ owner: p.deviceOwner, device: p.device }) || trunkOf(p) !== undefined)
  const label = (p: PortRow) => (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(p.dnsName) ? p.dnsName : `host-${addressesOf(p.id)[0]?.address.replace(/[.:]+/g, '-').replace(/^-|-$/g, '') ?? p.id.slice(0, 8)}`)

  // A port elsewhere may have changed for the sake of a group alone.
  const anewSet = news && new Set(news.anew), haveSet = news && new Set(news.have)
  const state: Stated = {
    revision: h.revision,
    networks: networks.filter((n) => !anewSet || anewSet.has(n.id)).map((n) => {
      const dhcpPort = portsOf(n.id).find((p) => p.deviceOwner === 'network:dhcp')
      return {
        id: n.id, vni: n.vni, mtu: n.mtu, external: n.external, physical: carriedBy(h, n), peers: peers(n.id), dnsDomain: n.dnsDomain.replace(/\.$/, ''),
        dhcp: dhcpPort && subnetsOf(n.id).some((s) => s.dhcp) ? { port: dhcpPort.id, mac: dhcpPort.mac, addresses: addressesOf(dhcpPort.id).map((x) => x.address) } : undefined,
        subnets: subnetsOf(n.id).map((s) => ({
          id: s.id, cidr: s.cidr, gateway: s.gateway ?? undefined, dhcp: s.dhcp, dns: s.dns, routes: s.routes,
          v6: s.version === 6 && s.dhcp ? ((s.raMode ?? s.addressMode) as 'slaac' | null) ?? undefined : undefined,
        })),
      }
    }),
    ports: ports.filter(isOwn).map((p) => {
      const t = trunkOf(p)
      return { id: p.id, network: p.network, mac: p.mac, server: t?.device ?? p.device, up: p.adminUp && (t?.up ?? true), trunk: t && { parent: t.parent, vlan: t.vlan }, addresses: bound(p), hostname: label(p), qos: qos(p), security: security(p),
        dhcpOptions: p.dhcpOptions.flatMap((o) => dhcpOption(o) ?? []) }
    }),
    elsewhere: ports.filter((p) => (!haveSet || haveSet.has(p.network)) && !isOwn(p) && (!p.deviceOwner.startsWith('network:') || (legHost.has(p.id) && hostOf(p) !== h.id))).map((p) => {
      const at = hostOf(p)
      return { id: p.id, network: p.network, mac: p.mac, addresses: bound(p), host: at && at !== h.id ? underlay.get(at) ?? undefined : undefined, moving: p.arriving ? true : undefined, hostname: legHost.has(p.id) ? undefined : label(p) }
    }),
    groups: [...Map.groupBy(remotes, (r) => r.group)].map(([id, list]) => ({ id, members: Object.fromEntries([...Map.groupBy(list, (r) => r.port)].map(([p, its]) => [p, cidrs(its, its[0].pairs)])) })),
    guests,
  }
  if (news) {
    const heardOf = new Set(spoken.map((s) => s.id)), pairsOf = new Map(ports.map((p) => [p.id, p.pairs]))
    const missing = news.groups.filter((id) => !state.groups.some((g) => g.id === id)).map((id) => ({ id, members: {} }))
    return { ...state, base: news.base, have: news.have, changed: news.changed, groups: [...state.groups, ...missing],
      peers: Object.fromEntries(news.networks.filter((id) => !anewSet!.has(id)).map((id) => [id, peers(id)])),
      members: news.changed.flatMap((id) => { const its = groupsOf(id).map((m) => m.securityGroup).filter((g) => heardOf.has(g)); return its.length && pairsOf.has(id) ? [{ port: id, groups: its, cidrs: cidrs(addressesOf(id), pairsOf.get(id)!) }] : [] }) }
  }
  const met = meetingOf(h.id, speakers, members)
  if (met.network) {
    state.networks.push(met.network)
    state.elsewhere.push(...met.elsewhere)
  }
  state.routers = routers.map((r): Desired['routers'][number] => {
    const gateway = r.gatewayPort ? ports.find((p) => p.id === r.gatewayPort) : undefined
    return {
      id: r.id, routes: [...r.routes, ...met.routes(r.id)], ...(r.moved ? { taken: true } : {}),
      external: gateway && {
        network: gateway.network, mac: gateway.mac, addresses: prefixed(gateway.id), snat: r.snat,
        gateways: addressesOf(gateway.id).flatMap((x) => subnets.find((s) => s.id === x.subnet)?.gateway ?? []),
      },
      interfaces: [...met.leg(r.id), ...[...new Set(legs.filter((l) => l.router === r.id).map((l) => l.port))].flatMap((id) => {
        const p = ports.find((x) => x.id === id)
        return p ? [{ port: id, network: p.network, mac: p.mac, addresses: prefixed(id) }] : []
      })],
      forwards: forwards.filter((f) => f.router === r.id).map(({ forward: f, address }) => ({ address, protocol: wireProtocol(f.protocol, 4) as 6 | 17 | 132, min: f.outerMin, max: f.outerMax, fixed: f.inner, to: f.innerMin })),
      limits: [
        ...limited.filter((f) => f.router === r.id).flatMap((f) => { const own = f.qosPolicy && pacesOf(f.qosPolicy, 'bandwidth_limit'); return own ? [{ address: f.address, ...own }] : [] }),
        ...(gateway && r.qosPolicy ? addressesOf(gateway.id).filter((x) => !x.address.includes(':')).flatMap((x) => { const own = pacesOf(r.qosPolicy!, 'bandwidth_limit'); return own ? [{ address: x.address, ...own }] : [] }) : []),
      ],
      ...some('meters', [...Map.groupBy(meters.filter((m) => m.router === r.id), (m) => m.label)].map(([label, list]) => ({ label, rules: list.map(({ rule: m }) => ({
        // A prefix without a side is that of the inside: the source of what leaves, the destination of what comes.
        direction: m.direction, excluded: m.excluded, source: m.source ?? (m.direction === 'egress' ? m.remote : null) ?? undefined, destination: m.destination ?? (m.direction === 'ingress' ? m.remote : null) ?? undefined,
      })) }))),
      ...some('helpers', helpers.filter((x) => x.router === r.id).map((x) => ({ helper: x.helper, protocol: x.protocol as 'tcp', port: x.port }))),
      ...some('proxies', r.ndpProxy ? proxies.filter((x) => x.router === r.id).map((x) => x.address) : []),
      floating: limited.filter((f) => f.router === r.id && f.fixedAddress !== null).map((f) => ({ id: f.id, address: f.address, fixed: f.fixedAddress! })),
    }
  })
  return state
}
