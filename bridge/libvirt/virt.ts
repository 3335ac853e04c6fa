import { rm } from 'node:fs/promises'
import { Terminal, type Virt } from '../drivers.ts'
import type { Inventory } from '../../schema/hosts.ts'
import type { DiskRef } from '../../schema/jobs.ts'
import { forget, tail } from './console.ts'
import { definition } from './definition.ts'
import type { Host } from './devices.ts'
import { domainXml } from './domain.ts'
import type { Events } from './events.ts'
import { Hotplug } from './hotplug.ts'
import type { Locks } from './locks.ts'
import { look, type Seen } from './look.ts'
import { domainName } from './names.ts'
import { CommandFailed } from './run.ts'
import { serial, vnc } from './screen.ts'
import { stats } from './stats.ts'
import { absent, notRunning, type Virsh } from './virsh.ts'

const up = (state: string) => state === 'running' || state === 'paused'
/** How often a guest that did not react is asked again to go down: while it boots nobody listens to the button. */
const pressAgain = 10_000

export function libvirtVirt(virsh: Virsh, events: Events, host: Host, locks: Locks): Virt {
  const { tag, store } = host
  const name = (uuid: string) => domainName(tag, uuid)
  const hotplug = new Hotplug(virsh, events, host)
  const ports = new Map<string, { run: string; port: number | undefined }>()

  const all = () => look(virsh, tag)
  const state: Virt['state'] = async (uuid) => (await all()).find((seen) => seen.uuid === uuid)?.state ?? 'absent'
  /** Runs a command that only means something for a guest that is there; content when it is not. */
  const ifThere = (call: Promise<string>) => call.then(() => {}, (error) => { if (!absent(error) && !notRunning(error)) throw error })
  const there = async (uuid: string) => {
    const found = await state(uuid)
    if (found === 'absent') throw new Terminal('the server is not on this host')
    return found
  }

  /** The port belongs to one life of the guest, so it is asked for once a start. */
  async function portOf(seen: Seen): Promise<number | undefined> {
    if (!up(seen.state)) return undefined
    const known = ports.get(seen.uuid)
    if (known?.run === seen.run) return known.port
    const display = await virsh.call('vncdisplay', seen.name).catch((error) => { if (error instanceof CommandFailed) return ''; throw error })
    const number = /:(\d+)\s*$/.exec(display.trim())?.[1]
    const port = number === undefined ? undefined : 5900 + Number(number)
    ports.set(seen.uuid, { run: seen.run, port })
    return port
  }

  /** libvirt remembers why a guest stopped until it runs again; defined anew it is simply off. */
  async function forgetCrash(uuid: string) {
    const kept = await virsh.call('dumpxml', name(uuid), '--inactive')
    await virsh.call('undefine', name(uuid), '--keep-nvram', '--snapshots-metadata', '--checkpoints-metadata')
    await store.withFile(kept, (file) => virsh.call('define', file))
  }

  async function press(uuid: string, what: 'shutdown' | 'reboot') {
    await ifThere(virsh.within(20, what, name(uuid)))
  }

  return {
    state,
    async list(): Promise<Inventory['domains']> {
      const seen = await all()
      for (const uuid of ports.keys()) if (!seen.some((s) => s.uuid === uuid)) ports.delete(uuid)
      return Promise.all(seen.map(async (s) => {
        const vncPort = await portOf(s)
        return { uuid: s.uuid, state: s.state, ...(vncPort !== undefined && { vncPort }) }
      }))
    },
    async vncPort(uuid) {
      const seen = (await all()).find((s) => s.uuid === uuid)
      return seen && portOf(seen)
    },

    async start(spec, configDrive) {
      if (up(await state(spec.uuid))) return
      const xml = domainXml(spec, host, configDrive)
      // A copy that is being taken of one of its disks is waited for: QEMU would find the file locked.
      await locks.with(spec.disks.map((disk) => store.disk(disk.ref)), async () => {
        try {
          await store.withFile(xml, (file) => virsh.call('define', file))
          await virsh.within(240, 'start', name(spec.uuid))
        } catch (error) {
          const said = error instanceof CommandFailed ? error.output : ''
          if (/already active/i.test(said)) return
          throw /unable to find any firmware/i.test(said) ? new Terminal('this host has no UEFI firmware') : error
        }
      })
    },
    shutdown: (uuid) => press(uuid, 'shutdown'),
    async reboot(uuid, graceSeconds) {
      const until = Date.now() + graceSeconds * 1000
      while (Date.now() < until) {
        const done = events.next(uuid, (e) => e.kind === 'reboot' || (e.kind === 'lifecycle' && /^(Stopped|Started)/.test(e.detail)), Math.min(pressAgain, until - Date.now()))
        // An agent that fails to answer is no reason not to wait: libvirt has pressed the button by then.
        await press(uuid, 'reboot').catch((error) => { if (!(error instanceof CommandFailed)) throw error })
        const event = await done
        if (event) return event.kind === 'reboot' || event.detail.startsWith('Started')
        if (await state(uuid) !== 'running') return false
      }
      return false
    },
    async powerOff(uuid) {
      const before = await state(uuid)
      if (before === 'absent' || before === 'shutoff') return
      if (before === 'crashed') return forgetCrash(uuid)
      await ifThere(virsh.call('destroy', name(uuid)))
      await ifThere(virsh.call('managedsave-remove', name(uuid)))
    },
    async pause(uuid) {
      if (await there(uuid) !== 'paused') await virsh.call('suspend', name(uuid))
    },
    async resume(uuid) {
      if (await there(uuid) !== 'running') await virsh.call('resume', name(uuid))
    },
    async save(uuid) {
      if (await there(uuid) !== 'saved') await virsh.within(590, 'managedsave', name(uuid))
    },
    async undefine(uuid, keepFiles) {
      await ifThere(virsh.call('destroy', name(uuid)))
      await ifThere(virsh.call('undefine', name(uuid), '--managed-save', keepFiles ? '--keep-nvram' : '--nvram', '--snapshots-metadata', '--checkpoints-metadata'))
      if (keepFiles) return
      await rm(store.nvram(uuid), { force: true })
      await forget(store.console(uuid))
    },

    async disks(uuid) {
      const found = await definition(virsh, name(uuid))
      return (found?.now.disks ?? []).map((disk) => store.refOf(disk.path)).filter((ref): ref is DiskRef => ref !== undefined)
    },
    async attachDisk(uuid, disk) { await hotplug.attachDisk(name(uuid), up(await there(uuid)), disk) },
    async detachDisk(uuid, ref) { await hotplug.detachDisk(name(uuid), up(await state(uuid)), ref) },
    async nics(uuid) { return (await definition(virsh, name(uuid)))?.now.nics.map((nic) => nic.mac) ?? [] },
    async attachNic(uuid, nic) { await hotplug.attachNic(name(uuid), up(await there(uuid)), nic) },
    async detachNic(uuid, mac) { await hotplug.detachNic(name(uuid), up(await state(uuid)), mac) },

    async setPassword(uuid, password) {
      await there(uuid)
      const message = { execute: 'guest-set-user-password', arguments: { crypted: false, username: 'root', password: Buffer.from(password).toString('base64') } }
      await virsh.agent(name(uuid), message, 20).catch((error) => {
        if (!(error instanceof CommandFailed)) throw error
        if (/agent is not connected|agent is not responding|not configured/i.test(error.output)) throw new Terminal('the guest runs no QEMU guest agent')
        throw new Terminal(`the guest refused the password: ${error.message}`)
      })
    },
    console: (uuid, bytes) => tail(store.console(uuid), bytes),
    async screen(uuid, type) {
      if (type === 'serial') return serial(virsh, name(uuid))
      const seen = (await all()).find((s) => s.uuid === uuid)
      return vnc(seen && await portOf(seen))
    },
    async stats(uuid) {
      const [now, text, found] = await Promise.all([there(uuid), virsh.call('domstats', name(uuid)), definition(virsh, name(uuid))])
      if (!found) throw new Terminal('the server is not on this host')
      return stats(text, now, found.now)
    },
    onChange(changed) { events.changed = (server) => { if (!server) ports.clear(); changed() } },
    async close() { events.close() },
  }
}
