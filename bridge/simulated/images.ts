import { Writable } from 'node:stream'
import { getBytes } from '../core/bytes.ts'
import { Hopeless, type Images } from '../drivers.ts'
import type { Kept } from './disks.ts'
import type { Journal } from './journal.ts'
import type { Act } from './mischief.ts'

export interface Verified { size: number; format: 'raw' | 'qcow2'; since: number; usedAt: number }

/**
 * Image bytes are really fetched and really verified, once for all simulated hosts of the process; then they are thrown
 * away, since nothing boots from them.
 */
export function simulatedImages(verified: Journal<Verified>, act: Act) {
  const going = new Map<string, Promise<void>>()
  const now = () => Math.floor(Date.now() / 1000)
  const nameOf = (sha512: string, format: string) => `${sha512.slice(0, 64)}.${format}`
  return {
    async fetch(image: Parameters<Images['fetch']>[0], url: () => Promise<string>, progress: (text: string) => void) {
      const name = nameOf(image.sha512, image.format), known = verified.get(name)
      // To the minute: each is a line on the disk.
      if (known && now() - known.usedAt > 60) verified.set(name, { ...known, usedAt: now() })
      if (!known) {
        const once = going.get(name) ?? act('images.fetch', async () => {
          const got = await getBytes(url, image.size, () => new Writable({ write: (_chunk, _encoding, done) => done() }), {
            progress: (share) => progress(`fetching image ${Math.floor(share * 100)}%`),
          })
          if (got.size !== image.size || got.sha512 !== image.sha512) throw new Hopeless(`image ${image.id} is not the bytes it should be`)
          verified.set(name, { size: image.size, format: image.format, since: now(), usedAt: now() })
        }).finally(() => going.delete(name))
        going.set(name, once)
        await once
      }
      return `simulated:${image.id}`
    },
    /** With the disks of one host. */
    async list(own: Journal<Kept>) { return verified.entries().map(([name, v]) => ({ digest: name.slice(0, 64), ...v, disks: own.values().filter(({ origin }) => origin.startsWith(name.slice(0, 64))).length })) },
    async forget({ digest, format }: Parameters<Images['forget']>[0]) { verified.delete(nameOf(digest, format)) },
  }
}
