import { outside, type Desired, type Rule } from '../../schema/hosts.ts'
import type { Names } from './names.ts'
import { address, cidr, contains, domain, familyOf, hostname, text, unicast, type Cidr } from './values.ts'
import { optionValue } from './options.ts'

/**
 * The desired document as this host will act on it: every value parsed, every name made here. Whatever cannot be used
 * is left out alone and named in `problems`; the rest is carried out.
 */
export interface Subnet { id: string; cidr: Cidr; gateway?: string; dhcp: boolean; dns: string[]; routes: { to: Cidr; via: string }[]; v6?: 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless' }
export interface Network {
  id: string; bridge: string; vni: number; mtu: number; peers: string[]; domain: string; subnets: Subnet[]
  /** On the bridge to the outside, where the host takes part. */
  outside: boolean
  /** Carried by a physical network of the host, with this tag or untagged; in a bridge of its own. */
  physical?: { network: string; vlan?: number }
  dhcp?: { mac: string; addresses: { address: string; prefix: number }[] }
}
export interface Lease { port: string; network: string; mac: string; addresses: string[]; hostname?: string; options: { code: number; value: string; family: 4 | 6 }[] }
export interface Security { ingress: Rule[]; egress: Rule[]; pairs: { mac: string; cidr: Cidr }[] }
export interface Forward { address: string; protocol: number; min: number; max: number; fixed: string; to: number }
export interface Pace { kbps: number; burst: number }
export interface Qos { egress?: Pace; ingress?: Pace; dscp?: number; packets?: { egress?: Pace; ingress?: Pace } }
export interface Port { id: string; tap: string; network: Network; mac: string; server: string; up: boolean; addresses: string[]; security?: Security; qos?: Qos; /** The port whose tagged frames are this one's, on this host too. */ trunk?: { parent: string; vlan: number; branch: string } }
export interface RouterLink { host: string; inside: string; network: Network; mac: string; addresses: { address: string; prefix: number }[] }
export interface Meter { label: string; rules: { direction: 'ingress' | 'egress'; source?: Cidr; destination?: Cidr; excluded: boolean }[] }
export interface Router {
  id: string; ns: string; /** Another host had it, and may not know yet that it has it no more. */ taken: boolean; gateway?: RouterLink & { via: string[]; snat: boolean }
  interfaces: (RouterLink & { ra?: { prefix: Cidr; mode: NonNullable<Subnet['v6']> }[] })[]
  floating: { address: string; fixed: string }[]; meters: Meter[]; helpers: { helper: string; protocol: 'tcp' | 'udp'; port: number }[]; proxies: string[]; forwards: Forward[]; limits: { address: string; egress?: Pace; ingress?: Pace }[]; routes: { to: Cidr; via: string; /** The leg it leaves by, where the next hop does not say. */ dev?: string }[]
}
export interface Plan {
  revision: number; networks: Map<string, Network>; ports: Map<string, Port>; leases: Lease[]; routers: Router[]
  /** Where other hosts' guests live: MACs behind an underlay address. */
  remote: { network: Network; mac: string; host: string }[]
  problems: string[]
}

/** Where others than this cloud's hosts are heard: whose a gateway is has to be settled on the wire. */
export const wired = (n: Network): boolean => n.outside || n.physical !== undefined
/** A router's devices on such networks. */
export const wiredLinks = (r: Router): RouterLink[] => [...(r.gateway ? [r.gateway] : []), ...r.interfaces].filter((l) => wired(l.network))

const linkLocal4 = cidr('169.254.0.0/16')!

export function plan(desired: Desired, names: Names): Plan {
  const problems: string[] = []
  const bad = (what: string) => { problems.push(what) }
  const at = (value: string, where: string): string | undefined => {
    const found = address(value)
    if (!found) bad(`${where}: ${JSON.stringify(value)} is not an address`)
    return found
  }
  const ats = (values: string[], where: string) => values.map((v) => at(v, where)).filter((v) => v !== undefined)
  const route = (r: { destination: string; nexthop: string }, where: string, anyFamily = false) => {
    const to = cidr(r.destination), via = at(r.nexthop, where)
    if (!to) bad(`${where}: ${JSON.stringify(r.destination)} is not a prefix`)
    // A route for link-local addresses would take guests past the metadata address.
    else if (to.family === 4 && to.prefix >= 16 && contains(linkLocal4, to.address)) bad(`${where}: ${text(to)} is link-local`)
    else if (via && (anyFamily || familyOf(via) === to.family)) return [{ to, via }]
    else if (via) bad(`${where}: next hop ${via} is of another family than ${text(to)}`)
    return []
  }
  const taken = new Map<string, string>()
  /** Names carry only the first digits of an id: two ids that share them cannot both be served. */
  const claim = (name: string, id: string) => {
    if ((taken.get(name) ?? id) !== id) return bad(`${id}: ${name} is taken by ${taken.get(name)}`), false
    taken.set(name, id)
    return true
  }

  const networks = new Map<string, Network>()
  for (const n of desired.networks) {
    const onOutside = n.physical ? n.physical.network === outside && n.physical.vlan === undefined : n.external
    const bridge = onOutside ? names.ext : names.bridge(n.id)
    if (!onOutside && !claim(bridge, n.id)) continue
    const where = `network ${n.id}`
    const subnets = n.subnets.flatMap((s): Subnet[] => {
      const c = cidr(s.cidr)
      if (!c) return bad(`subnet ${s.id}: ${JSON.stringify(s.cidr)} is not a prefix`), []
      const gateway = s.gateway === undefined ? undefined : at(s.gateway, `subnet ${s.id}`)
      return [{ id: s.id, cidr: c, gateway: gateway && familyOf(gateway) === c.family ? gateway : undefined, dhcp: s.dhcp,
        dns: ats(s.dns, `subnet ${s.id}`).filter((d) => familyOf(d) === c.family), routes: s.routes.flatMap((r) => route(r, `subnet ${s.id}`)).filter((r) => r.to.family === c.family),
        v6: c.family === 6 ? s.v6 : undefined }]
    })
    const prefixOf = (a: string) => subnets.find((s) => contains(s.cidr, a))?.cidr.prefix
    const name = n.dnsDomain === '' ? undefined : domain(n.dnsDomain)
    if (n.dnsDomain !== '' && !name) bad(`${where}: ${JSON.stringify(n.dnsDomain)} is not a domain`)
    const dhcp = n.dhcp && unicast(n.dhcp.mac) ? { mac: n.dhcp.mac, addresses: ats(n.dhcp.addresses, where).flatMap((a) => {
      const prefix = prefixOf(a)
      return prefix === undefined ? (bad(`${where}: DHCP address ${a} is in none of its subnets`), []) : [{ address: a, prefix }]
    }) } : undefined
    networks.set(n.id, { id: n.id, bridge, outside: onOutside, physical: onOutside ? undefined : n.physical, vni: n.vni, mtu: Math.min(Math.max(n.mtu, 68), 65535),
      peers: ats(n.peers, where), domain: name ?? 'openstacklocal', subnets, dhcp })
  }

  const remote: Plan['remote'] = []
  const ports = new Map<string, Port>()
  const leases: Lease[] = []
  for (const p of desired.ports) {
    const where = `port ${p.id}`
    const network = networks.get(p.network)
    if (!network) { bad(`${where}: its network ${p.network} is not in the document`); continue }
    if (!unicast(p.mac)) { bad(`${where}: ${JSON.stringify(p.mac)} is no MAC of a guest`); continue }
    if (!claim(names.tap(p.id), p.id)) continue
    const addresses = ats(p.addresses.map((a) => a.address), where)
    const pairs = (p.security?.pairs ?? []).flatMap((pair) => {
      const c = cidr(pair.cidr)
      return c && unicast(pair.mac) ? [{ mac: pair.mac, cidr: c }] : (bad(`${where}: address pair ${JSON.stringify(pair)}`), [])
    })
    ports.set(p.id, { id: p.id, tap: names.tap(p.id), network, mac: p.mac, server: p.server, up: p.up, addresses, qos: p.qos, trunk: p.trunk && { ...p.trunk, branch: names.branch(p.id) },
      security: p.security && { ingress: p.security.ingress, egress: p.security.egress, pairs } })
    const options = p.dhcpOptions.flatMap((o) => {
      const value = optionValue(o.code, o.value, o.family)
      return value === undefined ? (bad(`${where}: DHCP option ${o.code} cannot be ${JSON.stringify(o.value)}`), []) : [{ code: o.code, value, family: o.family }]
    })
    leases.push({ port: p.id, network: p.network, mac: p.mac, addresses, hostname: hostname(p.hostname), options })
  }
  for (const p of ports.values()) {
    if (!p.trunk || (ports.get(p.trunk.parent) && !ports.get(p.trunk.parent)!.trunk)) continue
    bad(`port ${p.id}: its trunk's port ${p.trunk.parent} is not on this host`)
    ports.delete(p.id)
  }
  for (const e of desired.elsewhere) {
    const network = networks.get(e.network)
    if (!network || !unicast(e.mac)) continue
    if (e.hostname !== undefined && !hostname(e.hostname)) bad(`port ${e.id}: ${JSON.stringify(e.hostname)} is not a host name`)
    leases.push({ port: e.id, network: e.network, mac: e.mac, addresses: ats(e.addresses.map((a) => a.address), `port ${e.id}`), hostname: hostname(e.hostname), options: [] })
    const host = e.host === undefined ? undefined : at(e.host, `port ${e.id}`)
    // One that moves is looked for on every host of the network: nothing has to be told at the instant it changes over.
    if (host && network.peers.includes(host) && !e.moving) remote.push({ network, mac: e.mac, host })
  }

  const routers = desired.routers.flatMap((r): Router[] => {
    const where = `router ${r.id}`
    if (!claim(names.routerNs(r.id), r.id)) return []
    const pairs = (list: { address: string; prefix: number }[]) => list.flatMap((a) => {
      const found = at(a.address, where)
      return found && cidr(`${found}/${a.prefix}`) ? [{ address: found, prefix: a.prefix }] : (bad(`${where}: ${a.address}/${a.prefix}`), [])
    })
    const link = (host: string, inside: string, network: string, mac: string, addresses: { address: string; prefix: number }[]): RouterLink | undefined => {
      const found = networks.get(network)
      if (!found || !unicast(mac)) return bad(`${where}: interface on network ${network} (${mac}) cannot be made`), undefined
      return { host, inside, network: found, mac, addresses: pairs(addresses) }
    }
    const x = r.external
    const gateway = x && link(names.gatewayVeth(r.id), 'gw', x.network, x.mac, x.addresses)
    const interfaces = r.interfaces.flatMap((i) => {
      const made = claim(names.interfaceVeth(i.port), i.port) ? link(names.interfaceVeth(i.port), names.inside(i.port), i.network, i.mac, i.addresses) : undefined
      if (!made) return []
      const ra = made.network.subnets.flatMap((s) => s.v6 && made.addresses.some((a) => contains(s.cidr, a.address)) ? [{ prefix: s.cidr, mode: s.v6 }] : [])
      return [ra.length ? { ...made, ra } : made]
    })
    const floating = r.floating.flatMap((f) => {
      const address = at(f.address, where), fixed = at(f.fixed, where)
      return address && fixed && familyOf(address) === 4 && familyOf(fixed) === 4 ? [{ address, fixed }] : (bad(`${where}: floating ${f.address} to ${f.fixed}`), [])
    })
    const forwards = (r.forwards ?? []).flatMap((f): Forward[] => {
      const address = at(f.address, where), fixed = at(f.fixed, where)
      if (address && fixed && familyOf(address) === 4 && familyOf(fixed) === 4 && f.min <= f.max && f.to + f.max - f.min <= 65535) return [{ ...f, address, fixed }]
      return bad(`${where}: forward of ${f.address} ${f.min}-${f.max} to ${f.fixed} ${f.to}`), []
    })
    const limits = (r.limits ?? []).flatMap((l) => {
      const address = at(l.address, where)
      return address && familyOf(address) === 4 ? [{ ...l, address }] : []
    })
    const meters = (r.meters ?? []).map((m): Meter => ({ label: m.label, rules: m.rules.flatMap((x) => {
      const end = (value: string | undefined) => (value === undefined ? undefined : cidr(value))
      const [source, destination] = [end(x.source), end(x.destination)]
      const odd = (x.source !== undefined && !source) || (x.destination !== undefined && !destination) || (!source && !destination) || (source && destination && source.family !== destination.family)
      return odd ? (bad(`${where}: counting ${x.source ?? ''} ${x.destination ?? ''}`), []) : [{ direction: x.direction, source, destination, excluded: x.excluded }]
    }) }))
    const routes = r.routes.flatMap((o): Router['routes'] => {
      if (o.leg === undefined) return route(o, where)
      const dev = names.inside(o.leg)
      if (interfaces.some((i) => i.inside === dev)) return route(o, where, true).map((x) => ({ ...x, dev }))
      return bad(`${where}: a route leaves by ${o.leg}, which is none of its legs`), []
    })
    return [{ id: r.id, ns: names.routerNs(r.id), taken: r.taken ?? false, gateway: gateway && x ? { ...gateway, via: ats(x.gateways, where), snat: x.snat } : undefined,
      interfaces, floating, meters, helpers: r.helpers ?? [], proxies: ats(r.proxies ?? [], where).filter((a) => familyOf(a) === 6), forwards, limits, routes }]
  })
  return { revision: desired.revision, networks, ports, leases, routers, remote, problems }
}
