import { executor } from '../core/executor.ts'
import { need } from './state.ts'

export default executor('domain.resume', {
  async observe({ virt }, { uuid }) {
    return (await virt.state(uuid)) === 'running' ? {} : undefined
  },
  async act({ virt }, { uuid }) {
    await need(virt, uuid, 'paused')
    await virt.resume(uuid)
  },
})
