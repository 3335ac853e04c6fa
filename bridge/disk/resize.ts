import { Terminal } from '../drivers.ts'
import { executor } from '../core/executor.ts'
import { named } from './ref.ts'

export default executor('disk.resize', {
  async observe({ disks }, { disk, sizeGb }) {
    if (!await disks.exists(disk)) throw new Terminal(`${named(disk)} is not on this host`)
    return await disks.sizeGb(disk) >= sizeGb ? {} : undefined
  },
  async act({ disks }, { disk, sizeGb, server }) {
    await disks.resize(disk, sizeGb, server)
  },
})
