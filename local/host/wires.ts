import { existsSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { names } from '../../bridge/network/names.ts'
import { ipBatch, ipJson, run } from '../../bridge/network/run.ts'
import type { Target } from './forward.ts'
import { addressOf, type Many } from './many.ts'
import { bearer } from './vswitch.ts'

/** Room for a tunnel's headers around a full frame of 1500 bytes. */
const mtu = 1600

/**
 * The names of this machine's ends: the bridge hosts meet on, and each host's cables into it and into the outside network.
 * They begin unlike those a bridge makes, whose filters drop what they do not know under such names.
 */
export const wires = (tag: string) => ({ bridge: `vh${tag}`, under: (n: number) => `vh${tag}u${n}`, ext: (n: number) => `vh${tag}e${n}`, physical: (i: number | string, n: number) => `vh${tag}p${i}n${n}`, outside: names(tag).ext })
export const legs = { under: 'under0', ext: 'ext0', physical: (i: number) => `phys${i}` }

interface Link { ifname: string; master?: string; mtu: number }
const links = async (pid?: number) => new Map((await inside<Link[]>(pid, ['-j', 'link', 'show'])).map((l) => [l.ifname, l]))
const inside = async <T>(pid: number | undefined, args: string[]) => pid === undefined ? ipJson<T>(args.slice(1)) : JSON.parse(await run('nsenter', ['--target', String(pid), '--net', 'ip', ...args]) || '[]') as T

/** With several hosts a physical network is a bridge of the machine: whoever runs it decides what else is on it. */
export function requireSwitches(devices: string[]): void {
  for (const device of devices) if (!existsSync(`/sys/class/net/${device}/bridge`)) throw new Error(`--physical-network: with several hosts DEV is a bridge of this machine, on which each gets a port; ${device} is none`)
}

/** The bridge hosts meet on. The machine has no address on it. */
export async function underlay({ tag }: Many): Promise<void> {
  const { bridge } = wires(tag)
  if ((await links()).has(bridge)) return
  await ipBatch([`link add name ${bridge} mtu ${mtu} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`, `link set dev ${bridge} addrgenmode none`, `link set dev ${bridge} up`])
  writeFileSync(`/proc/sys/net/ipv6/conf/${bridge}/disable_ipv6`, '1')
}

/** A host's cables, addresses and what it is to reach; only what is not so already. */
export async function wire(many: Many, n: number, pid: number, reach: Target[]): Promise<void> {
  const name = wires(many.tag)
  const [here, there] = await Promise.all([links(), links(pid)])
  const cables = [[name.under(n), legs.under, name.bridge, mtu], [name.ext(n), legs.ext, name.outside, 1500],
    ...Object.values(many.physical ?? {}).map((device, i) => [name.physical(i, n), legs.physical(i), device, here.get(device)?.mtu ?? 1500] as const)] as const
  const cut = new RegExp(`^${name.physical('\\d+', n)}$`)
  for (const outer of here.keys()) if (cut.test(outer) && !cables.some((c) => c[0] === outer)) await ipBatch([`link del dev ${outer}`])
  for (const [outer, inner, master, size] of cables) {
    if (!here.has(outer) || !there.has(inner)) await ipBatch([...(here.has(outer) ? [`link del dev ${outer}`] : []), `link add name ${outer} mtu ${size} type veth peer name ${inner} netns ${pid} mtu ${size}`, `link set dev ${outer} addrgenmode none`])
    await ipBatch([`link set dev ${outer} master ${master}`, `link set dev ${outer} up`])
  }
  const own = reach.filter((t) => isIP(t.at) && !/^127\.|^::1$/.test(t.at))
  const addressed = many.networkDriver === 'openvswitch' ? await bearer(['nsenter', '--target', String(pid), '--mount', '--net'], legs.under) : legs.under
  const batch = [
    'link set dev lo up', ...new Set([...cables.map(([, inner]) => inner), addressed].map((leg) => `link set dev ${leg} addrgenmode none`)),
    `addr replace ${addressOf(many.underlay, n)}/24 dev ${addressed}`, ...new Set([legs.under, addressed].map((leg) => `link set dev ${leg} up`)),
    ...own.map((t) => `addr replace ${t.at}/${isIP(t.at) === 6 ? 128 : 32} dev lo`),
  ]
  await run('nsenter', ['--target', String(pid), '--net', 'ip', '-batch', '-'], batch.join('\n') + '\n')
}

/** Removes this machine's ends. */
export async function unwire(tag: string): Promise<void> {
  const mark = new RegExp(`^vh${tag}([ue]\\d+|p\\d+n\\d+)?$`)
  for (const [name] of await links()) if (mark.test(name)) await run('ip', ['link', 'del', 'dev', name]).catch((error: Error) => { if (!/Cannot find device/.test(error.message)) throw error })
}
