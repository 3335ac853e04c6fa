import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeProtectedHeader, importJWK, jwtVerify, type JWK } from 'jose'
import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { blobRequest, claim, enrollment, inventory, objectsRequest, passageRequest, report, type Claim, type ClaimAnswer, type Desired, type GuestData, type Inventory, type Report } from '../../schema/hosts.ts'
import type { Job, JobArgs, JobName } from '../../schema/jobs.ts'

/**
 * A control plane in memory, for tests of the bridge: it checks every signature, leases jobs, and can be told to be slow,
 * absent or forgetful. It keeps what a test wants to see.
 */
type Row = Job & { host: string; state: 'queued' | 'running' | 'done' | 'failed'; leaseUntil: number; outcome?: Report; /** Every accepted one, oldest first. */ outcomes: Report[]; progress: string[] }
interface Enrolled { id: string; name: string; key: JWK; revision: number; bell: number; turn?: number; wake: Set<() => void>; inventory?: Inventory }
class Answer extends Error {
  status: number
  constructor(status: number, message: string) { super(message); this.status = status }
}

export class FakeCloud {
  readonly hosts = new Map<string, Enrolled>()
  readonly jobs = new Map<string, Row>()
  readonly bytes = new Map<string, Buffer>()
  /** How many objects of a backup have been handed out; they are in `bytes` as `STORE.NUMBER`. */
  readonly taken = new Map<string, number>()
  readonly guests = new Map<string, GuestData>()
  readonly calls: string[] = []
  readonly claims: { host: string; running: string[]; slots: number; fresh: boolean }[] = []
  /** Milliseconds without renewal after which a job is another's. */
  lease = 60_000
  /** Uses left of the enrolment token `token`. */
  uses = 1000
  ports: Desired['ports'] = []
  networks: Desired['networks'] = []
  /** Called with `METHOD /path without ids` before a call is handled; may wait, or throw to answer nothing (the socket is cut). */
  before: (what: string) => void | Promise<void> = () => {}
  /** The same after the work was done and before the answer goes out. */
  after: (what: string) => void | Promise<void> = () => {}
  readonly #seen = new Set<string>()
  readonly #server = createServer((request, response) => void this.#serve(request, response))

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this.url
  }
  get url() { return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}` }
  async close() {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  add<K extends JobName>(host: string, kind: K, args: JobArgs<K>, more: Partial<Row> = {}): Row {
    const row: Row = { id: randomUUID(), kind, args, attempt: 0, lane: randomUUID(), requestId: 'req-test', limit: 60, host, state: 'queued', leaseUntil: 0, outcomes: [], progress: [], ...more } as Row
    this.jobs.set(row.id, row)
    this.ring(host)
    return row
  }
  ring(host: string) {
    const one = this.hosts.get(host)!
    one.bell++
    for (const wake of one.wake) wake()
  }
  /** Moves the desired state on. */
  moved(host: string) {
    this.hosts.get(host)!.revision++
    this.ring(host)
  }
  async until<T>(so: () => T | undefined | false, ms = 5000): Promise<T> {
    for (const end = Date.now() + ms; ;) {
      const found = so()
      if (found) return found
      if (Date.now() > end) throw new Error(`did not come true within ${ms} ms: ${so}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  settled(row: Row, ms?: number) { return this.until(() => (row.state === 'done' || row.state === 'failed') && row.outcome, ms) }

  async #serve(request: IncomingMessage, response: ServerResponse) {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const what = `${request.method} ${request.url!.replace(/\?.*/, '').split('/').filter((part) => !/^[0-9a-f-]{36}$/.test(part)).join('/')}`
    this.calls.push(what)
    try {
      await this.before(what)
      const answer = await this.#handle(request, body).catch((error) => {
        if (error instanceof Answer) return error
        throw error
      })
      await this.after(what)
      if (answer instanceof Answer) response.writeHead(answer.status).end(JSON.stringify({ error: { message: answer.message } }))
      else if (Buffer.isBuffer(answer)) response.writeHead(200).end(answer)
      else response.writeHead(what === 'POST /hosts/enroll' ? 201 : answer === undefined ? 204 : 200).end(answer === undefined ? undefined : JSON.stringify(answer))
    } catch { response.destroy() }
  }

  async #handle(request: IncomingMessage, body: Buffer): Promise<unknown> {
    const [, first, host, what, id] = request.url!.split(/[/?]/)
    if (first === 'bytes') return this.#bytes(request, host, body)
    if (host === 'enroll') return this.#enroll(JSON.parse(body.toString()))
    const one = await this.#signed(request, host, body)
    const data = body.length ? JSON.parse(body.toString()) : undefined
    switch (`${request.method} ${what}`) {
      case 'POST claim': return this.#claim(one, checked(claim, data))
      case 'POST jobs': return this.#report(one, id, checked(report, data))
      case 'POST blobs': {
        const ask = checked(blobRequest, data)
        const row = this.#mine(one, ask.job, ask.attempt)
        return { url: `${this.url}/bytes/${ask.image}?signature=${row.id}`, expires: '' }
      }
      case 'POST objects': {
        const ask = checked(objectsRequest, data)
        const backup = (this.#mine(one, ask.job, ask.attempt).args as { backup: string }).backup, first = this.taken.get(backup) ?? 0
        if (ask.take) this.taken.set(backup, first + ask.take)
        const wanted = ask.get ?? Array.from({ length: ask.take ?? 0 }, (_, i) => ({ store: backup, number: first + i }))
        return { first, urls: wanted.map(({ store, number }) => `${this.url}/bytes/${store}.${number}`) }
      }
      case 'POST passages': {
        const ask = checked(passageRequest, data)
        return { key: createHash('sha256').update(String((this.#mine(one, ask.job, ask.attempt).args as { move?: string }).move)).digest('base64url') }
      }
      case 'PUT inventory': return void (one.inventory = checked(inventory, data))
      case 'GET desired': return { revision: one.revision, networks: this.networks, ports: this.ports, elsewhere: [], routers: [], guests: [...this.guests.values()].map(({ server, etag }) => ({ server, etag })) } satisfies Desired
      case 'GET guests': return this.guests.get(id) ?? new Answer(404, 'no such guest')
    }
    throw new Answer(404, 'no such call')
  }

  #bytes(request: IncomingMessage, image: string, body: Buffer) {
    if (request.method === 'PUT') return void this.bytes.set(image, body)
    return this.bytes.get(image) ?? new Answer(404, 'no such bytes')
  }

  #enroll(asked: unknown) {
    const { token, name, publicKey } = checked(enrollment, asked)
    if (token !== 'token' || this.uses-- <= 0) throw new Answer(401, 'this token is not valid')
    const id = randomUUID()
    this.hosts.set(id, { id, name, key: publicKey, revision: 1, bell: 1, wake: new Set() })
    return { host: id, name }
  }

  async #signed(request: IncomingMessage, host: string, body: Buffer): Promise<Enrolled> {
    const one = this.hosts.get(host)
    const jwt = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    if (!one || !jwt || decodeProtectedHeader(jwt).kid !== host) throw new Answer(401, 'not signed by this host')
    const { payload } = await jwtVerify(jwt, await importJWK(one.key, 'EdDSA'), { algorithms: ['EdDSA'], issuer: host, maxTokenAge: '60s' }).catch(() => { throw new Answer(401, 'bad signature') })
    if (payload.htm !== request.method || payload.htu !== request.url) throw new Answer(401, 'made for another call')
    if (payload.bd !== createHash('sha256').update(body).digest('base64url')) throw new Answer(401, 'made for another body')
    if (this.#seen.has(payload.jti!)) throw new Answer(401, 'made before')
    this.#seen.add(payload.jti!)
    return one
  }

  async #claim(one: Enrolled, ask: Claim): Promise<ClaimAnswer> {
    this.claims.push({ host: one.id, running: ask.running.map(({ id }) => id), slots: ask.slots, fresh: ask.fresh ?? false })
    if (ask.fresh) for (const row of this.jobs.values()) if (row.host === one.id && row.state === 'running') row.state = 'queued'
    const renew = () => ask.running.filter(({ id, attempt }) => {
      const row = this.jobs.get(id)
      const held = row?.state === 'running' && row.attempt === attempt && row.leaseUntil > Date.now()
      if (held) row.leaseUntil = Date.now() + this.lease
      return !held
    }).map(({ id }) => id)
    const waiting = () => [...this.jobs.values()].filter((row) => row.host === one.id && (row.state === 'queued' || (row.state === 'running' && row.leaseUntil <= Date.now())))
    const turn = one.turn = (one.turn ?? 0) + 1
    let lost = renew()
    if (!(ask.slots && waiting().length) && !lost.length && one.revision === ask.revision && ask.wait) {
      await new Promise<void>((resolve) => {
        const wake = () => { clearTimeout(timer); one.wake.delete(wake); resolve() }
        const timer = setTimeout(wake, ask.wait * 1000)
        one.wake.add(wake)
      })
      lost = renew()
    }
    // Who asked again meanwhile, or anew, does not listen here any more.
    const jobs = turn !== one.turn ? [] : waiting().slice(0, ask.slots).map((row) => this.#hand(row))
    return { jobs, lost, bell: one.bell, revision: one.revision }
  }

  #hand(row: Row): Job {
    Object.assign(row, { state: 'running', attempt: row.attempt + 1, leaseUntil: Date.now() + this.lease })
    const { id, kind, args, attempt, lane, requestId, limit } = row
    return { id, kind, args, attempt, lane, requestId, limit } as Job
  }

  #mine(one: Enrolled, id: string, attempt: number): Row {
    const row = this.jobs.get(id)
    if (!row || row.host !== one.id || row.state !== 'running' || row.attempt !== attempt) throw new Answer(409, 'not yours any more')
    return row
  }

  #report(one: Enrolled, id: string, said: Report) {
    const row = this.#mine(one, id, said.attempt)
    if (said.state === 'progress') return void row.progress.push(said.progress ?? '')
    row.outcome = said
    row.outcomes.push(said)
    row.state = said.state === 'failed' && !said.terminal && row.attempt < 5 ? 'queued' : said.state
    if (row.state === 'queued') this.ring(one.id)
    // What this set free: one more job of the same host, as the real one hands on a saga's next step.
    const freed = [...this.jobs.values()].find((next) => next.host === one.id && next.state === 'queued' && next.id !== id)
    return { jobs: freed && said.slots ? [this.#hand(freed)] : [] }
  }
}

function checked<S extends TSchema>(schema: S, value: unknown): Static<S> {
  if (!Value.Check(schema, value)) throw new Answer(400, `${Value.Errors(schema, value)[0]?.instancePath} ${Value.Errors(schema, value)[0]?.message}`)
  return value as Static<S>
}
