import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Options } from '../options.ts'
import { step } from '../say.ts'
import { debianLike, installPackages, missingCommands, openvswitch, switchCommands, wanted } from '../setup/packages.ts'

/** Why no real guest can run on this machine, or undefined when they can. */
function obstacle(): string | undefined {
  if (process.platform !== 'linux') return `this is ${process.platform === 'darwin' ? 'macOS' : process.platform}, not Linux`
  if (process.arch !== 'x64') return `this is ${process.arch}, and guests here are x86_64`
  if (process.getuid!() !== 0) return 'not root'
}

/** Namespaces, taps and bridges: root in a container may not make them. */
function forbidden(): string | undefined {
  if (!existsSync('/dev/net/tun')) return 'no /dev/net/tun'
  try {
    execFileSync('unshare', ['--mount', '--net', '--propagation', 'private', 'sh', '-c', 'mount -t tmpfs none /mnt && ip link add virga0 type bridge'], { stdio: 'pipe' })
  } catch { return 'no right to make namespaces and bridges' }
}

/**
 * What runs the guests: libvirt where it can, after installing what it needs; else the simulated host, with the reason
 * to be said. Asked for outright, libvirt is never replaced: the reason is thrown.
 */
export async function chooseHypervisor(options: Options, aptLog: string): Promise<{ kind: 'libvirt' | 'simulated'; why?: string }> {
  if (options.hypervisor === 'simulated') return { kind: 'simulated' }
  if (options.hosts! > 1 && !options.hypervisor) return { kind: 'simulated', why: `${options.hosts} hosts on one machine` }
  const why = await reason(options, aptLog)
  if (!why) return { kind: 'libvirt' }
  if (options.hypervisor) throw new Error(`--hypervisor libvirt: ${why}`)
  return { kind: 'simulated', why }
}

async function reason(options: Options, aptLog: string): Promise<string | undefined> {
  const early = obstacle(), switched = options.networkDriver === 'openvswitch'
  if (early) return early
  if (options.hostPackages && debianLike()) {
    try { await step('host packages', (note) => installPackages(aptLog, note, [...wanted, ...(switched ? openvswitch : [])])) } catch (e) { return (e as Error).message.split('\n')[0] }
  }
  const missing = missingCommands(switched ? switchCommands : [])
  return missing.length ? `no libvirt (missing: ${missing.join(', ')})` : forbidden()
}
