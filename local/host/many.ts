import { existsSync, mkdirSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import path from 'node:path'
import { node, readJson, root, writeFile, writeJson, type Layout } from '../layout.ts'
import type { NetworkDriver } from '../options.ts'
import { prepare, startLibvirt, binds, insiders, type Site } from './libvirtd.ts'
import type { Child, Supervisor } from '../supervisor.ts'
import { place, prepareSwitch, startSwitch } from './vswitch.ts'

/**
 * Several hypervisors on one machine: each has a network, a mount and a UTS namespace of its own, and in them libvirt's
 * daemons and a bridge, with their state under DIR/hosts/N. Nothing is named on the machine but the links between them:
 * when the last process of a host is gone, so is the host.
 */
export interface Many {
  tag: string
  externalCidr: string
  virtType: string
  networkDriver: NetworkDriver
  /** The bridge of the machine that stands for each physical network. */
  physical?: Record<string, string>
  hosts: number
  /** First three numbers of the addresses hosts have towards each other. */
  underlay: string
  /** Where bridges find the control plane, and what else they must reach. */
  cloud: string
  reach: string[]
}

export const folder = (at: Layout, n: number, ...names: string[]) => at.in('hosts', String(n), ...names)
export const hostName = (n: number) => `host-${n}`
export const addressOf = (underlay: string, n: number) => `${underlay}.${n + 9}`
export const configFile = (at: Layout) => at.in('hosts', 'hosts.json')
export const keyFile = (at: Layout, n: number) => folder(at, n, 'bridge', 'host.json')

/** Starts every host's namespaces and libvirt; the first alone, so that what it learns about the emulators serves the others. */
export async function startMany(at: Layout, supervisor: Supervisor, hosts: number, driver: NetworkDriver): Promise<string> {
  const underlay = readJson<Many>(configFile(at))?.underlay ?? freeRange()
  const one = (n: number) => startOne(at, supervisor, n, addressOf(underlay, n), driver)
  await one(1)
  await Promise.all(Array.from({ length: hosts - 1 }, (_, i) => one(i + 2)))
  return underlay
}

async function startOne(at: Layout, supervisor: Supervisor, n: number, address: string, driver: NetworkDriver): Promise<void> {
  const dir = folder(at, n, 'libvirt')
  const site: Site = { suffix: `-${n}`, dir, tag: at.tag, address, within: () => enter(dir) }
  prepare(site)
  mkdirSync('/run/netns', { recursive: true })
  mkdirSync('/run/virga', { recursive: true })
  const names = folder(at, n, 'names')
  // in place from now on: it is bound over the host's /etc/hosts
  if (!existsSync(names)) writeFile(names, hostsFile(n, []), 0o644)
  const switched = driver === 'openvswitch' ? folder(at, n, 'openvswitch') : undefined
  if (switched) await prepareSwitch(switched)
  await supervisor.start(holder(at, n, !!switched))
  await supervisor.until(hostName(n), 20_000, async () => anchor(dir) !== undefined)
  if (switched) await startSwitch(supervisor, switched, site)
  await startLibvirt(at, supervisor, site)
}

/** The host's own name must be known to it, or whatever asks for it waits for a name server. */
export const hostsFile = (n: number, more: string[]) => ['127.0.0.1 localhost', `127.0.0.1 ${hostName(n)}`, ...more].join('\n') + '\n'

/**
 * The process that keeps a host's namespaces when nothing else runs in them. Killed while others do, it is started again
 * in theirs.
 */
function holder(at: Layout, n: number, switched: boolean): Child {
  const dir = folder(at, n), libvirt = path.join(dir, 'libvirt')
  const make = ['set -e', 'hostname "$3"', 'mount -t sysfs sysfs /sys', 'mount -t tmpfs -o mode=755 tmpfs /run/netns', 'mount -t tmpfs -o mode=755 tmpfs /run/virga',
    'mount --bind "$2/names" /etc/hosts', ...(switched ? [`mount --bind "$2/openvswitch" ${place}`] : []), binds, 'shift 3', 'exec "$@"'].join('\n')
  return {
    name: hostName(n), command: 'env', adopt: true, staysOn: () => true,
    args: ['tail', '-f', path.join(dir, 'names')],
    prefix: () => anchor(libvirt) ? enter(libvirt) : without(libvirt) ?? [
      'unshare', '--mount', '--net', '--uts', '--propagation', 'slave', 'sh', '-c', make, 'sh', libvirt, dir, hostName(n)],
  }
}

/** A host is not made beside what is left of it. */
function without(dir: string): undefined {
  for (const { pid } of insiders(dir)) try { process.kill(pid, 'SIGKILL') } catch { /* gone meanwhile */ }
}

/** A process that is where the host is: others of its mount namespace may be in networks within the host's. */
export const anchor = (dir: string): number | undefined => insiders(dir).find(({ command }) => /^(tail|libvirtd|virtlogd|qemu-system.*)$/.test(command))?.pid

/** What a command comes behind to run among a host's processes. */
export const enter = (dir: string): string[] => ['nsenter', '--target', String(anchor(dir) ?? 0), '--mount', '--net', '--uts']

/** The process that starts every host's bridge and connects the hosts with each other, the machine and the control plane. */
export function bridges(at: Layout, many: Many): Child {
  writeJson(configFile(at), many)
  return { name: 'bridge', command: node, args: ['--disable-warning=ExperimentalWarning', path.join(root, 'local', 'host', 'bridges.ts'), at.dir], graceMs: 7000 }
}

/** A range no interface of this machine is in. The machine itself takes no part in it. */
function freeRange(): string {
  const own = Object.values(networkInterfaces()).flat().map((a) => a!.address)
  for (let n = 0; n < 256; n++) if (!own.some((a) => a.startsWith(`10.118.${n}.`))) return `10.118.${n}`
  throw new Error('no range of 10.118.0.0/16 is free for hosts to reach each other')
}
