import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Drivers } from '../drivers.ts'
import { executors } from '../executors.ts'
import { Simulation } from '../simulated/index.ts'
import type { Mischief } from '../simulated/mischief.ts'
import { identity } from './enrol.ts'
import type { Flags } from './flags.ts'
import { startHost, type Host } from './host.ts'
import type { Log } from './log.ts'

/** The hosts one process stands for: one real one, or any number of simulated ones. */
export async function startFleet(flags: Flags, version: string, log: Log, signal: AbortSignal): Promise<Host[]> {
  const names = hostNames(flags)
  const make = await driverMaker(flags, log)
  const hosts: Host[] = []
  const next = async () => {
    for (let name = names.shift(); name && !signal.aborted; name = names.shift()) {
      const state = folder(flags, name)
      const mine = log.with({ host: name })
      const signer = await identity({ cloud: flags.cloud, token: flags.token, name, file: join(state, 'host.json'), log: mine, signal })
      const drivers = await make(name)
      hosts.push(await startHost({
        cloud: flags.cloud, signer, drivers, executors, state, version, log: mine,
        slots: flags.slots ?? (flags.hypervisor === 'simulated' ? 32 : 8), serves: flags.hypervisor === 'libvirt',
      }))
    }
  }
  await Promise.all(Array.from({ length: Math.min(16, names.length) }, next))
  return hosts
}

/** Everything of this cloud on this machine: guests, disks, networks, and the host's own identity. */
export async function wipeFleet(flags: Flags, log: Log): Promise<void> {
  const make = await driverMaker(flags, log)
  for (const name of hostNames(flags)) {
    const drivers = await make(name)
    await drivers.wipe()
    await drivers.net.wipe()
    await drivers.net.close()
    await drivers.virt.close?.()
  }
  if (flags.hypervisor === 'simulated') await rm(join(flags.state, 'simulated'), { recursive: true, force: true })
  for (const own of ['host.json', 'hosts', 'guests', 'arrivals', 'desired.json', 'tag']) await rm(join(flags.state, own), { recursive: true, force: true })
}

const hostNames = ({ hosts, name }: Flags) => hosts === 1 ? [name] : Array.from({ length: hosts }, (_, index) => `${name}-${index + 1}`)

const folder = ({ hosts, state }: Flags, name: string) => hosts === 1 ? state : join(state, 'hosts', name)

/** Loaded only when asked for: a machine without libvirt can simulate. */
const real = () => Promise.all([import('../libvirt/index.ts'), import('../network/index.ts')])

/** Whatever such a host will load at some time. */
export const loaded = async ({ hypervisor }: Flags): Promise<unknown> => hypervisor === 'libvirt' && Promise.all([real(), import('../metadata/index.ts')])

type MakeDrivers = (name: string) => Promise<Drivers>

async function driverMaker(flags: Flags, log: Log): Promise<MakeDrivers> {
  if (flags.hypervisor === 'simulated') {
    const simulation = new Simulation(flags.state, { mischief: flags.mischief as Mischief | undefined, capacity: flags.capacity })
    return async (name) => simulation.host(name, flags.underlay)
  }
  if (flags.hosts > 1) throw new Error('--hosts is for simulated hosts; a machine is one libvirt host')
  const [{ libvirtDrivers }, { linuxNet }] = await real()
  const { state: stateDir, externalCidr, uplink, physical, underlay, networkDriver: driver, peerPort, cache, libvirtUri: uri = 'qemu:///system', virtType = 'qemu' } = flags
  const tag = await ownTag(flags)
  return async () => {
    const net = await linuxNet({ stateDir, tag, externalCidr, uplink, physical, underlay, driver, dns: flags.dns, log: (line) => log(line) })
    return libvirtDrivers({ stateDir, uri, virtType, tag, net, address: underlay, peerPort, cache })
  }
}

/** Two clouds on one machine must not meet: each names its devices by its own tag, which follows from its state folder. */
async function ownTag({ tag, state }: Flags): Promise<string> {
  if (tag) return tag
  await mkdir(state, { recursive: true, mode: 0o700 })
  const file = join(state, 'tag')
  const kept = await readFile(file, 'utf8').catch(() => '')
  if (/^[0-9a-f]{4}$/.test(kept)) return kept
  const made = createHash('sha256').update(state).digest('hex').slice(0, 4)
  await writeFile(file, made)
  return made
}
