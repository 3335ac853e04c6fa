import { ipBatch, ipJson, inNs } from './run.ts'
import { alias, join, ownerOf, type Links } from './links.ts'
import type { RouterLink } from './plan.ts'
import { familyOf } from './values.ts'

/** A network namespace as it should be: veth pairs into bridges, their addresses, static routes. */
export interface Space {
  ns: string
  links: (Pick<RouterLink, 'host' | 'inside' | 'network' | 'mac' | 'addresses'> & { owner: string; /** announce new addresses to neighbours */ announce?: boolean })[]
  routes: { to: string; via: string; dev?: string }[]
  sysctls: string[]
  /** Addresses of others that are answered for on a device. */
  proxies?: { address: string; dev: string }[]
}

interface Addr { ifname: string; address?: string; mtu: number; flags: string[]; addr_info: { family: string; local?: string; prefixlen: number; scope: string }[] }
interface Route { dst: string; gateway?: string; /** A next hop of another family. */ via?: { host: string }; dev?: string; flags?: string[] }

/** Makes the namespace equal. A route whose next hop cannot be reached is a problem of its own. */
export async function ensure(s: Space, have: { links: Links; spaces: Set<string> }, problems: string[]): Promise<void> {
  if (!have.spaces.has(s.ns)) {
    await ipBatch([`netns add ${s.ns}`])
    await inNs(s.ns, 'sysctl', ['-q', '-w', 'net.ipv6.conf.all.disable_ipv6=0', 'net.ipv6.conf.all.accept_ra=0', 'net.ipv6.conf.default.accept_ra=0', 'net.ipv6.conf.default.accept_dad=0', ...s.sysctls])
    have.spaces.add(s.ns)
  }
  const inside = new Map((await ipJson<Addr[]>(['addr', 'show'], s.ns)).map((a) => [a.ifname, a]))
  const outer: string[] = [], make: string[] = [], inner: string[] = []
  const wanted = new Set(s.links.map((l) => l.inside))
  for (const name of inside.keys()) if (name !== 'lo' && !wanted.has(name)) inner.push(`link del dev ${name}`)
  if (!inside.get('lo')?.flags.includes('UP')) inner.push('link set dev lo up')
  for (const l of s.links) {
    let host = have.links.get(l.host)
    let end = inside.get(l.inside)
    // Half a pair, or one from before: both ends are made anew.
    if (host && !end) { make.push(`link del dev ${l.host}`); host = undefined }
    if (!host && end) { await ipBatch([`link del dev ${l.inside}`], s.ns); end = undefined }
    if (!host) make.push(`link add name ${l.host} mtu ${l.network.mtu} type veth peer name ${l.inside} netns ${s.ns} mtu ${l.network.mtu} address ${l.mac}`, `link set dev ${l.host} addrgenmode none`)
    if (!host || ownerOf(host) !== l.owner) outer.push(`link set dev ${l.host} ${alias(l.owner)}`)
    outer.push(...join(l.host, l.network, host ?? { ifname: l.host, ifindex: 0, mtu: l.network.mtu, flags: [] }))
    if (!host?.flags.includes('UP')) outer.push(`link set dev ${l.host} up`)
    if (end && end.mtu !== l.network.mtu) inner.push(`link set dev ${l.inside} mtu ${l.network.mtu}`)
    const mac = end && end.address !== l.mac
    if (mac) inner.push(`link set dev ${l.inside} address ${l.mac}`)
    const want = new Set(l.addresses.map((a) => `${a.address}/${a.prefix}`))
    const had = new Set(end ? ours(end, want) : [])
    for (const a of had) if (!want.has(a)) inner.push(`addr del ${a} dev ${l.inside}`)
    const added = [...want].filter((a) => !had.has(a))
    for (const a of added) inner.push(`addr add ${a} dev ${l.inside}${familyOf(a) === 6 ? ' nodad' : ''}`)
    if (!end?.flags.includes('UP')) inner.push(`link set dev ${l.inside} up`)
    // Naming its own MAC again makes the kernel announce every address of the device (arp_notify, ndisc_notify).
    else if (added.length && l.announce && !mac) inner.push(`link set dev ${l.inside} address ${l.mac}`)
  }
  await ipBatch(make)
  await ipBatch(outer)
  await ipBatch(inner, s.ns)
  await proxies(s).catch((error: Error) => { problems.push(`${s.ns}: ${error.message}`) })
  await routes(s).catch((error: Error) => { problems.push(`${s.ns}: ${error.message}`) })
}

async function proxies(s: Space): Promise<void> {
  const want = new Set((s.proxies ?? []).map((p) => `${p.address} dev ${p.dev}`))
  const have = new Set((await ipJson<{ dst: string; dev: string }[]>(['-6', 'neigh', 'show', 'proxy'], s.ns)).map((p) => `${p.dst} dev ${p.dev}`))
  if (want.size) await inNs(s.ns, 'sysctl', ['-q', '-w', ...new Set(s.proxies!.map((p) => `net.ipv6.conf.${p.dev}.proxy_ndp=1`))])
  await ipBatch([...[...have].filter((p) => !want.has(p)).map((p) => `-6 neigh del proxy ${p}`), ...[...want].filter((p) => !have.has(p)).map((p) => `-6 neigh add proxy ${p}`)].map((l) => l.replace(/^-6 /, '')), s.ns)
}

/** Addresses that were given; link-local ones the kernel makes itself are not. */
const ours = (a: Addr, want: Set<string>): string[] => a.addr_info.filter((i) => i.local && (want.has(`${i.local}/${i.prefixlen}`) || (i.scope !== 'link' && i.scope !== 'host'))).map((i) => `${i.local}/${i.prefixlen}`)

async function routes(s: Space): Promise<void> {
  const have = new Map<string, string | undefined>()
  for (const family of ['-4', '-6']) {
    for (const r of await ipJson<Route[]>([family, 'route', 'show', 'proto', 'static'], s.ns)) have.set(full(r.dst, family === '-6'), r.gateway ?? r.via?.host)
  }
  const want = new Map(s.routes.map((r) => [full(r.to, familyOf(r.to) === 6), r]))
  const out = [...have.keys()].filter((to) => !want.has(to)).map((to) => `route del ${to} proto static`)
  for (const [to, r] of want) if (have.get(to) !== r.via) out.push(`route replace ${to} via ${familyOf(r.via) === familyOf(to) ? '' : 'inet6 '}${r.via}${r.dev ? ` dev ${r.dev} onlink` : ''} proto static`)
  await ipBatch(out, s.ns)
}
/** A destination with its length, also where `ip` prints none. */
const full = (to: string, v6: boolean) => to === 'default' ? (v6 ? '::/0' : '0.0.0.0/0') : to.includes('/') ? to : `${to}/${v6 ? 128 : 32}`
