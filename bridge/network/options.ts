import { address, cidr, domain, familyOf, text } from './values.ts'

/**
 * DHCP options users may set on a port, by what their value is. A value is parsed and written anew; text is held to
 * an alphabet without separators, quotes or control characters, so a line for dnsmasq cannot be bent.
 */
const addresses = new Set([3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 28, 32, 41, 42, 44, 45, 48, 49, 65, 68, 69, 70, 71, 72, 73, 74, 75, 76, 85, 138, 150])
const numbers = new Map([[2, 4294967295], [13, 65535], [19, 1], [20, 1], [22, 65535], [23, 255], [24, 4294967295], [26, 65535], [27, 1], [29, 1], [30, 1], [31, 1],
  [34, 1], [35, 4294967295], [36, 1], [37, 255], [38, 4294967295], [39, 1], [46, 8], [51, 4294967295], [58, 4294967295], [59, 4294967295], [93, 65535], [116, 1]])
const routes = new Set([121, 249])
const searchLists = 119
/** What the protocol itself is run with: an answer with a forged one of these would not be the server's. */
const refused = new Set([1, 33, 50, 52, 53, 54, 55, 57, 61, 82, 90, 118])
const words = /^[A-Za-z0-9 ._:\/@=+~%?&()*!^$|<>{}-]{1,255}$/

const v6addresses = new Set([22, 23, 27, 31])
const v6refused = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 19, 20, 25, 26])

const each = (value: string, read: (part: string) => string | undefined): string | undefined => {
  const parts = value.split(',').map((part) => read(part.trim()))
  return parts.every((part) => part !== undefined) ? parts.join(',') : undefined
}

/** The value as it goes after `code,` in a line for dnsmasq; undefined when it must not. */
export function optionValue(code: number, value: string, family: 4 | 6): string | undefined {
  if (family === 6) {
    if (v6refused.has(code)) return undefined
    if (v6addresses.has(code)) return each(value, (part) => { const at = address(part.replace(/^\[(.*)\]$/, '$1')); return at && familyOf(at) === 6 ? `[${at}]` : undefined })
    return code === 24 ? each(value, domain) : words.test(value) ? value : undefined
  }
  if (refused.has(code)) return undefined
  if (addresses.has(code)) return each(value, (part) => { const at = address(part); return at && familyOf(at) === 4 ? at : undefined })
  const most = numbers.get(code)
  if (most !== undefined) return /^\d{1,10}$/.test(value) && Number(value) <= most && (code !== 26 || Number(value) >= 68) ? String(Number(value)) : undefined
  if (routes.has(code)) return routeList(value)
  if (code === searchLists) return each(value, domain)
  return words.test(value) ? value : undefined
}

function routeList(value: string): string | undefined {
  const parts = value.split(',').map((part) => part.trim())
  if (!parts.length || parts.length % 2) return undefined
  const out: string[] = []
  for (let i = 0; i < parts.length; i += 2) {
    const to = cidr(parts[i]!), via = address(parts[i + 1]!)
    if (!to || !via || to.family !== 4 || familyOf(via) !== 4) return undefined
    out.push(text(to), via)
  }
  return out.join(',')
}
