import { Agent, request as plain, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions } from 'node:http'
import { Agent as TlsAgent, request as tls } from 'node:https'

/** One agent for every host this process stands for: idle connections are shared, not kept per host. */
const keep = { keepAlive: true, maxFreeSockets: 64, scheduling: 'lifo' } as const
const agents = { 'http:': new Agent(keep), 'https:': new TlsAgent(keep) }

export interface Answer { status: number; headers: IncomingHttpHeaders; body: Buffer }
export interface Call { method: string; url: URL; headers?: Record<string, string>; body?: string; signal?: AbortSignal; timeoutMs: number }

/** Longest answer that is read: a desired state with tens of thousands of ports stays well below. */
const longest = 128 << 20

export function open(options: RequestOptions & { url: URL }) {
  const { url, ...rest } = options
  const secure = url.protocol === 'https:'
  return (secure ? tls : plain)(url, { agent: agents[secure ? 'https:' : 'http:'], ...rest })
}

/** node:http rather than fetch: half the CPU, and a host makes little else than small calls. */
export function call(of: Call, again = true): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = open({ url: of.url, method: of.method, signal: of.signal, headers: { ...of.headers, 'content-length': Buffer.byteLength(of.body ?? '') } })
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${of.timeoutMs / 1000} s`)), of.timeoutMs)
    request.on('error', (error) => {
      clearTimeout(timer)
      // A kept connection the other side had just closed: nothing was read, a new one will do.
      if (again && request.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET') return resolve(call(of, false))
      reject(error)
    })
    request.on('response', (response) => {
      collect(response).then((body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }), reject).finally(() => clearTimeout(timer))
    })
    request.end(of.body)
  })
}

async function collect(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response) {
    length += chunk.length
    if (length > longest) throw new Error('the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
