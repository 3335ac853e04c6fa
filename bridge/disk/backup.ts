import { open, rm } from 'node:fs/promises'
import { executor } from '../core/executor.ts'
import { Terminal } from '../drivers.ts'
import { CHUNK, ManifestWriter, readManifest, type Entry } from './manifest.ts'
import { AT_ONCE, sha256, Shelf } from './objects.ts'
import { named } from './ref.ts'

/** The pieces of a disk that may hold anything, in order. */
export function* pieces(data: [start: number, length: number][]): Generator<number> {
  let next = 0
  for (const [start, length] of data) {
    for (let index = Math.max(next, Math.floor(start / CHUNK)); index * CHUNK < start + length; index++) { yield index; next = index + 1 }
  }
}
/** Every byte is as the one before, and the first is none. */
const empty = (bytes: Buffer) => bytes[0] === 0 && bytes.subarray(1).equals(bytes.subarray(0, -1))

/** What was sent cannot be seen from here, so the answer comes from doing it; another attempt begins anew, with objects of its own. */
export default executor('disk.backup', {
  async act(work, { disk, backup, parent, server }) {
    const { disks, progress } = work, ending = new AbortController(), signal = AbortSignal.any([work.signal, ending.signal])
    if (!await disks.exists(disk)) throw new Terminal(`${named(disk)} is not on this host`)
    progress('freezing the disk')
    const still = await disks.still(disk, server), old = disks.scratch()
    const manifest = new ManifestWriter(disks.scratch(), still.size), shelf = new Shelf(work.objects, signal)
    const file = await open(still.path)
    let before: Awaited<ReturnType<typeof readManifest>> | undefined
    try {
      before = parent && await readManifest(work, parent, old)
      const known = before && await lookup(before.entries)
      const going: Promise<Entry>[] = []
      const settle = async () => manifest.add(await going.shift()!)
      let objects = 0, bytes = 0
      for (const index of pieces(still.data)) {
        signal.throwIfAborted()
        const piece = Buffer.allocUnsafe(Math.min(CHUNK, still.size - index * CHUNK))
        await readWhole(file, piece, index * CHUNK)
        if (empty(piece)) continue
        const digest = sha256(piece), same = await known?.(index)
        if (same?.sha256 === digest) going.push(Promise.resolve(same))
        else {
          objects++
          bytes += piece.length
          const sent = shelf.put(piece).then((number): Entry => ({ index, sha256: digest, store: backup, number }))
          sent.catch(() => {})
          going.push(sent)
        }
        if (going.length >= AT_ONCE) await settle()
        progress(`backing up ${Math.floor((index * CHUNK / still.size) * 100)}%`)
      }
      while (going.length) await settle()
      const written = await manifest.send(shelf, signal)
      return { manifest: written, first: shelf.first!, objects, bytes }
    } finally {
      ending.abort()
      before?.close()
      await file.close()
      await Promise.all([still.dispose(), manifest.dispose(), rm(old, { force: true })])
    }
  },
})

async function readWhole(file: Awaited<ReturnType<typeof open>>, into: Buffer, at: number) {
  for (let got = 0; got < into.length;) {
    const { bytesRead } = await file.read(into, got, into.length - got, at + got)
    if (!bytesRead) throw new Error('the disk is shorter than it should be')
    got += bytesRead
  }
}

/** What a backup has of a piece; asked for in rising order. */
async function lookup(entries: AsyncGenerator<Entry>): Promise<(index: number) => Promise<Entry | undefined>> {
  let held: Entry | undefined = (await entries.next()).value
  return async (index) => {
    while (held && held.index < index) held = (await entries.next()).value
    return held?.index === index ? held : undefined
  }
}
