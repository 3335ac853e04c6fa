import { appendFileSync, mkdirSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * A map that outlives kill -9: one JSON line per change, written before `set` returns, so nothing that was reported is
 * forgotten and the cost of a change does not grow with the number of guests. Rewritten when most of it is history.
 */
export class Journal<T> {
  readonly #file: string
  readonly #held = new Map<string, T>()
  #lines = 0
  constructor(file: string) {
    this.#file = file
    mkdirSync(dirname(file), { recursive: true })
    for (const line of this.#read().split('\n')) this.#replay(line)
    this.#compact()
  }

  get(key: string): T | undefined { return this.#held.get(key) }
  has(key: string): boolean { return this.#held.has(key) }
  entries(): [string, T][] { return [...this.#held] }
  values(): T[] { return [...this.#held.values()] }
  get size() { return this.#held.size }

  set(key: string, value: T) {
    this.#write([key, value])
    this.#held.set(key, value)
  }

  delete(key: string) {
    if (!this.#held.has(key)) return
    this.#write([key])
    this.#held.delete(key)
  }

  /** All of the line or nothing: on a full disk the beginning of it is taken back, so that the next is not written behind it. */
  #write(line: [string, T?]) {
    const { size } = statSync(this.#file)
    try { appendFileSync(this.#file, JSON.stringify(line) + '\n') } catch (error) {
      truncateSync(this.#file, size)
      throw error
    }
    if (++this.#lines > 4 * this.#held.size + 1000) try { this.#compact() } catch { /* it can wait for room */ }
  }

  #compact() {
    writeFileSync(`${this.#file}.new`, this.entries().map((line) => JSON.stringify(line) + '\n').join(''))
    renameSync(`${this.#file}.new`, this.#file)
    this.#lines = this.#held.size
  }

  #read(): string {
    try { return readFileSync(this.#file, 'utf8') } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
      throw error
    }
  }

  #replay(line: string) {
    // The last line may have been cut off; it was not answered for yet.
    try {
      const [key, value] = JSON.parse(line) as [string, T?]
      if (value === undefined) this.#held.delete(key)
      else this.#held.set(key, value)
    } catch {}
  }
}
