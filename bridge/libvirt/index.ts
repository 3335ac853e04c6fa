import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Terminal, type Drivers, type Net } from '../drivers.ts'
import { Copies } from './copy.ts'
import type { Host } from './devices.ts'
import { libvirtDisks } from './disks.ts'
import { Door } from '../peers/door.ts'
import { Events } from './events.ts'
import { libvirtFacts } from './facts.ts'
import { libvirtImages, type CacheOptions } from './images.ts'
import { Locks } from './locks.ts'
import { look } from './look.ts'
import { libvirtMoves } from './moves.ts'
import { Store } from './store.ts'
import { Virsh } from './virsh.ts'
import { libvirtVirt } from './virt.ts'

export interface LibvirtOptions {
  stateDir: string
  uri: string
  virtType: 'qemu' | 'kvm'
  tag: string
  net: Net
  /** How other hosts reach this one; the first address it has, unless told. */
  address?: string
  /** Where servers come in from other hosts; any free port, unless told. */
  peerPort?: number
  cache?: CacheOptions
}

/** A hypervisor for real: libvirt for guests, qcow2 files for disks. */
export async function libvirtDrivers({ stateDir, uri, virtType, tag, net, address, peerPort, cache }: LibvirtOptions): Promise<Drivers> {
  if (!/^[0-9a-f]{4}$/.test(tag)) throw new Terminal('the tag is not four hex digits')
  const store = new Store(stateDir)
  await store.prepare()
  const virsh = new Virsh(uri)
  const facts = await libvirtFacts(virsh, store, virtType, tag, address)
  const host: Host = { tag, virtType, cache: await store.cacheMode(), store, tap: (port) => net.tap(port) }
  const events = new Events(uri, tag)
  const locks = new Locks()
  const virt = libvirtVirt(virsh, events, host, locks)
  const disks = libvirtDisks(store, new Copies(virsh, events, store, tag, locks), locks)
  events.start()
  return {
    virt, net, facts, disks,
    moves: libvirtMoves({ virsh, store, tag, net, virt, disks, locks, kvm: virtType === 'kvm' }),
    door: new Door({ address, port: peerPort }),
    images: libvirtImages(store, cache),
    async wipe() {
      for (const { uuid } of await look(virsh, tag)) await virt.undefine(uuid)
      await store.wipe()
      await rm(join(store.root, 'storage.id'), { force: true })
    },
  }
}
