import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { datapathType } from '../../bridge/network/vswitch.ts'
import type { Supervisor } from '../supervisor.ts'
import type { Site } from './libvirtd.ts'

/**
 * Open vSwitch as one host of several on a machine has it: a database and a daemon of its own, where its tools look for
 * them. Guests' frames pass through the daemon, so both go on as long as the host does.
 */
export const place = '/run/openvswitch'
const run = promisify(execFile)
const within = ([first, ...rest]: string[], ...command: string[]) => run(first!, [...rest, ...command])

/** What must be there before it is bound. */
export async function prepareSwitch(dir: string): Promise<void> {
  for (const d of [place, dir]) mkdirSync(d, { recursive: true, mode: 0o755 })
  const database = path.join(dir, 'conf.db')
  if (!existsSync(database)) await run('ovsdb-tool', ['create', database])
}

export async function startSwitch(supervisor: Supervisor, dir: string, site: Pick<Site, 'suffix' | 'within'>): Promise<void> {
  const start = async (program: string, args: string[], asked: string[]) => {
    const name = `${program}${site.suffix}`
    await supervisor.start({ name, command: 'env', prefix: site.within, args: [program, ...args], adopt: true, staysOn: () => true })
    await supervisor.until(name, 20_000, () => within(site.within(), ...asked).then(() => true))
  }
  await start('ovsdb-server', [path.join(dir, 'conf.db'), `--remote=punix:${place}/db.sock`, '--pidfile'], ['ovs-vsctl', '--timeout=5', '--no-wait', 'init'])
  await start('ovs-vswitchd', [`--pidfile=${path.join(dir, 'ovs-vswitchd.pid')}`], ['ovs-appctl', '--timeout=5', 'version'])
}

/**
 * The device that is to have the host's address on the underlay: a daemon that carries frames itself sends tunnels by a
 * bridge of its own, with the cable as its port, and the kernel must take no part in what it listens to there.
 */
export async function bearer(site: string[], cable: string): Promise<string> {
  if (await datapathType() === 'system') return cable
  const bridge = 'under', table = 'netdev virga_underlay'
  await within(site, 'ovs-vsctl', '--timeout=20', '--may-exist', 'add-br', bridge, '--', 'set', 'Bridge', bridge, 'datapath_type=netdev', '--', '--may-exist', 'add-port', bridge, cable)
  await within(site, 'nft', `add table ${table}; delete table ${table}; add table ${table}; add chain ${table} ${cable} { type filter hook ingress device "${cable}" priority 0; policy drop; }`)
  return bridge
}
