import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as buckets from './buckets.ts'
import type { Ctx } from './context.ts'
import { Fault, notImplemented } from './fault.ts'
import * as multipart from './multipart.ts'
import * as objects from './objects.ts'
import { addressOf, verify, type Keys } from './sigv4.ts'
import { Store } from './store.ts'
import { document } from './xml.ts'

export interface S3Options extends Keys { dir: string; host?: string; port: number }
export interface Served { url: string; port: number; close(): Promise<void> }

type Handler = (ctx: Ctx) => unknown
/** `method place`, then the query parameter that chooses; the first that fits. */
const routes: [string, string | undefined, Handler][] = [
  ['GET service', undefined, buckets.listBuckets],
  ['PUT bucket', undefined, buckets.createBucket], ['DELETE bucket', undefined, buckets.deleteBucket], ['HEAD bucket', undefined, buckets.headBucket],
  ['GET bucket', 'location', buckets.location], ['GET bucket', 'versioning', buckets.versioning], ['GET bucket', 'uploads', multipart.listUploads],
  ['GET bucket', undefined, buckets.listObjects], ['POST bucket', 'delete', buckets.deleteObjects],
  ['POST object', 'uploads', multipart.createUpload], ['POST object', 'uploadId', multipart.completeUpload],
  ['PUT object', 'uploadId', (ctx) => (copies(ctx) ? multipart.copyPart : multipart.uploadPart)(ctx)],
  ['DELETE object', 'uploadId', multipart.abortUpload], ['GET object', 'uploadId', multipart.listParts],
  ['PUT object', undefined, (ctx) => (copies(ctx) ? objects.copyObject : objects.putObject)(ctx)],
  ['GET object', undefined, objects.getObject], ['HEAD object', undefined, objects.getObject], ['DELETE object', undefined, objects.deleteObject],
]
const copies = (ctx: Ctx) => ctx.req.headers['x-amz-copy-source'] !== undefined
const choosing = new Set(routes.map((r) => r[1]))
const harmless = /^(X-Amz-.*|x-id|list-type|prefix|delimiter|marker|max-.*|continuation-token|start-after|encoding-type|fetch-owner|key-marker|upload-id-marker|part-number-marker|response-.*)$/

function route(ctx: Ctx, place: string): Handler {
  const { query, req } = ctx
  if (query.has('versionId') && query.get('versionId') !== 'null') throw new Fault(404, 'NoSuchVersion', 'There are no versions here.')
  for (const name of query.keys()) {
    if (name === 'versionId' || (name === 'partNumber' && query.has('uploadId'))) continue
    if (!choosing.has(name) && !harmless.test(name)) throw notImplemented(`The parameter ${name}`)
  }
  const found = routes.find(([at, name]) => at === `${req.method} ${place}` && (name === undefined ? ![...query.keys()].some((k) => choosing.has(k)) : query.has(name)))
  if (!found) throw new Fault(405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.')
  return found[2]
}

/** Serves a directory as S3, path-style, to whoever signs with these keys. */
export async function serveS3({ dir, host = '127.0.0.1', port, ...keys }: S3Options): Promise<Served> {
  const begun = Date.now()
  const store = new Store(dir)
  const answer = (req: IncomingMessage, res: ServerResponse) => void serve(store, keys, req, res)
  const server = createServer(answer).on('checkContinue', answer)
  server.requestTimeout = 0   // a large upload takes as long as it takes; silence is what ends it
  server.timeout = 300_000
  server.keepAliveTimeout = 75_000
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(port, host, listening)).catch((e) => { store.close(); throw e })
  let closed = false
  const swept = store.sweep(begun).catch((e) => { if (!closed) console.error(`s3: sweeping ${dir}: ${(e as Error).message}`) })
  const bound = (server.address() as AddressInfo).port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    async close() {
      closed = true
      const gone = new Promise((done) => server.close(done))
      server.closeIdleConnections()
      setTimeout(() => server.closeAllConnections(), 2000).unref()
      await gone
      await swept
      store.close()
    },
  }
}

async function serve(store: Store, keys: Keys, req: IncomingMessage, res: ServerResponse) {
  const id = randomBytes(8).toString('hex').toUpperCase()
  res.setHeader('x-amz-request-id', id)
  try {
    const address = addressOf(req.url!)
    const signed = verify(req, address, keys)
    const [, bucket = '', name = ''] = /^\/([^/]*)\/?(.*)$/s.exec(address.path) ?? []
    const key = Buffer.from(name)
    if (key.length > 1024) throw new Fault(400, 'KeyTooLongError', 'Your key is too long')
    const ctx = { req, res, store, signed, bucket, key, query: new Map(address.query) }
    await route(ctx, key.length ? 'object' : bucket ? 'bucket' : 'service')(ctx)
  } catch (e) {
    await refuse(req, res, id, e)
  }
}

async function refuse(req: IncomingMessage, res: ServerResponse, id: string, e: unknown) {
  if (res.headersSent || req.socket.destroyed) return void res.destroy()
  const fault = e instanceof Fault ? e : unexpected(e)
  if (!await drained(req)) res.setHeader('connection', 'close')
  const body = fault.status === 304 || req.method === 'HEAD' ? '' : document('Error', [
    ['Code', fault.code], ['Message', fault.message], ['Resource', req.url!.split('?', 1)[0]], ['RequestId', id],
  ], false)
  res.writeHead(fault.status, { ...fault.headers, ...(body ? { 'content-type': 'application/xml' } : {}), ...(fault.status === 304 ? {} : { 'content-length': Buffer.byteLength(body) }) })
  res.end(body)
}

function unexpected(e: unknown): Fault {
  if ((e as { code?: string }).code === 'ENOSPC' || (e as { code?: string }).code === 'SQLITE_FULL') return new Fault(503, 'ServiceUnavailable', 'There is no space left to store this.', { 'retry-after': '30' })
  console.error('s3:', e)
  return new Fault(500, 'InternalError', 'We encountered an internal error. Please try again.')
}

/** Takes in the rest of a refused body, within reason: a client that is still sending would not read the answer. */
async function drained(req: IncomingMessage): Promise<boolean> {
  if (req.readableEnded || /100-continue/i.test(req.headers.expect ?? '')) return req.readableEnded
  let left = 16 << 20
  if (Number(req.headers['content-length'] ?? 0) > left) return false
  try { for await (const part of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) if ((left -= part.length) < 0) return false } catch { return false }
  return true
}
