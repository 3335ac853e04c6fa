import { executor } from '../core/executor.ts'
import { need } from './state.ts'

export default executor('domain.save', {
  async observe({ virt }, { uuid }) {
    return (await virt.state(uuid)) === 'saved' ? {} : undefined
  },
  async act({ virt }, { uuid }) {
    await need(virt, uuid, 'running', 'paused')
    await virt.save(uuid)
  },
})
