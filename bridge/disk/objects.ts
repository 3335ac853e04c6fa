import { createHash } from 'node:crypto'
import { Answered, getBuffer, insist, putBuffer } from '../core/bytes.ts'
import type { Work } from '../core/executor.ts'

export const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** So many are asked for at a time, and so many on their way at once. */
const BATCH = 32
export const AT_ONCE = 4
/** Milliseconds a URL is used: the store believes it a little longer. */
const FRESH = 10 * 60_000

type Objects = Work['objects']
interface Slot { number: number; url: string; until: number }

/** New objects of one backup: each goes under a number of its own that nobody had before. */
export class Shelf {
  /** Numbers before this one are not this shelf's. */
  first?: number
  readonly #objects: Objects
  readonly #signal: AbortSignal
  #slots: Slot[] = []
  #filling?: Promise<void>
  constructor(objects: Objects, signal: AbortSignal) { this.#objects = objects; this.#signal = signal }

  async slot(): Promise<Slot> {
    for (;;) {
      this.#slots = this.#slots.filter(({ until }) => until > performance.now())
      const slot = this.#slots.shift()
      if (slot) return slot
      await (this.#filling ??= this.#fill().finally(() => { this.#filling = undefined }))
    }
  }
  async #fill() {
    const until = performance.now() + FRESH
    const { first, urls } = await this.#objects.take(BATCH)
    this.first ??= first
    this.#slots = urls.map((url, i) => ({ number: first + i, url, until }))
  }

  /** Answers the number it lies under. */
  put(bytes: Buffer): Promise<number> {
    return insist(async () => {
      const { number, url } = await this.slot()
      await putBuffer(url, bytes, this.#signal).catch((error) => { if (error instanceof Answered) this.#slots = []; throw error })
      return number
    }, this.#signal)
  }
}

/** The bytes of an object, which must be these; `url` may have been asked for some time ago. */
export async function fetchObject(objects: Objects, of: { store: string; number: number; sha256: string; length: number }, url: string | undefined, signal: AbortSignal): Promise<Buffer> {
  return insist(async () => {
    const from = url ?? (await objects.get([{ store: of.store, number: of.number }]))[0]
    url = undefined
    const bytes = await getBuffer(from, of.length, signal)
    if (bytes.length !== of.length || sha256(bytes) !== of.sha256) throw new Error('an object of the backup is not the bytes it should be')
    return bytes
  }, signal)
}
