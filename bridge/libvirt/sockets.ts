import { existsSync } from 'node:fs'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Where a libvirt of this machine answers: what its URI names, else the usual places. */
export function libvirtSocket(uri: string): string {
  const named = /[?&]socket=([^&]+)/.exec(uri)?.[1]
  if (named) return decodeURIComponent(named)
  const usual = ['/run/libvirt/virtqemud-sock', '/run/libvirt/libvirt-sock']
  return usual.find((path) => existsSync(path)) ?? usual[1]!
}

/**
 * The sockets of one move. libvirt has QEMU listen on the one host at the path that it connects to on the other, so the
 * folder has one name on both. QEMU may run as another user: who knows the name, which is half the move's id, may use it.
 */
export interface Sockets { folder: string; libvirt: string; memory: string; storage: string }
export async function sockets(move: string): Promise<Sockets> {
  const parent = '/run/virga/moves'
  await mkdir(parent, { recursive: true, mode: 0o711 })
  const folder = join(parent, move.replaceAll('-', '').slice(0, 16))
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
  await chmod(folder, 0o777)
  return { folder, libvirt: join(folder, 'libvirt'), memory: join(folder, 'memory'), storage: join(folder, 'storage') }
}
