import { Writable } from 'node:stream'
import { Hopeless, type Images } from '../drivers.ts'
import { getBytes } from '../core/bytes.ts'
import type { Journal } from './journal.ts'
import type { Act } from './mischief.ts'

/**
 * Image bytes are really fetched and really verified, once for all simulated hosts of the process; then they are thrown
 * away, since nothing boots from them.
 */
export function simulatedImages(verified: Journal<true>, act: Act): Images {
  const going = new Map<string, Promise<void>>()
  return {
    async fetch(image, url, progress) {
      const name = `${image.id}/${image.sha512}`
      if (!verified.has(name)) {
        const once = going.get(name) ?? act('images.fetch', async () => {
          const got = await getBytes(url, image.size, () => new Writable({ write: (_chunk, _encoding, done) => done() }), {
            progress: (share) => progress(`fetching image ${Math.floor(share * 100)}%`),
          })
          if (got.size !== image.size || got.sha512 !== image.sha512) throw new Hopeless(`image ${image.id} is not the bytes it should be`)
          verified.set(name, true)
        }).finally(() => going.delete(name))
        going.set(name, once)
        await once
      }
      return `simulated:${image.id}`
    },
  }
}
