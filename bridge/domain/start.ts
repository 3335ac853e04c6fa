import { executor } from '../core/executor.ts'
import { boot } from './boot.ts'
import { screen } from './state.ts'

export default executor('domain.start', {
  async observe({ virt }, { spec: { uuid } }) {
    return (await virt.state(uuid)) === 'running' ? screen(virt, uuid) : undefined
  },
  async act(work, { spec }) {
    if ((await work.virt.state(spec.uuid)) === 'paused') return work.virt.resume(spec.uuid)
    await boot(work, spec)
  },
})
