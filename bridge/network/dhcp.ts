import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { askHere } from './asked.ts'
import type { Daemon } from './dnsmasq.ts'
import type { Names } from './names.ts'
import type { Lease, Network, Subnet } from './plan.ts'
import type { Space } from './space.ts'
import { contains, familyOf, netmask, text } from './values.ts'

/** DHCP and DNS of one network: a namespace with the network's DHCP addresses, and a dnsmasq in it. */
const metadata = '169.254.169.254'
/** The same over IPv6: link-local, so that a guest needs no address but the one it makes itself. */
export const metadata6 = 'fe80::a9fe:a9fe'
const leaseSeconds = 86400
const device = 'dhcp0'

export function dhcpSpace(n: Network, names: Names): Space {
  return {
    ns: names.dhcpNs(n.id),
    links: [{ host: names.dhcpVeth(n.id), inside: device, network: n, mac: n.dhcp!.mac, owner: n.id, announce: true,
      addresses: [...n.dhcp!.addresses, { address: metadata, prefix: 32 }, ...(six(n) ? [{ address: metadata6, prefix: 64 }] : [])] }],
    routes: [], sysctls: ['net.ipv4.conf.default.arp_notify=1', 'net.ipv4.ip_forward=0'],
  }
}

const six = (n: Network) => n.subnets.some((s) => s.cidr.family === 6)
/** Where guests of a network ask for their metadata. */
export const metadataAt = (n: Network) => [metadata, ...(six(n) ? [`${metadata6}%${device}`] : [])]
/** Some subnet names no server: guests there ask this network's own. */
export const namesNone = (n: Network) => n.subnets.some((s) => s.dhcp && !s.dns.length)

export interface Places { run: string; leases: string }

const tagOf = (id: string) => id.replaceAll('-', '')
const serves = (n: Network, s: Subnet) => n.dhcp!.addresses.find((a) => contains(s.cidr, a.address))?.address

export function dhcpDaemon(n: Network, names: Names, ports: Lease[], places: Places, forwards = false): Daemon {
  const dir = join(places.run, `d-${n.id}`), leases = join(places.leases, n.id)
  const subnets = n.subnets.filter((s) => s.dhcp && serves(n, s))
  const sending = subnets.some((s) => s.v6)
  const hosts = hostLines(n, subnets, ports)
  return {
    ns: names.dhcpNs(n.id), dir, leases,
    args: [
      '--conf-file=', '--no-hosts', '--no-resolv', '--no-ping', '--bind-interfaces', `--interface=${device}`, '--except-interface=lo',
      '--dhcp-authoritative', '--quiet-dhcp', '--quiet-dhcp6', '--quiet-ra', '--log-facility=/dev/null', '--dhcp-lease-max=65536',
      `--dhcp-leasefile=${leases}`, `--dhcp-hostsfile=${join(dir, 'hosts')}`, `--dhcp-optsfile=${join(dir, 'options')}`, `--addn-hosts=${join(dir, 'names')}`,
      `--domain=${n.domain}`, `--local=/${n.domain}/`,
      // Private addresses have no names out there, and bare words are names of here.
      ...(forwards ? [`--server=${askHere.host}#${askHere.port}`, '--domain-needed', '--bogus-priv'] : []),
      ...subnets.map((s) => s.cidr.family === 4
        ? `--dhcp-range=set:${tagOf(s.id)},${s.cidr.address},static,${netmask(s.cidr.prefix)},${leaseSeconds}`
        : `--dhcp-range=set:${tagOf(s.id)},${s.cidr.address},${raMode(s.v6)},${s.cidr.prefix},${leaseSeconds}`),
      // Router lifetime 0: this namespace announces the prefix, it is nobody's router.
      ...(sending ? ['--enable-ra', `--ra-param=${device},0,0`] : []),
    ],
    files: { hosts: hosts.map((h) => h.line).join(''), options: optionLines(n, subnets, ports), names: nameLines(n, ports) },
    forget: () => stale(leases, hosts),
  }
}

export const raMode = (mode: Subnet['v6']) => mode === 'slaac' ? 'ra-only' : mode === 'dhcpv6-stateless' ? 'ra-stateless' : 'static'

interface HostLine { line: string; address: string; mac: string; name: string }

/** Always a name with a dot: bare words mean other things there ("ignore", "12h"). */
function hostLines(n: Network, subnets: Subnet[], ports: Lease[]): HostLine[] {
  const given = (a: string) => subnets.some((s) => contains(s.cidr, a) && (s.cidr.family === 4 || s.v6 === 'dhcpv6-stateful'))
  return ports.flatMap((p) => p.addresses.filter(given).map((address) => {
    const name = `${p.hostname ?? defaultName(address)}`
    const at = familyOf(address) === 6 ? `[${address}]` : address
    return { address, mac: p.mac, name, line: `${p.mac},${p.options.length ? `set:${tagOf(p.port)},` : ''}${name}.${n.domain},${at}\n` }
  }))
}
const defaultName = (address: string) => `host-${address.replaceAll(/[.:]+/g, '-').replace(/-$/, '-0')}`

function optionLines(n: Network, subnets: Subnet[], ports: Lease[]): string {
  const out = [`26,${n.mtu}`]
  for (const s of subnets) {
    const own = serves(n, s)!
    const tag = `tag:${tagOf(s.id)}`
    if (s.cidr.family === 6) {
      out.push(`${tag},option6:dns-server,${(s.dns.length ? s.dns : [own]).map((d) => `[${d}]`).join(',')}`, `${tag},option6:domain-search,${n.domain}`)
      continue
    }
    out.push(`${tag},6,${(s.dns.length ? s.dns : [own]).join(',')}`)
    // Clients that take classless routes ignore the router option, so the default route is in both.
    const routes = [...s.routes.map((r) => `${text(r.to)},${r.via}`), `${metadata}/32,${own}`,
      ...n.subnets.filter((o) => o !== s && o.cidr.family === 4).map((o) => `${text(o.cidr)},0.0.0.0`), ...(s.gateway ? [`0.0.0.0/0,${s.gateway}`] : [])].join(',')
    out.push(`${tag},121,${routes}`, `${tag},249,${routes}`, s.gateway ? `${tag},3,${s.gateway}` : `${tag},3`)
  }
  for (const p of ports) for (const o of p.options) out.push(`tag:${tagOf(p.port)},${o.family === 6 ? 'option6:' : ''}${o.code},${o.value}`)
  return out.map((line) => `${line}\n`).join('')
}

const nameLines = (n: Network, ports: Lease[]) => ports.flatMap((p) => p.addresses.map((a) => {
  const name = p.hostname ?? defaultName(a)
  return `${a} ${name}.${n.domain} ${name}\n`
})).join('')

/** Leases in the way of what is wanted now: dnsmasq does not give an address away while another guest's lease has it. */
async function stale(file: string, hosts: HostLine[]): Promise<((line: string) => boolean) | undefined> {
  const owner = new Map(hosts.map((h) => [h.address, h]))
  const blocks = (line: string): boolean => {
    const [, id, address, name] = line.split(' ')
    const now = address === undefined ? undefined : owner.get(address)
    if (!now) return false
    return familyOf(address!) === 4 ? id !== now.mac : name !== '*' && name !== now.name
  }
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n')
  return lines.some(blocks) ? blocks : undefined
}
