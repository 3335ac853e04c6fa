import type { Names } from './names.ts'
import type { Plan } from './plan.ts'
import { established, invalid } from './filters.ts'
import { accept, digest, drop, field, goto, is, mark, meta, not, table, vmap, type Expr, type Loaded, type Table } from './nft.ts'

/**
 * Connection tracking for bridged traffic, and the host's own protection: a table of the inet family that speaks only
 * of this cloud's bridges.
 */
export interface Outside { address?: string; cidr?: string; uplink?: string; underlay: string[] }

export function state(plan: Plan, names: Names, zones: Map<string, number>, outside: Outside): Table {
  const t = table('inet', names.table)
  const iif = meta('iifname'), oif = meta('oifname')
  const daddr = field('ip', 'daddr')
  const tenants = [...plan.networks.values()].filter((n) => !n.outside).map((n) => n.bridge)
  t.sets.set('tenants', { type: 'ifname', elements: [] })
  t.sets.set('underlay', { type: 'ipv4_addr', elements: [] })
  t.sets.set('underlay6', { type: 'ipv6_addr', elements: [] })
  t.maps.set('zones', { type: 'ifname', map: 'verdict', elements: new Map() })
  const hook = (hook: string, prio: number, rules: Expr[][], name = hook, type: 'filter' | 'nat' = 'filter') => t.chains.set(name, { hook: { type, hook, prio }, rules })
  const note = (value: number): Expr => ({ mangle: { key: meta('mark'), value: { '|': [meta('mark'), value] } } })
  const remember = (device: Expr, of: string): Expr[][] => [
    [is(device, of), { match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established', 'related'] } }, note(established)],
    [is(device, of), { match: { op: 'in', left: { ct: { key: 'state' } }, right: 'invalid' } }, note(invalid)],
  ]
  hook('prerouting', -300, [[vmap(iif, '@zones')]], 'zone')
  hook('prerouting', -150, [...remember(iif, '@tenants'), ...remember(iif, names.ext)], 'track')
  // What the host sends or routes to a guest on the outside bridge did not come in through that bridge.
  hook('postrouting', -150, remember(oif, names.ext), 'track_out')
  hook('input', -10, [
    [is(iif, '@tenants'), drop],
    ...(outside.address ? [[is(iif, names.ext), not(daddr, outside.address), drop]] : [[is(iif, names.ext), drop]]),
    [is(iif, names.ext), is(meta('nfproto'), 'ipv6'), drop],
  ])
  const linkLocal = { prefix: { addr: '169.254.0.0', len: 16 } }
  const out = is(iif, names.ext)
  hook('forward', -10, [
    // Bridged frames pass here too, with the bridge on both sides: they are the filters' business.
    [out, is(oif, names.ext), accept],
    [out, is(daddr, linkLocal), drop],
    [out, is(daddr, '@underlay'), drop],
    [out, is(field('ip6', 'daddr'), '@underlay6'), drop],
    [out, { match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established', 'related'] } }, accept],
    ...(outside.uplink ? [[out, is(oif, outside.uplink), is(meta('nfproto'), 'ipv4'), accept]] : []),
    [out, drop],
  ])
  if (outside.uplink && outside.cidr) {
    const [addr, len] = outside.cidr.split('/')
    hook('postrouting', 100, [[is(oif, outside.uplink), is(field('ip', 'saddr'), { prefix: { addr, len: Number(len) } }), { masquerade: null }]], 'masquerade', 'nat')
  }
  mark(t)
  t.sets.get('tenants')!.elements.push(...tenants)
  for (const a of new Set([...outside.underlay, ...[...plan.networks.values()].flatMap((n) => n.peers)])) t.sets.get(a.includes(':') ? 'underlay6' : 'underlay')!.elements.push(a)
  for (const bridge of tenants) {
    const zone = zones.get(bridge)!
    t.chains.set(`zone_${zone}`, { rules: [[{ mangle: { key: { ct: { key: 'zone' } }, value: zone } }]] })
    t.maps.get('zones')!.elements.set(bridge, goto(`zone_${zone}`))
  }
  return t
}

/** The zone of each bridge, as the kernel has it. */
export function zonesOf(have: Loaded | undefined): Map<string, number> {
  return new Map([...have?.maps.get('zones') ?? []].flatMap(([bridge, verdict]) => {
    const zone = /zone_(\d+)/.exec(verdict)
    return zone ? [[bridge, Number(zone[1])] as const] : []
  }))
}

/** A zone of its own for every bridge, kept once given; `taken` are those of other clouds on this machine. */
export function assignZones(bridges: string[], have: Map<string, number>, taken: Set<number>): Map<string, number> {
  const out = new Map(bridges.flatMap((b) => have.has(b) ? [[b, have.get(b)!] as const] : []))
  const used = new Set([...taken, ...have.values()])
  for (const bridge of bridges) {
    if (out.has(bridge)) continue
    // Low zones are what others count up from.
    let zone = 4096 + parseInt(digest(bridge).slice(0, 8), 16) % 61439
    while (used.has(zone)) zone = zone >= 65534 ? 4096 : zone + 1
    used.add(zone)
    out.set(bridge, zone)
  }
  return out
}
