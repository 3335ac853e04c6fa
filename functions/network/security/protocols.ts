/** Protocols by the names the API knows; anything else is a number (IANA). */
export const protocolNumbers: Record<string, number> = {
  ah: 51, dccp: 33, egp: 8, esp: 50, gre: 47, hopopt: 0, icmp: 1, igmp: 2, ip: 0, ipip: 4, 'ipv6-encap': 41, 'ipv6-frag': 44, 'ipv6-icmp': 58, icmpv6: 58,
  'ipv6-nonxt': 59, 'ipv6-opts': 60, 'ipv6-route': 43, ospf: 89, pgm: 113, rsvp: 46, sctp: 132, tcp: 6, udp: 17, udplite: 136, vrrp: 112,
}

/** The number a rule means on the wire, undefined for any: `icmp` in an IPv6 rule is ICMPv6. */
export function wireProtocol(name: string | null, family: 4 | 6): number | undefined {
  if (name === null || name === '' || name === 'any' || name === 'ip' || name === '0') return undefined
  const n = /^\d+$/.test(name) ? Number(name) : protocolNumbers[name]
  return n === 1 && family === 6 ? 58 : n
}
