import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect, createServer, type Server, type TLSSocket } from 'node:tls'
import { Terminal } from '../drivers.ts'

/**
 * The way from one host to another while a server moves between them: TLS 1.3 with a key that both got from the control
 * plane for this one move. Nobody listens but while a move is on its way here, and who does not know the key gets no answer.
 */
export const suite = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' } as const

/** What the other side wants of a connection: the first line on it. */
export interface Ask { what: string; [more: string]: unknown }
/** Answers the first line; from then on the connection is the handler's. */
export type Serve = (ask: Ask, accept: (answer?: object) => Duplex) => Promise<void>
interface Admitted { key: Buffer; serve: Serve; end?: () => Promise<void>; sockets: Set<TLSSocket>; served: Set<Promise<unknown>> }

const longest = 1 << 16
const patience = 20_000

export class Door {
  readonly #admitted = new Map<string, Admitted>()
  readonly #names = new WeakMap<object, string>()
  readonly #at: { address?: string; port: number }
  #server: Server | undefined
  constructor(at: { address?: string; port?: number } = {}) { this.#at = { address: at.address, port: at.port ?? 0 } }

  /** Lets one move in; answers the port it comes by, `port` when nobody listens yet and it is given. What was let in under this id before is over. */
  async admit(id: string, key: Buffer, serve: Serve, end?: () => Promise<void>, port = this.#at.port): Promise<number> {
    await this.dismiss(id)
    this.#admitted.set(id, { key, serve, end, sockets: new Set(), served: new Set() })
    return this.#listen(port)
  }

  /** The move's connections end, and with the last move the listening. Resolves when its handlers have ended. */
  async dismiss(id: string): Promise<void> {
    const one = this.#admitted.get(id)
    this.#admitted.delete(id)
    for (const socket of one?.sockets ?? []) socket.destroy()
    await Promise.allSettled(one?.served ?? [])
    await one?.end?.()
    if (this.#admitted.size) return
    this.#server?.close()
    this.#server = undefined
  }

  has(id: string) { return this.#admitted.has(id) }
  async close() { for (const id of [...this.#admitted.keys()]) await this.dismiss(id) }

  async #listen(port: number): Promise<number> {
    if (!this.#server) {
      const server = createServer({
        ...suite, allowHalfOpen: false,
        pskCallback: (socket, identity) => { this.#names.set(socket, identity); return this.#admitted.get(identity)?.key ?? null },
      })
      server.on('secureConnection', (socket) => void this.#enter(socket))
      server.on('tlsClientError', (_error, socket) => socket.destroy())
      server.listen(port, this.#at.address)
      await once(server, 'listening')
      // Two that came at once: one listens.
      if (this.#server) server.close()
      else this.#server = server
    }
    return (this.#server!.address() as AddressInfo).port
  }

  async #enter(socket: TLSSocket) {
    socket.on('error', () => {})
    const one = this.#admitted.get(this.#names.get(socket) ?? '')
    if (!one) return socket.destroy()
    one.sockets.add(socket)
    socket.on('close', () => one.sockets.delete(socket))
    const work = (async () => {
      let accepted = false
      try {
        const ask = await readLine(socket) as Ask
        await one.serve(ask, (answer = {}) => { accepted = true; socket.write(`${JSON.stringify(answer)}\n`); return socket })
        if (!accepted) socket.end('{}\n')
      } catch (error) {
        // Once it is the handler's, a broken connection says enough.
        if (accepted) socket.destroy()
        else socket.end(`${JSON.stringify({ error: (error as Error).message, terminal: error instanceof Terminal })}\n`)
      }
    })()
    one.served.add(work)
    void work.finally(() => one.served.delete(work))
  }
}

/** Where a move comes in, and how it shows that it may. */
export interface Way { id: string; key: Buffer; address: string; port: number }

/** Asks at the other host's door; answers what it said and the connection. */
export async function dial<A = Record<string, unknown>>(way: Way, ask: Ask, signal?: AbortSignal): Promise<{ answer: A; stream: TLSSocket }> {
  const stream = connect({ ...suite, host: way.address, port: way.port, checkServerIdentity: () => undefined, pskCallback: () => ({ psk: way.key, identity: way.id }) })
  const end = () => stream.destroy(signal?.reason instanceof Error ? signal.reason : new Error('ended'))
  signal?.addEventListener('abort', end, { once: true })
  stream.on('close', () => signal?.removeEventListener('abort', end))
  stream.setTimeout(patience, () => stream.destroy(new Error('the other host does not answer')))
  try {
    await once(stream, 'secureConnect')
    stream.write(`${JSON.stringify(ask)}\n`)
    const answer = await readLine(stream) as { error?: string; terminal?: boolean }
    if (answer.error !== undefined) throw new (answer.terminal ? Terminal : Error)(`the other host says: ${answer.error}`)
    stream.setTimeout(0)
    stream.on('error', () => {})
    return { answer: answer as A, stream }
  } catch (error) {
    stream.on('error', () => {})
    stream.destroy()
    const code = (error as NodeJS.ErrnoException).code
    throw code === 'ECONNREFUSED' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH' || code === 'ETIMEDOUT' ? new Error('the other host cannot be reached from this one') : error
  }
}

/** One line of JSON from the front of a stream; what follows stays in it. */
function readLine(stream: Duplex): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0)
    const done = (error?: Error, value?: unknown) => {
      stream.off('readable', look).off('end', ended).off('error', done).off('close', ended)
      if (error) reject(error)
      else resolve(value)
    }
    const ended = () => done(new Error('the connection ended'))
    const look = () => {
      for (let chunk = stream.read() as Buffer | null; chunk; chunk = stream.read()) {
        seen = Buffer.concat([seen, chunk])
        const at = seen.indexOf(10)
        if (at < 0 && seen.length > longest) return done(new Error('the first line is too long'))
        if (at < 0) continue
        if (at + 1 < seen.length) stream.unshift(seen.subarray(at + 1))
        try { return done(undefined, JSON.parse(seen.subarray(0, at).toString())) } catch { return done(new Error('the first line is not JSON')) }
      }
    }
    stream.on('readable', look).on('end', ended).on('error', done).on('close', ended)
    look()
  })
}
