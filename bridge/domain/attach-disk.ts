import { Terminal } from '../drivers.ts'
import { executor } from '../core/executor.ts'
import { same } from '../disk/ref.ts'
import { cold, need } from './state.ts'

export default executor('domain.attach-disk', {
  async observe({ virt }, { uuid, disk }) {
    // A guest that is off gets its disks from the spec of its next start.
    if (cold(await virt.state(uuid))) return {}
    return (await virt.disks(uuid)).some(same(disk.ref)) ? {} : undefined
  },
  async act({ virt, disks }, { uuid, disk }) {
    await need(virt, uuid, 'running', 'paused')
    if (!await disks.exists(disk.ref)) throw new Terminal(`disk ${disk.ref.kind} ${disk.ref.id} is not on this host`)
    await virt.attachDisk(uuid, disk)
  },
})
