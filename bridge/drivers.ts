import type { Duplex } from 'node:stream'
import type { Relay } from './core/relay.ts'
import type { Disk, DiskRef, DomainSpec, ImageBytes, JobArgs, JobResult, Nic } from '../schema/jobs.ts'
import type { Desired, GuestData, Inventory } from '../schema/hosts.ts'
import type { Connection } from './network/handover.ts'
import type { Door, Serve, Way } from './peers/door.ts'

/** Trying again cannot help; the message reaches the user, so it names no path and no secret. */
export class Terminal extends Error {}
/** Nor can another host: what was asked for cannot be done anywhere. */
export class Hopeless extends Terminal {}

export type DomainState = Inventory['domains'][number]['state'] | 'absent'

/** Guests. Two drivers: libvirt, and simulated (answers from memory). No call decides policy. */
export interface Virt {
  state(uuid: string): Promise<DomainState>
  /** Every guest of this cloud on this host, in one look. */
  list(): Promise<Inventory['domains']>
  /** Defines (always anew, from the spec) and starts. Taps exist; `configDrive` is a file the Disks driver made. */
  start(spec: DomainSpec, configDrive?: string): Promise<void>
  vncPort(uuid: string): Promise<number | undefined>
  /** Asks the guest to power off; returns at once. */
  shutdown(uuid: string): Promise<void>
  /** Asks the guest to reboot; resolves true once it did within the time. */
  reboot(uuid: string, graceSeconds: number): Promise<boolean>
  powerOff(uuid: string): Promise<void>
  pause(uuid: string): Promise<void>
  resume(uuid: string): Promise<void>
  save(uuid: string): Promise<void>
  /** Not running, not defined, no saved memory, and, unless they are another host's by now, no files. Content when absent. */
  undefine(uuid: string, keepFiles?: boolean): Promise<void>
  disks(uuid: string): Promise<DiskRef[]>
  attachDisk(uuid: string, disk: Disk): Promise<void>
  detachDisk(uuid: string, ref: DiskRef): Promise<void>
  nics(uuid: string): Promise<string[]>
  attachNic(uuid: string, nic: Nic): Promise<void>
  detachNic(uuid: string, mac: string): Promise<void>
  setPassword(uuid: string, password: string): Promise<void>
  console(uuid: string, bytes: number): Promise<string>
  /** A running guest's screen, as RFB, or its serial line; ends when the guest does. */
  screen(uuid: string, type: 'novnc' | 'serial'): Promise<Duplex>
  stats(uuid: string): Promise<JobResult<'domain.stats'>>
  /** Calls back whenever a guest may have changed by itself. A hint: `list` says what is. */
  onChange?(changed: () => void): void
  /** Stops listening; guests keep running. */
  close?(): Promise<void>
}

/** Disks: files under the host's own root; names are made here from kind and id, formats are pinned, never probed. */
export interface Disks {
  exists(ref: DiskRef): Promise<boolean>
  list(): Promise<DiskRef[]>
  bytes(ref: DiskRef): Promise<number>
  create(args: JobArgs<'disk.create'>, open: { image(): Promise<string> }): Promise<void>
  delete(ref: DiskRef): Promise<void>
  sizeGb(ref: DiskRef): Promise<number>
  resize(ref: DiskRef, sizeGb: number, server?: string): Promise<void>
  snapshot(from: DiskRef, to: DiskRef, server?: string): Promise<void>
  /** A self-contained file of the disk at one instant, in `format`; the caller uploads and then disposes of it. */
  freeze(ref: DiskRef, format: 'raw' | 'qcow2', server?: string): Promise<{ path: string; virtualSize: number; dispose(): Promise<void> }>
  /** The same as `size` bytes to read from `path`, of which only those in `data` (start, length) may be anything but zero. */
  still(ref: DiskRef, server?: string): Promise<{ path: string; size: number; data: [start: number, length: number][]; dispose(): Promise<void> }>
  /** Gives a disk new content, or makes it: `fill` writes into a file of `size` zeros, and when that is done it is the disk's, grown to `sizeGb`. Until then nothing changes. */
  restore(ref: DiskRef, of: { size: number; sizeGb: number }, fill: (path: string) => Promise<void>): Promise<void>
  /** A name for a file that does not outlive its job. */
  scratch(): string
  /** An ISO 9660 volume `config-2` with these files. */
  configDrive(uuid: string, files: Record<string, string | Uint8Array>): Promise<string>
  deleteConfigDrive(uuid: string): Promise<void>
}

/** Image bytes on this host, verified, fetched once however many ask. */
export interface Images {
  /** A local file with exactly these bytes; `url` is asked for only when they are not here. */
  fetch(image: { id: string; format: 'raw' | 'qcow2'; size: number; sha512: string }, url: () => Promise<string>, progress: (text: string) => void): Promise<string>
  list(): Promise<NonNullable<Inventory['images']>>
  /** Disks that were made of it keep what they stand on. Content when it is not here. */
  forget(image: ImageBytes): Promise<void>
}

/** The network as it should be; `apply` makes the host equal, touching only what differs. */
export interface Net {
  /** Makes nothing of ports that are elsewhere, so they need not be kept for it: one process may stand for a thousand hosts. */
  readonly blind?: boolean
  /** `kept`: the document is one from before, and what of it moves between hosts may be another's by now. */
  apply(desired: Desired, kept?: boolean): Promise<void>
  /** How to ask whether the last document still holds: resolves once the newest is applied. */
  confirms?(ask: () => Promise<void>): void
  /** Ports whose tap is up with filters in force. */
  ports(): Promise<string[]>
  /** What routers here have counted. */
  meters?(): Promise<NonNullable<Inventory['meters']>>
  /** Physical networks this host leads to. */
  readonly physical: string[]
  /** The name of a port's tap on this host; `ready` sees to it that network and filters of these ports are in force. */
  tap(port: string): string
  ready(nics: Nic[]): Promise<void>
  /** Connections of these ports, by network; and, where a guest has moved to, the same as connections of this host. */
  connections(nics: Nic[]): Promise<Map<string, Connection[]>>
  takeOn(network: string, connections: Connection[]): Promise<void>
  /** Where guests' metadata comes from, and who passes on what they tell the cloud. */
  guests(lookup: (server: string) => Promise<GuestData | undefined>, relay?: Relay): void
  /** Removes every trace of this cloud from the host's network. */
  wipe(): Promise<void>
  /** Stops answering; what guests need to keep running (bridges, filters, leases, dnsmasq) stays. */
  close(): Promise<void>
}

/** What a long job may say, and hear. */
export interface Going { signal: AbortSignal; progress(text: string): void }

/** Servers on their way between hosts. What comes in stands behind this host's door, what goes out goes through another's. */
export interface Moves {
  /** Behind the door: `clear` takes away what earlier moves left, `end` what this one has not finished. */
  incoming(args: Incoming['args']): Promise<{ serve: Serve; clear(): Promise<void>; end(): Promise<void> }>
  /** Disks that no guest has open, and what else is kept of this server; answers how many bytes went. */
  send(way: Way, what: { disks: DiskRef[]; server?: string }, going: Going): Promise<number>
  /** A running guest with these disks. When it fails, the guest runs on here. */
  live(way: Way, args: { uuid: string; move: string; disks: DiskRef[]; nics: Nic[] }, going: Going): Promise<{ bytes: number; downtimeMs: number }>
  /** Whether the guest has moved away from here. */
  gone(uuid: string): Promise<boolean>
  abort(uuid: string): Promise<void>
  hurry(uuid: string): Promise<void>
}
export interface Incoming { args: JobArgs<'move.open'>; serve: Serve }

export interface Drivers {
  virt: Virt; disks: Disks; images: Images; net: Net; moves: Moves; door: Door
  facts(): Promise<Pick<Inventory, 'hypervisor' | 'capacity' | 'storage' | 'bootId'>>
  wipe(): Promise<void>
}
