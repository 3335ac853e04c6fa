import { Agent, createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Socket } from 'node:net'
import type { Job } from '../../schema/jobs.ts'
import type { Report } from '../../schema/hosts.ts'

/** A report on its way: the job, what is said, and `go` when it may arrive. */
export interface Held { job: string; said: Report; go(): void }

/**
 * The link between hosts and control plane, with a hand on it: it can be cut, swallow answers, hand out jobs again that
 * were handed out before, and hold reports back. Signatures name method and path only, so it passes them on as they are.
 */
export class Wire {
  cut = false
  /** Hosts that are cut off by themselves. */
  readonly away = new Set<string>()
  /** Of answers that would have reached a host, this share does not. */
  deaf = 0
  /** Claims and reports are answered with jobs that were handed out just before as well. */
  #stutter = false
  /** The next final report is held back and given to this. */
  hold?: (held: Held) => void
  /** Counted while set: in how many answers each job went out, how many of its final reports were seen to be taken; and for which one was sent at all, for the answer may have been lost. */
  tally?: { handed: Map<string, number>; reported: Map<string, number>; told: Set<string> }
  /** Told of all that passes. */
  record?: (method: string, path: string, asked: Buffer, answered: Buffer) => void
  chance: () => number = Math.random
  /** First claims of hosts that have just started, answered or not. */
  fresh = 0
  readonly counts = { passed: 0, swallowed: 0, repeated: 0, held: 0 }
  readonly #to: () => number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4096 })
  readonly #sockets = new Set<Socket>()
  readonly #past = new Map<string, Job[]>()
  #server?: Server

  constructor(to: () => number) { this.#to = to }

  /** What went out before is not said again: it may have been to a process that is no more. */
  set stutter(on: boolean) {
    this.#stutter = on
    this.#past.clear()
  }

  async open(): Promise<string> {
    const server = this.#server = createServer({ keepAliveTimeout: 60_000 }, (req, res) => void this.#pass(req, res).catch(() => res.destroy()))
    server.on('connection', (s) => {
      if (this.cut) return s.destroy()
      this.#sockets.add(s)
      s.on('close', () => this.#sockets.delete(s)).on('error', () => {})
    })
    await new Promise<void>((up) => server.listen(0, '127.0.0.1', up))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  close() { this.sever(); this.#server?.close(); this.#agent.destroy() }
  /** Cut: what was under way is lost with it, asked or answered. */
  sever() { this.cut = true; for (const s of this.#sockets) s.destroy() }
  mend() { this.cut = false }

  async #pass(req: IncomingMessage, res: ServerResponse) {
    const body = await all(req), path = req.url!
    const host = /^\/hosts\/([0-9a-f-]{36})\//.exec(path)?.[1] ?? ''
    if (path.endsWith('/claim') && body.includes('"fresh":true')) this.fresh++
    if (this.away.has(host)) return res.destroy()
    const id = /^\/hosts\/[^/]+\/jobs\/([^/?]+)$/.exec(path)?.[1]
    if (id && this.hold) {
      const said = JSON.parse(body.toString()) as Report, take = this.hold
      if (said.state !== 'progress') {
        this.hold = undefined
        this.counts.held++
        await new Promise<void>((go) => take({ job: id, said, go }))
      }
    }
    if (id && this.tally && final(body)) this.tally.told.add(id)
    const answer = await new Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }>((resolve, reject) => {
      const on = request({ host: '127.0.0.1', port: this.#to(), method: req.method, path, headers: req.headers, agent: this.#agent }, (r) => all(r).then((b) => resolve({ status: r.statusCode!, headers: r.headers, body: b }), reject))
      on.on('error', reject)
      res.on('close', () => { if (!res.writableEnded) on.destroy() })
      on.end(body)
    })
    if (this.cut || this.away.has(host)) return res.destroy()
    if (this.deaf && this.chance() < this.deaf) { this.counts.swallowed++; return res.destroy() }
    this.record?.(req.method!, path, body, answer.body)
    this.#count(id, body, answer.status, answer.body)
    const text = this.#again(path, answer.status, answer.body)
    const { 'content-length': _length, 'transfer-encoding': _encoding, connection: _connection, ...headers } = answer.headers
    this.counts.passed++
    res.writeHead(answer.status, { ...headers, 'content-length': text.length }).end(text)
  }

  #count(reported: string | undefined, asked: Buffer, status: number, answered: Buffer) {
    if (!this.tally || status !== 200) return
    const more = (in_: Map<string, number>, id: string) => in_.set(id, (in_.get(id) ?? 0) + 1)
    if (reported && final(asked)) more(this.tally.reported, reported)
    for (const j of (JSON.parse(answered.toString()) as { jobs?: Job[] }).jobs ?? []) more(this.tally.handed, j.id)
  }

  /** Remembers what a host was handed, and hands it out again while it stutters: beside the new ones, once each. */
  #again(path: string, status: number, body: Buffer): Buffer {
    const host = /^\/hosts\/([^/]+)\/(claim|jobs\/)/.exec(path)?.[1]
    if (!host || status !== 200) return body
    const said = JSON.parse(body.toString()) as { jobs: Job[] }
    const past = this.#past.get(host) ?? []
    const repeat = this.#stutter ? past.splice(0) : []
    past.push(...said.jobs)
    this.#past.set(host, past.slice(-8))
    if (!repeat.length) return body
    this.counts.repeated += repeat.length
    return Buffer.from(JSON.stringify({ ...said, jobs: [...said.jobs, ...said.jobs, ...repeat] }))
  }
}

const final = (body: Buffer) => (JSON.parse(body.toString()) as Report).state !== 'progress'

async function all(from: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of from) parts.push(part as Buffer)
  return Buffer.concat(parts)
}
