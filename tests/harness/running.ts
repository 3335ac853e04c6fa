import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Database } from '../../functions/kernel/db.ts'
import { world, type Env } from '../../functions/kernel/env.ts'
import { root } from '../../local/layout.ts'
import { sh } from '../steps.ts'

export interface Said { status: number; headers: Headers; body: any; text: string }
export type Process = 'functions' | 'bridge' | 'libsql' | 's3'

/** A port that was free a moment ago, below the range the kernel hands out by itself. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 19_000 + Math.floor(Math.random() * 10_000)
    const free = await new Promise<boolean>((told) => { const s = createServer().once('error', () => told(false)).listen(port, '127.0.0.1', () => s.close(() => told(true))) })
    if (free) return port
  }
}

/** A cloud as users start it, in processes of its own, with the hand on what a test must do to it from outside. */
export class Running {
  readonly data: string
  readonly port: number
  readonly args: string[]
  readonly env: NodeJS.ProcessEnv
  child?: ChildProcess
  output = ''
  #tokens = new Map<string, string>()

  constructor(data: string, port: number, args: string[], env: NodeJS.ProcessEnv = {}) { this.data = data; this.port = port; this.args = args; this.env = env }

  static async make(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Running> {
    return new Running(path.join(mkdtempSync(path.join(tmpdir(), 'virga-')), 'cloud'), await freePort(), args, env)
  }

  get url() { return `http://127.0.0.1:${this.port}` }

  /** Runs `npm start` and resolves at the line that says it is ready. */
  async start(seconds = 600): Promise<void> {
    this.output = ''
    this.#tokens.clear()
    const child = this.child = spawn('npm', ['start', '--', '--data', this.data, '--port', String(this.port), ...this.args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...this.env } })
    const take = (d: Buffer) => { this.output += d }
    child.stdout!.on('data', take)
    child.stderr!.on('data', take)
    const end = Date.now() + seconds * 1000
    while (!/^.*\bready\b/m.test(this.output)) {
      if (child.exitCode !== null) throw new Error(`npm start ended with ${child.exitCode}:\n${this.end()}`)
      if (Date.now() > end) throw new Error(`npm start is not ready after ${seconds} s:\n${this.end()}`)
      await sleep(50)
    }
  }

  /** The last it said. */
  end(): string { return this.output.trim().split('\n').filter(Boolean).slice(-9).join('\n') }

  pid(name: Process | 'runner'): number | undefined {
    try { return Number(readFileSync(path.join(this.data, 'run', `${name}.pid`), 'utf8')) || undefined } catch { return undefined }
  }
  kill(name: Process | 'runner', signal: NodeJS.Signals = 'SIGKILL'): number | undefined {
    const pid = this.pid(name)
    try { if (pid) process.kill(pid, signal) } catch { return undefined }
    return pid
  }

  /** Milliseconds to SIGTERM's end: all that was started is gone. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    const since = performance.now(), child = this.child
    if (!child || child.exitCode !== null || child.signalCode) return 0
    const ended = new Promise<void>((done) => child.once('exit', () => done()))
    child.kill(signal)
    await Promise.race([ended, sleep(30_000).then(() => { throw new Error(`npm start does not end within 30 s of ${signal}:\n${this.end()}`) })])
    return performance.now() - since
  }

  /** `npm run reset`, then the folder around it. */
  async reset(): Promise<void> {
    await this.stop()
    await sh('npm', ['run', '-s', 'reset', '--', '--data', this.data], { cwd: root, timeout: 180_000 })
    if (!existsSync(this.data)) rmSync(path.dirname(this.data), { recursive: true, force: true })
  }

  secrets<T = Record<string, string>>(file = 'secrets.json'): T { return JSON.parse(readFileSync(path.join(this.data, file), 'utf8')) as T }

  /** Straight at the rows. */
  db(): Database {
    const { libsqlToken } = this.secrets(), { libsql } = this.secrets<{ libsql: number }>('ports.json')
    return new Database({ LIBSQL_URL: `http://127.0.0.1:${libsql}`, LIBSQL_TOKEN: libsqlToken } as Env, world)
  }

  async token(user: 'admin' | 'demo'): Promise<string> {
    const kept = this.#tokens.get(user)
    if (kept) return kept
    const domain = { id: 'default' }, password = this.secrets()[`${user}Password`]
    const r = await this.ask('POST', '/identity/v3/auth/tokens', { body: { auth: { identity: { methods: ['password'], password: { user: { name: user, domain, password } } }, scope: { project: { name: user, domain } } } } })
    if (r.status !== 201) throw new Error(`login of ${user}: ${r.status} ${r.text}`)
    this.#tokens.set(user, r.headers.get('x-subject-token')!)
    return r.headers.get('x-subject-token')!
  }

  /** One request, whatever becomes of it. Rejects only when no answer came. */
  async ask(method: string, path: string, of: { token?: string; body?: unknown; headers?: Record<string, string>; raw?: BodyInit } = {}): Promise<Said> {
    const r = await fetch(this.url + path, {
      method, signal: AbortSignal.timeout(60_000), body: of.raw ?? (of.body === undefined ? undefined : JSON.stringify(of.body)),
      headers: { ...(of.token && { 'x-auth-token': of.token }), ...(of.body !== undefined && { 'content-type': 'application/json' }), 'openstack-api-version': 'compute 2.90', ...of.headers },
    })
    const text = await r.text()
    let body: unknown
    try { body = JSON.parse(text) } catch { body = undefined }
    return { status: r.status, headers: r.headers, body, text }
  }

  /** A request that is expected to be taken; rejects with what was said when not. */
  async call(user: 'admin' | 'demo', method: string, path: string, body?: unknown): Promise<any> {
    const r = await this.ask(method, path, { token: await this.token(user), body })
    if (r.status >= 300) throw new Error(`${method} ${path}: ${r.status} ${r.text.slice(0, 500)}`)
    return r.body
  }

  #answers(name: Process): Promise<boolean> {
    if (name === 'bridge') return Promise.resolve(true)
    const at = name === 'functions' ? this.url : `http://127.0.0.1:${this.secrets<Record<string, number>>('ports.json')[name]}${name === 'libsql' ? '/health' : ''}`
    return fetch(at).then(async (r) => { await r.arrayBuffer(); return r.status < 500 }, () => false)
  }

  /** Waits until a process that was killed has been started again and, if others ask it, answers. */
  async back(name: Process, not: number | undefined, seconds = 20): Promise<void> {
    const end = Date.now() + seconds * 1000
    for (;;) {
      const pid = this.pid(name)
      if (pid && pid !== not && existsSync(`/proc/${pid}`) && await this.#answers(name)) return
      if (Date.now() > end) throw new Error(`${name} was not started again within ${seconds} s`)
      await sleep(15)
    }
  }
}
