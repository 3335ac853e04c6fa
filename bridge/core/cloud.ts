import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { BlobAnswer, Claim, ClaimAnswer, Desired, GuestData, Inventory, ObjectsAnswer, PassageAnswer, Report } from '../../schema/hosts.ts'
import type { Stated } from '../../schema/desired.ts'
import type { Job } from '../../schema/jobs.ts'
import { call, type Answer } from './http.ts'
import { sign, type Signer } from './sign.ts'

/** The control plane answered, but not with what was asked for. */
export class Refused extends Error {
  status: number
  constructor(status: number, what: string, message: string) {
    super(`${what}: ${status}${message ? ` ${message}` : ''}`)
    this.status = status
  }
  /** Asking again later may help. */
  get passing() { return this.status >= 500 || this.status === 429 || this.status === 408 || this.status === 401 }
}

/** Whether a failed call should be made again: everything but a clear refusal. */
export const passing = (error: unknown) => !(error instanceof Refused) || error.passing

/** The calls of one host. Each is one signed request; who calls decides about trying again. */
export class Cloud {
  readonly root: string
  readonly signer: Signer
  constructor(url: string, signer: Signer) {
    this.root = `${url.replace(/\/+$/, '')}/hosts/${signer.host}`
    this.signer = signer
  }

  claim(body: Claim, signal?: AbortSignal): Promise<ClaimAnswer> {
    return this.#json('POST', '/claim', body, { signal, timeoutMs: (body.wait + 15) * 1000 })
  }
  report(job: string, body: Report): Promise<{ jobs?: Job[] }> { return this.#json('POST', `/jobs/${job}`, body) }
  blob(job: string, attempt: number, image: string, method: 'GET' | 'PUT'): Promise<BlobAnswer> {
    return this.#json('POST', '/blobs', { job, attempt, image, method })
  }
  objects(job: string, attempt: number, ask: { take: number } | { get: { store: string; number: number }[] }): Promise<ObjectsAnswer> {
    return this.#json('POST', '/objects', { job, attempt, ...ask })
  }
  passage(job: string, attempt: number): Promise<PassageAnswer> { return this.#json('POST', '/passages', { job, attempt }) }
  /** A WebSocket to who waits in this session. */
  async meet(session: string): Promise<WebSocket> {
    const url = new URL(`${this.root}/consoles/${session}`), authorization = `Bearer ${await sign(this.signer, 'GET', url.pathname, '')}`
    const socket = new WebSocket(url.href.replace(/^http/, 'ws'), { headers: { authorization }, perMessageDeflate: false, handshakeTimeout: 10_000 })
    // What comes with the answer waits until somebody reads.
    socket.once('open', () => socket.pause())
    await once(socket, 'open')
    return socket
  }
  inventory(body: Inventory): Promise<unknown> { return this.#json('PUT', '/inventory', body) }
  /** What is new since that revision, or all; a control plane of before answers with a document of its own. */
  desired(since: number): Promise<Stated | Desired> { return this.#json('GET', `/desired?since=${since}`) }
  async guest(server: string): Promise<GuestData | undefined> {
    try { return await this.#json('GET', `/guests/${server}`) } catch (error) {
      if (error instanceof Refused && error.status === 404) return undefined
      throw error
    }
  }

  async #json<T>(method: string, path: string, body?: unknown, more: { signal?: AbortSignal; timeoutMs?: number } = {}): Promise<T> {
    const text = body === undefined ? '' : JSON.stringify(body)
    let answer = await this.#send(method, path, text, more)
    if (answer.status === 401) {
      // Most often a clock that runs differently: believe theirs, sign again, once.
      const theirs = Date.parse(answer.headers.date ?? '')
      const ahead = Math.round((theirs - Date.now()) / 1000)
      if (Math.abs(ahead - this.signer.ahead) > 2) this.signer.ahead = ahead
      answer = await this.#send(method, path, text, more)
    }
    if (answer.status >= 300) throw new Refused(answer.status, `${method} ${path.replace(/[0-9a-f-]{36}/, '{id}')}`, why(answer))
    return (answer.body.length ? JSON.parse(answer.body.toString()) : {}) as T
  }

  async #send(method: string, path: string, body: string, more: { signal?: AbortSignal; timeoutMs?: number }): Promise<Answer> {
    const url = new URL(this.root + path)
    const headers = {
      authorization: `Bearer ${await sign(this.signer, method, url.pathname + url.search, body)}`,
      ...(body && { 'content-type': 'application/json' }),
    }
    return call({ method, url, headers, body, signal: more.signal, timeoutMs: more.timeoutMs ?? 30_000 })
  }
}

function why({ body }: Answer): string {
  const text = body.subarray(0, 2000).toString()
  try {
    const said = JSON.parse(text)
    const inner = said.error ?? Object.values(said)[0]
    return String(typeof inner === 'string' ? inner : inner?.message ?? said.message ?? '').slice(0, 300)
  } catch { return text.slice(0, 300) }
}
