import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Desired } from '../../schema/hosts.ts'
import type { Asked } from './asked.ts'
import { dhcpDaemon, dhcpSpace, metadataAt, namesNone, type Places } from './dhcp.ts'
import { hold } from './gateways.ts'
import { ensure as ensureDaemon, remove, type Daemon } from './dnsmasq.ts'
import { filters, sift } from './filters.ts'
import { cut } from './flows.ts'
import type { Carrier } from './carrier.ts'
import { bridgeCommands, hostSide, links, removeLinks, pairOf, tapCommands, type External } from './links.ts'
import type { Metadata } from './metadata.ts'
import type { Names } from './names.ts'
import { changes, commit, digest, loaded, parse, type Loaded } from './nft.ts'
import { plan as planOf, wiredLinks, type Lease, type Plan, type Router } from './plan.ts'
import { metadataPort, routerDaemon, routerSpace, translate } from './routers.ts'
import { each, ipBatch, run } from './run.ts'
import { ifbCommands, ifbsOf, release, shape, shapeRouter, type Shaped } from './shaping.ts'
import { ensure as ensureSpace, type Space } from './space.ts'
import { connect } from './trunks.ts'
import { assignZones, state, zonesOf } from './state.ts'
import { spaces } from './wipe.ts'

/** Makes the host equal to one document. Reads the kernel first, always, and writes only what differs. */
export interface Host {
  /** What each namespace was last seen to be equal to. Looking inside one costs several processes, so between full looks only those that should change are looked at. */
  seen: Map<string, string>
  shaped: Shaped
  names: Names; places: Places; external: External & { address?: string; uplink?: string }; underlay?: string; carrier: Carrier; metadata: Metadata
  /** Absent: guests are told names of their own network only. */
  asked?: Asked
}
/** `failed`: what the host refused, to be tried again; the rest is in force. */
/** `trunked`: the sub-ports whose trunk leads to them. */
/** `uncarried`: networks that end at this host and should not. */
export interface Reconciled { plan: Plan; trunked: Set<string>; uncarried: Set<string>; daemons: Daemon[]; problems: string[]; failed: Error[]; /** Routers that another host had. */ taken: Set<Router> }

/** `first`: nothing is known of what an earlier process was doing when it ended. */
/** `kept`: the document is one from before, so of routers only those that are here still are this host's. */
export async function reconcile(host: Host, desired: Desired, first: boolean, kept = false): Promise<Reconciled> {
  const { names } = host
  const here = kept ? await spaces(names) : undefined
  const plan = planOf(here ? { ...desired, routers: desired.routers.filter((r) => here.has(names.routerNs(r.id))) } : desired, names)
  const problems = [...plan.problems]
  const failed: Error[] = []
  /** Parts do not wait for each other's luck: what fails is tried again by the next apply. */
  const part = (work: Promise<unknown>) => work.catch((error: Error) => { failed.push(error) })

  const [have, existing, bridgeTable, inetTable] = await Promise.all([links(names), spaces(names), loaded({ family: 'bridge', name: names.table }), loaded({ family: 'inet', name: names.table })])

  // Filters before devices: a tap is never up without them.
  const zonesBefore = zonesOf(inetTable)
  const tenants = [...plan.networks.values()].filter((n) => !n.outside).map((n) => n.bridge)
  const zones = assignZones(tenants, zonesBefore, tenants.every((b) => zonesBefore.has(b)) ? new Set() : await foreignZones(names))
  const made = filters(plan, names, host.carrier, problems)
  await load(state(plan, names, zones, { ...host.external, underlay: host.underlay ? [host.underlay] : [] }), inetTable)
  await load(made.table, bridgeTable).catch(async () => {
    await sift(made.table, problems)
    await load(made.table, bridgeTable)
  })
  await part(cut({ plan, made, before: bridgeTable, have, zonesBefore, zones, ext: names.ext, everything: first }))

  const wanted = wantedDevices(plan, host)
  await part(release(plan, names, have, host.shaped))
  await part(removeLinks([...have.keys()].filter((d) => !wanted.has(d) && !have.has(pairOf(d))), names))
  await part(ipBatch(bridgeCommands(plan, names, have, host.external)))
  await part(hostSide(plan, names, host.external))
  const uncarried = await part(host.carrier.carry(plan, have, problems)) as Set<string> | undefined ?? new Set<string>()
  await part(ipBatch([...tapCommands(plan, have), ...ifbCommands(plan, names, have)]))

  const taken = new Set<Router>()
  const daemons = await part(namespaces(host, plan, have, existing, problems, taken)) as Daemon[] | undefined ?? []
  // Last, since gateways are made with their namespaces.
  await part(shape(plan, names, host.shaped))
  const trunked = await part(connect(plan, host.shaped, names)) as Set<string> | undefined ?? new Set<string>()
  return { plan, daemons, problems, failed, trunked, uncarried, taken }
}

const load = (want: Parameters<typeof changes>[0], have: Loaded | undefined) => commit(changes(want, have))

function wantedDevices(plan: Plan, { names, external, carrier }: Host): Set<string> {
  const out = new Set<string>()
  const networks = [...plan.networks.values()]
  if (external.cidr || external.device || networks.some((n) => n.outside)) out.add(names.ext)
  for (const n of networks) {
    if (!n.outside) out.add(n.bridge)
    if (n.dhcp) out.add(names.dhcpVeth(n.id))
    for (const d of carrier.devices(n)) out.add(d)
  }
  for (const p of plan.ports.values()) {
    out.add(p.tap)
    if (p.trunk) out.add(p.trunk.branch)
  }
  for (const d of ifbsOf(plan, names)) out.add(d)
  for (const r of plan.routers) for (const l of [...r.interfaces, ...(r.gateway ? [r.gateway] : [])]) out.add(l.host)
  return out
}

/** Zones other clouds on this machine have given out. */
async function foreignZones(names: Names): Promise<Set<number>> {
  const all = JSON.parse(await run('nft', ['-j', 'list', 'maps', 'inet'])) as { nftables: { map?: { table: string; name: string } }[] }
  const theirs = all.nftables.filter((i) => i.map?.name === 'zones' && i.map.table !== names.table && i.map.table.startsWith('virga_'))
  return new Set(theirs.flatMap((i) => [...zonesOf(parse(JSON.stringify({ nftables: [i] }))).values()]))
}

async function namespaces(host: Host, plan: Plan, have: Awaited<ReturnType<typeof links>>, existing: Set<string>, problems: string[], taken: Set<Router>): Promise<Daemon[]> {
  const { names, places, metadata, seen } = host
  await mkdir(places.run, { recursive: true, mode: 0o755 })
  await mkdir(places.leases, { recursive: true, mode: 0o700 })
  const serving = [...plan.networks.values()].filter((n) => n.dhcp)
  const keep = new Set([...serving.map((n) => names.dhcpNs(n.id)), ...plan.routers.map((r) => r.ns)])
  const leases = new Map<string, Lease[]>()
  for (const l of plan.leases) leases.set(l.network, [...leases.get(l.network) ?? [], l])
  const daemons = [...serving.map((n) => dhcpDaemon(n, names, leases.get(n.id) ?? [], places, Boolean(host.asked) && namesNone(n))), ...plan.routers.flatMap((r) => routerDaemon(r, places.run) ?? [])]

  const folders = new Set(daemons.map((d) => d.dir))
  for (const dir of await readdir(places.run)) if (!folders.has(join(places.run, dir))) await remove(join(places.run, dir))
  for (const ns of keep) if (!existing.has(ns)) { metadata.forget(ns); host.asked?.forget(ns); seen.delete(ns) }
  for (const ns of seen.keys()) if (!keep.has(ns)) seen.delete(ns)
  const state = { links: have, spaces: existing }
  const daemonOf = new Map(daemons.map((d) => [d.ns, d]))
  /** A space and what runs in it, unless it is known to be so already. */
  const equal = async (space: Space, inside?: Router) => {
    const daemon = daemonOf.get(space.ns)
    const joined = space.links.every((l) => have.get(l.host)?.master === l.network.bridge)
    const sum = digest([space, inside, daemon?.args, daemon?.files])
    if (joined && seen.get(space.ns) === sum) return
    seen.delete(space.ns)
    const before = problems.length
    if (inside?.taken && wiredLinks(inside).length && !existing.has(space.ns)) {
      await hold(inside, names)
      taken.add(inside)
    }
    await ensureSpace(space, state, problems)
    if (inside) { await translate(inside); await shapeRouter(inside, host.shaped) }
    if (daemon) await ensureDaemon(daemon)
    if (problems.length === before) seen.set(space.ns, sum)
  }
  await each([
    ...serving.map((n) => () => equal(dhcpSpace(n, names))),
    ...plan.routers.map((r) => () => equal(routerSpace(r), r)),
    ...[...existing].filter((ns) => !keep.has(ns)).map((ns) => async () => { metadata.forget(ns); host.asked?.forget(ns); await ipBatch([`netns del ${ns}`]) }),
  ], (work) => work())
  await metadata.serve([...serving.flatMap((n) => metadataAt(n).map((host) => ({ ns: names.dhcpNs(n.id), host, port: 80 }))), ...plan.routers.map((r) => ({ ns: r.ns, host: '0.0.0.0', port: metadataPort }))])
  await host.asked?.serve(new Set(serving.filter(namesNone).map((n) => names.dhcpNs(n.id))))
  return daemons
}
