import { Terminal } from '../drivers.ts'
import { executor } from '../core/executor.ts'
import { named } from '../disk/ref.ts'

/** What has arrived cannot be seen from here: sent again, it takes the place of what came before. */
export default executor('move.send', {
  async act({ disks, moves, passage, signal, progress }, { move, to, ...what }) {
    for (const ref of what.disks) if (!await disks.exists(ref)) throw new Terminal(`${named(ref)} is not on this host`)
    return { bytes: await moves.send({ id: move, key: await passage(), ...to }, what, { signal, progress }) }
  },
})
