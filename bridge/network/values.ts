import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * Values as they may reach the kernel or dnsmasq: parsed, and written anew in one form. What does not parse is
 * undefined and never passed on.
 */
export interface Cidr { family: 4 | 6; address: string; prefix: number }

/** One spelling per address: IPv4 in four decimal parts, IPv6 compressed, no zone. */
export function address(text: string): string | undefined {
  if (isIPv4(text)) return text
  if (!isIPv6(text) || text.includes('%')) return undefined
  const v6 = ipaddr.IPv6.parse(text)
  return v6.isIPv4MappedAddress() ? undefined : v6.toString()
}

export const familyOf = (text: string): 4 | 6 => text.includes(':') ? 6 : 4

/** A prefix with its host bits cleared; a bare address is a prefix of full length. */
export function cidr(text: string): Cidr | undefined {
  const [host, length, ...more] = text.split('/')
  const at = address(host!)
  if (!at || more.length || (length !== undefined && !/^\d{1,3}$/.test(length))) return undefined
  const family = familyOf(at)
  const widest = family === 4 ? 32 : 128
  const prefix = length === undefined ? widest : Number(length)
  if (prefix > widest) return undefined
  return { family, address: network(at, prefix), prefix }
}

const network = (at: string, prefix: number): string =>
  (familyOf(at) === 4 ? ipaddr.IPv4.networkAddressFromCIDR(`${at}/${prefix}`) : ipaddr.IPv6.networkAddressFromCIDR(`${at}/${prefix}`)).toString()

export const text = (c: Cidr) => `${c.address}/${c.prefix}`

export const contains = (c: Cidr, at: string): boolean =>
  familyOf(at) === c.family && network(at, c.prefix) === c.address

/** Prefixes with those inside another removed: what remains does not overlap, as nft's intervals must not. */
export function disjoint(list: Cidr[]): Cidr[] {
  const kept: Cidr[] = []
  const seen = new Map<string, Set<string>>()
  for (const c of [...list].sort((a, b) => a.prefix - b.prefix)) {
    const covered = [...seen].some(([prefix, nets]) => nets.has(network(c.address, Number(prefix))))
    if (covered) continue
    kept.push(c)
    seen.set(String(c.prefix), (seen.get(String(c.prefix)) ?? new Set()).add(c.address))
  }
  return kept
}

export const hex = (at: string): string => Buffer.from(ipaddr.parse(at).toByteArray()).toString('hex')

/** The link-local address a guest makes from its MAC. */
export function linkLocal(mac: string): string {
  const b = mac.split(':').map((x) => parseInt(x, 16))
  const id = [b[0]! ^ 2, b[1]!, b[2]!, 0xff, 0xfe, b[3]!, b[4]!, b[5]!]
  return ipaddr.fromByteArray([0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...id]).toString()
}

export const firstHost = (c: Cidr): string => {
  const bytes = ipaddr.parse(c.address).toByteArray()
  bytes[bytes.length - 1]! += 1
  return ipaddr.fromByteArray(bytes).toString()
}

export const netmask = (prefix: number) => ipaddr.IPv4.subnetMaskFromPrefixLength(prefix).toString()

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
export const hostname = (value: string | undefined): string | undefined => value !== undefined && label.test(value) ? value : undefined
export function domain(value: string): string | undefined {
  const bare = value.toLowerCase().replace(/\.$/, '')
  return bare.length <= 200 && bare.split('.').every((part) => label.test(part)) && /[a-z]/.test(bare) ? bare : undefined
}
/** Unicast and not all zero, as a guest's own address must be. */
export const unicast = (mac: string) => /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) && (parseInt(mac.slice(0, 2), 16) & 1) === 0 && mac !== '00:00:00:00:00:00'
