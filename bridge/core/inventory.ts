import type { Drivers } from '../drivers.ts'
import type { Inventory } from '../../schema/hosts.ts'
import type { Cloud } from './cloud.ts'
import { logged } from './fault.ts'
import type { Log } from './log.ts'
import { backoff, pause } from './pause.ts'

const every = 30_000
const settle = 300

/** Tells the control plane what is really here: regularly, and soon after something changed. */
export class Reporting {
  #wake: (() => void) | undefined
  #touched = true
  readonly #of: { cloud: Cloud; drivers: Drivers; version: string; revision(): number; log: Log; signal: AbortSignal }
  constructor(of: { cloud: Cloud; drivers: Drivers; version: string; revision(): number; log: Log; signal: AbortSignal }) { this.#of = of }

  /** Something changed: an inventory goes out within moments, one for many changes. */
  touch() {
    this.#touched = true
    this.#wake?.()
  }

  async run(): Promise<void> {
    const { signal, log } = this.#of
    let failures = 0
    while (!signal.aborted) {
      this.#touched = false
      try {
        await this.#of.cloud.inventory(await this.look())
        failures = 0
      } catch (error) {
        if (failures++ % 10 === 0) log('inventory not sent', { error: logged(error), failures })
      }
      if (failures) await pause(backoff(failures), signal)
      // Jitter keeps a thousand hosts from speaking in one instant.
      else if (!this.#touched) await this.#idle(every * (0.8 + Math.random() * 0.2))
      if (this.#touched) await pause(settle, signal)
    }
  }

  #idle(ms: number): Promise<void> {
    const { signal } = this.#of
    const stop = new AbortController()
    this.#wake = () => stop.abort()
    return pause(ms, AbortSignal.any([stop.signal, signal])).finally(() => { this.#wake = undefined })
  }

  async look(): Promise<Inventory> {
    const { drivers, version, revision } = this.#of
    const [facts, domains, ports, disks, images] = await Promise.all([drivers.facts(), drivers.virt.list(), drivers.net.ports(), drivers.disks.list(),
      // What cannot be read is not at hand; whoever needs it is told why.
      drivers.images.list().catch(() => [])]), meters = await drivers.net.meters?.()
    return { version, ...facts, domains, ports, disks: disks.map(({ kind, id }) => `${kind}/${id}`), images: images.slice(0, 2000), revision: revision(), physicalNetworks: drivers.net.physical, ...(meters?.length && { meters }) }
  }
}
