import type { Links } from './links.ts'
import { alias } from './links.ts'
import type { Names } from './names.ts'
import type { Plan, Pace, Router } from './plan.ts'
import { run } from './run.ts'

/**
 * Bandwidth limits. What goes to a guest waits in a queue of its tap; what comes from it is led through an `ifb` device
 * and waits there, since arriving packets have no queue of their own. A router's outside addresses share its devices:
 * towards the outside inside the namespace, towards the router on the host's end of the pair, a class for each.
 */
export interface Qdisc { kind: string; handle: string; dev: string; root?: boolean }
/** What each device was last set up as; the kernel says only whether there is something. */
export type Shaped = Map<string, string>

const PACKETS = 2
/** Bytes: what was asked for, else a tenth of a second's worth; room for two packets and for what passes between two ticks, and nothing the kernel's counters cannot hold. */
export function burstOf(p: Pace, mtu: number): number {
  const rate = p.kbps * 125
  const asked = p.burst ? p.burst * 125 : rate / 10
  return Math.ceil(Math.min(Math.max(asked, PACKETS * (mtu + 18), rate / 100), rate * 200, 4e9))
}
/**
 * One class for all that passes. Not `tbf`: that one cuts up the large segments which guests and hosts pass along whole,
 * loses their tails, and stalls the sender. The queue takes half a second and always several such segments: it drops them whole.
 */
function bucket(dev: string, p: Pace, mtu: number, there: boolean): string[] {
  const size = burstOf(p, mtu)
  return [...(there ? [] : [`qdisc add dev ${dev} root handle 1: htb default 1`]),
    `class replace dev ${dev} parent 1: classid 1:1 htb rate ${p.kbps}kbit burst ${size}b cburst ${size}b quantum 60000`,
    `qdisc replace dev ${dev} parent 1:1 handle 10: bfifo limit ${Math.ceil(Math.min(Math.max(p.kbps * 62, 524_288), 4e9))}`]
}

const redirects = (tap: string, ifb: string) => [`filter add dev ${tap} ingress pref 20 protocol all u32 match u32 0 0 action mirred egress redirect dev ${ifb}`]

/** A class for each address, filtered by it; what has none passes at once. */
function classes(dev: string, limits: { address: string; pace?: Pace }[], field: 'src' | 'dst', mtu: number): string[] {
  const mine = limits.filter((l) => l.pace)
  return mine.length ? [`qdisc add dev ${dev} root handle 1: htb default 0`, ...mine.flatMap((l, i) => {
    const id = (i + 1).toString(16), size = burstOf(l.pace!, mtu)
    return [`class add dev ${dev} parent 1: classid 1:${id} htb rate ${l.pace!.kbps}kbit burst ${size}b cburst ${size}b quantum 60000`,
      `filter add dev ${dev} parent 1: protocol ip pref 1 u32 match ip ${field} ${l.address}/32 flowid 1:${id}`]
  })] : []
}

interface Wanted { root?: (there: boolean) => string[]; arriving?: string[] }
/** Per device of the host: its queue, and where what arrives is led. */
function wanted(plan: Plan, names: Names): Map<string, Wanted> {
  const out = new Map<string, Wanted>()
  for (const p of plan.ports.values()) {
    const { ingress, egress } = p.qos ?? {}, ifb = names.ifb(p.id), mtu = p.network.mtu
    out.set(p.tap, { ...(ingress && { root: (there) => bucket(p.tap, ingress, mtu, there) }), ...(egress && { arriving: redirects(p.tap, ifb) }) })
    if (egress) out.set(ifb, { root: (there) => bucket(ifb, egress, mtu, there) })
  }
  for (const r of plan.routers) {
    if (!r.gateway) continue
    const dev = r.gateway.host, made = classes(dev, r.limits.map((l) => ({ address: l.address, pace: l.ingress })), 'dst', r.gateway.network.mtu)
    out.set(dev, made.length ? { root: (there) => [...(there ? [`qdisc del dev ${dev} root`] : []), ...made] } : {})
  }
  return out
}

export const qdiscs = async (ns?: string): Promise<Qdisc[]> => JSON.parse(await run('tc', [...(ns ? ['-n', ns] : []), '-j', 'qdisc', 'show']) || '[]') as Qdisc[]

async function batch(lines: string[], ns?: string): Promise<void> {
  if (lines.length) await run('tc', [...(ns ? ['-n', ns] : []), '-batch', '-'], lines.join('\n') + '\n')
}

/** Devices through which limited guests send. */
export const ifbsOf = (plan: Plan, names: Names) => [...plan.ports.values()].filter((p) => p.qos?.egress).map((p) => names.ifb(p.id))

export function ifbCommands(plan: Plan, names: Names, have: Links): string[] {
  return [...plan.ports.values()].filter((p) => p.qos?.egress).flatMap((p) => {
    const name = names.ifb(p.id), link = have.get(name)
    return [...(link ? [] : [`link add name ${name} mtu ${p.network.mtu} type ifb`, `link set dev ${name} ${alias(p.id)}`]), ...(link && link.mtu !== p.network.mtu ? [`link set dev ${name} mtu ${p.network.mtu}`] : []), ...(link?.flags.includes('UP') ? [] : [`link set dev ${name} up`])]
  })
}

/** Takes away what is no longer wanted; before the devices go, or packets would be led to nowhere. */
export async function release(plan: Plan, names: Names, have: Links, shaped: Shaped): Promise<void> {
  const want = wanted(plan, names), out: string[] = []
  for (const d of await qdiscs()) {
    const w = want.get(d.dev)
    if (!w || !have.has(d.dev)) continue
    // Trunks share it with limits, and set themselves up anew after it.
    if (d.kind === 'ingress' && !w.arriving && (shaped.get(d.dev)?.includes('mirred') || !shaped.has(`${d.dev}/trunk`))) {
      out.push(`qdisc del dev ${d.dev} ingress`)
      shaped.delete(`${d.dev}/trunk`)
    }
    if (d.root && d.kind === 'htb' && !w.root) out.push(`qdisc del dev ${d.dev} root`)
  }
  for (const key of shaped.keys()) if (!key.includes('/') && !want.get(key)?.root && !want.get(key)?.arriving) shaped.delete(key)
  await batch(out)
}

/** Sets up what is wanted and not there yet, or there in another way. */
export async function shape(plan: Plan, names: Names, shaped: Shaped): Promise<void> {
  const want = wanted(plan, names)
  if (![...want.values()].some((w) => w.root || w.arriving)) return
  const there = Map.groupBy(await qdiscs(), (d) => d.dev)
  const out: string[] = [], now: [string, string][] = []
  for (const [dev, w] of want) {
    if (!w.root && !w.arriving) continue
    const sum = JSON.stringify([w.root?.(false), w.arriving])
    const root = there.get(dev)?.some((d) => d.root && d.kind === 'htb') ?? false, arriving = there.get(dev)?.some((d) => d.kind === 'ingress')
    if (shaped.get(dev) === sum && (!w.root || root) && (!w.arriving || arriving)) continue
    out.push(...w.root?.(root) ?? [])
    if (w.arriving) shaped.delete(`${dev}/trunk`)
    if (w.arriving) out.push(...(arriving ? [`qdisc del dev ${dev} ingress`] : []), `qdisc add dev ${dev} ingress`, ...w.arriving)
    now.push([dev, sum])
    shaped.delete(dev)
  }
  await batch(out)
  for (const [dev, sum] of now) shaped.set(dev, sum)
}

/** What leaves through a router's gateway, in its namespace. */
export async function shapeRouter(r: Router, shaped: Shaped): Promise<void> {
  if (!r.gateway) return
  const root = classes('gw', r.limits.map((l) => ({ address: l.address, pace: l.egress })), 'src', r.gateway.network.mtu)
  const key = `${r.ns}/gw`, sum = JSON.stringify(root)
  const there = (await qdiscs(r.ns)).some((d) => d.dev === 'gw' && d.root && d.kind === 'htb')
  if (root.length ? there && shaped.get(key) === sum : !there) return
  shaped.delete(key)
  await batch([...(there ? ['qdisc del dev gw root'] : []), ...root], r.ns)
  if (root.length) shaped.set(key, sum)
}

