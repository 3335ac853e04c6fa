import { executor } from '../core/executor.ts'
import { need } from './state.ts'

export default executor('domain.stats', {
  async act({ virt }, { uuid }) {
    await need(virt, uuid, 'running', 'paused', 'shutoff', 'crashed', 'saved')
    return virt.stats(uuid)
  },
})
