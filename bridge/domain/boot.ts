import { Terminal } from '../drivers.ts'
import type { Work } from '../core/executor.ts'
import type { DomainSpec } from '../../schema/jobs.ts'
import { configDriveFiles } from '../metadata/drive.ts'

/** Everything a guest needs, in order, and then the guest: disks, network with filters in force, config drive, power. */
export async function boot(work: Work, spec: DomainSpec): Promise<void> {
  for (const { ref, device } of spec.disks) {
    if (!await work.disks.exists(ref)) throw new Terminal(`disk ${device} (${ref.kind} ${ref.id}) is not on this host`)
  }
  const nics = await work.ready(spec.nics)
  work.signal.throwIfAborted()
  await work.virt.start({ ...spec, nics }, spec.configDrive ? await configDrive(work, spec.uuid) : undefined)
}

async function configDrive(work: Work, uuid: string): Promise<string> {
  const files = configDriveFiles(await work.guest(uuid))
  work.revert(() => work.disks.deleteConfigDrive(uuid))
  return work.disks.configDrive(uuid, files)
}
