import { randomUUID } from 'node:crypto'
import { Connection } from './connection.ts'
import { closed, failed, planOf, run, type Plan, type Request, type Texts } from './pipeline.ts'
import { SqlError } from './values.ts'

export interface Limits {
  /** Silence after which an open stream is rolled back and forgotten, ms. */
  silence: number
  /** How long a writer waits for a stream that holds the write lock, ms. */
  patience: number
  streams: number
  /** Requests that share one commit at most. */
  group: number
}

interface Stream { conn: Connection; texts: Texts; timer?: NodeJS.Timeout; writing: boolean }
interface Job { requests: Request[]; plan: Plan; stream?: Stream; closes: boolean; answer(body: string): void; deadline: number; giveUp?: NodeJS.Timeout }

const page = (baton: string | null, results: string[]) => `{"baton":${baton ? `"${baton}"` : 'null'},"base_url":null,"results":[${results.join(',')}]}`

/** Decides which connection serves a pipeline and when. One JS turn serves everything that has arrived. */
export class Scheduler {
  private readonly shared: Connection
  private readonly open: () => Connection
  private readonly limits: Limits
  private queue: Job[] = []
  private waiting: Job[] = []
  private streams = new Map<string, Stream>()
  /** The open stream whose transaction has the write lock. Others wait for it here: waiting inside SQLite would stop the very turn that frees it. */
  private holder?: Stream
  private opened = 0
  private closing = false
  private turn?: NodeJS.Immediate

  constructor(open: () => Connection, limits: Limits) {
    this.open = open
    this.shared = open()
    this.limits = limits
  }

  submit(baton: string | null, requests: Request[]): Promise<string> {
    if (this.closing) throw new SqlError('SHUTTING_DOWN', 'the endpoint is closing')
    const closes = requests.at(-1)?.type === 'close'
    let stream: Stream | undefined
    if (baton !== null) {
      stream = this.streams.get(baton)
      if (!stream) throw new SqlError('STREAM_EXPIRED', 'the stream is unknown or has expired; its transaction was rolled back')
      this.streams.delete(baton)
      clearTimeout(stream.timer)
    } else if (!closes) {
      if (this.opened >= this.limits.streams) throw new SqlError('TOO_MANY_STREAMS', `${this.opened} streams are open already`)
      stream = { conn: this.open(), texts: new Map(), writing: false }
      this.opened++
    }
    const plan = planOf(requests, stream?.texts ?? new Map())
    return new Promise((answer) => {
      this.queue.push({ requests, plan, stream, closes, answer, deadline: performance.now() + this.limits.patience })
      this.turn ??= setImmediate(() => this.serve())
    })
  }

  private serve() {
    this.turn = undefined
    const jobs = this.queue
    this.queue = []
    const group: Job[] = []
    for (const job of jobs) {
      if (job.plan.writes && this.holder && this.holder !== job.stream) this.wait(job)
      else if (!job.stream && job.plan.groupable && job.plan.writes) group.push(job)
      else this.alone(job)
    }
    for (let i = 0; i < group.length; i += this.limits.group) this.together(group.slice(i, i + this.limits.group))
  }

  private alone(job: Job) {
    if (job.stream) return this.inStream(job, job.stream)
    const conn = job.plan.plain ? this.shared : this.open()
    try {
      conn.ready()
      const results = run(conn, job.requests, new Map(), job.plan.writes)
      conn.rollback()
      job.answer(page(null, results))
    } catch (e) {
      this.refuse(job, e)
    } finally {
      if (conn !== this.shared) conn.close()
    }
  }

  /** One outer transaction, one fsync, each request atomic in it; answers leave after the commit. Anything unusual: each on its own, as if never tried. */
  private together(jobs: Job[]) {
    // A single write outside a batch gets its own begin and commit as it runs.
    if (jobs.length === 1 || !this.inOne(jobs)) for (const job of jobs) this.alone(job)
  }

  private inOne(jobs: Job[]): boolean {
    const conn = this.shared
    let pages: string[] | undefined
    try {
      conn.ready()
      conn.exec('begin immediate')
      conn.grouped = true
      pages = jobs.map((job) => {
        const results = run(conn, job.requests, new Map(), false)
        if (conn.inTransaction) conn.leave()
        if (!conn.busy) throw new SqlError('SQLITE_ABORT', 'a statement ended the transaction of the group')
        return page(null, results)
      })
      conn.grouped = false
      conn.exec('commit')
    } catch {
      conn.reset()
      return false
    }
    jobs.forEach((job, i) => job.answer(pages[i]))
    return true
  }

  private inStream(job: Job, stream: Stream) {
    const { conn } = stream
    if (job.plan.writes) stream.writing = true
    let body: string
    try {
      conn.ready()
      const results = run(conn, job.requests, stream.texts, false)
      body = job.closes ? page(null, results) : page(this.keep(stream), results)
    } catch (e) {
      this.end(stream)
      return this.refuse({ ...job, stream: undefined }, e)
    }
    if (job.closes) this.end(stream)
    else if (!conn.inTransaction) { stream.writing = false; this.free(stream) }
    else if (stream.writing) this.holder = stream
    job.answer(body)
  }

  private keep(stream: Stream): string {
    const baton = randomUUID()
    this.streams.set(baton, stream)
    stream.timer = setTimeout(() => {
      this.streams.delete(baton)
      this.end(stream)
    }, this.limits.silence).unref()
    return baton
  }

  private end(stream: Stream) {
    clearTimeout(stream.timer)
    this.opened--
    try { stream.conn.close() } finally { this.free(stream) }
  }

  private free(stream: Stream) {
    if (this.holder !== stream) return
    this.holder = undefined
    for (const job of this.waiting) clearTimeout(job.giveUp)
    this.queue.unshift(...this.waiting)
    this.waiting = []
    this.turn ??= setImmediate(() => this.serve())
  }

  private wait(job: Job) {
    job.giveUp = setTimeout(() => {
      this.waiting = this.waiting.filter((x) => x !== job)
      this.refuse(job, new SqlError('SQLITE_BUSY', 'database is locked: another stream holds a write transaction'))
    }, Math.max(0, job.deadline - performance.now())).unref()
    this.waiting.push(job)
  }

  /** Every request of the pipeline fails for the same reason; nothing of it has happened. */
  private refuse(job: Job, e: unknown) {
    const results = job.requests.map((r) => r.type === 'close' ? closed : failed(e))
    if (!job.stream) return job.answer(page(null, results))
    if (job.closes) this.end(job.stream)
    job.answer(page(job.closes ? null : this.keep(job.stream), results))
  }

  /** Serves what has arrived, rolls back what is open, and moves the log into the file. */
  close() {
    this.closing = true
    if (this.turn) { clearImmediate(this.turn); this.serve() }
    for (const job of this.waiting.splice(0)) { clearTimeout(job.giveUp); this.refuse(job, new SqlError('SQLITE_BUSY', 'the endpoint is closing')) }
    for (const stream of this.streams.values()) { clearTimeout(stream.timer); stream.conn.close() }
    this.streams.clear()
    this.shared.close()
    const last = this.open()
    last.exec('pragma wal_checkpoint(truncate)')
    last.close()
  }
}
