import { join } from 'node:path'
import type { Forward, Router } from './plan.ts'
import type { Space } from './space.ts'
import type { Daemon } from './dnsmasq.ts'
import { raMode } from './dhcp.ts'
import { accept, back, changes, commit, digest, drop, field, is, jump, loaded, mark, meta, not, table, vmap, type Expr, type Table } from './nft.ts'
import { read } from './flows.ts'
import { run } from './run.ts'
import { familyOf, text, type Cidr } from './values.ts'

/** Routers: a namespace each, with source and destination translation of its own. */
export const metadataPort = 9697
const metadata = '169.254.169.254'
const sysctls = [
  'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', 'net.ipv4.conf.default.rp_filter=1', 'net.ipv4.conf.all.send_redirects=0', 'net.ipv4.conf.default.send_redirects=0',
  // An address is answered for on its own side only.
  'net.ipv4.conf.all.arp_ignore=1', 'net.ipv4.conf.all.arp_announce=2',
  'net.ipv4.conf.default.arp_notify=1', 'net.ipv6.conf.default.ndisc_notify=1',
]

const own = (r: Router, family: 4 | 6) => r.gateway?.addresses.find((a) => familyOf(a.address) === family)?.address

export function routerSpace(r: Router): Space {
  const g = r.gateway
  return {
    ns: r.ns, sysctls, proxies: g ? r.proxies.map((address) => ({ address, dev: 'gw' })) : [],
    links: [
      ...r.interfaces.map((i) => ({ ...i, owner: r.id, announce: true })),
      ...(g ? [{ ...g, owner: r.id, announce: true, addresses: [...g.addresses, ...addresses(r)] }] : []),
    ],
    routes: [
      ...(g?.via ?? []).map((via) => ({ to: familyOf(via) === 6 ? '::/0' : '0.0.0.0/0', via, dev: 'gw' })),
      ...r.routes.map((o) => ({ to: text(o.to), via: o.via, dev: o.dev })),
    ],
  }
}
/** Floating addresses that are not the gateway's own. */
const addresses = (r: Router) => [...new Set([...r.floating, ...r.forwards].map((f) => f.address))]
  .filter((a) => !r.gateway!.addresses.some((x) => x.address === a)).map((address) => ({ address, prefix: 32 }))

const linkLocal = { prefix: { addr: '169.254.0.0', len: 16 } }
const fromOutside = 1

export function routerTable(r: Router): Table {
  const t = table('inet', 'virga')
  const iif = meta('iifname'), oif = meta('oifname')
  const source = field('ip', 'saddr'), target = field('ip', 'daddr')
  const v4 = is(meta('nfproto'), 'ipv4')
  const translated: Expr = { match: { op: 'in', left: { ct: { key: 'status' } }, right: 'dnat' } }
  const opening: Expr = { match: { op: 'in', left: { ct: { key: 'state' } }, right: 'new' } }
  const hook = (name: string, type: 'filter' | 'nat', at: string, prio: number, rules: Expr[][]) => t.chains.set(name, { hook: { type, hook: at, prio }, rules })
  t.maps.set('forwarded', { type: 'ipv4_addr', map: 'verdict', elements: new Map() })
  t.maps.set('inward', { type: 'ipv4_addr', map: 'ipv4_addr', elements: new Map(r.floating.map((f) => [f.address, f.fixed])) })
  t.maps.set('outward', { type: 'ipv4_addr', map: 'ipv4_addr', elements: new Map(r.floating.map((f) => [f.fixed, f.address])) })
  const mapped = (key: Expr, name: string): Expr => ({ map: { key, data: `@${name}` } })
  const shared = own(r, 4)
  hook('arrive', 'filter', 'prerouting', -150, [[is(iif, 'gw'), { mangle: { key: meta('mark'), value: fromOutside } }]])
  hook('inward', 'nat', 'prerouting', -100, [
    [not(iif, 'gw'), is(target, metadata), is(meta('l4proto'), 6), is(field('tcp', 'dport'), 80), { redirect: { port: metadataPort } }],
    [v4, vmap(target, '@forwarded')],
    [v4, { dnat: { family: 'ip', addr: mapped(target, 'inward') } }],
  ])
  hook('outward', 'nat', 'postrouting', 100, [
    // A guest that calls a neighbour by its floating address: the answer must come back through here.
    ...[[is(oif, 'gw')], [translated, not(meta('mark'), fromOutside)]].flatMap((when): Expr[][] => [
      [...when, v4, { snat: { family: 'ip', addr: mapped(source, 'outward') } }],
      ...(r.gateway?.snat && shared ? [[...when, v4, { snat: { family: 'ip', addr: shared } }]] : []),
    ]),
  ])
  hook('input', 'filter', 'input', 0, [
    [is(meta('l4proto'), 6), is(field('tcp', 'dport'), metadataPort), { match: { op: '!=', left: { '&': [{ ct: { key: 'status' } }, 'dnat'] }, right: 'dnat' } }, drop],
    // The router advertises; addresses are given out on the network's own side.
    [is(meta('l4proto'), 17), is(field('udp', 'dport'), 547), drop],
  ])
  hook('forward', 'filter', 'forward', 0, [
    [is(target, linkLocal), drop], [is(source, linkLocal), drop],
    // Behind translation only what was asked for, or has a floating address, comes in.
    ...(r.gateway?.snat ? [[is(iif, 'gw'), not(oif, 'gw'), v4, translated, accept], [is(iif, 'gw'), not(oif, 'gw'), v4, opening, drop]] : []),
  ])
  // What is counted and followed hangs on maps, so that these chains stay what they are whatever that is.
  t.maps.set('metered', { type: 'ifname', map: 'verdict', elements: new Map() })
  t.maps.set('followed', { type: 'inet_proto', map: 'verdict', elements: new Map() })
  hook('meter', 'filter', 'forward', 10, [[vmap(iif, '@metered')], [vmap(oif, '@metered')]])
  hook('follow', 'filter', 'prerouting', -140, [[vmap(meta('l4proto'), '@followed')]])
  mark(t)
  meter(r, t)
  follow(r, t)
  for (const protocol of protocols) t.sets.set(`forwards_${protocol}`, { type: ['ipv4_addr', 'inet_service', 'inet_service', 'ipv4_addr', 'inet_service'], elements: r.forwards.filter((f) => f.protocol === protocol).map((f) => ({ concat: wordsOf(f) })) })
  for (const [address, list] of Map.groupBy(r.forwards, (f) => f.address)) {
    const rules = list.flatMap(leads), name = `f_${digest(rules)}`
    t.chains.set(name, { rules })
    t.maps.get('forwarded')!.elements.set(address, jump(name))
  }
  return t
}

/** Each label has a chain whose name says what is in it: while that stays the same, it goes on counting. */
function meter(r: Router, t: Table): void {
  const jumps = r.meters.map((m) => {
    const end = (c: Cidr | undefined, name: string) => (c ? [is(field(c.family === 4 ? 'ip' : 'ip6', name), c.prefix === (c.family === 4 ? 32 : 128) ? c.address : { prefix: { addr: c.address, len: c.prefix } })] : [])
    const rules = [...m.rules].sort((a, b) => Number(b.excluded) - Number(a.excluded)).map((x): Expr[] => [is(meta(x.direction === 'ingress' ? 'iifname' : 'oifname'), 'gw'), ...end(x.source, 'saddr'), ...end(x.destination, 'daddr'), ...(x.excluded ? [] : [{ counter: null }]), back])
    const name = `${meterPrefix}${m.label}_${digest(rules)}`
    t.chains.set(name, { rules })
    return [jump(name)]
  })
  if (!jumps.length) return
  const name = `meters_${digest(jumps)}`
  t.chains.set(name, { rules: jumps })
  t.maps.get('metered')!.elements.set('gw', jump(name))
}
const meterPrefix = 'm_'

/** What a router has counted, by label. */
export async function counted(r: Router): Promise<{ label: string; packets: number; bytes: number }[]> {
  const sums = new Map(r.meters.map((m) => [m.label, { label: m.label, packets: 0, bytes: 0 }]))
  const { nftables } = JSON.parse(await run('nsenter', [`--net=/run/netns/${r.ns}`, 'nft', '-j', 'list', 'table', 'inet', 'virga'])) as { nftables: { rule?: { chain: string; expr: { counter?: { packets: number; bytes: number } }[] } }[] }
  for (const { rule } of nftables) {
    const sum = rule?.chain.startsWith(meterPrefix) && sums.get(rule.chain.slice(meterPrefix.length, meterPrefix.length + 36))
    if (sum) for (const { counter } of rule!.expr) if (counter) { sum.packets += counter.packets; sum.bytes += counter.bytes }
  }
  return [...sums.values()]
}

/** Helpers by what they speak, as nftables names them. */
const kernelNames: Record<string, string> = { 'h323 tcp': 'Q.931', 'h323 udp': 'RAS' }
function follow(r: Router, t: Table): void {
  for (const [protocol, list] of Map.groupBy(r.helpers, (h) => h.protocol)) {
    const rules = list.map((h): Expr[] => {
      const name = `h_${protocol}_${h.helper}`
      t.helpers.set(name, { type: kernelNames[`${h.helper} ${protocol}`] ?? h.helper, protocol })
      return [is(field(protocol, 'dport'), h.port), { 'ct helper': name }, back]
    })
    const name = `follow_${digest(rules)}`
    t.chains.set(name, { rules })
    t.maps.get('followed')!.elements.set(protocol, jump(name))
  }
}

/** A range that keeps its numbers is one rule; translation cannot move a range by an offset, so one that does is a rule for each port. */
function leads(f: Forward): Expr[][] {
  const protocol = is(meta('l4proto'), f.protocol), port = { payload: { protocol: 'th', field: 'dport' } }
  if (f.min === f.to) return [[protocol, is(port, f.min === f.max ? f.min : { range: [f.min, f.max] }), { dnat: { family: 'ip', addr: f.fixed } }]]
  return Array.from({ length: f.max - f.min + 1 }, (_, i) => [protocol, is(port, f.min + i), { dnat: { family: 'ip', addr: f.fixed, port: f.to + i } }])
}

/** Loads what differs and ends the connections of floating addresses that left. */
export async function translate(r: Router): Promise<void> {
  const have = await loaded({ family: 'inet', name: 'virga' }, r.ns)
  const want = routerTable(r)
  await commit(changes(want, have), { ns: r.ns })
  const now = new Map(r.floating.map((f) => [f.address, f.fixed]))
  const gone = [...have?.maps.get('inward') ?? []].filter(([address, fixed]) => now.get(address) !== fixed)
  for (const [address] of gone) for (const side of ['--orig-dst', '--reply-dst']) await forget(r.ns, side, address)
  for (const protocol of protocols) await close(r, protocol, have?.sets.get(`forwards_${protocol}`)?.keys() ?? [])
}

const protocols = [6, 17, 132]
/** A forward as the kernel keeps it in a set for its protocol, for whoever comes next to see what there was: five parts are all a set can take. */
const wordsOf = (f: Forward) => [f.address, String(f.min), String(f.max), f.fixed, String(f.to)]

/** Ends what came in by forwards that are no more; the others' connections are left alone. */
async function close(r: Router, protocol: number, had: Iterable<string>): Promise<void> {
  const now = new Set(r.forwards.filter((f) => f.protocol === protocol).map((f) => wordsOf(f).join(' ')))
  for (const key of had) {
    if (now.has(key)) continue
    const [address, min, max] = key.split(' ') as [string, string, string], filter = ['-f', 'ipv4', '-p', String(protocol), '--orig-dst', address]
    const inside = (args: string[]) => run('nsenter', [`--net=/run/netns/${r.ns}`, 'conntrack', ...args])
    const flows = (await inside(['-L', ...filter])).split('\n').flatMap(read).filter((f) => f.dport! >= Number(min) && f.dport! <= Number(max))
    for (const f of flows) await inside(['-D', ...filter, '--orig-src', f.source, '--sport', String(f.sport), '--dport', String(f.dport)]).catch((error: Error) => { if (!/0 flow entries/.test(error.message)) throw error })
  }
}

/** Content when there is nothing to delete, which conntrack calls a failure. */
const forget = (ns: string, side: string, address: string) =>
  run('nsenter', [`--net=/run/netns/${ns}`, 'conntrack', '-D', '-f', 'ipv4', side, address]).catch((error: Error) => {
    if (!/0 flow entries/.test(error.message)) throw error
  })

/** Router advertisements, for interfaces on subnets that have a mode for them. */
export function routerDaemon(r: Router, run: string): Daemon | undefined {
  const sending = r.interfaces.filter((i) => i.ra)
  if (!sending.length) return undefined
  return {
    ns: r.ns, dir: join(run, `r-${r.id}`), files: {},
    args: ['--conf-file=', '--no-hosts', '--no-resolv', '--port=0', '--bind-interfaces', '--except-interface=lo', '--enable-ra', '--quiet-ra', '--quiet-dhcp6', '--log-facility=/dev/null', '--leasefile-ro', '--dhcp-script=/bin/true',
      ...sending.flatMap((i) => [`--interface=${i.inside}`, ...i.ra!.map((s) => `--dhcp-range=${s.prefix.address},${raMode(s.mode)},${s.prefix.prefix},86400`)])],
  }
}

