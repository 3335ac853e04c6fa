import { spans, type Carrier } from './carrier.ts'
import { join, up, type Links } from './links.ts'
import type { Names } from './names.ts'
import type { Network, Plan } from './plan.ts'
import { ipBatch, run } from './run.ts'

/** Networks across hosts by VXLAN: a device for each, and every forwarding entry from the control plane. */
export function tunnels(names: Names, underlay: string | undefined): Carrier {
  const led = (n: Network) => spans(n, underlay)
  return {
    device: (n) => led(n) ? names.vxlan(n.id) : undefined,
    devices: (n) => led(n) ? [names.vxlan(n.id)] : [],
    async carry(plan, have) {
      const networks = [...plan.networks.values()].filter(led)
      await ipBatch(networks.flatMap((n) => tunnelCommands(n, names.vxlan(n.id), have, underlay!)))
      await forwarding(networks, plan, names, underlay!)
      return new Set()
    },
  }
}

function tunnelCommands(n: Network, name: string, have: Links, underlay: string): string[] {
  let link = have.get(name)
  const out: string[] = []
  const data = link?.linkinfo?.info_data
  if (link && (data?.id !== n.vni || (data?.local ?? data?.local6) !== underlay)) { out.push(`link del dev ${name}`); link = undefined }
  if (!link) out.push(`link add name ${name} type vxlan id ${n.vni} local ${underlay} dstport 4789 nolearning`, `link set dev ${name} addrgenmode none`)
  return [...out, ...join(name, n, link), ...(link ? up(link) : [`link set dev ${name} up`])]
}

/** Peers of each tunnel: one entry of the zero MAC floods to each, and MACs whose host is known go there directly. */
async function forwarding(networks: Network[], plan: Plan, names: Names, underlay: string): Promise<void> {
  const out: string[] = []
  for (const n of networks) {
    const device = names.vxlan(n.id)
    const flood = '00:00:00:00:00:00'
    const want = new Set([...n.peers.filter((p) => p !== underlay).map((p) => `${flood} ${p}`), ...plan.remote.filter((r) => r.network === n).map((r) => `${r.mac} ${r.host}`)])
    const entries = JSON.parse(await run('bridge', ['-j', 'fdb', 'show', 'dev', device]) || '[]') as { mac: string; dst?: string }[]
    const have = new Set(entries.filter((e) => e.dst).map((e) => `${e.mac} ${e.dst}`))
    for (const e of have) if (!want.has(e)) out.push(`fdb del ${e.replace(' ', ` dev ${device} dst `)} self`)
    for (const e of want) if (!have.has(e)) out.push(`fdb append ${e.replace(' ', ` dev ${device} dst `)} self permanent`)
  }
  if (out.length) await run('bridge', ['-force', '-batch', '-'], out.join('\n') + '\n')
}
