import type { GuestData } from '../../schema/hosts.ts'
import { ec2Tree, plain, type Node } from './ec2.ts'
import { openstackTree, openstackVersions } from './openstack.ts'

/** The files of a config drive. Only here is the guest told its first password: the drive is its own, the network is shared. */
export function configDriveFiles(guest: GuestData): Record<string, string | Uint8Array> {
  const files: Record<string, string | Uint8Array> = {}
  const more = guest.adminPass ? { admin_pass: guest.adminPass } : {}
  for (const version of [...openstackVersions, 'latest']) {
    for (const [name, { json, bytes }] of Object.entries(openstackTree(guest, version, more)!)) {
      if (name !== 'password') files[`openstack/${version}/${name}`] = bytes ?? JSON.stringify(json)
    }
  }
  for (const version of ['2009-04-04', 'latest']) {
    const { 'meta-data': meta, 'user-data': userData } = (ec2Tree(guest, version) as { entries: Record<string, Node> }).entries
    files[`ec2/${version}/meta-data.json`] = JSON.stringify(plain(meta))
    if (userData) files[`ec2/${version}/user-data`] = userData as Uint8Array
  }
  return files
}
