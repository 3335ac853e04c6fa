import { readFile, writeFile } from 'node:fs/promises'
import type { Names } from './names.ts'
import type { Network, Plan } from './plan.ts'
import { ipBatch, ipJson, run } from './run.ts'
import { cidr, firstHost } from './values.ts'

/** The host's own devices: bridges, taps, tunnels. The host's ends of veth pairs belong to `space.ts`. */
export interface Link {
  ifname: string; ifindex: number; mtu: number; flags: string[]; address?: string; master?: string; ifalias?: string
  linkinfo?: { info_kind?: string; info_data?: { id?: number; local?: string; local6?: string; nf_call_iptables?: number; nf_call_ip6tables?: number } }
}
export type Links = Map<string, Link>

export async function links(names: Names): Promise<Links> {
  const all = await ipJson<Link[]>(['-d', 'link', 'show'])
  return new Map(all.filter((l) => names.ours(l.ifname)).map((l) => [l.ifname, l]))
}

/** Removes devices; many at once as a group of their own, since each alone waits for the kernel to settle. */
export async function removeLinks(devices: string[], names: Names): Promise<void> {
  if (devices.length < 8) return ipBatch(devices.map((d) => `link del dev ${d}`))
  const group = 0x76000000 + parseInt(names.tag, 16)
  await ipBatch(devices.map((d) => `link set dev ${d} group ${group}`))
  await ipBatch([`link del group ${group}`])
}

/** The port, network or router a device was made for; kept in the kernel, so it is known after a restart. */
export const ownerOf = (link: Link): string | undefined => /^virga:([0-9a-f-]{36})$/.exec(link.ifalias ?? '')?.[1]
export const alias = (id: string) => `alias virga:${id}`

export interface External { cidr?: string; /** What the outside network comes in by. */ device?: string }

/** Commands for bridges; those of networks first, since everything else is put into them. */
export function bridgeCommands(plan: Plan, names: Names, have: Links, external: External): string[] {
  const out: string[] = []
  for (const n of plan.networks.values()) if (!n.outside) out.push(...bridge(n.bridge, n.mtu, alias(n.id), have))
  const outside = [...plan.networks.values()].find((n) => n.outside)
  if (outside || external.cidr || external.device) {
    // Where it leads to other hosts it has no address to answer for, and a MAC it shared with theirs would keep frames from them.
    const mac = `address 02:76:${names.tag.slice(0, 2)}:${names.tag.slice(2)}:00:01`
    // Its address would otherwise follow the lowest one of its ports, and the host's neighbours would lose it.
    out.push(...bridge(names.ext, outside?.mtu ?? 1500, external.device && !external.cidr ? 'alias virga:outside' : mac, have))
  }
  return out
}

function bridge(name: string, mtu: number, more: string, have: Links): string[] {
  const link = have.get(name)
  // nf_call_*: this bridge's traffic passes the inet hooks, whatever the machine's setting for other bridges is.
  if (!link) return [`link add name ${name} mtu ${mtu} type bridge stp_state 0 forward_delay 0 mcast_snooping 0 nf_call_iptables 1 nf_call_ip6tables 1`, `link set dev ${name} addrgenmode none`, `link set dev ${name} ${more}`, `link set dev ${name} up`]
  const data = link.linkinfo?.info_data
  const calls = data?.nf_call_iptables === 1 && data.nf_call_ip6tables === 1
  return [...(calls ? [] : [`link set dev ${name} type bridge nf_call_iptables 1 nf_call_ip6tables 1`]), ...(link.mtu !== mtu ? [`link set dev ${name} mtu ${mtu}`] : []), ...up(link)]
}
export const up = (link: Link) => link.flags.includes('UP') ? [] : [`link set dev ${link.ifname} up`]

export function tapCommands(plan: Plan, have: Links): string[] {
  return [...plan.ports.values()].flatMap((p) => {
    let link = have.get(p.tap)
    const out: string[] = []
    // Half a pair, or one from before the port was in a trunk, or after.
    if (link && Boolean(p.trunk) !== have.has(branchOf(p.tap))) { out.push(`link del dev ${p.tap}`); link = undefined }
    if (!link) out.push(p.trunk ? `link add name ${p.tap} mtu ${p.network.mtu} type veth peer name ${p.trunk.branch} mtu ${p.network.mtu}` : `tuntap add dev ${p.tap} mode tap`, `link set dev ${p.tap} addrgenmode none`)
    if (p.trunk) {
      const end = link && have.get(p.trunk.branch)
      if (!end) out.push(`link set dev ${p.trunk.branch} addrgenmode none`)
      if (ownerOf(end ?? { ifname: '', ifindex: 0, mtu: 0, flags: [] }) !== p.id) out.push(`link set dev ${p.trunk.branch} ${alias(p.id)}`)
      if (end && end.mtu !== p.network.mtu) out.push(`link set dev ${p.trunk.branch} mtu ${p.network.mtu}`)
      if (!end?.flags.includes('UP')) out.push(`link set dev ${p.trunk.branch} up`)
    }
    if (!link || ownerOf(link) !== p.id) out.push(`link set dev ${p.tap} ${alias(p.id)}`)
    out.push(...join(p.tap, p.network, link))
    if (!link ? p.up : link.flags.includes('UP') !== p.up) out.push(`link set dev ${p.tap} ${p.up ? 'up' : 'down'}`)
    return out
  })
}

/** The branch of a tap, whose names differ by one letter. */
const branchOf = (tap: string) => `${tap.slice(0, 5)}u${tap.slice(6)}`

/** What a device is the other end of, and goes with: a branch with its tap, the far end of a wire with the near one. */
export const pairOf = (device: string) => ({ u: `${device.slice(0, 5)}t${device.slice(6)}`, y: `${device.slice(0, 5)}w${device.slice(6)}` })[device[5]!] ?? ''

export function join(name: string, network: Network, link: Link | undefined): string[] {
  return [
    ...(link?.mtu !== network.mtu ? [`link set dev ${name} mtu ${network.mtu}`] : []),
    ...(link?.master !== network.bridge ? [`link set dev ${name} master ${network.bridge}`] : []),
  ]
}

/** The host's address on the outside bridge, and no IPv6 of its own on any bridge. */
export async function hostSide(plan: Plan, names: Names, external: External & { uplink?: string }): Promise<void> {
  const bridges = [...plan.networks.values()].filter((n) => !n.outside).map((n) => n.bridge)
  for (const name of [names.ext, ...bridges]) {
    const file = `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`
    if (await readFile(file, 'utf8').catch(() => '1') !== '1\n') await writeFile(file, '1').catch(() => {})
  }
  if (!external.cidr) return
  const want = hostAddress(external.cidr)
  const [found] = await ipJson<{ addr_info?: { family: string; local: string; prefixlen: number }[] }[]>(['-4', 'addr', 'show', 'dev', names.ext])
  const have = (found?.addr_info ?? []).map((a) => `${a.local}/${a.prefixlen}`)
  await ipBatch([
    ...have.filter((a) => a !== want).map((a) => `addr del ${a} dev ${names.ext}`),
    ...(have.includes(want) ? [] : [`addr add ${want} dev ${names.ext}`]),
  ])
  if (external.uplink && (await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8')).trim() !== '1') await writeFile('/proc/sys/net/ipv4/ip_forward', '1')
}

/** First address of the outside network, the host's own. */
export function hostAddress(value: string): string {
  const c = cidr(value)
  if (!c || c.family !== 4 || c.prefix > 30) throw new Error(`external cidr ${JSON.stringify(value)} is not an IPv4 prefix with room for hosts`)
  return `${firstHost(c)}/${c.prefix}`
}

/** br_netfilter must be there, or no packet of a bridge would ever be known as established. */
export async function requireBridgeNetfilter(): Promise<void> {
  const there = () => readFile('/proc/sys/net/bridge/bridge-nf-call-iptables', 'utf8').then(() => true, () => false)
  if (await there()) return
  await run('modprobe', ['br_netfilter']).catch(() => {})
  if (!await there()) throw new Error('the kernel has no br_netfilter: security groups need it (modprobe br_netfilter)')
}
