import { randomUUID } from 'node:crypto'
import { mkdir, readFile, statfs, writeFile } from 'node:fs/promises'
import os from 'node:os'
import { join } from 'node:path'
import type { Drivers } from '../drivers.ts'
import type { Store } from './store.ts'
import type { Virsh } from './virsh.ts'

const GiB = 1024 ** 3
const arches: Record<string, string> = { x64: 'x86_64', arm64: 'aarch64', ppc64: 'ppc64le', s390x: 's390x' }

/** What this machine is and has. Memory is the kernel's count: libvirt's own misses what was plugged in later. Room is that of the disks' file system. */
export async function libvirtFacts(virsh: Virsh, store: Store, virtType: 'qemu' | 'kvm', tag: string, address?: string): Promise<Drivers['facts']> {
  // QEMU's capabilities are probed on the first question, which takes a while on a fresh host.
  const version = /hypervisor: QEMU (\d+)\.(\d+)\.(\d+)/.exec(await virsh.within(120, 'version'))?.slice(1).map(Number) ?? [0, 0, 0]
  const storage = await storageId(join(store.root, 'storage.id'))
  const bootId = await bootOf(tag)
  return async () => {
    const fs = await statfs(store.root)
    return {
      bootId, storage,
      hypervisor: {
        type: 'QEMU', virtType, version: version[0] * 1_000_000 + version[1] * 1000 + version[2],
        hostname: os.hostname(), address: address ?? ownAddress(), cpuModel: os.cpus()[0]?.model ?? '', arch: arches[os.arch()] ?? os.arch(),
        uptimeSeconds: Math.floor(os.uptime()), load: os.loadavg().map((l) => Math.round(l * 100) / 100),
      },
      capacity: {
        vcpus: os.cpus().length, memoryMb: Math.floor(os.totalmem() / 1024 ** 2), freeMemoryMb: Math.floor(os.freemem() / 1024 ** 2),
        diskGb: Math.floor(fs.blocks * fs.bsize / GiB), freeDiskGb: Math.floor(fs.bavail * fs.bsize / GiB),
      },
    }
  }
}

/**
 * Which life of the host this is. What lies under /run goes with the machine, or with the namespace that stands for one:
 * whatever ran before it was written does not run any more.
 */
async function bootOf(tag: string): Promise<string> {
  const kernel = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  const file = `/run/virga/boot-${tag}`
  try {
    await mkdir('/run/virga', { recursive: true, mode: 0o755 })
    await writeFile(file, kernel + '\n' + randomUUID(), { flag: 'wx' }).catch((error) => { if (error.code !== 'EEXIST') throw error })
    const [boot, mark] = (await readFile(file, 'utf8')).split('\n')
    if (boot === kernel && mark) return mark
    // A /run that outlived its machine.
    const fresh = randomUUID()
    await writeFile(file, `${kernel}\n${fresh}`)
    return fresh
  } catch { return kernel }
}

/** Hosts that share a folder of disks find the same name in it. */
async function storageId(path: string): Promise<string> {
  await writeFile(path, randomUUID(), { flag: 'wx' }).catch((error) => { if (error.code !== 'EEXIST') throw error })
  return (await readFile(path, 'utf8')).trim()
}

function ownAddress(): string {
  const all = Object.values(os.networkInterfaces()).flat().filter((a) => a !== undefined)
  return (all.find((a) => !a.internal && a.family === 'IPv4') ?? all.find((a) => !a.internal))?.address ?? '127.0.0.1'
}
