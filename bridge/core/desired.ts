import type { Net } from '../drivers.ts'
import { Picture } from '../../schema/desired.ts'
import type { Desired } from '../../schema/hosts.ts'
import type { Nic } from '../../schema/jobs.ts'
import type { Cloud } from './cloud.ts'
import { logged } from './fault.ts'
import type { Log } from './log.ts'
import { backoff, pause } from './pause.ts'

interface Parts {
  cloud: Cloud
  net: Net
  log: Log
  signal: AbortSignal
  /** Of each document, before it is applied, and whether it can be or not. */
  told(desired: Desired): void
  /** After each document that was applied; `own`: this host's own ports are concerned. */
  applied(desired: Desired, own: boolean): void
}

/** Changes build upon changes; now and then everything is asked for, so that no mistake lasts. */
const wholeEvery = 15 * 60_000

/** Keeps the host's network equal to the newest desired state. One fetch and one apply at a time, as often as needed. */
export class DesiredState {
  /** Newest revision heard of: claims say it, so a document that cannot be applied does not make them spin. */
  seen = 0
  /** Revision of the document the host is equal to; inventory says it. */
  revision = 0
  #ports = new Set<string>()
  #going: Promise<void> | undefined
  #again: Promise<void> | undefined
  readonly #of: Parts
  #picture: Picture
  #whole = -Infinity
  /** What was taken and not yet applied concerns own ports. */
  #own = true
  constructor(of: Parts) {
    this.#of = of
    this.#picture = new Picture(of.net.blind)
  }

  heard(revision: number) {
    this.seen = revision
    void this.#follow()
  }

  /** Fetches and applies; a call during another one waits for a whole new round, since that one may have read too early. */
  refresh(): Promise<void> {
    if (!this.#going) return this.#going = this.#round().finally(() => { this.#going = undefined })
    return this.#again ??= this.#going.catch(() => {}).then(() => { this.#again = undefined; return this.refresh() })
  }

  /** A document kept from before: what guests need goes on while the control plane cannot be asked. */
  async restore(desired: Desired) {
    this.#of.told(desired)
    await this.#apply(desired, true, true)
    this.revision = 0
  }

  /** Those of them that are this host's: a port that is not, though everything was asked for anew, has been deleted since. */
  async ready(nics: Nic[], signal: AbortSignal): Promise<Nic[]> {
    const unknown = () => nics.some(({ port }) => !this.#ports.has(port))
    // What of the host's network could not be made need not be what these ports need: that is asked of the network itself.
    let failed: unknown
    const refresh = () => this.refresh().then(() => { failed = undefined }, (error) => { failed = error })
    if (unknown()) await refresh()
    if (unknown()) {
      this.#whole = -Infinity
      await refresh()
    }
    if (unknown() && failed) throw failed
    signal.throwIfAborted()
    const here = nics.filter(({ port }) => this.#ports.has(port))
    if (unknown()) this.#of.log('ports that are gone are left out', { ports: nics.filter((nic) => !here.includes(nic)).map(({ port }) => port) })
    if (here.length) await this.#of.net.ready(here)
    return here
  }

  async #round() {
    const began = performance.now()
    const desired = await this.#ask()
    this.#calm = performance.now() + Math.min(10_000, Math.max(500, 30 * (performance.now() - began)))
    if (desired.revision > this.seen) this.seen = desired.revision
    this.#of.told(desired)
    await this.#apply(desired, this.#own)
    this.#own = false
  }

  async #ask(): Promise<Desired> {
    const fresh = performance.now() - this.#whole > wholeEvery
    const told = await this.#of.cloud.desired(fresh ? 0 : this.#picture.revision)
    this.#own ||= fresh
    // A control plane of one release before.
    if (!('groups' in told)) { this.#own = true; return told }
    if (told.base === undefined) this.#whole = performance.now()
    try { if (this.#picture.take(told)) this.#own = true } catch (error) {
      // Half taken is worse than nothing: begin anew.
      this.#picture = new Picture(this.#of.net.blind)
      this.#whole = -Infinity
      throw error
    }
    return this.#picture.document()
  }

  async #apply(desired: Desired, own: boolean, kept = false) {
    try { await this.#of.net.apply(desired, kept) } finally { this.#ports = new Set(desired.ports.map(({ id }) => id)) }
    this.revision = desired.revision
    this.#of.applied(desired, own)
  }

  #following = false
  /** Until then a change can wait for the next: one round serves them all, and a control plane that is slow is asked less. */
  #calm = 0
  async #follow() {
    if (this.#following) return
    this.#following = true
    const { signal, log } = this.#of
    for (let failures = 0; !signal.aborted;) {
      await pause(Math.max(0, this.#calm - performance.now()), signal)
      // A start that needed its ports may have had it done meanwhile.
      if (this.revision === this.seen) break
      try { await this.refresh(); failures = 0 } catch (error) {
        if (failures % 10 === 0) log('desired state not applied', { error: logged(error), failures })
        await pause(backoff(failures++), signal)
      }
    }
    this.#following = false
  }
}
