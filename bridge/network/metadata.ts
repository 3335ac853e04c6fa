import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { GuestData } from '../../schema/hosts.ts'
import { relayed, type Relay } from '../core/relay.ts'
import { listenIn } from './inside.ts'
import { each } from './run.ts'

/**
 * Answers guests' metadata in every namespace they can ask from. Who asks is known by the namespace the connection
 * came in through and its source address, which the filters hold every port to; nothing the guest says is believed.
 */
export type Lookup = (server: string) => Promise<GuestData | undefined>
export type WhoAsks = (ns: string, remote: string, local: string) => string | undefined

export interface Metadata {
  lookup(lookup: Lookup, relay?: Relay): void
  /** The namespace is gone, or about to be: an open socket would keep it alive. */
  forget(ns: string): void
  /** Listens at exactly these addresses of namespaces. */
  serve(where: { ns: string; host: string; port: number }[]): Promise<void>
  close(): void
}

/** Longest signal. */
const longest = 65536
async function text(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    length += chunk.length
    if (length <= longest) chunks.push(chunk)
  }
  return length > longest ? undefined : Buffer.concat(chunks).toString()
}

export function metadata(who: WhoAsks, log: (line: string) => void): Metadata {
  let lookup: Lookup = async () => undefined, relay: Relay | undefined
  const listeners = new Map<string, { ns: string; server: Server }>()

  async function answer(ns: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (status: number, type: string, body: string | Uint8Array, more: Record<string, string> = {}) => {
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...more })
      response.end(request.method === 'HEAD' ? undefined : body)
    }
    const socket = request.socket
    const plain = (address: string | undefined) => (address ?? '').replace(/^::ffff:/, '').replace(/%.*$/, '')
    const server = who(ns, plain(socket.remoteAddress), plain(socket.localAddress))
    if (relay && server !== undefined && relayed(request.method, request.url)) {
      const body = await text(request)
      if (body === undefined) return send(413, 'text/plain', `at most ${longest} bytes\n`, { connection: 'close' })
      const heard = await relay({ method: request.method!, path: request.url!, type: request.headers['content-type'], body })
      return send(heard.status, heard.type, heard.body)
    }
    request.resume()
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, 'text/plain', 'only GET\n', { allow: 'GET, HEAD' })
    if (server === undefined) return send(404, 'text/plain', 'no guest is known by this address\n')
    const guest = await lookup(server)
    if (!guest) return send(404, 'text/plain', 'nothing is known of this guest\n')
    const { metadataAnswer } = await import('../metadata/index.ts')
    const { status, type, body } = metadataAnswer(guest, request.url ?? '/')
    send(status, type, body)
  }

  const http = (ns: string) => createServer({ requestTimeout: 20_000, headersTimeout: 10_000, keepAliveTimeout: 5_000, maxHeaderSize: 8192 }, (request, response) => {
    answer(ns, request, response).catch((error: Error) => {
      log(`metadata: ${error.message}`)
      if (!response.headersSent) response.writeHead(503, { 'retry-after': '2', 'content-type': 'text/plain' })
      response.end('try again\n')
    })
  })

  return {
    lookup: (next, to) => { lookup = next; relay = to },
    forget(ns) {
      for (const [key, { ns: at, server }] of listeners) {
        if (at !== ns) continue
        listeners.delete(key)
        server.close()
        server.closeAllConnections()
      }
    },
    async serve(where) {
      const wanted = new Map(where.map((w) => [`${w.ns} ${w.host}`, w]))
      for (const [key, { server }] of listeners) {
        if (wanted.has(key)) continue
        listeners.delete(key)
        server.close()
        server.closeAllConnections()
      }
      await each([...wanted].filter(([key]) => !listeners.has(key)), async ([key, { ns, host, port }]) => {
        const listener = await listenIn(ns, host, port)
        const server = http(ns)
        await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(listener, resolve) })
        listeners.set(key, { ns, server })
      }, 3)
    },
    close() { for (const { ns } of [...listeners.values()]) this.forget(ns) },
  }
}
