import { executor } from '../core/executor.ts'
import { need } from '../domain/state.ts'

export default executor('move.live', {
  async observe({ moves }, { uuid }) {
    // What it took was told to a process that has ended.
    return await moves.gone(uuid) ? { bytes: 0, downtimeMs: 0 } : undefined
  },
  async act({ virt, moves, passage, signal, progress }, { to, ...args }) {
    await need(virt, args.uuid, 'running', 'paused')
    return moves.live({ id: args.move, key: await passage(), ...to }, args, { signal, progress })
  },
})
