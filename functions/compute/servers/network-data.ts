import ipaddr from 'ipaddr.js'
import type { GuestData } from '../../../schema/hosts.ts'
import type { Wiring } from '../../network/ports/of-servers.ts'

/** `network_data.json` as guests know it: links, networks on them, services. */
export function networkData(rows: Wiring): GuestData['networkData'] {
  const ports = new Map(rows.map((r) => [r.port.id, r]))
  const links = [...ports.values()].map(({ port, network }) => ({ id: linkOf(port.id), vif_id: port.id, type: 'bridge', mtu: network.mtu, ethernet_mac_address: port.mac }))
  const networks = rows.filter((r) => r.subnet && r.address).map((r, n) => {
    const s = r.subnet!, v6 = s.version === 6
    const base = { id: `network${n}`, link: linkOf(r.port.id), network_id: r.network.id, type: `ipv${s.version}${s.dhcp ? v6 ? `_${s.addressMode ?? 'slaac'}` : '_dhcp' : ''}` }
    const services = s.dns.map((address) => ({ type: 'dns', address }))
    if (s.dhcp && !v6) return base
    return { ...base, ip_address: r.address, netmask: maskOf(s.cidr), routes: routesOf(s), services }
  })
  const dns = new Set(rows.flatMap((r) => r.subnet?.dns ?? []))
  return { links, networks, services: [...dns].map((address) => ({ type: 'dns', address })) }
}

const linkOf = (port: string) => `tap${port.slice(0, 11)}`
function maskOf(cidr: string) {
  const [a, prefix] = ipaddr.parseCIDR(cidr)
  return (a.kind() === 'ipv4' ? ipaddr.IPv4.subnetMaskFromPrefixLength(prefix) : ipaddr.IPv6.subnetMaskFromPrefixLength(prefix)).toString()
}
const routesOf = (s: { version: number; gateway: string | null; routes: { destination: string; nexthop: string }[] }) => [
  ...(s.gateway ? [s.version === 4 ? { network: '0.0.0.0', netmask: '0.0.0.0', gateway: s.gateway } : { network: '::', netmask: '::', gateway: s.gateway }] : []),
  ...s.routes.map((r) => ({ network: r.destination.split('/')[0], netmask: maskOf(r.destination), gateway: r.nexthop })),
]
