import { arriving, attach, attached, detach } from './attach.ts'
import type { Carrier } from './carrier.ts'
import { join, links, up, type Link, type Links } from './links.ts'
import type { Names } from './names.ts'
import { outside } from '../../schema/hosts.ts'
import { wired, type Network } from './plan.ts'
import { retag, untag } from './program.ts'
import { each, ipBatch, ipJson, run } from './run.ts'
import { qdiscs } from './shaping.ts'

/**
 * Networks on physical ones. A flat network has the host's device in its bridge. Those with a tag share a device with it:
 * a pair of devices for each, one end in its bridge; frames that arrive with the tag lose it and are led to the other
 * end, what comes out there gets it and is led back. The device itself is the operator's, and is never made or removed.
 */
type Tagged = Network & { physical: { network: string; vlan: number } }
/** What is carried, and by what. */
interface Led { n: Network; device: Link }

/** `physical`: the device that leads to each physical network. */
export function wires(names: Names, physical: Map<string, string>): Carrier {
  // Clouds that share a device have places of their own on it.
  const pref = parseInt(names.tag, 16) || 65535
  const loaded = new Map<string, string>()
  let first = true
  const isTagged = (n: Network): n is Tagged => n.physical?.vlan !== undefined
  const deviceOf = (n: Network) => physical.get(n.outside ? outside : n.physical?.network ?? '')

  /** Devices of the host's that hold a program of ours and should not any more, whoever loaded it. */
  const leave = async (dev: string) => {
    await detach(dev, pref)
    await ipBatch([`link set dev ${dev} promisc off`])
  }
  const strays = async (prepared: Set<string>, wanted: (dev: string) => boolean) => {
    for (const dev of prepared) if (!names.ours(dev) && !wanted(dev) && (await attached(dev)).has(pref)) await leave(dev)
  }

  /** Leads frames with tags between the devices and the networks' bridges. */
  const lead = async (networks: Tagged[], devices: Map<string, Link>) => {
    const have = await links(names), prepared = arriving(await qdiscs()), programs = new Map<string, Buffer>()
    for (const [dev, mine] of Map.groupBy(networks, (n) => deviceOf(n)!)) {
      const led = mine.flatMap((n) => { const to = have.get(names.lead(n.id)); return to ? [{ vlan: n.physical.vlan, ifindex: to.ifindex, ifname: to.ifname }] : [] })
      programs.set(dev, untag(led.sort((a, b) => a.vlan - b.vlan)))
      for (const { vlan, ifname } of led) programs.set(ifname, retag(vlan, devices.get(dev)!.ifindex))
    }
    if (first) await strays(prepared, (dev) => programs.has(dev))
    for (const dev of loaded.keys()) {
      if (programs.has(dev)) continue
      if (prepared.has(dev) && !names.ours(dev)) await leave(dev)
      loaded.delete(dev)
    }
    await each(programs, async ([dev, program]) => {
      const sum = program.toString('base64')
      if (prepared.has(dev) && loaded.get(dev) === sum) return
      loaded.delete(dev)
      // What a card has put together cannot be led on as it is, and what it leaves out for its tag never comes.
      if (!names.ours(dev)) for (const feature of ['lro', 'rx-vlan-filter']) await run('ethtool', ['-K', dev, feature, 'off']).catch(() => {})
      await attach(dev, program, pref, prepared.has(dev))
      loaded.set(dev, sum)
    })
    first = false
  }

  return {
    device: (n) => isTagged(n) ? (deviceOf(n) && names.wire(n.id)) : deviceOf(n),
    devices: (n) => isTagged(n) && deviceOf(n) ? [names.wire(n.id), names.lead(n.id)] : [],
    async carry(plan, have, problems) {
      // What the outside network has no device for is this host's own.
      const networks = [...plan.networks.values()].filter((n) => wired(n) && (deviceOf(n) || (n.physical && n.physical.network !== outside))), lost = new Set<string>()
      if (!networks.length && !loaded.size && !first && !physical.has(outside)) return lost
      const devices = new Map((await ipJson<Link[]>(['link', 'show'])).map((l) => [l.ifname, l]))
      const carried: Led[] = []
      for (const n of networks) {
        const at = deviceOf(n), device = devices.get(at ?? '')
        const why = !at ? `this host leads to no physical network ${n.physical!.network}` : !device ? `device ${at} is not there` : isTagged(n) || n.outside ? undefined : await taken(device, names)
        if (why) { problems.push(`network ${n.id} is not carried: ${why}`); lost.add(n.id); continue }
        if (device!.mtu < n.mtu) problems.push(`network ${n.id}: device ${at} carries ${device!.mtu} bytes, not ${n.mtu}`)
        carried.push({ n, device: device! })
      }
      const leg = devices.get(physical.get(outside) ?? '')
      await ipBatch([
        // Up before anybody needs it: switches take a while to let a new port speak.
        ...(first ? [...physical.values()].flatMap((d) => devices.has(d) ? up(devices.get(d)!) : []) : []),
        ...(leg ? joined(leg, names.ext) : []), ...wireCommands(carried.filter(({ n }) => !n.outside), names, have)])
      await lead(carried.map(({ n }) => n).filter(isTagged), devices)
      return lost
    },
    wipe: async () => strays(arriving(await qdiscs()), () => false),
  }
}

/** Flat networks' devices in their bridges, pairs for the others; `device`: what leads to each. */
export function wireCommands(carried: Led[], names: Names, have: Links): string[] {
  const tagged = carried.filter(({ n }) => n.physical?.vlan !== undefined), listens = new Map(tagged.map(({ device }) => [device.ifname, device]))
  return [...carried.filter((c) => !tagged.includes(c)).flatMap(({ n, device }) => joined(device, n.bridge)), ...tagged.flatMap(({ n }) => { const { make, raise } = pair(n, names, have); return [...make, ...raise] }), ...[...listens.values()].flatMap(listening)]
}

const joined = (device: Link, bridge: string): string[] => [...(device.master === bridge ? [] : [`link set dev ${device.ifname} master ${bridge}`]), ...up(device)]

/** Frames for guests bear MACs that are not the device's own. */
const listening = (device: Link): string[] => [...(device.flags.includes('PROMISC') ? [] : [`link set dev ${device.ifname} promisc on`]), ...up(device)]

/** A network's way to what others leave by, too: what makes it, and what puts it to use. */
export function pair(n: Network, names: Names, have: Links): { make: string[]; raise: string[] } {
  const wire = names.wire(n.id), lead = names.lead(n.id), make: string[] = []
  let [near, far] = [have.get(wire), have.get(lead)]
  if (near && !far) { make.push(`link del dev ${wire}`); near = undefined }
  if (!near) {
    make.push(`link add name ${wire} mtu ${n.mtu} type veth peer name ${lead} mtu ${n.mtu}`, `link set dev ${wire} addrgenmode none`, `link set dev ${lead} addrgenmode none`)
    far = undefined
  }
  return { make, raise: [...join(wire, n, near ?? { ifname: wire, ifindex: 0, mtu: n.mtu, flags: [] }), ...(far && far.mtu !== n.mtu ? [`link set dev ${lead} mtu ${n.mtu}`] : []),
    ...(near ? up(near) : [`link set dev ${wire} up`]), ...(far ? up(far) : [`link set dev ${lead} up`])] }
}

/** Why a device cannot be in a network's bridge, if so. */
async function taken(device: Link, names: Names): Promise<string | undefined> {
  if (device.master) return names.ours(device.master) ? undefined : `device ${device.ifname} is in ${device.master}`
  const [{ addr_info = [] } = {}] = await ipJson<{ addr_info?: { scope: string; local: string }[] }[]>(['addr', 'show', 'dev', device.ifname])
  const own = addr_info.filter((a) => a.scope === 'global').map((a) => a.local)
  return own.length ? `device ${device.ifname} has addresses of the host, which it would lose (${own.join(', ')})` : undefined
}
