import { executor } from '../core/executor.ts'
import { need } from './state.ts'

export default executor('domain.screen', {
  async act({ virt, show }, what) {
    await need(virt, what.uuid, 'running', 'paused')
    await show(what, await virt.screen(what.uuid, what.type))
  },
})
