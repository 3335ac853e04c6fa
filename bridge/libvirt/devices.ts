import type { Disk, Nic } from '../../schema/jobs.ts'
import type { Store } from './store.ts'
import type { Tree } from './xml.ts'

/** What a guest's XML needs to know about this host. */
export interface Host {
  tag: string
  virtType: 'qemu' | 'kvm'
  cache: 'none' | 'writeback'
  store: Store
  tap(port: string): string
}

/** The format is said, never probed; the path follows from kind and id. */
export function diskTree(disk: Disk, host: Host): Tree {
  return {
    '@type': 'file', '@device': 'disk',
    driver: { '@name': 'qemu', '@type': 'qcow2', '@cache': host.cache, '@discard': 'unmap' },
    source: { '@file': host.store.disk(disk.ref) },
    target: { '@dev': disk.device, '@bus': disk.bus },
    boot: disk.boot === undefined ? undefined : { '@order': disk.boot + 1 },
    readonly: disk.readonly ? '' : undefined,
    serial: disk.serial,
  }
}

/** The tap exists and is filtered before the guest does; libvirt only opens it. No boot ROM: guests boot from disks. */
export function nicTree(nic: Nic, host: Host): Tree {
  return {
    '@type': 'ethernet',
    mac: { '@address': nic.mac },
    target: { '@dev': host.tap(nic.port), '@managed': 'no' },
    model: { '@type': nic.model },
    mtu: { '@size': nic.mtu },
    rom: { '@enabled': 'no' },
  }
}

/** Small cloud kernels have no AHCI, so q35 gets the config drive as a virtio disk, i440fx as the CD-ROM people expect. */
export function configDriveTree(path: string, taken: string[], machine: 'pc' | 'q35'): Tree {
  const cdrom = machine === 'pc'
  const free = (cdrom ? ['hda', 'hdb', 'hdc', 'hdd'] : ['vdz', 'vdy', 'vdx', 'vdw']).find((device) => !taken.includes(device))
  if (!free) throw new Error('no place left for the config drive')
  return {
    '@type': 'file', '@device': cdrom ? 'cdrom' : 'disk',
    driver: { '@name': 'qemu', '@type': 'raw', '@cache': 'writeback' },
    source: { '@file': path },
    target: { '@dev': free, '@bus': cdrom ? 'ide' : 'virtio' },
    readonly: '',
  }
}
