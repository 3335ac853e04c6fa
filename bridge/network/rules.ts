import type { Rule } from '../../schema/hosts.ts'
import { anyOf, back, digest, drop, field, is, meta, type Element, type Expr, type Table } from './nft.ts'
import { cidr, contains, disjoint, text, type Cidr } from './values.ts'

/** Security group rules: read once into this form, then either compiled for nft or asked about one flow. */
export interface Match { family: 4 | 6; protocol?: number; ports?: [number, number]; icmp?: { type: number; code?: number }; remotes?: Cidr[] }
export type Direction = 'ingress' | 'egress'

const ICMP = 1, ICMP6 = 58
const withPorts = new Set([6, 17, 33, 132, 136])

/** A rule that cannot be meant is an error of its own; nobody to allow (an empty remote group) is no rule at all. */
export function read(rule: Rule): Match | undefined | Error {
  const { family, protocol, min, max } = rule
  const out: Match = { family, protocol }
  if (min !== undefined || max !== undefined) {
    if (protocol === ICMP || protocol === ICMP6) {
      if ((protocol === ICMP) !== (family === 4)) return new Error(`protocol ${protocol} with IPv${family}`)
      if (min === undefined || min > 255 || (max ?? 0) > 255) return new Error('ICMP type and code must be 0-255, a code needs a type')
      out.icmp = { type: min, code: max }
    } else {
      if (protocol === undefined || !withPorts.has(protocol)) return new Error(`ports given, but protocol ${protocol ?? 'any'} has none`)
      const low = min ?? 0, high = max ?? min!
      if (low > high) return new Error(`port range ${low}-${high} is upside down`)
      if (low !== 0 || high !== 65535) out.ports = [low, high]
    }
  }
  if (rule.remotes) {
    const remotes: Cidr[] = []
    for (const remote of rule.remotes) {
      const c = cidr(remote)
      if (!c) return new Error(`${JSON.stringify(remote)} is not a prefix`)
      if (c.family === family) remotes.push(c)
    }
    if (!remotes.length) return undefined
    if (!remotes.some((c) => c.prefix === 0)) out.remotes = disjoint(remotes)
  }
  return out
}

export function readAll(rules: Rule[], where: string, problems: string[]): Match[] {
  return rules.flatMap((rule) => {
    const match = read(rule)
    if (match instanceof Error) problems.push(`${where}: rule ${JSON.stringify(rule)}: ${match.message}`)
    return match && !(match instanceof Error) ? [match] : []
  })
}

/** The chain for these rules, shared by every port that has the same; its name is its content's digest. */
export function chainOf(matches: Match[], direction: Direction, t: Table): string {
  const name = `${direction === 'ingress' ? 'i' : 'e'}_${digest(matches)}`
  if (!t.chains.has(name)) t.chains.set(name, { rules: [...matches.map((m) => [...compile(m, direction, t), back]), [drop]] })
  return name
}

function compile(m: Match, direction: Direction, t: Table): Expr[] {
  const ip = m.family === 4 ? 'ip' : 'ip6'
  const out: Expr[] = [is(meta('protocol'), ip)]
  if (m.protocol !== undefined) out.push(is(meta('l4proto'), m.protocol))
  if (m.ports) out.push(is(field('th', 'dport'), m.ports[0] === m.ports[1] ? m.ports[0] : { range: m.ports }))
  if (m.icmp) {
    const icmp = m.family === 4 ? 'icmp' : 'icmpv6'
    out.push(is(field(icmp, 'type'), m.icmp.type))
    if (m.icmp.code !== undefined) out.push(is(field(icmp, 'code'), m.icmp.code))
  }
  if (m.remotes) out.push(is(field(ip, direction === 'ingress' ? 'saddr' : 'daddr'), remoteSet(m.family, m.remotes, t)))
  return out
}

const element = (c: Cidr): Element => ({ prefix: { addr: c.address, len: c.prefix } })

function remoteSet(family: 4 | 6, remotes: Cidr[], t: Table): unknown {
  if (remotes.length === 1) return element(remotes[0]!)
  if (remotes.length <= 4) return anyOf(remotes.map(element))
  const name = `r_${digest(remotes.map(text))}`
  if (!t.sets.has(name)) t.sets.set(name, { type: family === 4 ? 'ipv4_addr' : 'ipv6_addr', flags: ['interval'], elements: remotes.map(element), fixed: true })
  return `@${name}`
}

/** A flow as connection tracking has it, in the direction it was opened. */
export interface Flow { family: 4 | 6; protocol: number; source: string; destination: string; sport?: number; dport?: number; type?: number; code?: number; id?: number }

/** Whether these rules let this flow be opened. */
export const allows = (matches: Match[], direction: Direction, flow: Flow): boolean => matches.some((m) =>
  m.family === flow.family
  && (m.protocol === undefined || m.protocol === flow.protocol)
  && (!m.ports || (flow.dport !== undefined && flow.dport >= m.ports[0] && flow.dport <= m.ports[1]))
  && (!m.icmp || (m.icmp.type === flow.type && (m.icmp.code === undefined || m.icmp.code === flow.code)))
  && (!m.remotes || m.remotes.some((c) => contains(c, direction === 'ingress' ? flow.source : flow.destination))))
