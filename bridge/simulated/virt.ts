import { Terminal, type DomainState, type Virt } from '../drivers.ts'
import type { DiskRef, DomainSpec } from '../../schema/jobs.ts'
import { same } from '../disk/ref.ts'
import { bootLog } from './boot-log.ts'
import type { Journal } from './journal.ts'
import type { Act } from './mischief.ts'
import { line, picture } from './screen.ts'
import { guestStats } from './stats.ts'

export interface Guest {
  spec: DomainSpec
  state: Exclude<DomainState, 'absent'>
  /** Milliseconds since the epoch of each boot; the console is told from these. */
  boots: number[]
  vncPort: number
  /** It runs on another host by now. */
  left?: true
}

const firstPort = 5900

export function simulatedVirt(guests: Journal<Guest>, act: Act, now = Date.now): Virt {
  const here = (uuid: string): Guest => {
    const guest = guests.get(uuid)
    if (!guest) throw new Terminal(`guest ${uuid} is not on this host`)
    return guest
  }
  const alive = (uuid: string): Guest => {
    const guest = here(uuid)
    if (guest.state !== 'running' && guest.state !== 'paused') throw new Terminal(`guest ${uuid} is ${guest.state}`)
    return guest
  }
  const change = (uuid: string, part: Partial<Guest>) => guests.set(uuid, { ...here(uuid), ...part })
  const respec = (uuid: string, part: Partial<DomainSpec>) => change(uuid, { spec: { ...here(uuid).spec, ...part } })
  const freePort = () => {
    const taken = new Set(guests.values().map(({ vncPort }) => vncPort))
    for (let port = firstPort; ; port++) if (!taken.has(port)) return port
  }
  /** The last few boots are what a log keeps. */
  const booted = (guest?: Guest) => [...(guest?.boots ?? []), now()].slice(-8)

  return {
    state: async (uuid) => guests.get(uuid)?.state ?? 'absent',
    list: async () => guests.entries().map(([uuid, { state, vncPort }]) => ({ uuid, state, ...(state === 'running' && { vncPort }) })),
    start: (spec) => act('virt.start', () => {
      const guest = guests.get(spec.uuid)
      if (guest?.state === 'running') return
      // Saved memory comes back as it was; anything else boots.
      const boots = guest?.state === 'saved' ? guest.boots : booted(guest)
      guests.set(spec.uuid, { spec, state: 'running', boots, vncPort: guest?.vncPort ?? freePort() })
    }),
    vncPort: async (uuid) => guests.get(uuid)?.state === 'running' ? guests.get(uuid)!.vncPort : undefined,
    shutdown: (uuid) => act('virt.shutdown', () => change(uuid, { state: 'shutoff' })),
    reboot: (uuid) => act('virt.reboot', () => { change(uuid, { boots: booted(alive(uuid)) }); return true }),
    powerOff: (uuid) => act('virt.powerOff', () => { if (here(uuid).state !== 'shutoff') change(uuid, { state: 'shutoff' }) }),
    pause: (uuid) => act('virt.pause', () => { alive(uuid); change(uuid, { state: 'paused' }) }),
    resume: (uuid) => act('virt.resume', () => { alive(uuid); change(uuid, { state: 'running' }) }),
    save: (uuid) => act('virt.save', () => { alive(uuid); change(uuid, { state: 'saved' }) }),
    undefine: (uuid) => act('virt.undefine', () => guests.delete(uuid)),
    disks: async (uuid) => guests.get(uuid)?.spec.disks.map(({ ref }) => ref) ?? [],
    attachDisk: (uuid, disk) => act('virt.attachDisk', () => {
      const { disks } = alive(uuid).spec
      if (disks.some(({ device }) => device === disk.device)) throw new Terminal(`guest ${uuid} already has a disk ${disk.device}`)
      respec(uuid, { disks: [...disks, disk] })
    }),
    detachDisk: (uuid, ref: DiskRef) => act('virt.detachDisk', () => respec(uuid, { disks: here(uuid).spec.disks.filter((one) => !same(ref)(one.ref)) })),
    nics: async (uuid) => guests.get(uuid)?.spec.nics.map(({ mac }) => mac) ?? [],
    attachNic: (uuid, nic) => act('virt.attachNic', () => respec(uuid, { nics: [...alive(uuid).spec.nics, nic] })),
    detachNic: (uuid, mac) => act('virt.detachNic', () => respec(uuid, { nics: here(uuid).spec.nics.filter((one) => one.mac !== mac) })),
    setPassword: (uuid) => act('virt.setPassword', () => void alive(uuid)),
    console: (uuid, bytes) => act('virt.console', () => {
      const { spec, boots } = here(uuid)
      return Buffer.from(bootLog(spec, boots, now())).subarray(-bytes).toString()
    }),
    screen: async (uuid, type) => {
      const { spec, boots } = alive(uuid)
      return type === 'serial' ? line(bootLog(spec, boots, now())) : picture(spec.name)
    },
    stats: (uuid) => act('virt.stats', () => guestStats(here(uuid), now())),
  }
}
