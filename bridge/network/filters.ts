import type { Carrier } from './carrier.ts'
import type { Names } from './names.ts'
import { wired, wiredLinks, type Pace, type Plan, type Port } from './plan.ts'
import { accept, anyOf, back, both, commit, digest, drop, field, goto, is, jump, mark, meta, not, table, vmap, type Expr, type Table } from './nft.ts'
import { chainOf, readAll, type Match } from './rules.ts'
import { metadata6 } from './dhcp.ts'
import { familyOf, hex, linkLocal } from './values.ts'

/**
 * What guests may send and receive: a table of the bridge family, where taps are known by name.
 *
 * The bridge family has no connection tracking of its own on many kernels. br_netfilter carries bridged packets through
 * the inet hooks, where `state.ts` tracks them in a zone per network and leaves what it knows in two bits of the packet
 * mark; the forward chain here, which comes later, reads them. Without those bits nothing counts as established.
 */
export const established = 0x01000000
export const invalid = 0x02000000
const metadata = '169.254.169.254'

export interface Rules { ingress: Match[]; egress: Match[] }
export interface Filters { table: Table; rules: Map<string, Rules> }

export function filters(plan: Plan, names: Names, carrier: Carrier, problems: string[]): Filters {
  const t = table('bridge', names.table)
  skeleton(t, names)
  const set = (name: string) => t.sets.get(name)!.elements
  const map = (name: string) => t.maps.get(name)!.elements
  const rules = new Map<string, Rules>()
  for (const port of plan.ports.values()) {
    const v4 = port.addresses.filter((a) => familyOf(a) === 4)
    pacing(port, t)
    for (const a of v4) set('own4').push({ concat: [port.tap, a] })
    set('own6').push({ concat: [port.tap, linkLocal(port.mac)] })
    if (port.network.outside) set('outer').push(port.tap)
    if (!port.security) { set('open').push(port.tap); continue }
    const own: Rules = { ingress: readAll(port.security.ingress, `port ${port.id}`, problems), egress: readAll(port.security.egress, `port ${port.id}`, problems) }
    rules.set(port.id, own)
    set('secured').push(port.tap)
    for (const mac of new Set([port.mac, ...port.security.pairs.map((p) => p.mac)])) set('macs').push({ concat: [port.tap, mac] })
    const v6 = [linkLocal(port.mac), ...port.addresses.filter((a) => familyOf(a) === 6)]
    for (const a of new Set(v4)) set('source4').push({ concat: [port.tap, port.mac, a] })
    for (const a of new Set(v6)) set('source6').push({ concat: [port.tap, port.mac, a] })
    map('egress').set(port.tap, goto(chainOf(own.egress, 'egress', t)))
    map('ingress').set(port.tap, goto(chainOf(own.ingress, 'ingress', t)))
    map('advertise').set(port.tap, goto(advertiseChain(port, v6, t)))
    if (port.security.pairs.length) map('pairs').set(port.tap, goto(pairsChain(port, t)))
  }
  for (const n of plan.networks.values()) {
    const device = carrier.device(n)
    if (device && wired(n)) set('wires').push(device)
    if (device && n.outside) set('outer').push(device)
    if (n.dhcp && device) {
      set('carriers').push(device)
      set('each').push({ concat: [device, n.dhcp.mac] })
    }
    if (n.dhcp && n.outside) set('outer').push(names.dhcpVeth(n.id))
  }
  for (const r of plan.routers) {
    for (const l of wiredLinks(r)) {
      set('legs').push(l.host)
      set('gateways').push(l.mac)
      if (l.network.outside) set('outer').push(l.host)
    }
  }
  return { table: t, rules }
}

const udp = (from: number, to: number): Expr[] => [is(meta('l4proto'), 17), is(field('udp', 'sport'), from), is(field('udp', 'dport'), to)]
const v4 = is(meta('protocol'), 'ip'), v6 = is(meta('protocol'), 'ip6')
const etherType = field('ether', 'type')
const icmp6 = (...types: number[]): Expr[] => [v6, is(meta('l4proto'), 58), is(field('icmpv6', 'type'), types.length === 1 ? types[0] : anyOf(types))]
const bit = (value: number): Expr => not({ '&': [meta('mark'), value] }, 0)
const unmarked: Expr = { mangle: { key: meta('mark'), value: { '&': [meta('mark'), 0xffffffff - established - invalid] } } }
const tagged = is(etherType, anyOf([0x8100, 0x88a8]))
/** Where a guest is after it moved, said for it by its emulator: RARP requests for its own MAC. */
const rarp: Expr[] = [is(etherType, 0x8035), is({ payload: { base: 'nh', offset: 48, len: 16 } }, 3)]
const notSyn: Expr[] = [is(meta('l4proto'), 6), not({ '&': [field('tcp', 'flags'), ['fin', 'syn', 'rst', 'ack']] }, 'syn')]

function skeleton(t: Table, names: Names): void {
  const iif = meta('iifname'), oif = meta('oifname')
  const any = `${names.prefix}*`, tap = `${names.prefix}t*`
  for (const name of ['secured', 'open', 'outer', 'carriers', 'wires', 'legs']) t.sets.set(name, { type: 'ifname', elements: [] })
  // Every host has the network's own port, under one MAC: heard from another host, bridges would look for it there.
  t.sets.set('each', { type: ['ifname', 'ether_addr'], elements: [] })
  // One address, one host: where another is heard to speak with a gateway's MAC, this host's falls silent, whoever runs or
  // not (`fenced`). Who takes a gateway over announces it, and for a while does nothing else with it (`held`).
  t.sets.set('gateways', { type: 'ether_addr', elements: [] })
  t.sets.set('fenced', { type: 'ether_addr', flags: ['timeout'], elements: [], fixed: true })
  t.sets.set('held', { type: 'ether_addr', flags: ['timeout'], elements: [], fixed: true })
  t.sets.set('macs', { type: ['ifname', 'ether_addr'], elements: [] })
  t.sets.set('own4', { type: ['ifname', 'ipv4_addr'], elements: [] })
  t.sets.set('own6', { type: ['ifname', 'ipv6_addr'], elements: [] })
  t.sets.set('source4', { type: ['ifname', 'ether_addr', 'ipv4_addr'], elements: [] })
  t.sets.set('source6', { type: ['ifname', 'ether_addr', 'ipv6_addr'], elements: [] })
  for (const name of ['egress', 'ingress', 'pairs', 'advertise', 'paced_out', 'paced_in']) t.maps.set(name, { type: 'ifname', map: 'verdict', elements: new Map() })
  const hook = (name: string, at: string, rules: Expr[][]) => t.chains.set(name, { hook: { type: 'filter', hook: at, prio: -300 }, rules })
  const chain = (name: string, rules: Expr[][]) => t.chains.set(name, { rules })
  const ether = field('ether', 'saddr')

  // What only the network itself may say. Asked again after reassembly, so that fragments hide nothing.
  chain('forged', [
    [...udp(67, 68), drop], [...udp(547, 546), drop],
    [...icmp6(134, 137), drop],
    [...icmp6(136), vmap(iif, '@advertise')], [...icmp6(136), drop],
  ])
  // Whose metadata is answered is decided by the source address, so that one must be the port's own, whatever else may pass.
  chain('identity', [[v4, is(field('ip', 'daddr'), metadata), not(both(iif, field('ip', 'saddr')), '@own4'), drop],
    [v6, is(field('ip6', 'daddr'), metadata6), not(both(iif, field('ip6', 'saddr')), '@own6'), drop]])
  chain('open_guest', [[jump('identity')], [accept]])
  chain('sane', [[jump('identity')], [jump('forged')], [accept]])
  chain('arp', [
    [not(both(iif, field('arp', 'saddr ether')), '@macs'), drop],
    [is(field('arp', 'saddr ip'), '0.0.0.0'), accept],
    [is(both(iif, field('arp', 'saddr ether'), field('arp', 'saddr ip')), '@source4'), accept],
    [vmap(iif, '@pairs')], [drop],
  ])
  chain('ip4', [
    [is(field('ip', 'saddr'), '0.0.0.0'), is(field('ip', 'daddr'), '255.255.255.255'), ...udp(68, 67), accept],
    [is(both(iif, ether, field('ip', 'saddr')), '@source4'), goto('sane')],
    [vmap(iif, '@pairs')], [drop],
  ])
  chain('ip6', [
    [is(field('ip6', 'saddr'), '::'), ...icmp6(131, 132, 133, 135, 143), accept],
    [is(both(iif, ether, field('ip6', 'saddr')), '@source6'), goto('sane')],
    [vmap(iif, '@pairs')], [drop],
  ])
  chain('guest', [
    [is(iif, '@open'), goto('open_guest')],
    // Holds for taps nothing is known of yet, too: they are in no set.
    [not(both(iif, ether), '@macs'), drop],
    // The frame's own type: a VLAN tag would otherwise hide what is inside from every rule below.
    [vmap(etherType, { set: [['arp', goto('arp')], ['ip', goto('ip4')], ['ip6', goto('ip6')]] })],
    [...rarp, accept], [drop],
  ])
  const always = (...more: Expr[][]): Expr[][] => [
    [is(etherType, 'arp'), back], [bit(established), back], ...more, [bit(invalid), drop], [...notSyn, drop],
  ]
  chain('egress_check', [
    [jump('forged')],
    ...always([...rarp, back], [v4, ...udp(68, 67), back], [v6, ...udp(546, 547), back], [...icmp6(131, 132, 133, 135, 136, 143), back],
      [is(field('ip', 'daddr'), metadata), is(meta('l4proto'), 6), is(field('tcp', 'dport'), 80), back],
      [is(field('ip6', 'daddr'), metadata6), is(meta('l4proto'), 6), is(field('tcp', 'dport'), 80), back]),
    [vmap(iif, '@egress')], [drop],
  ])
  chain('ingress_check', [
    // Frames flooded to every port while a MAC is unknown are for their owner only.
    [is({ '&': [field('ether', 'daddr'), '01:00:00:00:00:00'] }, '00:00:00:00:00:00'), not(both(oif, field('ether', 'daddr')), '@macs'), drop],
    ...always([v4, ...udp(67, 68), back], [v6, ...udp(547, 546), back], [...icmp6(130, 131, 132, 134, 135, 136, 143), back]),
    [vmap(oif, '@ingress')], [drop],
  ])
  // DHCP and metadata are each host's own business: asked and answered here, never carried elsewhere.
  const local = (device: Expr): Expr[][] => [
    [is(device, '@carriers'), is(meta('l4proto'), 17), is(field('udp', 'dport'), anyOf([67, 68, 546, 547])), drop],
    [is(device, '@carriers'), v4, is(field('ip', 'daddr'), metadata), drop],
    [is(device, '@carriers'), is(etherType, 'arp'), is(field('arp', 'daddr ip'), metadata), drop],
    [is(device, '@carriers'), v6, is(field('ip6', 'daddr'), metadata6), drop],
    [is(device, '@carriers'), ...icmp6(135), is(target(128), `0x${hex(metadata6)}`), drop],
  ]
  hook('prerouting', 'prerouting', [
    [is(iif, any), unmarked], [is(iif, '@wires'), unmarked],
    // The tag a network has out there is off by now, or not on yet: another one would lead into another network.
    [is(iif, '@wires'), tagged, drop],
    [is(both(iif, ether), '@each'), drop],
    [is(iif, '@wires'), is(ether, '@gateways'), not(ether, '@held'), { set: { op: 'add', elem: ether, set: '@fenced' } }],
    [is(iif, '@legs'), is(ether, '@fenced'), drop],
    [is(iif, '@legs'), is(ether, '@held'), is(etherType, 'arp'), is(field('arp', 'operation'), 'request'), back],
    [is(iif, '@legs'), is(ether, '@held'), ...icmp6(136), is(field('ip6', 'daddr'), 'ff02::1'), back],
    [is(iif, '@legs'), is(ether, '@held'), drop],
    // Counted before anything is judged: what is dropped later was sent all the same.
    [vmap(iif, '@paced_out')],
    [is(iif, tap), jump('guest')],
  ])
  hook('postrouting', 'postrouting', [[vmap(oif, '@paced_in')]])
  hook('forward', 'forward', [
    ...local(iif), ...local(oif), [is(both(oif, ether), '@each'), drop],
    [is(oif, '@wires'), tagged, drop],
    // What switches tell each other is not for guests to say.
    [is(oif, '@wires'), is({ '&': [field('ether', 'daddr'), 'ff:ff:ff:ff:ff:f0'] }, '01:80:c2:00:00:00'), drop],
    [is(iif, '@secured'), jump('egress_check')],
    [is(oif, '@secured'), goto('ingress_check')],
    [is(oif, tap), not(oif, '@open'), drop],
  ])
  // The host itself takes part in the outside bridge only; inet rules decide what it answers there.
  hook('input', 'input', [[is(iif, any), not(iif, '@outer'), drop], [is(iif, '@wires'), not(iif, '@outer'), drop], [is(iif, '@secured'), jump('egress_check')]])
  hook('output', 'output', [[is(oif, any), not(oif, '@outer'), drop], [is(oif, '@wires'), not(oif, '@outer'), drop], [is(oif, '@secured'), goto('ingress_check')], [is(oif, tap), not(oif, '@open'), drop]])
  mark(t)
}

/** A port's own count of packets, and the mark on what it sends. */
function pacing(port: Port, t: Table) {
  const { dscp, packets } = port.qos ?? {}
  const over = ({ kbps, burst }: Pace): Expr[] => [{ limit: { rate: kbps * 1000, per: 'second', burst: burst ? burst * 1000 : Math.max(1, kbps * 100), inv: true } }, drop]
  const marked: Expr[][] = dscp === undefined ? [] : [['ip', v4], ['ip6', v6]].map(([protocol, when]) => [when as Expr, { mangle: { key: field(protocol as string, 'dscp'), value: dscp } }])
  const put = (map: string, rules: Expr[][]) => {
    if (!rules.length) return
    const name = `q_${digest([port.id, map, rules])}`
    t.chains.set(name, { rules })
    t.maps.get(map)!.elements.set(port.tap, jump(name))
  }
  put('paced_out', [...(packets?.egress ? [over(packets.egress)] : []), ...marked])
  put('paced_in', packets?.ingress ? [over(packets.ingress)] : [])
}

const target = (bits: number): Expr => ({ payload: { base: 'th', offset: 64, len: bits } })

/** Which addresses a port may claim in neighbour advertisements. */
function advertiseChain(port: Port, own: string[], t: Table): string {
  const pairs = port.security!.pairs.filter((p) => p.cidr.family === 6 && p.cidr.prefix > 0)
  const rules: Expr[][] = own.map((a) => [is(target(128), `0x${hex(a)}`), back])
  for (const { cidr } of pairs) rules.push([is(target(cidr.prefix), `0x${(BigInt(`0x${hex(cidr.address)}`) >> BigInt(128 - cidr.prefix)).toString(16)}`), back])
  rules.push(port.security!.pairs.some((p) => p.cidr.family === 6 && p.cidr.prefix === 0) ? [back] : [drop])
  const name = `n_${digest(rules)}`
  t.chains.set(name, { rules })
  return name
}

/** Addresses a port may use beside its own. */
function pairsChain(port: Port, t: Table): string {
  const rules: Expr[][] = port.security!.pairs.flatMap(({ mac, cidr: c }): Expr[][] => {
    const from = (protocol: string, name: string): Expr[] => c.prefix === 0 ? [] : [is(field(protocol, name), { prefix: { addr: c.address, len: c.prefix } })]
    const owner = is(field('ether', 'saddr'), mac)
    return c.family === 6 ? [[owner, is(etherType, 'ip6'), ...from('ip6', 'saddr'), goto('sane')]] : [
      [owner, is(etherType, 'ip'), ...from('ip', 'saddr'), goto('sane')],
      [owner, is(etherType, 'arp'), is(field('arp', 'saddr ether'), mac), ...from('arp', 'saddr ip'), accept]]
  })
  rules.push([drop])
  const name = `p_${digest(rules)}`
  t.chains.set(name, { rules })
  return name
}

/**
 * For a transaction the kernel refused: finds the rules to blame by asking about each port chain alone, takes them out
 * and names them. What remains is loaded; a chain keeps its final drop.
 */
export async function sift(t: Table, problems: string[]): Promise<void> {
  const probe = `${t.name}_probe`
  const fits = (rules: Expr[][]) => commit([
    { add: { table: { family: t.family, name: probe } } },
    ...[...t.sets].flatMap(([name, s]): Expr[] => [{ add: { set: { family: t.family, table: probe, name, type: s.type, ...(s.flags && { flags: s.flags }) } } }]),
    { add: { chain: { family: t.family, table: probe, name: 'sane' } } },
    { add: { chain: { family: t.family, table: probe, name: 'probe' } } },
    ...rules.map((expr) => ({ add: { rule: { family: t.family, table: probe, chain: 'probe', expr } } })),
  ], { check: true }).then(() => true, () => false)
  for (const [name, chain] of t.chains) {
    if (!/^[einp]_/.test(name) || await fits(chain.rules)) continue
    const kept: Expr[][] = []
    for (const rule of chain.rules) {
      if (await fits([rule])) kept.push(rule)
      else problems.push(`the kernel refused a rule: ${JSON.stringify(rule)}`)
    }
    chain.rules = kept
  }
}
