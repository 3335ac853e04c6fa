import ipaddr from 'ipaddr.js'
import { invalid } from '../kernel/fault.ts'

/** Addresses as numbers: what a CIDR library leaves to do. Everything in and out is canonical text. */
export interface Cidr { version: 4 | 6; first: bigint; last: bigint; prefix: number; text: string }

export function toNumber(text: string): bigint {
  return ipaddr.parse(text).toByteArray().reduce((n, byte) => (n << 8n) | BigInt(byte), 0n)
}
export function toAddress(n: bigint, version: 4 | 6): string {
  const bytes = Array.from({ length: version === 4 ? 4 : 16 }, (_, i) => Number((n >> BigInt(8 * ((version === 4 ? 3 : 15) - i))) & 255n))
  return rfc5952(ipaddr.fromByteArray(bytes))
}
const rfc5952 = (a: ipaddr.IPv4 | ipaddr.IPv6) => (a instanceof ipaddr.IPv6 ? a.toRFC5952String() : a.toString())

/** An address in canonical form; 400 naming the field otherwise. Only dotted quads count as IPv4. */
export function readAddress(text: unknown, field: string): { version: 4 | 6; text: string; n: bigint } {
  if (typeof text === 'string' && !text.includes('%') && (ipaddr.IPv4.isValidFourPartDecimal(text) || (text.includes(':') && ipaddr.IPv6.isValid(text)))) {
    const a = ipaddr.parse(text), canonical = rfc5952(a)
    return { version: a.kind() === 'ipv4' ? 4 : 6, text: canonical, n: toNumber(canonical) }
  }
  throw invalid(`Invalid input for ${field}. Reason: '${String(text).slice(0, 64)}' is not a valid IP address.`, { type: 'HTTPBadRequest' })
}

/** A network in canonical form; host bits are cut off, as users of these APIs expect. */
export function readCidr(text: unknown, field: string): Cidr {
  const m = typeof text === 'string' && /^([^/\s]+)\/(\d{1,3})$/.exec(text)
  if (!m) throw invalid(`Invalid input for ${field}. Reason: '${String(text).slice(0, 64)}' is not a valid IP subnet.`, { type: 'HTTPBadRequest' })
  const a = readAddress(m[1], field), bits = a.version === 4 ? 32 : 128, prefix = Number(m[2])
  if (prefix > bits) throw invalid(`Invalid input for ${field}. Reason: '${text}' is not a valid IP subnet.`, { type: 'HTTPBadRequest' })
  const size = 1n << BigInt(bits - prefix), first = a.n - (a.n % size)
  return { version: a.version, first, last: first + size - 1n, prefix, text: `${toAddress(first, a.version)}/${prefix}` }
}

/** A stored CIDR, which was checked when it came in. */
export const cidrOf = (text: string) => readCidr(text, 'cidr')
export const contains = (c: Cidr, n: bigint) => n >= c.first && n <= c.last
export const overlaps = (a: Cidr, b: Cidr) => a.version === b.version && a.first <= b.last && b.first <= a.last
/** The offset of an address, or null where numbers would lose it. */
export const offsetOf = (c: Cidr, n: bigint) => { const o = n - c.first; return o <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(o) : null }
export const atOffset = (c: Cidr, n: number) => toAddress(c.first + BigInt(n), c.version)

/** The address a host makes of its MAC in a /64 (RFC 4291, modified EUI-64). */
export function eui64(c: Cidr, mac: string): string {
  const b = mac.split(':').map((x) => BigInt(`0x${x}`))
  const id = [b[0] ^ 2n, b[1], b[2], 0xffn, 0xfen, b[3], b[4], b[5]].reduce((n, x) => (n << 8n) | x, 0n)
  return toAddress(c.first | id, 6)
}

/** All of a subnet that may be handed out: without network, broadcast and gateway addresses. */
export function defaultPools(c: Cidr, gateway?: string | null): { start: string; end: string }[] {
  const bits = c.version === 4 ? 32 : 128
  let lo = c.first, hi = c.last
  if (bits - c.prefix > 1) { lo++; if (c.version === 4) hi-- }
  const g = gateway ? toNumber(gateway) : undefined
  const parts: [bigint, bigint][] = g === undefined || g < lo || g > hi ? [[lo, hi]] : [[lo, g - 1n], [g + 1n, hi]]
  return parts.filter(([a, b]) => a <= b).map(([a, b]) => ({ start: toAddress(a, c.version), end: toAddress(b, c.version) }))
}

/** Pools as offsets; of a huge one only what numbers hold. */
export const rangesOf = (c: Cidr, pools: { start: string; end: string }[]): [number, number][] => pools.flatMap((p) => {
  const from = offsetOf(c, toNumber(p.start)), to = offsetOf(c, toNumber(p.end)) ?? Number.MAX_SAFE_INTEGER
  return from === null ? [] : [[from, to] as [number, number]]
})

/** A MAC of ours: locally known prefix, three random bytes. */
export const newMac = (random: Uint8Array) => `fa:16:3e:${[...random.slice(0, 3)].map((b) => b.toString(16).padStart(2, '0')).join(':')}`
