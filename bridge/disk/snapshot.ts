import { Terminal } from '../drivers.ts'
import { executor } from '../core/executor.ts'
import { named } from './ref.ts'

export default executor('disk.snapshot', {
  async observe({ disks }, { snapshot }) {
    return await disks.exists(snapshot) ? { bytes: await disks.bytes(snapshot) } : undefined
  },
  async act({ disks, revert }, { disk, snapshot, server }) {
    if (!await disks.exists(disk)) throw new Terminal(`${named(disk)} is not on this host`)
    revert(() => disks.delete(snapshot))
    await disks.snapshot(disk, snapshot, server)
  },
})
