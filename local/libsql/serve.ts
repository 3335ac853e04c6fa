import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Database from 'libsql'
import { Connection } from './connection.ts'
import { refuse } from './pipeline.ts'
import { Scheduler, type Limits } from './scheduler.ts'
import { SqlError } from './values.ts'

export interface LibsqlOptions {
  file: string
  host?: string
  /** 0: any free one. */
  port: number
  /** Asked for as `Authorization: Bearer`. Without one, anybody who reaches the port may do everything. */
  token?: string
  /** Set on every connection after, and over, the usual ones. */
  pragmas?: Record<string, string | number>
  limits?: Partial<Limits & { body: number; response: number }>
}
export interface Served { url: string; port: number; close(): Promise<void> }

const usual = { journal_mode: 'wal', synchronous: 'full', foreign_keys: 'on', cache_size: -16_000, wal_autocheckpoint: 4000, journal_size_limit: 67_108_864 }
const standard = { silence: 10_000, patience: 5_000, streams: 64, group: 128, body: 32 << 20, response: 32 << 20 }

/** Serves one SQLite file as libSQL over HTTP. What it promises is in README.md. */
export async function serveLibsql({ file, host = '127.0.0.1', port, token, pragmas, limits }: LibsqlOptions): Promise<Served> {
  const limit = { ...standard, ...limits }
  const settings = Object.entries({ ...usual, ...pragmas }).map(([k, v]) => `pragma ${k}=${v}`).join(';')
  const scheduler = new Scheduler(() => new Connection(() => {
    // The timeout is for other processes on the file; inside this one nobody waits in SQLite.
    const db = new Database(file, { timeout: 2000 })
    db.exec(settings)
    return db
  }, limit.response), limit)
  const allowed = guard(token)

  const server = createServer((req, res) => {
    const path = req.url!.split('?', 1)[0]
    if (path === '/health') return send(res, 200, '{}')
    if (!allowed(req.headers.authorization)) return send(res, 401, problem('AUTH_REQUIRED', 'a valid bearer token is required'))
    if (path === '/v2' && req.method === 'GET') return send(res, 200, '{"version":"hrana-2"}')
    if (path !== '/v2/pipeline') return send(res, 404, problem('NOT_FOUND', `${path} is not served here; this endpoint speaks Hrana 2 over HTTP at /v2/pipeline`))
    if (req.method !== 'POST') return send(res, 405, problem('METHOD_NOT_ALLOWED', 'pipelines are sent with POST'))
    read(req, limit.body, (body) => {
      if (!body) {
        res.setHeader('connection', 'close')
        return send(res, 413, problem('BODY_TOO_LARGE', `the body is larger than ${limit.body} bytes`))
      }
      try {
        const { baton, requests } = parse(body)
        scheduler.submit(baton, requests).then((page) => send(res, 200, page))
      } catch (e) {
        const { code = 'PROTO_ERROR', message } = e as SqlError
        send(res, code === 'SHUTTING_DOWN' ? 503 : code === 'TOO_MANY_STREAMS' ? 429 : 400, problem(code, message))
      }
    })
  })
  server.keepAliveTimeout = 75_000
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(port, host, listening))
  const bound = (server.address() as AddressInfo).port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    async close() {
      const gone = new Promise((done) => server.close(done))
      scheduler.close()
      server.closeIdleConnections()
      setTimeout(() => server.closeAllConnections(), 500).unref()
      await gone
    },
  }
}

function parse(body: Buffer) {
  let sent: { baton?: unknown; requests?: unknown } | null
  try { sent = JSON.parse(body.toString()) } catch { throw new SqlError('PROTO_ERROR', 'the body is not JSON') }
  if (typeof sent !== 'object' || sent === null) throw new SqlError('PROTO_ERROR', 'the body must be an object')
  const why = sent.baton != null && typeof sent.baton !== 'string' ? 'baton must be a string' : refuse(sent.requests)
  if (why) throw new SqlError('PROTO_ERROR', why)
  return { baton: (sent.baton as string | null | undefined) ?? null, requests: sent.requests as Parameters<Scheduler['submit']>[1] }
}

/** Calls back with the whole body, or with nothing once it is larger than allowed. */
function read(req: IncomingMessage, most: number, done: (body?: Buffer) => void) {
  if (Number(req.headers['content-length'] ?? 0) > most) return done()
  const parts: Buffer[] = []
  let size = 0
  const take = (part: Buffer) => {
    size += part.length
    if (size <= most) { parts.push(part); return }
    req.off('data', take).off('end', end).resume()
    done()
  }
  const end = () => done(parts.length === 1 ? parts[0] : Buffer.concat(parts))
  req.on('data', take).on('end', end)
}

function guard(token: string | undefined): (header: string | undefined) => boolean {
  if (token === undefined) return () => true
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const right = digest(`Bearer ${token}`)
  return (header) => timingSafeEqual(digest(header ?? ''), right)
}

const problem = (code: string, message: string) => JSON.stringify({ message, code })
const send = (res: ServerResponse, status: number, body: string) => {
  if (res.destroyed) return
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  res.end(body)
}
