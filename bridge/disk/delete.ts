import { executor } from '../core/executor.ts'

export default executor('disk.delete', {
  async observe({ disks }, { disk }) {
    return await disks.exists(disk) ? undefined : {}
  },
  async act({ disks }, { disk }) {
    await disks.delete(disk)
  },
})
