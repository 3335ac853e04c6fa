import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { serverOf } from './names.ts'

export interface Event { server: string; kind: string; detail: string }
const line = /^\S+ \S+: event '([\w-]+)' for domain '([^']+)':? ?(.*)$/
const changes = new Set(['lifecycle', 'reboot', 'device-added', 'device-removed'])

/** `virsh event`, kept running. Events are hints: whoever waits for one also looks. */
export class Events {
  #child?: ChildProcess
  #listeners = new Set<(event: Event) => void>()
  #timer?: NodeJS.Timeout
  #closed = false
  /** A guest changed, or some changes may have been missed. */
  changed: (server?: string) => void = () => {}
  readonly #uri: string
  readonly #tag: string
  constructor(uri: string, tag: string) { this.#uri = uri; this.#tag = tag }

  start(pause = 250) {
    // Told to end with its parent, for a bridge killed with -9 cannot do it.
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', 'virsh', '-c', this.#uri, 'event', '--all', '--loop', '--timestamp'],
      { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, LC_ALL: 'C' } })
    const began = Date.now()
    this.#child = child
    createInterface({ input: child.stdout! }).on('line', (text) => this.#hear(text))
    let over = false
    const again = () => {
      if (over || this.#closed) return
      over = true
      const next = Date.now() - began > 10_000 ? 250 : Math.min(pause * 2, 5000)
      this.#timer = setTimeout(() => { this.start(next); this.changed() }, next)
    }
    child.on('error', again).on('close', again)
  }

  #hear(text: string) {
    const [, kind, name, detail] = line.exec(text) ?? []
    const server = name && serverOf(this.#tag, name)
    if (!server || kind === 'balloon-change') return
    for (const listener of [...this.#listeners]) listener({ server, kind, detail })
    if (changes.has(kind)) this.changed(server)
  }

  /** The first event of a server that `match` accepts, or undefined when time is up. */
  next(server: string, match: (event: Event) => boolean, ms: number): Promise<Event | undefined> {
    return new Promise((resolve) => {
      const done = (event?: Event) => { clearTimeout(timer); this.#listeners.delete(listen); resolve(event) }
      const listen = (event: Event) => { if (event.server === server && match(event)) done(event) }
      const timer = setTimeout(done, ms)
      this.#listeners.add(listen)
    })
  }

  close() {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#child?.kill()
  }
}
