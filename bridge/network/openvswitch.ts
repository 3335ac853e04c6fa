import { spans, type Carrier } from './carrier.ts'
import { join, up, type Links } from './links.ts'
import type { Names } from './names.ts'
import { overlayFlows } from './openflow.ts'
import type { Network } from './plan.ts'
import { each, ipBatch, run } from './run.ts'
import { daemon, datapathType, ports, replaceFlows, requireDaemon, requireOwn, vsctl } from './vswitch.ts'

/**
 * Networks across hosts by Open vSwitch: a cable leads from each network's bridge into one bridge of its own, whose flows
 * say where frames go. Ports are kept in its database, flows are not: they are put back when it was started again. Whoever
 * runs the machine runs Open vSwitch; nothing here starts or stops it.
 */
export function openvswitch(names: Names, underlay: string | undefined): Carrier {
  const led = (n: Network) => spans(n, underlay)
  const near = (n: Network) => names.vxlan(n.id), far = (n: Network) => names.cable(n.id), tunnel = `${names.prefix}tun`
  /** Cables that were made fit for a daemon that carries frames itself. */
  const fit = new Set<string>()
  let type: 'system' | 'netdev' | undefined, alone: string | undefined, owned = false

  /** Such a daemon only listens in: the kernel takes part in all it hears, and leaves sums to whoever sends. */
  async function prepare(networks: Network[]): Promise<void> {
    const devices = networks.map(far), all = devices.join()
    if (all !== alone || devices.some((d) => !fit.has(d))) {
      const table = `netdev ${names.table}`
      await run('nft', ['-f', '-'], [`add table ${table}`, `delete table ${table}`, `add table ${table}`, ...devices.map((d) => `add chain ${table} ${d} { type filter hook ingress device "${d}" priority 0; policy drop; }`)].join('\n') + '\n')
      alone = all
    }
    await each(networks.filter((n) => !fit.has(far(n))), async (n) => { await run('ethtool', ['-K', near(n), 'tx', 'off']); fit.add(far(n)) })
  }

  return {
    device: (n) => led(n) ? near(n) : undefined,
    devices: (n) => led(n) ? [near(n), far(n)] : [],
    runs: daemon,
    async carry(plan, have) {
      const networks = [...plan.networks.values()].filter(led)
      type ??= await datapathType()
      await ipBatch(networks.flatMap((n) => {
        const commands = cable(near(n), far(n), n.mtu, have)
        if (!have.has(far(n))) fit.delete(far(n))
        return commands
      }))
      if (type === 'netdev') await prepare(networks)
      await ipBatch(networks.flatMap((n) => [...join(near(n), n, have.get(near(n))), ...[near(n), far(n)].flatMap((d) => have.has(d) ? up(have.get(d)!) : [`link set dev ${d} up`])]))
      await requireDaemon()
      if (type === 'netdev' && networks.length && !owned) { await requireOwn(underlay!); owned = true }
      const numbers = await ports({ bridge: names.integration, type, devices: networks.map(far), ...(networks.length && { tunnel: { port: tunnel, local: underlay! } }) })
      await replaceFlows(names.integration, networks.flatMap((n) => {
        const remote = Map.groupBy(plan.remote.filter((r) => r.network === n), (r) => r.mac)
        return overlayFlows({ port: numbers.get(far(n))!, vni: n.vni, peers: n.peers.filter((p) => p !== underlay), remote: new Map([...remote].map(([mac, at]) => [mac, at.map((r) => r.host)])) }, numbers.get(tunnel)!)
      }))
      return new Set()
    },
    wipe: async () => { await vsctl(['--if-exists', 'del-br', names.integration]) },
  }
}

/** The pair between a network's bridge and the common one. One that has to be made anew is not among `have` any more. */
function cable(near: string, far: string, mtu: number, have: Links): string[] {
  const link = have.get(near), end = have.get(far)
  if (link && end && link.linkinfo?.info_kind === 'veth') return end.mtu === mtu ? [] : [`link set dev ${far} mtu ${mtu}`]
  for (const d of [near, far]) have.delete(d)
  const old = link ? near : end && far
  return [...(old ? [`link del dev ${old}`] : []), `link add name ${near} mtu ${mtu} type veth peer name ${far} mtu ${mtu}`, ...[near, far].map((d) => `link set dev ${d} addrgenmode none`)]
}
