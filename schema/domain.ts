import { Type as t, type Static } from 'typebox'

/** What jobs are about: a guest as a host is told of it, its disks and its interfaces; images, backups and ways between hosts. */
export const closed = { additionalProperties: false } as const
export const uuid = t.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' })
export const mac = t.String({ pattern: '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' })

/** A disk a host keeps. The host alone decides where it lies; `root`, `ephemeral` and `swap` carry the server's id. */
export const diskRef = t.Object({
  kind: t.Enum(['root', 'ephemeral', 'swap', 'volume', 'snapshot']),
  id: uuid,
}, closed)
export type DiskRef = Static<typeof diskRef>

/** An image as the bytes are known: the host verifies size and sha512 before it uses them. */
export const imageRef = t.Object({
  id: uuid,
  format: t.Enum(['raw', 'qcow2']),
  size: t.Integer({ minimum: 1 }),
  sha512: t.String({ pattern: '^[0-9a-f]{128}$' }),
}, closed)

/** Image bytes by what they are, whichever images have them: half of their sha512. */
export const imageBytes = t.Object({ digest: t.String({ pattern: '^[0-9a-f]{64}$' }), format: t.Enum(['raw', 'qcow2']) }, closed)
export type ImageBytes = Static<typeof imageBytes>

/** The object that lists a backup's chunks. */
export const manifest = t.Object({ number: t.Integer({ minimum: 0 }), size: t.Integer({ minimum: 0 }), sha256: t.String({ pattern: '^[0-9a-f]{64}$' }) }, closed)
/** The same, with the name under which it lies. */
export const backupRef = t.Object({ store: uuid, ...manifest.properties }, closed)
export type BackupRef = Static<typeof backupRef>

/** Where a moving server's bytes are taken in. */
export const wayIn = t.Object({ address: t.String({ maxLength: 45, pattern: '^[0-9A-Fa-f:.]+$' }), port: t.Integer({ minimum: 1, maximum: 65535 }) }, closed)

export const disk = t.Object({
  ref: diskRef,
  /** `vda`, `vdb`, … as the guest is told to name it. */
  device: t.String({ pattern: '^(vd|sd|hd)[a-z]$' }),
  bus: t.Enum(['virtio', 'scsi', 'ide', 'sata', 'usb']),
  /** 0 boots first; absent: never. */
  boot: t.Optional(t.Integer({ minimum: 0, maximum: 15 })),
  readonly: t.Optional(t.Boolean()),
  /** What the guest sees as the disk's serial: the volume's id, as users expect under /dev/disk/by-id. */
  serial: t.Optional(uuid),
}, closed)
export type Disk = Static<typeof disk>

export const nic = t.Object({
  port: uuid,
  network: uuid,
  mac,
  mtu: t.Integer({ minimum: 68, maximum: 65535 }),
  model: t.Enum(['virtio', 'e1000', 'e1000e', 'rtl8139', 'vmxnet3', 'ne2k_pci', 'pcnet']),
}, closed)
export type Nic = Static<typeof nic>

/** Everything the host needs to make a libvirt domain; its XML is built anew from this at every start. */
export const domainSpec = t.Object({
  uuid,
  name: t.String({ minLength: 1, maxLength: 255 }),
  project: t.String({ pattern: '^[0-9a-f]{32}$' }),
  flavor: t.String({ maxLength: 255 }),
  requestId: t.String({ maxLength: 64 }),
  vcpus: t.Integer({ minimum: 1, maximum: 512 }),
  memoryMb: t.Integer({ minimum: 1 }),
  machine: t.Optional(t.Enum(['pc', 'q35'])),
  firmware: t.Optional(t.Enum(['bios', 'uefi'])),
  video: t.Optional(t.Enum(['vga', 'cirrus', 'virtio', 'qxl', 'none'])),
  disks: t.Array(disk, { maxItems: 26 }),
  nics: t.Array(nic, { maxItems: 64 }),
  configDrive: t.Boolean(),
}, closed)
export type DomainSpec = Static<typeof domainSpec>
