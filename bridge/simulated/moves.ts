import { Terminal, type Incoming, type Moves } from '../drivers.ts'
import { same } from '../disk/ref.ts'
import { dial } from '../peers/door.ts'
import type { DiskRef } from '../../schema/jobs.ts'
import { key, type Kept } from './disks.ts'
import type { Journal } from './journal.ts'
import type { Act } from './mischief.ts'
import type { Guest } from './virt.ts'

/** Servers on their way between simulated hosts: through real doors with real keys, though what goes through is only told. */
export function simulatedMoves(of: { guests: Journal<Guest>; keep(ref: DiskRef): Journal<Kept>; host: string; act: Act }): Moves {
  const { guests, act } = of
  const aborting = new Set<string>()
  const sendDisk = (ref: DiskRef) => {
    const kept = of.keep(ref).get(key(ref))
    if (!kept) throw new Terminal(`${ref.kind} ${ref.id} is not on this host`)
    return kept
  }
  return {
    async incoming(args: Incoming['args']) {
      return {
        async serve(ask) {
          const { kept, guest } = ask as unknown as { kept?: Kept; guest?: Guest }
          if (ask.what === 'disk' && kept && args.disks.some(same(kept.ref))) return of.keep(kept.ref).set(key(kept.ref), { ...kept, host: of.host })
          if (ask.what === 'guest' && guest && args.live && guest.spec.uuid === args.server) return guests.set(args.server, guest)
          throw new Terminal('not a thing that can be asked for')
        },
        async clear() {
          const state = guests.get(args.server)?.state
          if (state === 'running' || state === 'paused') throw new Terminal('the server is on this host already')
          guests.delete(args.server)
          for (const ref of args.disks) of.keep(ref).delete(key(ref))
        },
        async end() {},
      }
    },
    send: (way, { disks }, { signal }) => act('moves.send', async () => {
      let bytes = 0
      for (const ref of disks) {
        const kept = sendDisk(ref)
        ;(await dial(way, { what: 'disk', kept }, signal)).stream.destroy()
        bytes += kept.bytes
      }
      return bytes
    }),
    live: (way, { uuid, disks }, { signal }) => act('moves.live', async () => {
      const guest = guests.get(uuid)
      if (!guest) throw new Terminal(`guest ${uuid} is not on this host`)
      if (aborting.delete(uuid)) throw new Terminal('the move was ended on request')
      let bytes = guest.spec.memoryMb << 20
      for (const ref of disks) {
        const kept = sendDisk(ref)
        ;(await dial(way, { what: 'disk', kept }, signal)).stream.destroy()
        bytes += kept.bytes
      }
      ;(await dial(way, { what: 'guest', guest }, signal)).stream.destroy()
      // One line says both, so that a full disk cannot come between them.
      guests.set(uuid, { ...guest, state: 'shutoff', left: true })
      return { bytes, downtimeMs: 0 }
    }),
    gone: async (uuid) => { const guest = guests.get(uuid); return guest?.left === true && guest.state === 'shutoff' },
    abort: async (uuid) => { if (guests.get(uuid)?.state === 'running') aborting.add(uuid) },
    hurry: async () => {},
  }
}
