import { Type as t, type Static, type TSchema } from 'typebox'
import { backupRef, closed, disk, diskRef, domainSpec, imageBytes, imageRef, mac, manifest, nic, uuid, wayIn } from './domain.ts'

export * from './domain.ts'

export interface JobKind<A extends TSchema = TSchema, R extends TSchema = TSchema> {
  args: A
  result: R
  /** Seconds one attempt may run before its lease is not renewed any more. */
  limit: number
  /** A question: changes nothing on the host, someone waits for the answer. */
  query?: true
}
const job = <A extends TSchema, R extends TSchema>(limit: number, args: A, result: R, more: { query?: true } = {}): JobKind<A, R> =>
  ({ limit, args, result, ...more })

const done = t.Object({})
/** Both hosts keep their servers' files in the same place: what one of them left is the other's. */
const shared = t.Optional(t.Boolean())
const sizeGb = t.Integer({ minimum: 0, maximum: 65536 })

/**
 * The host's whole vocabulary: everything a control plane can ask a hypervisor to do, with the values it may carry.
 * A new power is a new entry here. Jobs carry values and ids, never text for a parser, never paths, never secrets:
 * bytes are fetched through `POST /hosts/{host}/blobs` and `/objects`, guest data through `GET /hosts/{host}/guests/{server}`.
 */
export const jobs = {
  /** Makes a disk of `sizeGb` (0: as large as its source), blank or copied from an image or another disk. */
  'disk.create': job(3600, t.Object({
    disk: diskRef, sizeGb,
    source: t.Union([
      t.Object({ blank: t.Literal(true), filesystem: t.Optional(t.Enum(['ext4', 'vfat', 'swap'])) }, closed),
      t.Object({ image: imageRef }, closed),
      t.Object({ disk: diskRef }, closed),
    ]),
  }, closed), t.Object({ bytes: t.Integer() })),
  'disk.delete': job(600, t.Object({ disk: diskRef }, closed), done),
  /** Grows a disk; `server` names the running guest that has it open. */
  'disk.resize': job(600, t.Object({ disk: diskRef, sizeGb, server: t.Optional(uuid) }, closed), done),
  /** Copies a disk as it is at one instant; `server` names the running guest that has it open. */
  'disk.snapshot': job(3600, t.Object({ disk: diskRef, snapshot: diskRef, server: t.Optional(uuid) }, closed), t.Object({ bytes: t.Integer() })),
  /** Writes a disk's content as it is at one instant to the image's bytes, as one self-contained file. */
  'disk.upload': job(3600, t.Object({ disk: diskRef, image: uuid, format: t.Enum(['raw', 'qcow2']), server: t.Optional(uuid) }, closed),
    t.Object({ size: t.Integer(), virtualSize: t.Integer(), md5: t.String(), sha512: t.String() })),
  /** Keeps a disk's content as it is at one instant as chunks in the object store: those that `parent` has are only named. `first`: the first of the objects this took that it consists of. */
  'disk.backup': job(86400, t.Object({ disk: diskRef, backup: uuid, parent: t.Optional(backupRef), server: t.Optional(uuid) }, closed),
    t.Object({ manifest, first: t.Integer({ minimum: 0 }), objects: t.Integer({ minimum: 0 }), bytes: t.Integer({ minimum: 0 }) })),
  /** Gives a disk of `sizeGb` that nobody has open, or that is not there, the content of a backup: all of it or nothing. */
  'disk.restore': job(86400, t.Object({ disk: diskRef, sizeGb, backup: uuid, manifest: backupRef }, closed), t.Object({ bytes: t.Integer() })),

  /** Has an image's bytes at hand, so that disks are made of it at once; and lets go of some. */
  'image.fetch': job(3600, t.Object({ image: imageRef }, closed), done),
  'image.forget': job(120, t.Object({ images: t.Array(imageBytes, { maxItems: 2000 }) }, closed), done),

  /** Defines and starts; content when the guest runs. Its disks exist, its ports are in the desired state. */
  'domain.start': job(300, t.Object({ spec: domainSpec }, closed), t.Object({ vncPort: t.Optional(t.Integer()) })),
  /** ACPI shutdown, then power off after `graceSeconds` (0: at once). */
  'domain.stop': job(600, t.Object({ uuid, graceSeconds: t.Integer({ minimum: 0, maximum: 300 }) }, closed), done),
  /** Soft: the guest is asked to, for `graceSeconds`; else, and when it does not answer, power cycled with `spec`. */
  'domain.reboot': job(600, t.Object({ spec: domainSpec, graceSeconds: t.Integer({ minimum: 0, maximum: 300 }) }, closed),
    t.Object({ vncPort: t.Optional(t.Integer()) })),
  'domain.pause': job(60, t.Object({ uuid }, closed), done),
  'domain.resume': job(60, t.Object({ uuid }, closed), done),
  /** Memory to disk and off; `domain.start` brings it back as it was. */
  'domain.save': job(600, t.Object({ uuid }, closed), done),
  /** Nothing of the server stays on the host: guest, definition, its own disks, config drive, logs. Volumes stay. */
  'domain.destroy': job(600, t.Object({ uuid, keepDisks: t.Optional(t.Boolean()) }, closed), done),
  'domain.attach-disk': job(120, t.Object({ uuid, disk }, closed), done),
  'domain.detach-disk': job(120, t.Object({ uuid, disk: diskRef }, closed), done),
  'domain.attach-port': job(120, t.Object({ uuid, nic }, closed), done),
  'domain.detach-port': job(120, t.Object({ uuid, port: uuid, mac }, closed), done),
  /**
   * A server comes here from another host: its ports are connected, and a way in is open for its disks, and for itself when
   * it runs, to whoever knows this move's key. Open until `move.close`; the key is fetched, never carried.
   */
  'move.open': job(120, t.Object({ move: uuid, server: uuid, disks: t.Array(diskRef, { maxItems: 64 }), nics: t.Array(nic, { maxItems: 64 }), live: t.Boolean(), shared }, closed), t.Object({ port: t.Integer() })),
  /** Hands disks that no guest has open to the host where the way is open; they stay here too. */
  'move.send': job(21600, t.Object({ move: uuid, disks: t.Array(diskRef, { maxItems: 64 }), server: t.Optional(uuid), to: wayIn }, closed), t.Object({ bytes: t.Integer() })),
  /** Moves a running guest with these disks, and ends it here; its definition and disks stay until they are ordered away. */
  'move.live': job(21600, t.Object({ move: uuid, uuid, disks: t.Array(diskRef, { maxItems: 64 }), nics: t.Array(nic, { maxItems: 64 }), to: wayIn }, closed), t.Object({ bytes: t.Integer(), downtimeMs: t.Integer() })),
  /** The guest has come: it runs here, as `resume` says, though it was held up on its way. */
  'move.arrive': job(120, t.Object({ move: uuid, uuid, resume: t.Boolean() }, closed), t.Object({ vncPort: t.Optional(t.Integer()) })),
  /** Nothing more comes in for this move; `drop`: what has come goes again, guest and disks. */
  'move.close': job(600, t.Object({ move: uuid, server: uuid, disks: t.Array(diskRef, { maxItems: 64 }), drop: t.Boolean(), shared }, closed), done),
  /** Ends a guest's move while it goes on; it stays here. Content when none goes on. */
  'move.abort': job(60, t.Object({ uuid }, closed), done),
  /** Holds the guest up until it has moved, so that it cannot change faster than it is copied. */
  'move.hurry': job(60, t.Object({ uuid }, closed), done),
  'domain.set-password': job(60, t.Object({ uuid, /** fetched as guest data, never carried */ revision: t.Integer() }, closed), done),
  /** The last `bytes` of what the guest wrote to its serial console. */
  'domain.console': job(15, t.Object({ uuid, bytes: t.Integer({ minimum: 1, maximum: 1048576 }) }, closed), t.Object({ text: t.String() }), { query: true }),
  /** Connects a guest's screen or serial line to a session that somebody waits in. */
  'domain.screen': job(15, t.Object({ uuid, type: t.Enum(['novnc', 'serial']), session: uuid }, closed), done, { query: true }),
  /** Uptime, CPU, memory, disk and network counters of one guest. */
  'domain.stats': job(15, t.Object({ uuid }, closed), t.Object({
    state: t.String(), uptime: t.Integer(), cpuTimes: t.Array(t.Integer()), memoryKb: t.Integer(), memoryUsedKb: t.Integer(),
    disks: t.Array(t.Object({ device: t.String(), readBytes: t.Integer(), readOps: t.Integer(), writeBytes: t.Integer(), writeOps: t.Integer() })),
    nics: t.Array(t.Object({ mac: t.String(), rxBytes: t.Integer(), rxPackets: t.Integer(), rxErrors: t.Integer(), rxDrops: t.Integer(), txBytes: t.Integer(), txPackets: t.Integer(), txErrors: t.Integer(), txDrops: t.Integer() })),
  }), { query: true }),
} satisfies Record<string, JobKind>

/** What a host of an older release says of a job it has never heard of. Said in these words from the first release on. */
export const unknownKind = (kind: string) => `this host does not know jobs of the kind ${kind}`

export type JobName = keyof typeof jobs
export type JobArgs<K extends JobName> = Static<(typeof jobs)[K]['args']>
export type JobResult<K extends JobName> = Static<(typeof jobs)[K]['result']>

/** A job as a claim hands it out. `attempt` is the fencing token: reports with an older one are refused. */
export interface Job<K extends JobName = JobName> {
  id: string
  kind: K
  args: JobArgs<K>
  attempt: number
  /** Jobs of one lane (a server, a volume) run one after the other on the host, in the order they were handed out. */
  lane: string
  requestId: string
  limit: number
}
