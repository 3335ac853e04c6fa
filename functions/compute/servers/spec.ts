import type { Disk, DomainSpec, Nic } from '../../../schema/jobs.ts'
import { needOf, type Server } from './model.ts'

/** A volume in the server's hands, as its attachment says. */
export interface Held { volume: string; device: string | null; bootIndex: number | null }
export interface Wired { id: string; network: string; mac: string; mtu: number }

const oneOf = <const T extends string>(value: string | undefined, ...known: T[]): T | undefined => known.find((k) => k === value)
/** Which bus a disk is on: the image says, else virtio. */
export const busOf = (image: Record<string, string>) => oneOf(image.hw_disk_bus, 'virtio', 'scsi', 'ide', 'sata', 'usb') ?? 'virtio'
/** Volumes come and go while a guest runs: on SCSI that needs no answer from the guest, so a detach never hangs on one that is down, hung or blank. An image that names its bus gets it. */
export const volumeBusOf = (image: Record<string, string>) => (image.hw_disk_bus ? busOf(image) : 'scsi')
const letterOf = (bus: Disk['bus']) => (bus === 'virtio' ? 'vd' : bus === 'ide' ? 'hd' : 'sd')

/** Seconds a guest is asked before it is made to. */
export const GRACE = 60
/** The same where it is to power itself off: its image may say, up to what a host takes for one order. */
export const graceOf = (image: Record<string, string>) => (/^\d+$/.test(image.os_shutdown_timeout ?? '') ? Math.min(300, Number(image.os_shutdown_timeout)) : GRACE)

/** Device names of the disks a server has of its own: root unless it is a volume, then ephemeral and swap from the flavor. */
export function ownDisks(s: Pick<Server, 'id' | 'shape' | 'imageProperties' | 'image'>, rootOnVolume: boolean): Disk[] {
  const bus = busOf(s.imageProperties), prefix = letterOf(bus)
  const kinds = [rootOnVolume ? undefined : 'root', s.shape.ephemeralGb ? 'ephemeral' : undefined, s.shape.swapMb ? 'swap' : undefined] as const
  return kinds.flatMap((kind, i) => kind ? [{ ref: { kind, id: s.id }, device: `${prefix}${'abc'[i]}`, bus, ...(kind === 'root' ? { boot: 0 } : {}) } satisfies Disk] : [])
}

export const volumeDisk = (v: Held, image: Record<string, string>): Disk => {
  const device = (v.device ?? 'vdz').replace('/dev/', '')
  return {
    ref: { kind: 'volume', id: v.volume }, device, bus: device.startsWith('vd') ? 'virtio' : busOf(image) === 'virtio' ? 'scsi' : busOf(image), serial: v.volume,
    ...(v.bootIndex !== null && v.bootIndex >= 0 ? { boot: v.bootIndex } : {}),
  }
}

export const nicOf = (p: Wired, image: Record<string, string>): Nic => ({
  port: p.id, network: p.network, mac: p.mac, mtu: p.mtu,
  model: oneOf(image.hw_vif_model, 'virtio', 'e1000', 'e1000e', 'rtl8139', 'vmxnet3', 'ne2k_pci', 'pcnet') ?? 'virtio',
})

/** All a host must know to run the server; made anew for every start. */
export function domainSpec(s: Server, ports: Wired[], volumes: Held[], requestId: string, shape = s.shape): DomainSpec {
  const machine = s.imageProperties.hw_machine_type ?? ''
  return {
    uuid: s.id, name: s.name, project: s.project, flavor: shape.name, requestId, vcpus: shape.vcpus, memoryMb: shape.memoryMb,
    machine: /q35/.test(machine) ? 'q35' : /^pc/.test(machine) ? 'pc' : undefined,
    firmware: oneOf(s.imageProperties.hw_firmware_type, 'bios', 'uefi'), video: oneOf(s.imageProperties.hw_video_model, 'vga', 'cirrus', 'virtio', 'qxl', 'none'),
    disks: [...ownDisks({ ...s, shape }, rootOnVolume(volumes)), ...volumes.map((v) => volumeDisk(v, s.imageProperties))],
    nics: ports.map((p) => nicOf(p, s.imageProperties)), configDrive: s.configDrive,
  }
}

export const rootOnVolume = (volumes: { bootIndex: number | null }[]) => volumes.some((v) => v.bootIndex === 0)
export const needOn = (s: Pick<Server, 'shape'>, volumes: { bootIndex: number | null }[]) => needOf(s.shape, rootOnVolume(volumes))

/** The next free device name, or the one asked for. */
export function nextDevice(taken: string[], bus: Disk['bus']): string | undefined {
  const prefix = letterOf(bus)
  const used = new Set(taken.map((d) => d.replace('/dev/', '')))
  return [...'abcdefghijklmnopqrstuvwxyz'].map((c) => `${prefix}${c}`).find((d) => !used.has(d))
}
