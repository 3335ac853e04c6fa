/** A device of a guest's, as the compute service takes names; others are the clients' own and mean: the next one. */
export const deviceName = (name: string | undefined) => (name && /^\/dev\/[vsh]d[a-z]$/.test(name) ? name : undefined)
/** AWS's names of volume types say nothing here: the default is meant. */
export const volumeType = (name: string | undefined) => (name && !/^(standard|gp[23]|io[12]|st1|sc1)$/.test(name) ? name : undefined)

const ROOT = /^\/dev\/(vda|sda1?|xvda)$/
/** Disks besides, or in place of, the one the flavor gives: one under the root's name is what the instance starts from. */
export function blockDevices(image: string | undefined, mappings: any[] | undefined) {
  const disks = (mappings ?? []).filter((m) => m.Ebs)
  if (!disks.length) return undefined
  const kept = (m: any) => ({ destination_type: 'volume', volume_size: m.Ebs.VolumeSize, delete_on_termination: m.Ebs.DeleteOnTermination ?? true, ...(volumeType(m.Ebs.VolumeType) ? { volume_type: m.Ebs.VolumeType } : {}) })
  const source = (m: any, other: object) => (m.Ebs.SnapshotId ? { source_type: 'snapshot', uuid: m.Ebs.SnapshotId } : other)
  const root = disks.find((m) => ROOT.test(m.DeviceName))
  return [
    root ? { boot_index: 0, ...source(root, { source_type: 'image', uuid: image }), ...kept(root) } : { boot_index: 0, uuid: image, source_type: 'image', destination_type: 'local', delete_on_termination: true },
    ...disks.filter((m) => m !== root).map((m) => ({ boot_index: -1, ...source(m, { source_type: 'blank' }), ...kept(m), ...(deviceName(m.DeviceName) ? { device_name: m.DeviceName } : {}) })),
  ]
}
