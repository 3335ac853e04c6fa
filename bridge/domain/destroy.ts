import { executor } from '../core/executor.ts'

/** Every step is content when there is nothing to remove, so what an earlier start or destroy left half done needs no looking. */
export default executor('domain.destroy', {
  async act({ virt, disks }, { uuid, keepDisks }) {
    await virt.undefine(uuid)
    await disks.deleteConfigDrive(uuid)
    if (!keepDisks) for (const kind of ['root', 'ephemeral', 'swap'] as const) await disks.delete({ kind, id: uuid })
    const state = await virt.state(uuid)
    if (state !== 'absent') throw new Error(`guest ${uuid} is still ${state}`)
    return {}
  },
})
