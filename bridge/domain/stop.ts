import { executor } from '../core/executor.ts'
import { powerOff } from './poweroff.ts'
import { off } from './state.ts'

export default executor('domain.stop', {
  async observe({ virt }, { uuid }) {
    const state = await virt.state(uuid)
    return off(state) && state !== 'crashed' ? {} : undefined
  },
  async act(work, { uuid, graceSeconds }) {
    await powerOff(work, uuid, graceSeconds)
  },
})
