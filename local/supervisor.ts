import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, copyFileSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs'
import path from 'node:path'
import { writeFile, type Layout } from './layout.ts'
import { alive, end, fromPidfile } from './process.ts'

export interface Child {
  name: string
  command: string
  /** Name the data folder somewhere: a process is only taken for this cloud's own when its command line does. */
  args: string[]
  /** What comes before the arguments, found out anew at every start. */
  prefix?: () => string[]
  env?: Record<string, string>
  graceMs?: number
  /** One that an earlier runner left is taken over as it is. */
  adopt?: boolean
  /** Asked when all is stopped: whether this one goes on without us. */
  staysOn?: () => boolean
}

interface Running { child: Child; process?: ChildProcess; pid?: number; exits: number; delay: number; since: number; timer?: NodeJS.Timeout }

const firstDelay = 100, longestDelay = 1500, steadyMs = 10_000
const logCap = 8 << 20

/**
 * Keeps processes running: each has a pidfile and a log file, and is started again when it dies. They outlive a runner
 * that is killed outright (own process group, output straight to the file), and the next runner replaces them.
 */
export class Supervisor {
  readonly #at: Layout
  readonly #say: (line: string) => void
  readonly #children = new Map<string, Running>()
  #stopping = false

  constructor(at: Layout, say: (line: string) => void) { this.#at = at; this.#say = say }

  pidfile(name: string) { return path.join(this.#at.run, `${name}.pid`) }
  logfile(name: string) { return path.join(this.#at.log, `${name}.log`) }

  async start(child: Child): Promise<void> {
    if (this.#stopping) throw new Error(`${child.name} is not started: all is being stopped`)
    const running: Running = { child, exits: 0, delay: firstDelay, since: performance.now() }
    const left = child.adopt && fromPidfile(this.pidfile(child.name), this.#at.dir)
    if (!left) await this.replaceStale(child.name)
    this.#children.set(child.name, running)
    if (left) this.#watch(running, left)
    else this.#spawn(running)
  }

  /** A process that is not our child says nothing when it ends. */
  #watch(running: Running, pid: number): void {
    running.pid = pid
    running.timer = setInterval(() => {
      if (alive(pid)) return
      clearInterval(running.timer)
      this.#ended(running, 'gone')
    }, 300).unref()
  }

  /** Ends what a runner before this one left behind under that name. */
  async replaceStale(name: string): Promise<void> {
    const stale = fromPidfile(this.pidfile(name), this.#at.dir)
    if (stale) await end(stale, 3000)
    rmSync(this.pidfile(name), { force: true })
  }

  #spawn(running: Running): void {
    const { child } = running
    const log = openSync(this.logfile(child.name), 'a', 0o600)
    writeSync(log, `--- ${new Date().toISOString()} starting\n`)
    const process_ = spawn(child.command, [...child.prefix?.() ?? [], ...child.args], { stdio: ['ignore', log, log], detached: true, env: { ...process.env, ...child.env } })
    closeSync(log)
    running.process = process_
    running.since = performance.now()
    if ((running.pid = process_.pid)) writeFile(this.pidfile(child.name), `${process_.pid}\n`, 0o644)
    let over = false
    const ended = (why: string) => { if (!over) { over = true; this.#ended(running, why) } }
    process_.on('error', (e) => ended(e.message))
    process_.on('exit', (code, signal) => ended(signal ?? `exit ${code}`))
  }

  #ended(running: Running, why: string): void {
    running.exits++
    running.pid = undefined
    if (this.#stopping || this.#children.get(running.child.name) !== running) return
    if (performance.now() - running.since > steadyMs) running.delay = firstDelay
    this.#say(`${running.child.name} ended (${why}), starting it again; its log: ${this.logfile(running.child.name)}`)
    running.timer = setTimeout(() => this.#spawn(running), running.delay)
    running.delay = Math.min(running.delay * 2, longestDelay)
  }

  /** Waits until `check` holds; gives up, with the end of the log, when the process keeps dying or the time is over. */
  async until(name: string, withinMs: number, check: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + withinMs
    for (;;) {
      if (await check().catch(() => false)) return
      const running = this.#children.get(name)
      if (this.#stopping || !running) throw new Error(`${name} was stopped while it started`)
      if (running.exits >= 4) throw new Error(`${name} does not stay up:\n${this.tail(name)}`)
      if (performance.now() > deadline) throw new Error(`${name} does not answer after ${withinMs / 1000} s:\n${this.tail(name)}`)
      await new Promise((wake) => setTimeout(wake, 50))
    }
  }

  tail(name: string): string {
    try { return readFileSync(this.logfile(name), 'utf8').slice(-2000) } catch { return '(no log)' }
  }

  async stop(name: string): Promise<unknown> {
    const running = this.#children.get(name)
    if (!running) return
    this.#children.delete(name)
    clearTimeout(running.timer)
    if (running.child.staysOn?.()) return running.process?.unref()
    if (running.pid && alive(running.pid)) await end(running.pid, running.child.graceMs ?? 2500)
    rmSync(this.pidfile(name), { force: true })
  }

  /** Ends all of them; those in `first`, in that order, before the others. */
  async stopAll(first: string[] = []): Promise<void> {
    this.#stopping = true
    for (const name of first) await this.stop(name)
    await Promise.all([...this.#children.keys()].map((name) => this.stop(name)))
  }

  /** Logs do not grow without end: what is too long becomes NAME.log.1. Writers append, so they go on at the start. */
  trimLogs(): void {
    for (const name of this.#children.keys()) {
      const file = this.logfile(name)
      try {
        if (statSync(file).size < logCap) continue
        copyFileSync(file, `${file}.1`)
        truncateSync(file)
      } catch { /* it may not exist yet */ }
    }
  }
}
