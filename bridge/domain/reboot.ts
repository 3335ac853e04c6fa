import { executor } from '../core/executor.ts'
import { boot } from './boot.ts'
import { powerOff } from './poweroff.ts'
import { screen } from './state.ts'

export default executor('domain.reboot', {
  once: true,
  async act(work, { spec, graceSeconds }) {
    const { virt } = work
    const soft = graceSeconds > 0 && (await virt.state(spec.uuid)) === 'running' && await virt.reboot(spec.uuid, graceSeconds)
    if (!soft) {
      work.signal.throwIfAborted()
      await powerOff(work, spec.uuid, 0)
      await boot(work, spec)
    }
    return screen(virt, spec.uuid)
  },
})
