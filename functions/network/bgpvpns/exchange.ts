import { cidrOf, eui64, readAddress, type Cidr } from '../addresses.ts'
import type { Route } from '../routers/routes.ts'

/**
 * Who tells whom which routes. Routers of BGP VPNs meet on one network of the cloud's own, which nobody else is on, each
 * under a link-local address: what a router sends there goes where its routes say, and it has no others than those that its
 * import targets let in. Everything about that meeting place follows from the router's id; nothing of it is stored.
 */
export const meeting = { id: '00000000-0000-4000-8000-000000000000', vni: 0, mtu: 1450, external: false, dnsDomain: '', subnets: [] }
/** As much of the id as devices' names carry, and then some. */
export const meetingMac = (router: string) => ['f2', ...router.replaceAll('-', '').slice(0, 10).match(/../g)!].join(':')
const linkLocal = cidrOf('fe80::/64')
export const nextHop = (router: string) => eui64(linkLocal, meetingMac(router))

export interface Speaker { id: string; routes: Route[]; legs: { subnet: string; network: string; cidr: string }[]; /** Where its gateway is. */ outside: { cidr: string; gateway: string | null }[] }
export interface Member {
  router: string; association: string; network: string | null; port: string | null; advertise: boolean; routes: { prefix: string; local_pref: number | null }[]; createdAt: number
  preference: number | null; fixed: { subnet: string; address: string }[]; imports: string[]; exports: string[]
}
/** What a router has beyond its own routes: by ports of its networks, and by other routers. */
export interface Learned { byPorts: Route[]; byRouters: { destination: string; router: string }[] }

interface Offer { prefix: Cidr; preference: number; member: Member }
const PREFERENCE = 100
/** The more preferred, then the older, one. */
const before = (a: Offer, b: Offer) => b.preference - a.preference || a.member.createdAt - b.member.createdAt || (a.member.association + a.member.router < b.member.association + b.member.router ? -1 : 1)
const within = (a: Cidr, b: Cidr) => a.version === b.version && a.first >= b.first && a.last <= b.last
const single = (address: string) => cidrOf(`${address}/${address.includes(':') ? 128 : 32}`)

/** What a router knows by itself: nothing that is learned goes before it. */
class Own {
  readonly near: Cidr[]
  readonly led: Set<string>
  constructor(s: Speaker) {
    this.near = [...s.legs, ...s.outside].map((x) => cidrOf(x.cidr))
    this.led = new Set([...s.routes.map((r) => cidrOf(r.destination).text), ...s.outside.flatMap((o) => (o.gateway ? [o.gateway.includes(':') ? '::/0' : '0.0.0.0/0'] : []))])
  }
  knows(to: Cidr) { return this.led.has(to.text) || this.near.some((n) => within(to, n)) }
}

/** A router leads to what its ports are said to lead to; of two that lead to the same, the better one. */
function byPorts(s: Speaker, own: Own, members: Member[]): { routes: Route[]; offers: Offer[] } {
  const routes: Route[] = [], kept: Offer[] = []
  const offers = members.flatMap((member) => (member.port ? member.routes.map((r): Offer => ({ prefix: cidrOf(r.prefix), preference: r.local_pref ?? member.preference ?? PREFERENCE, member })) : [])).sort(before)
  for (const o of offers) {
    const via = o.member.fixed.find((f) => readAddress(f.address, 'fixed_ips').version === o.prefix.version && s.legs.some((l) => l.subnet === f.subnet))?.address
    const same = routes.find((r) => r.destination === o.prefix.text)
    if (!via || (same ? same.nexthop !== via : own.knows(o.prefix))) continue
    if (!same) routes.push({ destination: o.prefix.text, nexthop: via })
    kept.push(o)
  }
  return { routes, offers: kept }
}

function offersOf(s: Speaker, member: Member): Offer[] {
  const offer = (prefix: Cidr): Offer => ({ prefix, preference: member.preference ?? PREFERENCE, member })
  if (member.port) return member.advertise ? member.fixed.filter((f) => s.legs.some((l) => l.subnet === f.subnet)).map((f) => offer(single(f.address))) : []
  const legs = s.legs.filter((l) => !member.network || l.network === member.network).map((l) => offer(cidrOf(l.cidr)))
  return member.network || !member.advertise ? legs : [...legs, ...s.routes.map((r) => offer(cidrOf(r.destination)))]
}

/** Of these routers, what each learns from the others. Those that are not there tell nothing. */
export function exchange(speakers: Speaker[], members: Member[]): Map<string, Learned> {
  const offers = new Map<string, Offer[]>(), learned = new Map<string, Learned>(), own = new Map(speakers.map((s) => [s.id, new Own(s)]))
  const of = Map.groupBy(members, (m) => m.router)
  for (const s of speakers) {
    const mine = of.get(s.id) ?? [], ports = byPorts(s, own.get(s.id)!, mine)
    learned.set(s.id, { byPorts: ports.routes, byRouters: [] })
    for (const r of ports.routes) own.get(s.id)!.led.add(r.destination)
    for (const o of [...ports.offers, ...mine.flatMap((m) => offersOf(s, m))]) for (const target of new Set(o.member.exports)) (offers.get(target) ?? offers.set(target, []).get(target)!).push(o)
  }
  for (const s of speakers) {
    const best = new Map<string, Offer>()
    for (const o of [...new Set((of.get(s.id) ?? []).flatMap((m) => m.imports))].flatMap((target) => offers.get(target) ?? [])) {
      const now = best.get(o.prefix.text)
      if (o.member.router !== s.id && !own.get(s.id)!.knows(o.prefix) && (!now || before(o, now) < 0)) best.set(o.prefix.text, o)
    }
    learned.get(s.id)!.byRouters = [...best].map(([destination, o]) => ({ destination, router: o.member.router })).sort((a, b) => (a.destination < b.destination ? -1 : 1))
  }
  return learned
}
