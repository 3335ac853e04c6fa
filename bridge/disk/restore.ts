import { open, rm } from 'node:fs/promises'
import { executor } from '../core/executor.ts'
import { CHUNK, readManifest, type Entry } from './manifest.ts'
import { AT_ONCE, fetchObject } from './objects.ts'

/** URLs are asked for so many at a time. */
const BATCH = 32

/** What a disk holds cannot be seen to be a backup's, so the answer comes from doing it; what is not in the backup stays a hole. */
export default executor('disk.restore', {
  async act(work, { disk, sizeGb, manifest }) {
    const { disks, objects, progress } = work, list = disks.scratch(), ending = new AbortController(), signal = AbortSignal.any([work.signal, ending.signal])
    let bytes = 0
    try {
      const { size, entries, close } = await readManifest({ objects, signal }, manifest, list)
      await disks.restore(disk, { size, sizeGb }, async (path) => {
        const file = await open(path, 'r+')
        const write = async (entry: Entry, url: string) => {
          const at = entry.index * CHUNK, piece = await fetchObject(objects, { ...entry, length: Math.min(CHUNK, size - at) }, url, signal)
          // A disk that is full takes a part, and refuses only the rest.
          for (let put = 0; put < piece.length;) put += (await file.write(piece, put, piece.length - put, at + put)).bytesWritten
          bytes += piece.length
          progress(`restoring ${Math.floor((at / size) * 100)}%`)
        }
        try {
          for await (const batch of batches(entries)) {
            signal.throwIfAborted()
            const urls = await objects.get(batch.map(({ store, number }) => ({ store, number }))), todo = batch.map((entry, i) => [entry, urls[i]] as const)
            await Promise.all(Array.from({ length: AT_ONCE }, async () => { for (let one = todo.shift(); one; one = todo.shift()) await write(...one) }))
          }
        } finally {
          ending.abort()
          close()
          await file.close()
        }
      })
      return { bytes }
    } finally { await rm(list, { force: true }) }
  },
})

async function* batches(entries: AsyncIterable<Entry>): AsyncGenerator<Entry[]> {
  let batch: Entry[] = []
  for await (const entry of entries) {
    batch.push(entry)
    if (batch.length === BATCH) { yield batch; batch = [] }
  }
  if (batch.length) yield batch
}
