import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Desired, GuestData } from '../../schema/hosts.ts'
import type { Cloud } from './cloud.ts'
import { logged } from './fault.ts'
import type { Log } from './log.ts'

const patience = 2000

/**
 * What this host's guests are told. Kept on disk (0600: it holds user data) so that metadata is answered while the control
 * plane is away, also right after a restart of the bridge.
 */
export class Guests {
  readonly #etags = new Map<string, string>()
  readonly #known = new Map<string, GuestData>()
  readonly #going = new Map<string, Promise<GuestData | undefined>>()
  readonly #of: { cloud: Cloud; folder: string; log: Log }
  constructor(of: { cloud: Cloud; folder: string; log: Log }) { this.#of = of }

  async load() {
    await mkdir(this.#of.folder, { recursive: true, mode: 0o700 })
    for (const name of await readdir(this.#of.folder)) {
      if (!/^[0-9a-f-]{36}\.json$/.test(name)) continue
      const guest = await readFile(join(this.#of.folder, name), 'utf8').then(JSON.parse).catch(() => undefined) as GuestData | undefined
      if (guest) this.#known.set(guest.server, guest)
    }
  }

  /** Follows the list: fetches what moved, a few at a time, forgets who left. */
  async follow(list: Desired['guests']): Promise<void> {
    this.#etags.clear()
    for (const { server, etag } of list) this.#etags.set(server, etag)
    for (const server of this.#known.keys()) if (!this.#etags.has(server)) await this.#forget(server)
    const moved = list.filter(({ server, etag }) => this.#known.get(server)?.etag !== etag).map(({ server }) => server)
    const next = async () => {
      for (let server = moved.pop(); server; server = moved.pop()) {
        await this.#newest(server).catch((error) => this.#of.log('guest data not fetched', { server, error: logged(error) }))
      }
    }
    await Promise.all([next(), next(), next(), next()])
  }

  /**
   * What metadata answers from: the newest that can be had soon, else the last that was. With neither it fails, so that the
   * guest is told to ask again: a 404 would make it give up.
   */
  async lookup(server: string): Promise<GuestData | undefined> {
    const etag = this.#etags.get(server)
    if (etag === undefined) return undefined
    const known = this.#known.get(server)
    if (known?.etag === etag) return known
    const newest = this.#newest(server)
    if (!known) return newest
    // A control plane that hangs is not waited for: guests give up after a few seconds.
    return Promise.race([newest.catch(() => known), sleep(patience, known, { ref: false })])
  }

  /** One fetch at a time for one guest, however many of its processes ask. */
  #newest(server: string): Promise<GuestData | undefined> {
    const going = this.#going.get(server) ?? this.#fetch(server).finally(() => this.#going.delete(server))
    this.#going.set(server, going)
    return going
  }

  async #fetch(server: string) {
    const guest = await this.#of.cloud.guest(server)
    if (!guest) return undefined
    this.#known.set(server, guest)
    const file = join(this.#of.folder, `${server}.json`)
    await writeFile(`${file}.new`, JSON.stringify(guest), { mode: 0o600 })
    await rename(`${file}.new`, file)
    return guest
  }

  async #forget(server: string) {
    this.#known.delete(server)
    await rm(join(this.#of.folder, `${server}.json`), { force: true })
  }
}
