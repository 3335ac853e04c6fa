import type { DomainSpec } from '../../schema/jobs.ts'
import { configDriveTree, diskTree, nicTree, type Host } from './devices.ts'
import { domainName } from './names.ts'
import { write, type Tree } from './xml.ts'

export const namespace = 'urn:virga:guest:1'
/** Free PCIe slots a q35 guest keeps for disks and NICs attached later; i440fx has a whole bus of them. */
const sparePorts = 12

/** `pc` because its CD-ROM and BIOS boot work with every image; UEFI and PCIe want q35. */
export const machineOf = (spec: DomainSpec) => spec.machine ?? (spec.firmware === 'uefi' ? 'q35' : 'pc')

/** A libvirt domain, built anew at every start, so nothing stale survives in a definition. */
export function domainXml(spec: DomainSpec, host: Host, configDrive?: string, now = Date.now()): string {
  const machine = machineOf(spec)
  const uefi = spec.firmware === 'uefi'
  return write({ domain: {
    '@type': host.virtType, '@xmlns:qemu': 'http://libvirt.org/schemas/domain/qemu/1.0',
    name: domainName(host.tag, spec.uuid),
    uuid: spec.uuid,
    metadata: metadata(spec, host, now),
    memory: { '@unit': 'MiB', '#text': spec.memoryMb },
    vcpu: spec.vcpus,
    sysinfo: {
      '@type': 'smbios',
      // cloud-init looks for this product name before it trusts an OpenStack metadata service.
      system: { entry: [entry('manufacturer', 'Virga'), entry('product', 'OpenStack Compute'), entry('serial', spec.uuid), entry('uuid', spec.uuid), entry('family', 'Virtual Machine')] },
    },
    os: {
      '@firmware': uefi ? 'efi' : undefined,
      type: { '@machine': machine, '#text': 'hvm' },
      firmware: uefi ? { feature: { '@enabled': 'no', '@name': 'secure-boot' } } : undefined,
      nvram: uefi ? host.store.nvram(spec.uuid) : undefined,
      smbios: { '@mode': 'sysinfo' },
    },
    features: { acpi: '', apic: '' },
    cpu: cpu(host),
    clock: { '@offset': 'utc', timer: [{ '@name': 'pit', '@tickpolicy': 'delay' }, { '@name': 'rtc', '@tickpolicy': 'catchup' }, { '@name': 'hpet', '@present': 'no' }] },
    on_poweroff: 'destroy', on_reboot: 'restart', on_crash: 'destroy',
    pm: { 'suspend-to-mem': { '@enabled': 'no' }, 'suspend-to-disk': { '@enabled': 'no' } },
    devices: devices(spec, host, machine, configDrive),
    'qemu:commandline': host.virtType === 'qemu' ? { 'qemu:arg': guestMemory(spec.memoryMb).map((value) => ({ '@value': value })) } : undefined,
  } })
}

const entry = (name: string, text: string): Tree => ({ '@name': name, '#text': text })

function metadata(spec: DomainSpec, host: Host, now: number): Tree {
  return { 'virga:guest': {
    '@xmlns:virga': namespace, '@tag': host.tag, '@project': spec.project, '@request': spec.requestId, '@flavor': spec.flavor, '@started': Math.floor(now / 1000),
    'virga:name': spec.name,
  } }
}

/** Emulated: everything TCG can do, except five-level paging, which some boot loaders trip over. KVM: migratable. */
const cpu = (host: Host): Tree => host.virtType === 'kvm' ? { '@mode': 'host-model', '@check': 'partial' }
  : { '@mode': 'maximum', '@check': 'none', feature: { '@policy': 'disable', '@name': 'la57' } }

/**
 * Emulated guests that move while they run lose writes with QEMU before 9.0, where their memory is a multiple of 256 KiB:
 * its quick way to collect what changed does not make the emulator tell the next change of the same page. So they have
 * 64 KiB more, which the balloon takes. libvirt knows whole megabytes only; the memory it declares is never touched.
 */
export function guestMemory(memoryMb: number): string[] {
  const size = `${memoryMb * 1024 + 64}K`
  return ['-object', `memory-backend-ram,id=guest,size=${size}`, '-machine', 'memory-backend=guest', '-m', size]
}

function devices(spec: DomainSpec, host: Host, machine: 'pc' | 'q35', configDrive?: string): Tree {
  const video = spec.video ?? 'vga'
  const disks = spec.disks.map((disk) => diskTree(disk, host))
  if (configDrive) disks.push(configDriveTree(configDrive, spec.disks.map((d) => d.device), machine))
  // Always there, so that volumes can come and go without the guest's consent.
  const controllers: Tree[] = [scsiController]
  if (machine === 'q35') {
    controllers.push({ '@type': 'pci', '@model': 'pcie-root' })
    for (let i = 0; i < sparePorts + disks.length + spec.nics.length; i++) controllers.push({ '@type': 'pci', '@model': 'pcie-root-port' })
  }
  return {
    controller: controllers,
    disk: disks,
    interface: spec.nics.map((nic) => nicTree(nic, host)),
    // `append`: the log outlives a restart; virtlogd bounds it.
    serial: { '@type': 'pty', log: { '@file': host.store.console(spec.uuid), '@append': 'on' } },
    channel: { '@type': 'unix', target: { '@type': 'virtio', '@name': 'org.qemu.guest_agent.0' } },
    input: { '@type': 'tablet', '@bus': 'usb' },
    graphics: video === 'none' ? undefined : { '@type': 'vnc', '@port': -1, '@autoport': 'yes', '@listen': '127.0.0.1' },
    video: { model: { '@type': video } },
    memballoon: { '@model': 'virtio', stats: { '@period': 10 } },
    rng: { '@model': 'virtio', backend: { '@model': 'random', '#text': '/dev/urandom' } },
  }
}

export const scsiController: Tree = { '@type': 'scsi', '@model': 'virtio-scsi' }
