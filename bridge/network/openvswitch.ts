import { spans, type Carrier } from './carrier.ts'
import type { Names } from './names.ts'
import { overlayFlows } from './openflow.ts'
import type { Network } from './plan.ts'
import { each, ipBatch, run } from './run.ts'
import { daemon, datapathType, ports, replaceFlows, requireDaemon, requireOwn, vsctl } from './vswitch.ts'
import { pair } from './wires.ts'

/**
 * Networks across hosts by Open vSwitch: a pair of devices leads from each network's bridge into one bridge of its own,
 * whose flows say where frames go. Ports are kept in its database, flows are not: they are put back when it was started
 * again. Whoever runs the machine runs Open vSwitch; nothing here starts or stops it.
 */
export function openvswitch(names: Names, underlay: string | undefined): Carrier {
  const led = (n: Network) => spans(n, underlay)
  const near = (n: Network) => names.wire(n.id), far = (n: Network) => names.lead(n.id), tunnel = `${names.prefix}tun`
  /** Pairs that were made fit for a daemon that carries frames itself. */
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
      const networks = [...plan.networks.values()].filter(led), pairs = networks.map((n) => pair(n, names, have))
      type ??= await datapathType()
      await ipBatch(pairs.flatMap((p) => p.make))
      for (const [i, n] of networks.entries()) if (pairs[i]!.make.length) fit.delete(far(n))
      if (type === 'netdev') await prepare(networks)
      await ipBatch(pairs.flatMap((p) => p.raise))
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
