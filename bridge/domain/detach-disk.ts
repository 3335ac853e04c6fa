import { executor } from '../core/executor.ts'
import { same } from '../disk/ref.ts'
import { cold, need } from './state.ts'

export default executor('domain.detach-disk', {
  async observe({ virt }, { uuid, disk }) {
    if (cold(await virt.state(uuid))) return {}
    return (await virt.disks(uuid)).some(same(disk)) ? undefined : {}
  },
  async act({ virt }, { uuid, disk }) {
    await need(virt, uuid, 'running', 'paused')
    await virt.detachDisk(uuid, disk)
  },
})
