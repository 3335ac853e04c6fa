import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { iso } from './buckets.ts'
import { keptFrom, mayRead, mayWrite, rangeOf } from './conditions.ts'
import { bytes, discard, noBody, reply, type Ctx } from './context.ts'
import { badArgument, Fault, noSuchKey } from './fault.ts'
import { newId, type Kept, type Store, type Stored } from './store.ts'
import { addressOf } from './sigv4.ts'
import { document } from './xml.ts'

export function announced(ctx: Ctx) {
  const { headers } = ctx.req
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) throw new Fault(411, 'MissingContentLength', 'You must provide the Content-Length HTTP header.')
}

export async function putObject(ctx: Ctx) {
  const { bucket, key, store, req: { headers } } = ctx
  announced(ctx)
  const kept = JSON.stringify(keptFrom(headers))
  store.bucket(bucket)
  mayWrite(headers, store.object(bucket, key))
  const blob = await store.blobs.write(bytes(ctx))
  let freed: string[]
  try {
    freed = store.commit(() => {
      mayWrite(headers, store.object(bucket, key))
      return store.put(bucket, { key, content: newId(), size: blob.size, etag: blob.md5, modified: Date.now(), kept, upload: null }, [blob])
    })
  } catch (e) {
    discard(store, [blob.name])
    throw e
  }
  discard(store, blob.size ? freed : [...freed, blob.name])   // nothing needs no file
  reply(ctx, 200, '', { etag: `"${blob.md5}"` })
}

/** `/bucket/key` or `bucket/key`, encoded, of a copy's source; held until `done`. */
export function sourceOf(ctx: Ctx): { object: Stored; bucket: string; done: () => void } {
  const { path, query } = addressOf(String(ctx.req.headers['x-amz-copy-source']))
  const [, bucket, key] = /^\/?([^/]+)\/(.+)$/s.exec(path) ?? []
  if (!key) throw badArgument('Copy Source must mention the source bucket and key: sourcebucket/sourcekey')
  const version = new Map(query).get('versionId')
  if (version && version !== 'null') throw new Fault(404, 'NoSuchVersion', 'There are no versions here.')
  ctx.store.bucket(bucket)
  const object = ctx.store.object(bucket, Buffer.from(key))
  if (!object) throw noSuchKey()
  mayRead(ctx.req.headers, object, 'x-amz-copy-source-')
  return { object, bucket, done: ctx.store.hold(object.content) }
}

export async function copyObject(ctx: Ctx) {
  const { bucket, key, store, req: { headers } } = ctx
  await noBody(ctx)
  store.bucket(bucket)
  const directive = headers['x-amz-metadata-directive'] ?? 'COPY'
  if (directive !== 'COPY' && directive !== 'REPLACE') throw badArgument('Unknown metadata directive.')
  const asked = keptFrom(headers)
  // From here to the commit nothing waits, so the source cannot change.
  const source = sourceOf(ctx)
  try {
    if (directive === 'COPY' && source.bucket === bucket && source.object.key.equals(key)) {
      throw new Fault(400, 'InvalidRequest', 'This copy request is illegal because it is trying to copy an object to itself without changing its metadata.')
    }
    const made = { ...source.object, key, modified: Date.now(), kept: directive === 'COPY' ? source.object.kept : JSON.stringify(asked), upload: null }
    discard(store, store.commit(() => {
      mayWrite(headers, store.object(bucket, key))
      return store.put(bucket, made)
    }))
    reply(ctx, 200, document('CopyObjectResult', [['LastModified', iso(made.modified)], ['ETag', `"${made.etag}"`]]))
  } finally { source.done() }
}

const overrides = ['content-type', 'content-language', 'expires', 'cache-control', 'content-disposition', 'content-encoding']

/** GET and HEAD. */
export async function getObject(ctx: Ctx) {
  const { bucket, key, query, req, res, store } = ctx
  store.bucket(bucket)
  const object = store.object(bucket, key)
  if (!object) throw noSuchKey()
  mayRead(req.headers, object)
  const range = rangeOf(req.headers, object)
  const kept = JSON.parse(object.kept) as Kept
  for (const name of overrides) {
    const value = query.get(`response-${name}`)
    if (value === undefined) continue
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) throw badArgument(`response-${name} is not a valid header value`)
    kept[name] = value
  }
  const { start, end } = range ?? { start: 0, end: object.size - 1 }
  const headers = {
    'content-type': 'binary/octet-stream', ...kept,
    'content-length': end - start + 1, etag: `"${object.etag}"`, 'last-modified': new Date(object.modified).toUTCString(), 'accept-ranges': 'bytes',
    ...(range ? { 'content-range': `bytes ${start}-${end}/${object.size}` } : {}),
  }
  if (req.method === 'HEAD' || object.size === 0) return void res.writeHead(range ? 206 : 200, headers).end()
  const done = store.hold(object.content)
  try {
    let first = true
    for (const part of partsOf(store, object, start, end)) {
      const file = createReadStream(part.path, { start: part.start, end: part.end, highWaterMark: 256 << 10 })
      if (first) {
        // A file that is missing must be an error and not half an answer.
        await new Promise<void>((opened, failed) => file.once('open', () => opened()).once('error', failed))
        res.writeHead(range ? 206 : 200, headers)
        first = false
      }
      await pipeline(file, res, { end: false })
    }
    res.end()
  } finally { done() }
}

/** The files, and the inclusive ranges in them, that make bytes `start` to `end`. */
export function* partsOf(store: Store, object: Stored, start: number, end: number) {
  let at = 0
  for (const { name, size } of store.segments(object.content)) {
    const from = Math.max(start - at, 0), to = Math.min(end - at, size - 1)
    if (from <= to && from < size) yield { path: store.blobs.path(name), start: from, end: to }
    at += size
    if (at > end) return
  }
}

export async function deleteObject(ctx: Ctx) {
  const { bucket, key, store } = ctx
  await noBody(ctx)
  store.bucket(bucket)
  discard(store, store.commit(() => store.drop(bucket, key)))
  reply(ctx, 204)
}
