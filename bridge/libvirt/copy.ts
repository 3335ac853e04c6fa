import { rm } from 'node:fs/promises'
import type { Events } from './events.ts'
import type { Locks } from './locks.ts'
import { convert, locked } from './qemu-img.ts'
import { noSpace } from './run.ts'
import { domainName, serverOf } from './names.ts'
import type { Store } from './store.ts'
import { notRunning, type Virsh } from './virsh.ts'
import { write } from './xml.ts'

export interface Opener { server: string; name: string; device: string }

/**
 * A disk's content at one instant. When a guest has the disk open, its QEMU writes the copy: what the guest overwrites meanwhile is
 * copied first (libvirt's push backup), so the disk never moves, no overlay is left to merge, and a copy that was interrupted
 * is only a file to remove.
 */
export class Copies {
  readonly virsh: Virsh
  readonly events: Events
  readonly store: Store
  readonly tag: string
  readonly locks: Locks
  constructor(virsh: Virsh, events: Events, store: Store, tag: string, locks: Locks) {
    this.virsh = virsh; this.events = events; this.store = store; this.tag = tag; this.locks = locks
  }

  /** The running guest that has a file open, as libvirt sees it; `hint` is asked first. */
  async opener(path: string, hint?: string): Promise<Opener | undefined> {
    const running = (await this.virsh.call('list', '--name')).split('\n').map((line) => line.trim()).filter((name) => serverOf(this.tag, name))
    const first = hint && running.find((name) => name === domainName(this.tag, hint))
    return (first && await this.#among([first], path)) || this.#among(running, path)
  }

  /** All of them in a few looks. One that ends meanwhile only prints an error: its files are open no more. */
  async #among(names: string[], path: string): Promise<Opener | undefined> {
    for (let at = 0; at < names.length; at += 200) {
      const questions = names.slice(at, at + 200).flatMap((name) => [['echo', `of=${name}`], ['domblklist', name]])
      // virsh ends no line after an echo, so the names are what divides the answer.
      const parts = (await this.virsh.batch(...questions, ['echo', 'end'])).split(/of=(virga-[0-9a-f-]{41})/)
      for (let i = 1; i < parts.length; i += 2) {
        const device = parts[i + 1].split('\n').map((line) => /^\s*(\S+)\s+(.+?)\s*$/.exec(line)).find((row) => row?.[2] === path)?.[1]
        if (device) return { name: parts[i], server: serverOf(this.tag, parts[i])!, device }
      }
    }
  }

  /** Writes `path` as qcow2 to `to`, which must not exist; `to` is gone when this fails. */
  async take(path: string, to: string, hint?: string) {
    for (let attempt = 1; ; attempt++) {
      try {
        const opener = await this.opener(path, hint)
        if (opener) await this.locks.with([opener.name], () => this.#backup(opener, to))
        else await convert(path, 'qcow2', to, 'qcow2')
        return
      } catch (error) {
        await rm(to, { force: true })
        // The guest started or stopped between the look and the copy.
        if (attempt >= 3 || !(locked(error) || notRunning(error))) throw error
      }
    }
  }

  async #backup({ name, server, device }: Opener, to: string) {
    await this.#abortStale(name)
    const backup = { domainbackup: { '@mode': 'push', disks: { disk: await this.#choose(name, device, to) } } }
    const settled = (e: { kind: string; detail: string }) => (e.kind === 'block-job-2' && /^Backup/.test(e.detail)) || e.kind === 'lifecycle'
    try {
      let over = this.events.next(server, settled, 1000)
      await this.store.withFile(write(backup), (file) => this.virsh.call('backup-begin', name, file))
      for (;;) {
        await over
        over = this.events.next(server, settled, 1000)
        if (/Job type: +None/.test(await this.virsh.call('domjobinfo', name))) break
      }
      const result = await this.virsh.call('domjobinfo', name, '--completed', '--anystats')
      if (/Job type: +Completed/.test(result) && /Operation: +Backup/.test(result)) return
      const why = /Error message: +(.*)/.exec(result)?.[1] ?? ''
      throw /no space left/i.test(why) ? noSpace() : new Error(`the copy failed: ${why || 'the guest stopped meanwhile'}`)
    } catch (error) {
      await this.#abortStale(name).catch(() => {})
      throw error
    }
  }

  /** Only the one disk; the others are named so that libvirt leaves them out. */
  async #choose(name: string, device: string, to: string) {
    const rows = await this.virsh.call('domblklist', name, '--details')
    const devices = rows.split('\n').map((line) => /^\s*\S+\s+disk\s+(\S+)\s/.exec(line)?.[1]).filter((d) => d !== undefined)
    return devices.map((other) => other !== device ? { '@name': other, '@backup': 'no' }
      : { '@name': device, '@backup': 'yes', '@type': 'file', driver: { '@type': 'qcow2' }, target: { '@file': to } })
  }

  /** A copy whose bridge died is of use to nobody. */
  async #abortStale(name: string) {
    for (let i = 0; i < 50; i++) {
      const info = await this.virsh.call('domjobinfo', name)
      if (!/Operation: +Backup/.test(info) || /Job type: +None/.test(info)) return
      await this.virsh.call('domjobabort', name).catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    throw new Error('an earlier copy of this server is still running')
  }
}
