import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ipJson, run } from './run.ts'

/**
 * Open vSwitch as this host has it: its database, where bridges and ports are kept, and the daemon that carries them out.
 * Both are found where its own tools look for them.
 */
const pidFile = () => join(process.env.OVS_RUNDIR ?? '/var/run/openvswitch', 'ovs-vswitchd.pid')

/** The daemon's process, as long as it runs: another one has the ports, but none of the flows. */
export async function daemon(): Promise<number | undefined> {
  const pid = Number(await readFile(pidFile(), 'utf8').catch(() => ''))
  // The file outlives a daemon that was killed, and its number may be another's by then.
  return pid > 0 && /ovs-vswitchd/.test(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) ? pid : undefined
}

/** Commands in one transaction, which is not over before the daemon, if one runs, has carried it out. */
export const vsctl = async (...commands: string[][]): Promise<string> =>
  run('ovs-vsctl', ['--timeout=20', ...(await daemon() === undefined ? ['--no-wait'] : []), ...commands.flatMap((c) => ['--', ...c])])

export async function requireDaemon(): Promise<void> {
  // Asked before anything is: its tools would wait for it.
  if (await daemon() === undefined) throw new Error(`Open vSwitch does not run (${pidFile()}): until it does, networks end at this host`)
}

/** The kernel carries frames where it has the module; elsewhere the daemon does so itself. */
export const datapathType = (): Promise<'system' | 'netdev'> => run('modprobe', ['openvswitch']).then(() => 'system', () => 'netdev')

export interface Wanted { bridge: string; type: string; devices: string[]; tunnel?: { port: string; local: string } }

/** Makes the bridge have these ports and no other; the number of each. */
export async function ports({ bridge, type, devices, tunnel }: Wanted): Promise<Map<string, number>> {
  const all = [...devices, ...(tunnel ? [tunnel.port] : [])], wanted = new Set(all)
  const there = await vsctl(
    // Without flows it carries nothing, whatever is plugged in.
    ['--may-exist', 'add-br', bridge], ['set', 'Bridge', bridge, `datapath_type=${type}`, 'fail_mode=secure'],
    ...all.map((name) => ['--may-exist', 'add-port', bridge, name]),
    ...(tunnel ? [['set', 'Interface', tunnel.port, 'type=vxlan', 'options:remote_ip=flow', 'options:key=flow', `options:local_ip="${tunnel.local}"`]] : []),
    ['list-ports', bridge])
  const others = there.split('\n').filter((name) => name && !wanted.has(name))
  if (others.length) await vsctl(...others.map((name) => ['--if-exists', 'del-port', bridge, name]))
  let numbers = await numbered(wanted)
  // A device that was made anew under a name it knows.
  const lost = all.filter((name) => !numbers.has(name) && name !== tunnel?.port)
  if (lost.length) {
    await vsctl(...lost.flatMap((name) => [['del-port', bridge, name], ['add-port', bridge, name]]))
    numbers = await numbered(wanted)
  }
  const missing = all.filter((name) => !numbers.has(name))
  if (missing.length) throw new Error(`Open vSwitch cannot use ${missing.join(', ')}: ${await vsctl(['get', 'Interface', missing[0]!, 'error'])}`)
  return numbers
}

async function numbered(wanted: Set<string>): Promise<Map<string, number>> {
  const { data } = JSON.parse(await run('ovs-vsctl', ['--timeout=20', '--format=json', '--columns=name,ofport', 'list', 'Interface'])) as { data: [string, number | unknown[]][] }
  return new Map(data.flatMap(([name, port]) => wanted.has(name) && typeof port === 'number' && port > 0 ? [[name, port]] : []))
}

/** Makes the bridge's flows these, all at one instant; only what differs is touched. */
export async function replaceFlows(bridge: string, flows: string[]): Promise<void> {
  const replace = () => run('ovs-ofctl', ['-O', 'OpenFlow14', '--bundle', 'replace-flows', bridge, '-'], flows.map((f) => `${f}\n`).join(''))
  for (let tries = 20; ; tries--) {
    try { return void await replace() } catch (error) {
      // A daemon that was only just started has its bridges a moment later.
      if (!tries || !/failed to connect|is not a bridge/.test((error as Error).message)) throw error
      await sleep(250)
    }
  }
}

/** The daemon sends tunnels only by way of bridges of its own. */
export async function requireOwn(address: string): Promise<void> {
  const found = (await ipJson<{ ifname: string; addr_info: { local?: string }[] }[]>(['addr', 'show'])).find((l) => l.addr_info.some((a) => a.local === address))?.ifname
  const bridges = (await vsctl(['list-br'])).split('\n')
  if (!found || !bridges.includes(found)) throw new Error(`without the kernel's module, Open vSwitch sends tunnels only by a bridge of its own: ${address} is ${found ? `on ${found}` : 'on no device'}, not on one`)
}
