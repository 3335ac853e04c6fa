import { Terminal } from '../drivers.ts'
import type { Disk, DiskRef, Nic } from '../../schema/jobs.ts'
import { definition, type Definition } from './definition.ts'
import { diskTree, nicTree, type Host } from './devices.ts'
import { scsiController } from './domain.ts'
import type { Events } from './events.ts'
import { CommandFailed } from './run.ts'
import { write, type Tree } from './xml.ts'
import type { Virsh } from './virsh.ts'

/** How long a guest may take to let go of a device. One that is still booting ignores the first requests. */
const patience = 60_000
const impossible = /hot(un)?plug|cannot be detached|not supported|unsupported|No more available PCI slots/i

/** Devices that come and go. What runs and what is kept are changed each on its own, and only where they differ from what is asked. */
export class Hotplug {
  readonly virsh: Virsh
  readonly events: Events
  readonly host: Host
  constructor(virsh: Virsh, events: Events, host: Host) { this.virsh = virsh; this.events = events; this.host = host }

  attachDisk(name: string, running: boolean, disk: Disk) {
    const path = this.host.store.disk(disk.ref)
    const taken = (d: Definition) => {
      const there = d.disks.find((other) => other.path === path)
      if (!there && d.disks.some((other) => other.device === disk.device)) throw new Terminal(`the server already has a disk ${disk.device}`)
      return there !== undefined
    }
    return this.#attach(name, running, taken, { disk: diskTree(disk, this.host) }, disk.bus === 'scsi')
  }

  attachNic(name: string, running: boolean, nic: Nic) {
    return this.#attach(name, running, (d) => d.nics.some((other) => other.mac === nic.mac), { interface: nicTree(nic, this.host) })
  }

  async #attach(name: string, running: boolean, has: (d: Definition) => boolean, device: { [name: string]: Tree }, scsi = false) {
    const { now, kept } = await this.#definition(name)
    for (const [part, flag] of running ? [[now, '--live'], [kept, '--config']] as const : [[kept, '--config']] as const) {
      if (has(part)) continue
      if (scsi && !part.scsi) await this.#device('attach-device', name, { controller: scsiController }, flag)
      await this.#device('attach-device', name, device, flag)
    }
  }

  detachDisk(name: string, running: boolean, ref: DiskRef) {
    const path = this.host.store.disk(ref)
    return this.#detach(name, running, (d) => {
      const disk = d.disks.find((other) => other.path === path)
      return disk && ['detach-disk', name, disk.device]
    }, 'disk')
  }

  detachNic(name: string, running: boolean, mac: string) {
    return this.#detach(name, running, (d) =>
      d.nics.some((nic) => nic.mac === mac) ? ['detach-interface', name, '--type', 'ethernet', '--mac', mac] : undefined, 'network interface')
  }

  async #detach(name: string, running: boolean, command: (d: Definition) => string[] | undefined, what: string) {
    const found = await definition(this.virsh, name)
    const kept = found && command(found.kept)
    if (kept) await this.#call([...kept, '--config'])
    if (running) await this.#unplug(name, command, what)
  }

  /** Asks until the guest has let go; each answer is read from what libvirt shows, whichever event came. */
  async #unplug(name: string, command: (d: Definition) => string[] | undefined, what: string) {
    const server = name.slice(-36)
    const until = Date.now() + patience
    while (Date.now() < until) {
      const found = await definition(this.virsh, name)
      const live = found && command(found.now)
      if (!live) return
      const gone = this.events.next(server, (e) => e.kind === 'device-removed' || (e.kind === 'lifecycle' && e.detail.startsWith('Stopped')), 5000)
      // A request that is still pending is refused again; only what can never work ends the waiting.
      await this.#call([...live, '--live']).catch((error) => { if (error instanceof Terminal) throw error })
      if (command((await this.#definition(name)).now)) await gone
    }
    throw new Terminal(`the guest did not release its ${what} within ${patience / 1000} s; is its operating system running? Stopping the server also releases it`)
  }

  async #definition(name: string) {
    const found = await definition(this.virsh, name)
    if (!found) throw new Terminal('the server is not on this host')
    return found
  }

  #device(command: string, name: string, tree: { [name: string]: Tree }, flag: string) {
    return this.host.store.withFile(write(tree), (file) => this.#call([command, name, file, flag]))
  }

  async #call([command, ...args]: string[]) {
    try { await this.virsh.call(command, ...args) } catch (error) {
      if (error instanceof CommandFailed && impossible.test(error.output)) throw new Terminal(error.message)
      throw error
    }
  }
}
