import type { Plan, Port } from './plan.ts'
import type { Filters, Rules } from './filters.ts'
import type { Links } from './links.ts'
import type { Loaded } from './nft.ts'
import { allows, type Flow } from './rules.ts'
import { address, contains, familyOf } from './values.ts'
import { each, run } from './run.ts'

/**
 * Ends connections that the rules of now would not let begin, and those of addresses that have left. Filters let
 * established connections pass, so without this a rule taken away would stop only new ones.
 */
export interface Change {
  plan: Plan; made: Filters
  /** The filters, devices and zones as the kernel had them before. */
  before: Loaded | undefined; have: Links; zonesBefore: Map<string, number>; zones: Map<string, number>
  ext: string
  /** Look at every port, not only at those that changed. */
  everything: boolean
}

export async function cut(c: Change): Promise<void> {
  const changed = [...c.plan.ports.values()].filter((p) => c.made.rules.has(p.id) && (c.everything || differs(p, c)))
  const left = departed(c)
  if (changed.length || left.size) {
    const zoneOf = (p: Port) => p.network.outside ? 0 : c.zones.get(p.network.bridge)!
    const byZone = Map.groupBy(changed, zoneOf)
    const flows = await listFlows()
    await endFlows(flows.filter((f) => left.get(f.zone)?.has(f.source) || left.get(f.zone)?.has(f.destination)
      || (byZone.has(f.zone) && refuses(byZone.get(f.zone)!, c.made.rules, f))))
  }
  for (const [bridge, zone] of c.zonesBefore) if (!c.zones.has(bridge)) await endZone(zone)
}

/** A chain is named after what is in it: another name, other rules. New ports have no connections yet. */
function differs(p: Port, { before, made }: Change): boolean {
  if (!before?.sets.get('secured')?.has(p.tap)) return before?.sets.get('open')?.has(p.tap) ?? false
  return ['egress', 'ingress'].some((m) => before.maps.get(m)?.get(p.tap) !== JSON.stringify(made.table.maps.get(m)!.elements.get(p.tap)))
}

/** Addresses ports had and have no more, by zone. */
function departed({ before, made, have, zonesBefore, ext }: Change): Map<number, Set<string>> {
  const out = new Map<number, Set<string>>()
  for (const name of ['own4', 'source6']) {
    const now = new Set(made.table.sets.get(name)!.elements.map((e) => (e as { concat: string[] }).concat.join(' ')))
    for (const key of before?.sets.get(name)?.keys() ?? []) {
      if (now.has(key)) continue
      const parts = key.split(' '), bridge = have.get(parts[0]!)?.master
      const zone = bridge === ext ? 0 : zonesBefore.get(bridge ?? '')
      if (zone !== undefined) out.set(zone, (out.get(zone) ?? new Set()).add(parts.at(-1)!))
    }
  }
  return out
}

const metadata = '169.254.169.254'
const always = (f: Flow) => f.destination === metadata || (f.protocol === 17 && [67, 68, 546, 547].includes(f.dport ?? 0))
const neighbours = (f: Flow) => f.protocol === 58 && f.type !== undefined && f.type >= 130 && f.type <= 143

/** True when one of these ports is an end of the flow and would not let it be opened. */
export function refuses(ports: Port[], rules: Map<string, Rules>, flow: Flow): boolean {
  if (always(flow) || neighbours(flow)) return false
  const at = (where: string) => {
    const owners = ports.filter((p) => p.addresses.includes(where))
    return owners.length ? owners : ports.filter((p) => p.security!.pairs.some((pair) => pair.cidr.prefix > 0 && contains(pair.cidr, where)))
  }
  return at(flow.source).some((p) => !allows(rules.get(p.id)!.egress, 'egress', flow)) || at(flow.destination).some((p) => !allows(rules.get(p.id)!.ingress, 'ingress', flow))
}

type Tracked = Flow & { zone: number; /** Seconds it is remembered without a packet. */ seconds: number; state?: string; replied: boolean; assured: boolean }

export async function listFlows(): Promise<Tracked[]> {
  const texts = await Promise.all((['ipv4', 'ipv6'] as const).map((f) => run('conntrack', ['-L', '-f', f])))
  return texts.flatMap((text) => text.split('\n').flatMap(read))
}

/** One line of `conntrack -L`: name, number, …, then the original direction's values before the reply's. */
export function read(line: string): Tracked[] {
  const protocol = Number(/^\S+\s+(\d+)/.exec(line)?.[1])
  const value = (name: string) => new RegExp(`\\b${name}=(\\S+)`).exec(line)?.[1]
  const number = (name: string) => value(name) === undefined ? undefined : Number(value(name))
  const source = address(value('src') ?? ''), destination = address(value('dst') ?? '')
  if (!source || !destination || !Number.isInteger(protocol)) return []
  return [{ family: familyOf(source), protocol, source, destination, sport: number('sport'), dport: number('dport'), type: number('type'), code: number('code'), id: number('id'), zone: number('zone') ?? 0,
    seconds: Number(/^\S+\s+\d+\s+(\d+)/.exec(line)?.[1] ?? 0), state: /^\S+\s+\d+\s+\d+\s+([A-Z_]+)\s/.exec(line)?.[1], replied: !line.includes('[UNREPLIED]'), assured: line.includes('[ASSURED]') }]
}

/** Those that ended by themselves meanwhile are no failure. */
const gone = (error: Error) => { if (!/0 flow entries/.test(error.message)) throw error }

async function endFlows(flows: Tracked[]): Promise<void> {
  await each(flows, async (f) => {
    const icmp = f.family === 4 ? '--icmp' : '--icmpv6'
    await run('conntrack', ['-D', '-w', String(f.zone), '-f', f.family === 4 ? 'ipv4' : 'ipv6', '-s', f.source, '-d', f.destination, '-p', String(f.protocol),
      ...(f.sport !== undefined && f.dport !== undefined ? ['--sport', String(f.sport), '--dport', String(f.dport)] : []),
      ...(f.type !== undefined && f.id !== undefined ? [`${icmp}-type`, String(f.type), `${icmp}-code`, String(f.code), `${icmp}-id`, String(f.id)] : [])]).catch(gone)
  })
}

export const endZone = (zone: number) => run('conntrack', ['-D', '-w', String(zone)]).then(() => {}, gone)
