import { sql, type SQL } from 'drizzle-orm'
import type { address, subnet } from '../../../schema/network.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { onDuplicate, q, type Query } from '../../kernel/db.ts'
import { conflict, invalid, Stale } from '../../kernel/fault.ts'
import { atOffset, cidrOf, contains, eui64, offsetOf, readAddress } from '../addresses.ts'

// Another request was given the same address at the same moment: the unit runs again and finds it taken.
onDuplicate('address.subnet, address.address', () => new Stale('address'))
onDuplicate('address.subnet, address.n', () => new Stale('address'))

export type SubnetRow = typeof subnet.$inferSelect
export type AddressRow = typeof address.$inferInsert
/** Free offsets, by subnet; what one request has taken is taken out. */
export type Free = Map<string, number[]>

/**
 * Some free offsets of each subnet that `which` selects, found from random starting points, by index, in one statement:
 * parallel requests rarely meet, and when they do the unique index refuses one and the unit runs again.
 */
export function freeQuery(ctx: Ctx, which: SQL, count = 4): Query {
  const starts = JSON.stringify([...ctx.world.random(count * 4).reduce((all: number[], _, i, bytes) => i % 4 ? all : [...all, ((bytes[i] << 16) | (bytes[i + 1] << 8) | bytes[i + 2]) / 16777216], [])])
  const gap = (from: SQL, to: SQL) => sql`case when not exists (select 1 from address b where b.subnet = r.subnet and b.n = ${from}) then ${from}
    else (select a.n + 1 from address a where a.subnet = r.subnet and a.n >= ${from} and a.n < ${to}
      and not exists (select 1 from address b where b.subnet = a.subnet and b.n = a.n + 1) order by a.n limit 1) end`
  return q.all(sql`with p as (select s.id as subnet, json_extract(x.value, '$[0]') as lo, json_extract(x.value, '$[1]') as hi from subnet s, json_each(s.ranges) x where ${which}),
    r as (select subnet, lo, hi, lo + cast(k.value * min(hi - lo + 1, 4096) as integer) as st from p, json_each(${starts}) k)
    select subnet, ${gap(sql`r.st`, sql`r.hi`)} as after, ${gap(sql`r.lo`, sql`r.hi`)} as lowest from r`) as unknown as Query
}

const reading = new WeakMap<unknown[], Free>()
/** Reads what `freeQuery` found; once, since several ports planned from one read share what is free. Raw rows come as objects or arrays, by driver. */
export function readFree(rows: unknown[]): Free {
  const known = reading.get(rows)
  if (known) return known
  const free: Free = new Map()
  reading.set(rows, free)
  for (const row of rows as Record<string, unknown>[]) {
    const [id, after, lowest] = Array.isArray(row) ? row : [row.subnet, row.after, row.lowest]
    const list = free.get(id as string) ?? []
    for (const n of [after, lowest]) if (n !== null && n !== undefined && !list.includes(Number(n))) list.push(Number(n))
    free.set(id as string, list)
  }
  return free
}

export interface Fixed { subnet_id?: string; ip_address?: string }
export const MAX_FIXED = 5

/** Hosts make their own addresses there (from their MAC): nobody chooses. */
export const isAutomatic = (s: { version: number; addressMode: string | null; raMode: string | null }) => s.version === 6 && /slaac|stateless/.test(s.addressMode ?? s.raMode ?? '')

/**
 * Addresses for one port: those asked for, checked, or one of each family the network has; and always those its MAC gives
 * it in subnets with automatic addresses. `have`: what it holds already and keeps where the request allows.
 */
export function chooseAddresses(port: { id: string; network: string; mac: string; deviceOwner: string }, subnets: SubnetRow[], free: Free, fixed: Fixed[] | undefined, have: { subnet: string; address: string }[] = []): AddressRow[] {
  const made: AddressRow[] = []
  const router = port.deviceOwner.startsWith('network:router')
  const give = (s: SubnetRow, text: string) => made.push({ subnet: s.id, address: text, n: offsetOf(cidrOf(s.cidr), readAddress(text, 'fixed_ips').n), port: port.id, network: port.network })
  /** What is asked for by name is not given unasked beside it. */
  const named = new Set((fixed ?? []).flatMap((f) => (f.ip_address === undefined ? [] : readAddress(f.ip_address, 'fixed_ips').text)))
  const next = (s: SubnetRow): string | undefined => {
    if (isAutomatic(s) && !router) return eui64(cidrOf(s.cidr), port.mac)
    const kept = have.find((a) => a.subnet === s.id && !made.some((m) => m.subnet === a.subnet && m.address === a.address))
    if (kept) return kept.address
    for (;;) {
      const n = free.get(s.id)?.shift(), text = n === undefined ? undefined : atOffset(cidrOf(s.cidr), n)
      if (text === undefined || !named.has(text)) return text
    }
  }
  if (fixed) {
    if (fixed.length > MAX_FIXED) throw invalid(`Exceeded maximum amount of fixed ips per port: ${MAX_FIXED}.`, { type: 'InvalidInput' })
    for (const f of fixed) give(...oneFixed(port, subnets, f, next, router))
    const twice = made.find((a, i) => made.some((b, j) => j < i && a.subnet === b.subnet && a.address === b.address))
    if (twice) throw invalid(`Duplicate IP address '${twice.address}' in fixed_ips.`, { type: 'InvalidInput' })
  } else {
    for (const version of [4, 6]) {
      const family = subnets.filter((s) => s.version === version && served(s, port.deviceOwner) && (router || !isAutomatic(s)))
      if (!family.length) continue
      const taken = family.some((s) => { const text = next(s); if (text !== undefined) give(s, text); return text !== undefined })
      if (!taken) throw conflict(`No more IP addresses available on network ${port.network}.`, { type: 'IpAddressGenerationFailure' })
    }
  }
  if (!router && (!fixed || fixed.length)) for (const s of subnets) if (isAutomatic(s) && served(s, port.deviceOwner) && !made.some((a) => a.subnet === s.id)) give(s, eui64(cidrOf(s.cidr), port.mac))
  return made
}

/** Subnets with service types serve only ports of these owners; the others serve the rest. */
const served = (s: SubnetRow, owner: string) => s.serviceTypes.length === 0 || s.serviceTypes.some((x) => owner.startsWith(x))

function oneFixed(port: { network: string }, subnets: SubnetRow[], f: Fixed, next: (s: SubnetRow) => string | undefined, router = false): [SubnetRow, string] {
  if (f.ip_address !== undefined) {
    const a = readAddress(f.ip_address, 'fixed_ips')
    const s = subnets.find((x) => (!f.subnet_id || x.id === f.subnet_id) && contains(cidrOf(x.cidr), a.n))
    if (!s) throw invalid(f.subnet_id ? `IP address ${a.text} is not a valid IP for the specified subnet.` : `IP address ${a.text} is not a valid IP for any of the subnets on the specified network.`, { type: 'InvalidIpForNetwork' })
    const c = cidrOf(s.cidr)
    if (isAutomatic(s) && !router && next(s) !== a.text) throw invalid(`IPv6 address ${a.text} can not be directly assigned to a port on subnet ${s.id} as the subnet is configured for automatic addresses.`, { type: 'AllocationOnAutoAddressSubnet' })
    if (s.version === 4 && c.prefix < 31 && (a.n === c.first || a.n === c.last)) throw invalid(`IP address ${a.text} is not a valid IP for the specified subnet.`, { type: 'InvalidIpForSubnet' })
    return [s, a.text]
  }
  const s = subnets.find((x) => x.id === f.subnet_id)
  if (!s) throw invalid(`Failed to create port on network ${port.network}, because fixed_ips included invalid subnet ${f.subnet_id}.`, { type: 'InvalidInput' })
  const text = next(s)
  if (text === undefined) throw conflict(`No more IP addresses available on network ${port.network}.`, { type: 'IpAddressGenerationFailure' })
  return [s, text]
}
