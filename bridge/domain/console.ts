import { executor } from '../core/executor.ts'
import { need } from './state.ts'

export default executor('domain.console', {
  async act({ virt }, { uuid, bytes }) {
    await need(virt, uuid, 'running', 'paused', 'shutoff', 'crashed', 'saved')
    return { text: await virt.console(uuid, bytes) }
  },
})
