import type { Job, Nic } from '../../schema/jobs.ts'
import type { Report } from '../../schema/hosts.ts'
import { jobs as kinds } from '../../schema/jobs.ts'
import { attempt, type Outcome } from './attempt.ts'
import { Refused, passing, type Cloud } from './cloud.ts'
import type { Executors, Work } from './executor.ts'
import { logged } from './fault.ts'
import { Lanes } from './lanes.ts'
import type { Log } from './log.ts'
import { backoff, pause } from './pause.ts'
import { Progress } from './progress.ts'

interface Entry { job: Job; abort: AbortController; /** Its result interests nobody any more. */ lost: boolean }
type Lent = Pick<Work, 'virt' | 'disks' | 'images' | 'net' | 'moves' | 'arrivals' | 'guest' | 'show'> & { ready(nics: Nic[], signal: AbortSignal): Promise<Nic[]> }

/** The jobs in hand of one host: takes them, runs them lane by lane, reports until answered. */
export class Desk {
  readonly #entries = new Map<string, Entry>()
  /** The newest attempt taken of each job, also of those that are over: a delivery made twice must not do again what was undone since. */
  readonly #taken = new Map<string, number>()
  readonly #lanes = new Lanes()
  readonly #waiting = new Set<() => void>()
  readonly #of: { cloud: Cloud; executors: Executors; lent: Lent; slots: number; log: Log; signal: AbortSignal; changed(): void }
  constructor(of: { cloud: Cloud; executors: Executors; lent: Lent; slots: number; log: Log; signal: AbortSignal; changed(): void }) { this.#of = of }

  get free() { return Math.max(0, this.#of.slots - this.#entries.size) }
  get busy() { return this.#entries.size > 0 }
  /** What to renew; the ids and attempts as they are now. */
  running() { return [...this.#entries.values()].slice(0, 256).map(({ job: { id, attempt } }) => ({ id, attempt })) }
  /** Resolves at the next job's end. */
  freed(): Promise<void> { return new Promise((resolve) => this.#waiting.add(resolve)) }

  take(jobs: Job[]) {
    for (const job of jobs) {
      if ((this.#taken.get(job.id) ?? 0) >= job.attempt) continue
      this.#taken.set(job.id, job.attempt)
      if (this.#taken.size > 5000) this.#taken.delete(this.#taken.keys().next().value!)
      const held = this.#entries.get(job.id)
      // A newer attempt supersedes; it waits in the lane until the older one has ended.
      if (held) this.#drop(held, 'a newer attempt has begun')
      const entry: Entry = { job, abort: new AbortController(), lost: false }
      this.#entries.set(job.id, entry)
      this.#see(entry).catch((error) => this.#of.log('job broke', { job: job.id, error: logged(error) }))
    }
  }

  /** The control plane's answer to `running`: these are not ours any more, unless a newer attempt has come since. */
  lost(ids: string[], asked: { id: string; attempt: number }[]) {
    for (const id of ids) {
      const entry = this.#entries.get(id)
      if (entry && asked.some((one) => one.id === id && one.attempt === entry.job.attempt)) this.#drop(entry, 'the lease was lost')
    }
  }

  #drop(entry: Entry, why: string) {
    entry.lost = true
    entry.abort.abort(new Error(why))
    this.#leave(entry)
  }

  #leave(entry: Entry) {
    if (this.#entries.get(entry.job.id) !== entry) return
    this.#entries.delete(entry.job.id)
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  async #see(entry: Entry) {
    const { job } = entry
    const log = this.#of.log.with({ requestId: job.requestId, job: job.id, kind: job.kind, attempt: job.attempt })
    const began = performance.now()
    const progress = new Progress((text) => this.#tell(entry, { attempt: job.attempt, state: 'progress', progress: text }))
    const outcome = await this.#limited(entry, progress, log)
    await progress.end()
    if (entry.lost || this.#of.signal.aborted) return log('result dropped', { state: outcome.state })
    log(outcome.state, { ms: Math.round(performance.now() - began), ...(outcome.state === 'failed' && { error: outcome.error, terminal: outcome.terminal }) })
    if (!isQuery(job)) this.#of.changed()
    await this.#reported(entry, outcome, log)
  }

  /** The outcome within the limit, whatever the work itself does; the lane stays taken until that really ends. */
  async #limited(entry: Entry, progress: Progress, log: Log): Promise<Outcome> {
    const { job, abort } = entry
    const late = Promise.withResolvers<Outcome>()
    const overdue = Promise.withResolvers<void>()
    let timers: NodeJS.Timeout[] = []
    const work = async () => {
      const limit = (job.limit > 0 ? job.limit : 60) * 1000
      timers = [
        setTimeout(() => abort.abort(new Error(`took longer than ${limit / 1000} s`)), limit),
        setTimeout(() => {
          overdue.resolve()
          late.resolve({ state: 'failed', error: `took longer than ${limit / 1000} s`, terminal: false })
        }, limit + 5000),
      ]
      try { return await attempt(job, this.#of.executors, this.#work(entry, progress), log) } finally { timers.forEach(clearTimeout) }
    }
    // Questions change nothing, so they need not wait for what does.
    const own = isQuery(job) ? work() : this.#lanes.run(laneOf(job), work, overdue.promise)
    return Promise.race([own, late.promise]).catch((error): Outcome => ({ state: 'failed', error: error.message, terminal: false }))
  }

  #work({ job, abort }: Entry, progress: Progress): Omit<Work, 'revert'> {
    const { lent, cloud } = this.#of
    return {
      ...lent, signal: abort.signal,
      progress: (text) => progress.say(text),
      blob: async (image, method) => (await cloud.blob(job.id, job.attempt, image, method)).url,
      objects: {
        take: (n) => cloud.objects(job.id, job.attempt, { take: n }),
        get: async (wanted) => (await cloud.objects(job.id, job.attempt, { get: wanted })).urls,
      },
      passage: async () => Buffer.from((await cloud.passage(job.id, job.attempt)).key, 'base64url'),
      ready: (nics) => lent.ready(nics, abort.signal),
    }
  }

  /** Says it until someone hears it: an answer, or that the lease is gone. Meanwhile claims keep renewing it. */
  async #reported(entry: Entry, outcome: Outcome, log: Log) {
    let body: Report = { attempt: entry.job.attempt, ...outcome }
    for (let failures = 0; !entry.lost && !this.#of.signal.aborted; failures++) {
      try {
        await this.#tell(entry, body)
        break
      } catch (error) {
        log('report failed', { error: logged(error) })
        if (error instanceof Refused && (error.status === 409 || error.status === 404)) break
        if (error instanceof Refused && !passing(error)) {
          if (body.state === 'failed') break
          body = { attempt: entry.job.attempt, state: 'failed', error: "the control plane refused the host's result", terminal: true }
        } else await pause(backoff(failures), this.#of.signal)
      }
    }
    this.#leave(entry)
  }

  async #tell(entry: Entry, body: Report) {
    // The slot this report frees counts: what comes back may fill it.
    const slots = Math.min(256, this.free + (body.state === 'progress' ? 0 : 1))
    try {
      const { jobs = [] } = await this.#of.cloud.report(entry.job.id, { ...body, slots })
      if (body.state !== 'progress') this.#leave(entry)
      if (!this.#of.signal.aborted) this.take(jobs)
    } catch (error) {
      if (body.state === 'progress' && error instanceof Refused && error.status === 409) this.#drop(entry, 'the lease was lost')
      throw error
    }
  }
}

/** An order to take away what a server left is in a lane nothing supersedes; here it waits for what is still being done to that server. */
const laneOf = (job: Job) => job.lane.replace(/^fence:/, '')
const isQuery = (job: Job) => Object.hasOwn(kinds, job.kind) && 'query' in kinds[job.kind]
