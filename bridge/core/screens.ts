import { Duplex, pipeline } from 'node:stream'
import { createWebSocketStream, WebSocket } from 'ws'
import type { Cloud } from './cloud.ts'
import { logged } from './fault.ts'
import type { Log } from './log.ts'

/** Of a guest's screen that many are looked at, of its serial line one: who comes last is served, who came first has to go. */
const most = { novnc: 8, serial: 1 }

/** Screens and serial lines of guests of this host that somebody looks at: they outlast the job that asked for them. */
export class Screens {
  readonly #open: { key: string; end(): void }[] = []
  readonly #cloud: Cloud
  readonly #log: Log
  constructor(cloud: Cloud, log: Log) { this.#cloud = cloud; this.#log = log }

  /** Resolves once who waits in this session sees the screen. */
  async show(what: { uuid: string; type: 'novnc' | 'serial'; session: string }, screen: Duplex): Promise<void> {
    let socket: WebSocket
    try { socket = await this.#cloud.meet(what.session) } catch (error) {
      screen.destroy()
      throw error
    }
    const person = createWebSocketStream(socket), key = `${what.type} ${what.uuid}`
    const one = { key, end: () => { screen.destroy(); person.destroy() } }
    const log = this.#log.with({ guest: what.uuid, screen: what.type })
    const over = (error?: Error | null) => {
      const at = this.#open.indexOf(one)
      if (at < 0) return
      this.#open.splice(at, 1)
      one.end()
      log('a screen was left', error && !/premature close/i.test(error.message) ? { error: logged(error) } : {})
    }
    this.#open.push(one)
    pipeline(person, screen, over)
    pipeline(screen, person, over)
    for (const same = this.#open.filter((o) => o.key === key); same.length > most[what.type];) same.shift()!.end()
    log('a screen is looked at')
  }

  close() { for (const one of [...this.#open]) one.end() }
}
