import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { outside as physicalOutside, type Desired } from '../../schema/hosts.ts'
import type { Nic } from '../../schema/jobs.ts'
import type { Net } from '../drivers.ts'
import { ensure, running } from './dnsmasq.ts'
import { connectionsOf, takeOn, type Connection } from './handover.ts'
import { hostAddress, links, ownerOf, requireBridgeNetfilter } from './links.ts'
import { metadata } from './metadata.ts'
import { names } from './names.ts'
import { loaded } from './nft.ts'
import { reconcile, type Host, type Reconciled } from './reconcile.ts'
import { zonesOf } from './state.ts'
import { announce, fenced, holdSeconds, macsOf, release } from './gateways.ts'
import { wiredLinks, type Port, type Router } from './plan.ts'
import { counted } from './routers.ts'
import { asked, upstreams } from './asked.ts'
import { together } from './carrier.ts'
import { openvswitch } from './openvswitch.ts'
import { tunnels } from './tunnels.ts'
import { wires } from './wires.ts'
import { contains, address, linkLocal } from './values.ts'
import { wipe } from './wipe.ts'

export interface NetOptions {
  stateDir: string
  /** 4 hex digits; every device, namespace and table of this cloud starts with them. */
  tag: string
  /** The network floating addresses are from; the host takes its first address. Absent: nothing leads outside. */
  externalCidr?: string
  /** A device through which guests may reach what lies beyond the host, as the host. Absent: they do not. */
  uplink?: string
  /** The device that leads to each physical network; the outside one, where it has none, is this host's own. */
  physical?: Record<string, string>
  /** This host's address for tunnels to other hosts. Absent: networks end at the host. */
  underlay?: string
  /** What carries networks from host to host: the kernel's own devices, or Open vSwitch. */
  driver?: 'linuxbridge' | 'openvswitch'
  /** How long `ready` waits for a document that names the port. */
  readySeconds?: number
  /** Who is asked for names of the world on behalf of guests whose subnets name no server: these, or (by default) whom the host asks; none: nobody. */
  dns?: string[] | 'host'
  log?: (line: string) => void
}
/** `problems`: what of the last document could not be carried out, one line each. */
export interface LinuxNet extends Net { problems(): string[] }

const watchSeconds = 3
const verifyEvery = 40

/**
 * Networks of Linux bridges, nftables and dnsmasq. All that matters lives in the kernel and in dnsmasq's own processes:
 * ending this process, or starting it again, changes nothing for guests.
 */
export async function linuxNet(options: NetOptions): Promise<LinuxNet> {
  const n = names(options.tag)
  const log = options.log ?? (() => {})
  const readySeconds = options.readySeconds ?? 20
  const underlay = options.underlay === undefined ? undefined : address(options.underlay)
  if (options.underlay !== undefined && !underlay) throw new Error(`underlay ${JSON.stringify(options.underlay)} is not an address`)
  if (options.uplink !== undefined && !/^[A-Za-z0-9_.-]{1,15}$/.test(options.uplink)) throw new Error(`uplink ${JSON.stringify(options.uplink)} is not a device`)
  const physical = new Map(Object.entries(options.physical ?? {}))
  for (const [name, device] of physical) if (!/^[A-Za-z0-9_.-]{1,15}$/.test(device) || n.ours(device)) throw new Error(`${JSON.stringify(device)} is no device for physical network ${name}`)
  if (new Set(physical.values()).size < physical.size) throw new Error('one device cannot lead to two physical networks')
  const outside = options.externalCidr === undefined ? undefined : hostAddress(options.externalCidr)

  let last: Reconciled | undefined
  let document: Desired | undefined, kept = false, confirm: (() => Promise<void>) | undefined
  const server = metadata((ns, remote, local) => whoAsks(last, n, ns, remote, local), log)
  const host: Host = {
    seen: new Map(), shaped: new Map(), names: n, underlay, carrier: together((options.driver === 'openvswitch' ? openvswitch : tunnels)(n, underlay), wires(n, physical)), metadata: server,
    // dnsmasq gives up being root; what it reads again later must be where it can.
    asked: options.dns?.length === 0 ? undefined : asked(upstreams(options.dns ?? 'host'), log),
    places: { run: `/run/virga/${options.tag}`, leases: join(resolve(options.stateDir), 'network', 'leases') },
    external: { cidr: options.externalCidr, address: outside?.split('/')[0], uplink: options.uplink, device: physical.get(physicalOutside) },
  }

  let queue: Promise<unknown> = Promise.resolve()
  /** One change to the host at a time. */
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const next = queue.then(work, work)
    queue = next.catch(() => {})
    return next
  }
  const waiting = new Set<() => void>()
  const reported = new Set<string>()

  const applyNow = () => alone(async () => {
    const wanted = document!
    await requireBridgeNetfilter()
    carrying = await host.carrier.runs?.()
    last = await reconcile(host, wanted, last === undefined, kept)
    for (const r of last.taken) takeOver(r.id)
    for (const line of last.problems) if (!reported.has(line)) { reported.add(line); log(`network: ${line}`) }
    for (const known of reported) if (!last.problems.includes(known)) reported.delete(known)
    for (const wake of waiting) wake()
    const [error, ...more] = last.failed
    if (error) throw more.length ? new AggregateError(last.failed, last.failed.map((e) => e.message).join('\n')) : error
  })

  /** Says whose a gateway is, again and again, since one word may be lost; answers once whoever had it must have heard. */
  const takeOver = (id: string) => {
    log(`network: router ${id} was another host's`)
    const say = (ms: number, more?: (r: Router) => Promise<void>) => setTimeout(() => void alone(async () => {
      const r = last?.plan.routers.find((x) => x.id === id)
      if (r) { await more?.(r); await announce(r) }
    }).catch((error: Error) => log(`network: ${error.message}`)), ms).unref()
    for (const ms of [300, 800, 1400, holdSeconds * 1000 + 3000]) say(ms)
    say(holdSeconds * 1000 + 100, (r) => release(macsOf(r), n))
  }
  /** Asks whether this host still has what another was heard to speak with. Not answered: it stays silent. */
  const settle = async () => {
    const heard = await fenced(n)
    if (!heard.size || !confirm) return
    log(`network: another host speaks for a router here, as ${[...heard].join(', ')}; this one is silent until it is told whose it is`)
    await confirm()
    await alone(async () => {
      const mine = last?.plan.routers.filter((r) => macsOf(r).some((mac) => heard.has(mac))) ?? []
      await release(heard, n)
      for (const r of mine) await announce(r)
    })
  }
  let settling = false
  /** The process that carries frames, as it was last told where they go. */
  let carrying: number | undefined
  const carried = async () => {
    const now = await host.carrier.runs?.()
    if (now === carrying) return
    log(`network: ${now === undefined ? 'Open vSwitch has ended, networks end at this host until it runs again' : 'Open vSwitch was started, and is told where frames go'}`)
    carrying = now
    if (now !== undefined) await applyNow()
  }

  /** dnsmasq that died is back within seconds; the rest of the host is compared now and then. */
  let beat = 0
  const watch = setInterval(() => {
    if (!last) return
    if (physical.size && !settling && last.plan.routers.some((r) => wiredLinks(r).length)) {
      settling = true
      void settle().catch(() => {}).finally(() => { settling = false })
    }
    void carried().catch((error: Error) => log(`network: ${error.message}`))
    if (++beat % verifyEvery === 0) return void (host.seen.clear(), applyNow()).catch((error: Error) => log(`network: ${error.message}`))
    void alone(async () => {
      for (const d of last?.daemons ?? []) if (await running(d) === undefined) { log(`network: dnsmasq in ${d.ns} is started again`); await ensure(d) }
    }).catch((error: Error) => log(`network: ${error.message}`))
  }, watchSeconds * 1000)
  watch.unref()

  const inForce = async (): Promise<Set<string>> => {
    const [have, table] = await Promise.all([links(n), loaded({ family: 'bridge', name: n.table })])
    return new Set([...have.values()].filter((l) => l.ifname.startsWith(`${n.prefix}t`) && l.master && have.has(l.master)
      && (table?.sets.get('open')?.has(l.ifname) || (table?.maps.get('ingress')?.has(l.ifname) && table.maps.get('egress')?.has(l.ifname)))).flatMap((l) => ownerOf(l) ?? []))
  }

  return {
    async apply(desired, before = false) {
      document = desired
      kept = before
      await applyNow()
    },
    async ports() {
      const [force, have] = await Promise.all([inForce(), links(n)])
      const whole = (port: Port | undefined) => !port || ((!port.trunk || last!.trunked.has(port.id)) && !last!.uncarried.has(port.network.id))
      return [...force].filter((id) => have.get(n.tap(id))?.flags.includes('UP') && whole(last?.plan.ports.get(id)))
    },
    async meters() {
      const metered = last?.plan.routers.filter((r) => r.meters.length) ?? []
      return (await Promise.all(metered.map((r) => counted(r).then((list) => list.map((m) => ({ ...m, router: r.id })), () => [])))).flat()
    },
    confirms(ask) { confirm = ask },
    physical: [...new Set([...(outside || physical.has(physicalOutside) ? [physicalOutside] : []), ...physical.keys()])],
    tap: (port) => n.tap(port),
    async ready(nics: Nic[]) {
      const deadline = Date.now() + readySeconds * 1000
      const missing = () => nics.filter((nic) => last?.plan.ports.get(nic.port)?.network.id !== nic.network).map((nic) => nic.port)
      for (;;) {
        if (!missing().length) {
          const force = await inForce()
          if (nics.every((nic) => force.has(nic.port))) return
          // Applied once, and taken away by somebody since.
          await applyNow()
          const again = await inForce()
          if (nics.every((nic) => again.has(nic.port))) return
          throw new Error(`port ${nics.filter((nic) => !again.has(nic.port)).map((nic) => nic.port).join(', ')} cannot be connected on this host`)
        }
        const rest = deadline - Date.now()
        if (rest <= 0) throw new Error(`port ${missing().join(', ')} is not among what this host was told to connect, after ${readySeconds} s`)
        const woken = Promise.withResolvers<void>()
        waiting.add(woken.resolve)
        await Promise.race([woken.promise, sleep(rest, undefined, { ref: false })])
        waiting.delete(woken.resolve)
      }
    },
    async connections(nics: Nic[]) {
      const zones = zonesOf(await loaded({ family: 'inet', name: n.table }))
      const out = new Map<string, Connection[]>()
      for (const [network, theirs] of Map.groupBy(nics, (nic) => nic.network)) {
        const ports = theirs.flatMap((nic) => last?.plan.ports.get(nic.port) ?? [])
        const zone = ports[0]?.network.outside ? 0 : zones.get(n.bridge(network))
        if (zone !== undefined && ports.length) out.set(network, await connectionsOf(new Set(ports.flatMap((p) => p.addresses)), zone))
      }
      return out
    },
    async takeOn(network, connections) {
      const onOutside = last?.plan.networks.get(network)?.outside
      const zone = onOutside ? 0 : zonesOf(await loaded({ family: 'inet', name: n.table })).get(n.bridge(network))
      if (zone !== undefined) await takeOn(connections, zone)
    },
    guests: (lookup, relay) => server.lookup(lookup, relay),
    problems: () => last?.problems ?? [],
    wipe: () => alone(async () => {
      clearInterval(watch)
      server.close()
      host.asked?.close()
      last = document = undefined
      await wipe(n, host.places, host.carrier)
    }),
    async close() {
      clearInterval(watch)
      server.close()
      await queue
      server.close()
      host.asked?.close()
    },
  }
}

/** The guest behind an address: of the network whose namespace was asked, or of the one at that side of a router. */
function whoAsks(last: Reconciled | undefined, n: ReturnType<typeof names>, ns: string, remote: string, local: string): string | undefined {
  if (!last) return undefined
  const router = last.plan.routers.find((r) => r.ns === ns)
  const network = router
    ? router.interfaces.find((i) => i.addresses.some((a) => a.address === local))?.network
    : [...last.plan.networks.values()].find((x) => n.dhcpNs(x.id) === ns)
  const asks = [...last.plan.ports.values()].filter((p) => p.network === network && (p.addresses.includes(remote) || linkLocal(p.mac) === remote))
  // Two ports with one address on a network should not be; then neither is told the other's secrets.
  return network && asks.length === 1 && (!router || network.subnets.some((s) => contains(s.cidr, remote))) ? asks[0]!.server : undefined
}
