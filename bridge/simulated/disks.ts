import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Terminal, type Disks } from '../drivers.ts'
import type { DiskRef } from '../../schema/jobs.ts'
import type { Journal } from './journal.ts'
import type { Act } from './mischief.ts'
import { emptyQcow2 } from './qcow2.ts'

export interface Kept {
  ref: DiskRef
  sizeGb: number
  bytes: number
  /** Which host made it: that one lists it. */
  host: string
  /** What its content comes from, so that copies say the same. */
  origin: string
}

const gb = 1 << 30
export const key = ({ kind, id }: DiskRef) => `${kind}/${id}`
/** Volumes and snapshots lie in the store all simulated hosts share; the rest is a host's own. */
const common = ({ kind }: DiskRef) => kind === 'volume' || kind === 'snapshot'

export function simulatedDisks(of: { host: string; own: Journal<Kept>; shared: Journal<Kept>; drives: Journal<number>; scratch: string; act: Act }): Disks {
  const { act, host } = of
  const store = (ref: DiskRef) => common(ref) ? of.shared : of.own
  const held = (ref: DiskRef): Kept => {
    const kept = store(ref).get(key(ref))
    if (!kept) throw new Terminal(`${ref.kind} ${ref.id} is not on this host`)
    return kept
  }
  const keep = (ref: DiskRef, sizeGb: number, bytes: number, origin: string) => store(ref).set(key(ref), { ref, sizeGb, bytes, host, origin })

  const disks: Disks = {
    exists: async (ref) => store(ref).has(key(ref)),
    list: async () => [...of.own.values(), ...of.shared.values().filter((one) => one.host === host)].map(({ ref }) => ref),
    bytes: async (ref) => held(ref).bytes,
    create: ({ disk, sizeGb, source }, open) => act('disks.create', async () => {
      if ('image' in source) {
        await open.image()
        keep(disk, sizeGb || Math.ceil(source.image.size / gb), Math.min(source.image.size, (sizeGb || 1) * gb), source.image.sha512)
      } else if ('disk' in source) {
        const from = held(source.disk)
        keep(disk, sizeGb || from.sizeGb, from.bytes, from.origin)
      } else keep(disk, sizeGb, 0, `blank ${key(disk)}`)
    }),
    delete: (ref) => act('disks.delete', () => store(ref).delete(key(ref))),
    sizeGb: async (ref) => held(ref).sizeGb,
    resize: (ref, sizeGb) => act('disks.resize', () => store(ref).set(key(ref), { ...held(ref), sizeGb })),
    snapshot: (from, to) => act('disks.snapshot', () => {
      const { sizeGb, bytes, origin } = held(from)
      keep(to, sizeGb, bytes, origin)
    }),
    freeze: (ref, format) => act('disks.freeze', async () => {
      const { sizeGb, origin } = held(ref)
      const mark = `virga simulated disk\n${key(ref)}\n${origin}\n`
      // A raw file is as long as its disk; a simulated one is a mebibyte, whatever the disk was said to hold.
      const bytes = format === 'qcow2' ? emptyQcow2(Math.max(1, sizeGb) * gb, mark) : Buffer.concat([Buffer.from(mark)], 1 << 20)
      await mkdir(of.scratch, { recursive: true })
      const path = join(of.scratch, `${randomUUID()}.${format}`)
      await writeFile(path, bytes)
      return { path, virtualSize: format === 'qcow2' ? Math.max(1, sizeGb) * gb : bytes.length, dispose: () => rm(path, { force: true }) }
    }),
    async still(ref, server) {
      const { path, virtualSize: size, dispose } = await disks.freeze(ref, 'raw', server)
      return { path, size, data: [[0, size]], dispose }
    },
    restore: (ref, { size, sizeGb }, fill) => act('disks.restore', async () => {
      const path = disks.scratch()
      try {
        await mkdir(of.scratch, { recursive: true })
        await writeFile(path, '')
        await truncate(path, size)
        await fill(path)
        // A simulated disk's content is what it says of its origin.
        const [, , origin = ''] = (await readFile(path)).subarray(0, 4096).toString().split('\n')
        keep(ref, sizeGb, size, origin)
      } finally { await rm(path, { force: true }) }
    }),
    scratch: () => join(of.scratch, randomUUID()),
    configDrive: (uuid, files) => act('disks.configDrive', () => {
      of.drives.set(uuid, Object.values(files).reduce((sum, file) => sum + Buffer.byteLength(file), 0))
      return `simulated:${uuid}`
    }),
    deleteConfigDrive: (uuid) => act('disks.deleteConfigDrive', () => of.drives.delete(uuid)),
  }
  return disks
}
