import { constants } from 'node:fs'
import { chmod, link, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { basename, dirname, join, resolve } from 'node:path'
import type { DiskRef } from '../../schema/jobs.ts'
import { fileError } from './run.ts'
import { isId } from './names.ts'

export const kinds = ['root', 'ephemeral', 'swap', 'volume', 'snapshot'] as const
export type Format = 'raw' | 'qcow2'

/**
 * Where this host keeps things. Every disk is a qcow2 file, by its name and for ever: a guest that writes an image
 * header onto its disk writes it into the payload, where nothing looks for one.
 *
 *   disks/<kind>/<id>.qcow2   disks/base/<kind>-<id>.<format>   images/<digest>.<format>   config/<server>.iso   console/<server>.log   nvram/<server>.fd
 *
 * A root disk's base is a hard link to the cached image, so the cache can forget an image without asking who uses it.
 */
export class Store {
  readonly root: string
  constructor(stateDir: string) { this.root = resolve(stateDir) }

  disk(ref: DiskRef): string {
    if (!kinds.includes(ref.kind) || !isId(ref.id)) throw new Error('not a disk')
    return join(this.root, 'disks', ref.kind, `${ref.id}.qcow2`)
  }
  base(ref: DiskRef, format: Format) { return join(dirname(dirname(this.disk(ref))), 'base', `${ref.kind}-${ref.id}.${format}`) }
  /** The disk a path belongs to: the inverse of `disk`. */
  refOf(path: string): DiskRef | undefined {
    const kind = kinds.find((k) => k === basename(dirname(path)))
    const ref = kind && { kind, id: basename(path, '.qcow2') }
    return ref && isId(ref.id) && this.disk(ref) === path ? ref : undefined
  }
  image(sha512: string, format: Format) { return join(this.root, 'images', `${sha512.slice(0, 64)}.${format}`) }
  images() { return join(this.root, 'images') }
  config(uuid: string) { return join(this.root, 'config', `${this.#id(uuid)}.iso`) }
  console(uuid: string) { return join(this.root, 'console', `${this.#id(uuid)}.log`) }
  nvram(uuid: string) { return join(this.root, 'nvram', `${this.#id(uuid)}.fd`) }
  /** A new name beside the disks, so that a finished file is moved into place and relative backing names stay true. */
  temp(extension = 'tmp') { return join(this.root, 'disks', 'tmp', `${randomUUID()}.${extension}`) }
  #id(uuid: string) { if (!isId(uuid)) throw new Error('not an id'); return uuid }

  /** Makes the folders (QEMU may run as another user and must pass through) and drops what a killed bridge left unfinished. */
  async prepare() {
    await mkdir(this.root, { recursive: true })
    await chmod(this.root, (await stat(this.root)).mode | 0o011)
    for (const folder of [...kinds.map((k) => `disks/${k}`), 'disks/base', 'images', 'config', 'console', 'nvram']) await mkdir(join(this.root, folder), { recursive: true, mode: 0o711 })
    await rm(join(this.root, 'disks', 'tmp'), { recursive: true, force: true })
    await mkdir(join(this.root, 'disks', 'tmp'), { mode: 0o711 })
  }

  async list(): Promise<DiskRef[]> {
    const found = await Promise.all(kinds.map(async (kind) =>
      (await readdir(join(this.root, 'disks', kind))).map((file) => this.refOf(join(this.root, 'disks', kind, file)))))
    return found.flat().filter((ref) => ref !== undefined)
  }

  /** Moves a finished file into place, for root and QEMU alone; after a power cut it is there whole or not at all. */
  async commit(temp: string, final: string, mode = 0o600) {
    const file = await open(temp, 'r')
    try { await file.chmod(mode); await file.sync() } finally { await file.close() }
    await rename(temp, final)
    const folder = await open(dirname(final), 'r')
    try { await folder.sync() } finally { await folder.close() }
  }

  async share(from: string, to: string) {
    await rm(to, { force: true })
    await link(from, to)
  }

  /** Runs `work` with a file that only root reads. */
  async withFile<T>(content: string, work: (path: string) => Promise<T>): Promise<T> {
    const path = this.temp('xml')
    try {
      await writeFile(path, content, { mode: 0o600 }).catch((error) => { throw fileError(error) })
      return await work(path)
    } finally { await rm(path, { force: true }) }
  }

  /** `none` unless the file system cannot do direct I/O. */
  async cacheMode(): Promise<'none' | 'writeback'> {
    const path = this.temp()
    try {
      await (await open(path, constants.O_CREAT | constants.O_RDWR | constants.O_DIRECT)).close()
      return 'none'
    } catch { return 'writeback' } finally { await rm(path, { force: true }) }
  }

  async wipe() {
    for (const folder of ['disks', 'images', 'config', 'console', 'nvram']) await rm(join(this.root, folder), { recursive: true, force: true })
  }
}
