import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { PassThrough, Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { open } from './http.ts'
import { backoff, pause } from './pause.ts'

/** Seconds without a byte moving after which a transfer is given up. */
const stalled = 60_000

export interface Sent { size: number; md5: string; sha512: string }
interface Options { signal?: AbortSignal; progress?(share: number): void }

/** The store's answer; 4xx of a presigned URL usually means it has expired, and a new one is asked for. */
export class Answered extends Error {
  status: number
  constructor(what: string, status: number) { super(`the object store answered ${status} to a ${what}`); this.status = status }
}

/** Streams a file to a presigned URL; its digests are those of exactly the bytes that went out. */
export async function putFile(path: string, url: () => Promise<string>, options: Options = {}): Promise<Sent> {
  const { size } = await stat(path)
  return insist(async () => {
    const digests = meter(size, options)
    await exchange('PUT', await url(), options.signal, { 'content-length': size }, createReadStream(path), digests.through)
    return { size, md5: digests.md5.digest('hex'), sha512: digests.sha512.digest('hex') }
  }, options.signal)
}

/** Streams from a presigned URL into `to`, which is made anew for each try; what arrived is for the caller to compare. */
export async function getBytes(url: () => Promise<string>, size: number, to: () => NodeJS.WritableStream, options: Options = {}): Promise<Sent> {
  return insist(async () => {
    const digests = meter(size, options)
    const response = await exchange('GET', await url(), options.signal)
    await pipeline(response, digests.through, to(), { signal: options.signal })
    return { size: digests.seen(), md5: digests.md5.digest('hex'), sha512: digests.sha512.digest('hex') }
  }, options.signal)
}

/** A few bytes to a presigned URL, once. */
export const putBuffer = (url: string, bytes: Buffer, signal?: AbortSignal): Promise<unknown> =>
  exchange('PUT', url, signal, { 'content-length': bytes.length }, Readable.from(bytes), new PassThrough())

/** A few bytes from a presigned URL, once; more than `most` are refused. */
export async function getBuffer(url: string, most: number, signal?: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of await exchange('GET', url, signal)) {
    length += chunk.length
    if (length > most) throw new Error('more bytes than announced')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, length)
}

export async function insist<T>(once: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let failures = 0; ; failures++) {
    try { return await once() } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (failures === 3) throw error
      await pause(backoff(failures), signal)
    }
  }
}

/** Counts, digests, stops at more than was announced. */
function meter(size: number, { progress }: Options) {
  const md5 = createHash('md5'), sha512 = createHash('sha512')
  let seen = 0
  const through = new Transform({
    transform(chunk: Buffer, _, done) {
      seen += chunk.length
      if (seen > size) return done(new Error('more bytes than announced'))
      for (const hash of [md5, sha512] as Hash[]) hash.update(chunk)
      progress?.(seen / size)
      done(null, chunk)
    },
  })
  return { through, md5, sha512, seen: () => seen }
}

function exchange(method: 'GET', url: string, signal?: AbortSignal): Promise<IncomingMessage>
function exchange(method: 'PUT', url: string, signal: AbortSignal | undefined, headers: Record<string, number>, body: Readable, through: Transform): Promise<IncomingMessage>
async function exchange(method: 'GET' | 'PUT', url: string, signal?: AbortSignal, headers: Record<string, number> = {}, body?: Readable, through?: Transform): Promise<IncomingMessage> {
  const request = open({ url: new URL(url), method, headers, signal, timeout: stalled })
  request.on('timeout', () => request.destroy(new Error('the transfer stalled')))
  const answered = new Promise<IncomingMessage>((resolve, reject) => request.on('response', resolve).on('error', reject))
  const sent = body && through ? pipeline(body, through, request) : void request.end()
  // A refusal may come before the last byte went out; then writing fails too, and the refusal is what matters.
  const response = await Promise.race([answered, Promise.resolve(sent).then(() => answered)])
  if (response.statusCode! >= 300) {
    response.resume()
    request.destroy()
    await Promise.resolve(sent).catch(() => {})
    throw new Answered(method, response.statusCode!)
  }
  if (method === 'GET') return response
  await sent
  response.resume()
  return response
}
