import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, openSync, closeSync, fsyncSync } from 'node:fs'
import { open, opendir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'

export interface Blob { name: string; size: number; md5: string }

const shelves = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/** Bytes in files with names of our own making. A file counts only once the index names it. */
export class Blobs {
  private readonly dir: string
  constructor(dir: string) {
    this.dir = dir
    for (const shelf of shelves) mkdirSync(join(dir, shelf), { recursive: true })
    const fd = openSync(dir, 'r')
    try { fsyncSync(fd) } finally { closeSync(fd) }
  }

  path(name: string) { return join(this.dir, name.slice(0, 2), name) }

  /** Writes everything and has it on disk, the name in its folder included, or leaves nothing. */
  async write(source: AsyncIterable<Buffer>): Promise<Blob> {
    const name = randomBytes(16).toString('hex')
    const md5 = createHash('md5')
    let size = 0
    const file = await open(this.path(name), 'wx')
    try {
      try {
        for await (const part of source) {
          md5.update(part)
          for (let at = 0; at < part.length;) at += (await file.write(part, at)).bytesWritten
          size += part.length
        }
        await file.sync()
      } finally { await file.close() }
      const folder = await open(join(this.path(name), '..'), 'r')
      try { await folder.sync() } finally { await folder.close() }
    } catch (e) {
      await this.remove([name])
      throw e
    }
    return { name, size, md5: md5.digest('hex') }
  }

  async remove(names: string[]) {
    for (const name of names) await unlink(this.path(name)).catch((e) => { if (e.code !== 'ENOENT') throw e })
  }

  /** Removes what a crash left without a name: files older than this start that the index does not know. */
  async sweep(known: (name: string) => boolean, before: number): Promise<number> {
    let swept = 0
    for (const shelf of shelves) {
      for await (const { name } of await opendir(join(this.dir, shelf))) {
        if (known(name) || (await stat(this.path(name))).mtimeMs >= before) continue
        await this.remove([name])
        swept++
      }
    }
    return swept
  }
}
