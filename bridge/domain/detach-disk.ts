import { executor } from '../core/executor.ts'
import { same } from '../disk/ref.ts'
import { off } from './state.ts'

export default executor('domain.detach-disk', {
  async observe({ virt }, { uuid, disk }) {
    if (off(await virt.state(uuid))) return {}
    return (await virt.disks(uuid)).some(same(disk)) ? undefined : {}
  },
  async act({ virt }, { uuid, disk }) {
    await virt.detachDisk(uuid, disk)
  },
})
