import { executor } from '../core/executor.ts'
import { need } from './state.ts'

export default executor('domain.pause', {
  async observe({ virt }, { uuid }) {
    return (await virt.state(uuid)) === 'paused' ? {} : undefined
  },
  async act({ virt }, { uuid }) {
    await need(virt, uuid, 'running')
    await virt.pause(uuid)
  },
})
