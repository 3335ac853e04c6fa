import { arp, ether, packet4, packet6, udp, udp6 } from './lab.ts'

/** IPv6 addresses as tests need them: in full as hex digits, made of a prefix and a MAC, link-local of a MAC (as hex digits). */
export const wide = (a: string) => { const [head = '', tail = ''] = a.split('::'), h = head ? head.split(':') : [], t = tail ? tail.split(':') : []; return [...h, ...Array(8 - h.length - t.length).fill('0'), ...t].map((x) => x.padStart(4, '0')).join('') }
export const eui = (prefix: string, mac: string) => { const m = mac.split(':'); return `${prefix}f816:3eff:fe${m[3]}:${m[4]}${m[5]}`.replace(/:0+(?=[0-9a-f])/g, ':') }
export const local = (mac: string) => { const m = mac.split(':'); return `fe80000000000000f8163efffe${m[3]}${m[4]}${m[5]}` }

export interface Somebody { mac: string; v4: string; v6: string }
export const everybody = 'ff:ff:ff:ff:ff:ff', strange = '02:00:00:00:00:66'
const every6 = '33:33:00:00:00:01', every = `ff02${'0'.repeat(27)}1`

/** What `me` may say to `to`, with the sign in it. */
export const honest = (sign: string, me: Somebody, to: Somebody) => ether(to.mac, me.mac, '0800', packet4(me.v4, to.v4, 17, udp(9, 9, sign)))

/** Frames that `me` has no right to, by what they claim; each carries the sign. */
export function forged(sign: string, { me, to, neighbour, gateway }: Record<'me' | 'to' | 'neighbour' | 'gateway', Somebody>): Record<string, string> {
  const own6 = local(me.mac), victim6 = local(to.mac)
  const v4 = (source: string, mac = me.mac, at = to.mac) => ether(at, mac, '0800', packet4(source, to.v4, 17, udp(9, 9, sign)))
  const icmp = (source: string, body: string) => ether(every6, me.mac, '86dd', packet6(source, every, body))
  const na = (source: string, target: string) => icmp(source, `8800000020000000${target}0201${sign}`)
  const plain6 = (source: string, target: string, from: number, port: number, at = every6) => ether(at, me.mac, '86dd', udp6(source, target, from, port, sign))
  const tagged = (frame: string) => `${frame.slice(0, 24)}81000064${frame.slice(24)}`
  return {
    'another MAC': v4(me.v4, strange), "a neighbour's MAC": v4(me.v4, to.mac, neighbour.mac), "the gateway's MAC": v4(me.v4, gateway.mac),
    "a neighbour's IPv4": v4(neighbour.v4), "the gateway's IPv4": v4(gateway.v4), 'an IPv4 of nowhere': v4('198.51.100.9'), 'the metadata address': v4('169.254.169.254'),
    'ARP: is the gateway': ether(everybody, me.mac, '0806', arp(2, me.mac, gateway.v4, to.v4) + sign), 'ARP: is a neighbour': ether(to.mac, me.mac, '0806', arp(2, me.mac, neighbour.v4, to.v4) + sign),
    'ARP: asks as a neighbour': ether(everybody, me.mac, '0806', arp(1, me.mac, neighbour.v4, to.v4) + sign), 'ARP: another MAC inside': ether(everybody, me.mac, '0806', arp(2, strange, me.v4, to.v4) + sign),
    'a DHCP offer': ether(everybody, me.mac, '0800', packet4(me.v4, '255.255.255.255', 17, udp(67, 68, sign))), 'a DHCPv6 answer': plain6(own6, every, 547, 546),
    'a router advertisement': icmp(own6, `860000004000070800000000000000000101${sign}`), 'a redirect': icmp(own6, `8900000000000000${own6}${victim6}0201${sign}`),
    "an advertisement for a neighbour's IPv6": na(own6, victim6), "a neighbour's IPv6": na(victim6, victim6), "an advertisement for the gateway's": na(own6, wide(gateway.v6)),
    "a neighbour's global IPv6": plain6(wide(neighbour.v6), wide(to.v6), 9, 9, to.mac),
    'a tag around it': tagged(v4(neighbour.v4)), 'a tag around what would pass': tagged(v4(me.v4)), 'another protocol': ether(everybody, me.mac, '88cc', sign.repeat(8)),
  }
}
