import type { Moves, Net, Virt, Disks } from '../drivers.ts'
import { incoming } from './incoming.ts'
import { moveLive, movedAway, shed } from './live.ts'
import type { Locks } from './locks.ts'
import { domainName } from './names.ts'
import { sendDisk, sendFile } from './outgoing.ts'
import { CommandFailed } from './run.ts'
import type { Store } from './store.ts'
import type { Virsh } from './virsh.ts'

/** Servers on their way between real hosts. */
export function libvirtMoves(of: { virsh: Virsh; store: Store; tag: string; net: Net; virt: Virt; disks: Disks; locks: Locks; kvm: boolean }): Moves {
  const { virsh, store, tag, locks } = of
  const content = (call: Promise<string>) => call.then(() => {}, (error) => { if (!(error instanceof CommandFailed)) throw error })
  return {
    incoming: (args) => incoming({ ...of, uri: virsh.uri }, args),
    async send(way, { disks, server }, going) {
      let bytes = 0
      for (const ref of disks) bytes += await sendDisk(store, locks, way, ref, going)
      if (server && disks.length) await sendFile(way, 'console', store.console(server), going.signal)
      return bytes
    },
    async live(way, args, going) {
      await shed(of, way, args, going.signal)
      return locks.with([domainName(tag, args.uuid)], () => moveLive(of, way, args, going))
    },
    gone: (uuid) => movedAway(virsh, domainName(tag, uuid)),
    // No move going on: there is nothing to end or to hurry.
    abort: (uuid) => content(virsh.call('domjobabort', domainName(tag, uuid))),
    async hurry(uuid) {
      if (/Operation: +Outgoing migration/.test(await virsh.call('domjobinfo', domainName(tag, uuid)).catch(() => ''))) await content(virsh.call('suspend', domainName(tag, uuid)))
    },
  }
}
