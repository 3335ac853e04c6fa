import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { BackupRef } from '../../schema/jobs.ts'
import { getBytes, putFile } from '../core/bytes.ts'
import type { Work } from '../core/executor.ts'
import { Terminal } from '../drivers.ts'
import type { Shelf } from './objects.ts'

/** Disks are kept in pieces of this length, the last perhaps shorter; what is not named in a manifest is zero. */
export const CHUNK = 4 << 20

/** One piece of a disk, and the object that holds it. */
export interface Entry { index: number; sha256: string; store: string; number: number }

const head = (size: number) => `virga-backup 1 ${CHUNK} ${size}`
const line = /^(\d{1,9}) ([0-9a-f]{64}) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) (\d{1,10})$/

/** A backup's pieces in their order: a line of the format, the length of a piece and of the disk, then one for each. May be large, so it is written and read by the line. */
export class ManifestWriter {
  readonly #path: string
  readonly #file
  readonly #digest = createHash('sha256')
  #size = 0
  constructor(path: string, diskSize: number) {
    this.#path = path
    this.#file = createWriteStream(path, { mode: 0o600 })
    this.#file.on('error', () => {})
    this.#write(head(diskSize))
  }
  #write(text: string) {
    const bytes = Buffer.from(`${text}\n`)
    this.#digest.update(bytes)
    this.#size += bytes.length
    return this.#file.write(bytes)
  }
  async add({ index, sha256, store, number }: Entry) {
    if (this.#file.errored) throw this.#file.errored
    if (!this.#write(`${index} ${sha256} ${store} ${number}`)) await once(this.#file, 'drain')
  }
  /** Puts it beside the pieces. */
  async send(shelf: Shelf, signal: AbortSignal) {
    if (!this.#file.destroyed) await once(this.#file.end(), 'close')
    if (this.#file.errored) throw this.#file.errored
    let number = 0
    await putFile(this.#path, async () => { const slot = await shelf.slot(); number = slot.number; return slot.url }, { signal })
    return { number, size: this.#size, sha256: this.#digest.digest('hex') }
  }
  async dispose() {
    this.#file.destroy()
    await rm(this.#path, { force: true })
  }
}

/** Fetches a manifest to `path`, sees that it is the one, and reads it. */
export async function readManifest({ objects, signal }: Pick<Work, 'objects' | 'signal'>, ref: BackupRef, path: string): Promise<{ size: number; entries: AsyncGenerator<Entry>; close(): void }> {
  await getBytes(async () => (await objects.get([{ store: ref.store, number: ref.number }]))[0], ref.size, () => createWriteStream(path, { mode: 0o600 }), { signal })
  const digest = createHash('sha256')
  for await (const part of createReadStream(path)) digest.update(part)
  if (digest.digest('hex') !== ref.sha256) throw new Terminal('the list of what the backup consists of is not the one that was written')
  const input = createReadStream(path), lines = createInterface({ input, crlfDelay: Infinity })[Symbol.asyncIterator]()
  const { value: first } = await lines.next()
  const size = Number(String(first).split(' ')[3])
  if (!Number.isSafeInteger(size) || first !== head(size)) throw new Terminal('the backup is of a form this host does not know')
  return { size, entries: entriesOf({ [Symbol.asyncIterator]: () => lines }, size), close: () => void input.destroy() }
}

async function* entriesOf(lines: AsyncIterable<string>, size: number): AsyncGenerator<Entry> {
  let last = -1
  for await (const text of lines) {
    const found = line.exec(text)
    const entry = found && { index: Number(found[1]), sha256: found[2], store: found[3], number: Number(found[4]) }
    if (!entry || entry.index <= last || entry.index * CHUNK >= size) throw new Terminal('the list of what the backup consists of makes no sense')
    last = entry.index
    yield entry
  }
}
