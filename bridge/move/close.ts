import { executor } from '../core/executor.ts'

/** Content with what is closed and gone already. */
export default executor('move.close', {
  async act({ virt, disks, arrivals }, { move, server, disks: refs, drop, shared }) {
    await arrivals.dismiss(move)
    if (!drop) return {}
    await virt.undefine(server, shared)
    if (!shared) await disks.deleteConfigDrive(server)
    for (const ref of refs) await disks.delete(ref)
    return {}
  },
})
