import { executor } from '../core/executor.ts'
import { need, screen } from '../domain/state.ts'

export default executor('move.arrive', {
  async act({ virt }, { uuid, resume }) {
    const state = await need(virt, uuid, 'running', 'paused')
    if (state === 'paused' && resume) await virt.resume(uuid)
    return screen(virt, uuid)
  },
})
