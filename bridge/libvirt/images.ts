import { createHash } from 'node:crypto'
import { open, readdir, rm, stat, statfs, utimes, type FileHandle } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Hopeless, type Images } from '../drivers.ts'
import { inspect } from './qemu-img.ts'
import { fileError, noSpace } from './run.ts'
import type { Store } from './store.ts'

type Image = Parameters<Images['fetch']>[0]

/** Left free for guests and logs when an image comes in. */
const reserve = 256 << 20
/** An image this recently used may be about to be linked. */
const young = 3600_000
const stall = 60_000

export interface CacheOptions {
  download?: typeof fetch
  /** What the cache may keep for itself; images that disks stand on do not count. */
  maxBytes?: number
  /** Unused for longer than this, an image goes. */
  maxAgeMs?: number
}

const hour = 3600_000
const nothing = Buffer.alloc(1 << 16)
/** Where there is nothing but zeros there stays a hole, so that a raw image takes what is in it. */
async function put(file: FileHandle, chunk: Uint8Array, at: number) {
  if (chunk.length <= nothing.length && nothing.subarray(0, chunk.length).equals(chunk)) return
  for (let done = 0; done < chunk.length;) done += (await file.write(chunk, done, chunk.length - done, at + done)).bytesWritten
}

/** Image bytes by their digest: fetched once however many ask at once, checked before they get their name. */
export function libvirtImages(store: Store, { download = fetch, maxBytes = Infinity, maxAgeMs = 30 * 86400_000 }: CacheOptions = {}): Images & { prune(now?: number): Promise<void> } {
  const flights = new Map<string, { result: Promise<string>; listeners: Set<(text: string) => void> }>()
  const prune = async (now = Date.now()) => { for (const { path } of await idle(maxAgeMs, now)) await rm(path, { force: true }) }
  setInterval(() => void prune().catch(() => {}), hour).unref()

  return {
    prune,
    async list() {
      const named = (await cached()).map(({ path, stat }) => ({ name: /^([0-9a-f]{64})\.(raw|qcow2)$/.exec(basename(path)), stat }))
      return named.flatMap(({ name, stat }) => (name ? [{ digest: name[1], format: name[2] as Image['format'], size: stat.size, disks: stat.nlink - 1, since: Math.floor(stat.birthtimeMs / 1000), usedAt: Math.floor(stat.mtimeMs / 1000) }] : []))
    },
    async forget({ digest, format }) {
      const path = store.image(digest, format)
      await flights.get(path)?.result.catch(() => {})
      await rm(path, { force: true })
    },
    async fetch(image, url, progress) {
      const path = store.image(image.sha512, image.format)
      const known = await stat(path).catch(() => undefined)
      if (known?.size === image.size) {
        await utimes(path, new Date(), new Date())
        return path
      }
      const under = flights.get(path)
      if (under) {
        under.listeners.add(progress)
        return under.result
      }
      const listeners = new Set([progress])
      const result = bring(image, path, url, (text) => listeners.forEach((listen) => listen(text))).finally(() => flights.delete(path))
      flights.set(path, { result, listeners })
      return result
    },
  }

  async function bring(image: Image, path: string, url: () => Promise<string>, progress: (text: string) => void) {
    await makeRoom(image.size)
    const temp = store.temp(image.format)
    try {
      // Once more when the bytes were not the image: a transfer can be cut or garbled, a second time it is no accident.
      if (!await receive(image, temp, await url(), progress) && !await receive(image, temp, await url(), progress)) {
        throw new Hopeless('the image\'s bytes do not match its checksum')
      }
      await inspect(temp, image.format)
      // Several guests may stand on it, whatever user their QEMU runs as.
      await store.commit(temp, path, 0o644)
      return path
    } catch (error) {
      throw fileError(error)
    } finally { await rm(temp, { force: true }) }
  }

  /** Streams to `temp`; false when what came is not the image. */
  async function receive(image: Image, temp: string, url: string, progress: (text: string) => void): Promise<boolean> {
    const abort = new AbortController()
    let timer = setTimeout(() => abort.abort(), stall)
    const file = await open(temp, 'w', 0o600)
    try {
      const answer = await download(url, { signal: abort.signal })
      if (!answer.ok || !answer.body) {
        await answer.body?.cancel()
        throw new Error(`the image store answered ${answer.status}`)
      }
      const hash = createHash('sha512')
      let size = 0
      let told = 0
      for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
        timer.refresh()
        size += chunk.length
        if (size > image.size) return false
        hash.update(chunk)
        await put(file, chunk, size - chunk.length)
        const percent = Math.floor(size / image.size * 100)
        if (percent >= told + 5) progress(`fetching image ${told = percent}%`)
      }
      await file.truncate(size)
      return size === image.size && hash.digest('hex') === image.sha512
    } catch (error) {
      if (abort.signal.aborted) throw new Error(`the image store sent nothing for ${stall / 1000} s`)
      throw error
    } finally {
      clearTimeout(timer)
      abort.abort()
      await file.close()
    }
  }

  /** Forgets images nobody used lately, oldest first, until there is room. One in use lives on under its disks' own links. */
  async function makeRoom(bytes: number) {
    const free = async () => { const fs = await statfs(store.images()); return fs.bavail * fs.bsize }
    const needed = bytes + reserve
    const kept = async () => (await cached()).filter((f) => f.stat.nlink === 1).reduce((sum, f) => sum + f.stat.blocks * 512, 0)
    const enough = async () => await free() >= needed && await kept() + bytes <= maxBytes
    if (await enough()) return
    for (const { path } of await idle(young)) {
      await rm(path, { force: true })
      if (await enough()) return
    }
    if (await free() < bytes) throw noSpace()
  }

  async function cached() {
    const files = await Promise.all((await readdir(store.images())).map(async (name) => ({ path: join(store.images(), name), stat: await stat(join(store.images(), name)).catch(() => undefined) })))
    return files.flatMap(({ path, stat }) => stat ? [{ path, stat }] : [])
  }
  /** Unused for this long, and kept by nothing but the cache; the oldest first. */
  async function idle(ms: number, now = Date.now()) {
    return (await cached()).filter((f) => f.stat.nlink === 1 && now - f.stat.mtimeMs > Math.max(ms, young)).sort((a, b) => a.stat.mtimeMs - b.stat.mtimeMs)
  }
}
