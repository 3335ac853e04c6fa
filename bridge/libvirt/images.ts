import { createHash } from 'node:crypto'
import { open, readdir, rm, stat, statfs, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { Terminal, type Images } from '../drivers.ts'
import { inspect } from './qemu-img.ts'
import { fileError, noSpace } from './run.ts'
import type { Store } from './store.ts'

type Image = Parameters<Images['fetch']>[0]

/** Left free for guests and logs when an image comes in. */
const reserve = 256 << 20
/** An image this recently used may be about to be linked. */
const young = 3600_000
const stall = 60_000

/** Image bytes by their digest: fetched once however many ask at once, checked before they get their name. */
export function libvirtImages(store: Store, download: typeof fetch = fetch): Images {
  const flights = new Map<string, { result: Promise<string>; listeners: Set<(text: string) => void> }>()

  return {
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
        throw new Terminal('the image\'s bytes do not match its checksum')
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
        for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten
        const percent = Math.floor(size / image.size * 100)
        if (percent >= told + 5) progress(`fetching image ${told = percent}%`)
      }
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
    if (await free() >= needed) return
    const files = await Promise.all((await readdir(store.images())).map(async (name) => ({ path: join(store.images(), name), stat: await stat(join(store.images(), name)) })))
    const idle = files.filter((f) => f.stat.nlink === 1 && Date.now() - f.stat.mtimeMs > young).sort((a, b) => a.stat.mtimeMs - b.stat.mtimeMs)
    for (const { path } of idle) {
      await rm(path, { force: true })
      if (await free() >= needed) return
    }
    if (await free() < bytes) throw noSpace()
  }
}
