import { sql, type SQL } from 'drizzle-orm'
import { q } from '../../kernel/db.ts'
import { exchange, meeting, meetingMac, nextHop, type Member, type Speaker } from './exchange.ts'

/** Who is part of which BGP VPN, in SQL: by association of the router itself, or of a network or port that it has a leg beside. */
const members = (direct: SQL, legs: SQL) => sql`select a.router as router, a.id as association, a.bgpvpn as bgpvpn from bgpvpn_association a where a.router is not null and ${direct}
  union select i.router, a.id, a.bgpvpn from bgpvpn_association a join subnet s on s.network = a.network join router_interface i on i.subnet = s.id
  where ${legs} and (a.port is null or exists (select 1 from address d where d.port = a.port and d.subnet = i.subnet))`
export const membersAt = (routers: SQL) => sql`with r(id) as (${routers}) ${members(sql`a.router in r`, sql`i.router in r`)}`

/** All routers of these BGP VPNs and of those that export to them or import from them. */
export const exchanging = (bgpvpns: SQL) => sql`select router from (with v(id) as (${bgpvpns}), w(id) as (select id from v union select u.bgpvpn from v join bgpvpn_target t on t.bgpvpn = v.id join bgpvpn_target u on u.target = t.target
  and ((t.kind <> 'export' and u.kind <> 'import') or (t.kind <> 'import' and u.kind <> 'export'))) ${members(sql`a.bgpvpn in w`, sql`a.bgpvpn in w`)})`
/** Those that routes of these routers matter to, themselves included. */
export const partners = (routers: SQL) => exchanging(sql`select bgpvpn from (${membersAt(routers)})`)

const listOf = (column: string, from: SQL) => sql`(select json_group_array(${sql.raw(column)}) ${from})`
const targets = (not: string) => listOf('distinct t.target', sql`from bgpvpn_target t where t.bgpvpn = v.id and t.kind <> ${not}`)
/** What `exchange` goes by, of the partners of these routers. JSON comes as text. */
export const exchangeReads = (routers: SQL) => [
  q.all<SpeakerRow>(sql`select r.id as id, r.host as host, json_extract(h.hypervisor, '$.address') as address, r.admin_up and r.host is not null as up, r.routes as routes,
    ${listOf(`json_object('subnet', s.id, 'network', s.network, 'cidr', s.cidr)`, sql`from router_interface i join subnet s on s.id = i.subnet where i.router = r.id`)} as legs,
    ${listOf(`json_object('cidr', s.cidr, 'gateway', s.gateway)`, sql`from address x join subnet s on s.id = x.subnet where x.port = r.gateway_port`)} as outside
    from router r left join host h on h.id = r.host where r.id in (${partners(routers)})`),
  q.all<MemberRow>(sql`select m.router as router, a.id as association, a.network as network, a.port as port, a.advertise as advertise, a.routes as routes, a.created_at as createdAt, v.preference as preference,
    ${listOf(`json_object('subnet', x.subnet, 'address', x.address)`, sql`from address x where x.port = a.port`)} as fixed, ${targets('export')} as imports, ${targets('import')} as exports
    from (${membersAt(partners(routers))}) m join bgpvpn_association a on a.id = m.association join bgpvpn v on v.id = a.bgpvpn`),
] as const
type Told<T, K extends keyof T> = { [P in keyof T]: P extends K ? string : T[P] }
export type SpeakerRow = Told<Speaker, 'routes' | 'legs' | 'outside'> & { host: string | null; address: string | null; up: number }
export type MemberRow = Told<Omit<Member, 'advertise'>, 'routes' | 'fixed' | 'imports' | 'exports'> & { advertise: number }

/** Where the routers of a host meet others, and what they learn there. Nothing without a router that is part of a BGP VPN. */
export function meetingOf(host: string, speakers: SpeakerRow[], members: MemberRow[]) {
  const parsed = members.map((m): Member => ({ ...m, advertise: Boolean(m.advertise), routes: JSON.parse(m.routes), fixed: JSON.parse(m.fixed), imports: JSON.parse(m.imports), exports: JSON.parse(m.exports) }))
  const there = speakers.filter((s) => s.up), part = new Set(members.map((m) => m.router))
  const learned = exchange(there.map((s): Speaker => ({ id: s.id, routes: JSON.parse(s.routes), legs: JSON.parse(s.legs), outside: JSON.parse(s.outside) })), parsed)
  const far = there.filter((s) => s.host !== host && s.address !== null)
  return {
    network: there.some((s) => s.host === host && part.has(s.id)) ? { ...meeting, peers: [...new Set(far.map((s) => s.address!))].sort() } : undefined,
    elsewhere: far.map((s) => ({ id: s.id, network: meeting.id, mac: meetingMac(s.id), addresses: [], host: s.address! })),
    leg: (router: string) => (part.has(router) ? [{ port: router, network: meeting.id, mac: meetingMac(router), addresses: [] }] : []),
    routes: (router: string) => { const l = learned.get(router); return l ? [...l.byPorts, ...l.byRouters.map((r) => ({ destination: r.destination, nexthop: nextHop(r.router), leg: router }))] : [] },
  }
}
