import { createHash } from 'node:crypto'
import { Bytes } from '../../kernel/bytes.ts'
import type { Ctx } from '../../kernel/ctx.ts'
import { Fault, tooLarge } from '../../kernel/fault.ts'
import type { Inspector } from '../inspect/inspector.ts'

const MB = 2 ** 20
const PARTS = 10_000
/** The store gives a whole multipart upload equal parts; of an unknown length, parts of this size. */
const PART = 8 * MB
/** Silence after which a client is taken for gone. */
export const SILENCE_MS = 60_000

export interface Stored { size: number; md5: string; sha512: string; virtualSize: number }
export interface Progress { upload?: string; bytes: number }

/**
 * Streams a body to one key: digests and inspection on the way, never more than two parts in memory, the length known or
 * not. `progress` is called as it moves and may throw to end it. What was begun is undone before an error leaves here.
 */
export async function storeBody(ctx: Ctx, key: string, body: ReadableStream<Uint8Array>, options: { inspector?: Inspector; length?: number; progress: (p: Progress) => Promise<void> }): Promise<Stored> {
  const bytes = new Bytes(ctx.env, ctx.world)
  const md5 = createHash('md5'), sha512 = createHash('sha512')
  const partSize = Math.max(PART, Math.ceil((options.length ?? 0) / PARTS / MB) * MB)
  if (partSize > 5 * PART) throw tooLarge(`An image of ${options.length} bytes is too large.`)
  const etags: string[] = []
  let buffer: Uint8Array<ArrayBuffer> | undefined, filled = 0, size = 0, upload: string | undefined, flying: Promise<unknown> = Promise.resolve()
  const reader = body.getReader()

  const flush = async () => {
    const part = buffer!.subarray(0, filled), number = etags.length + 1
    if (number > PARTS) throw tooLarge(`An image of more than ${PARTS * partSize} bytes must be sent with its Content-Length.`)
    await flying
    upload ??= await bytes.begin(key)
    etags.push('')
    flying = insist(() => bytes.part(key, upload!, number, part)).then((etag) => { etags[number - 1] = etag })
    flying.catch(() => {})
    buffer = undefined
    filled = 0
    await options.progress({ upload, bytes: size })
  }

  try {
    let told = Date.now()
    for (;;) {
      const { done, value } = await withTimeout(reader.read(), SILENCE_MS)
      if (done) break
      size += value.length
      if (options.length !== undefined && size > options.length) throw tooLarge('The body is longer than its Content-Length says.')
      md5.update(value)
      sha512.update(value)
      options.inspector?.feed(value)
      for (let at = 0; at < value.length;) {
        buffer ??= new Uint8Array(partSize)
        const take = Math.min(value.length - at, partSize - filled)
        buffer.set(value.subarray(at, at + take), filled)
        filled += take
        at += take
        if (filled === partSize) await flush()
      }
      if (Date.now() - told > 5000) { told = Date.now(); await options.progress({ upload, bytes: size }) }
    }
    if (options.length !== undefined && size < options.length) throw new Fault('invalid', 'The body is shorter than its Content-Length says.')
    const virtualSize = options.inspector?.finish() ?? size
    if (upload === undefined) {
      const whole = (buffer ?? new Uint8Array(0)).subarray(0, filled)
      await insist(() => bytes.put(key, whole, filled))
    } else {
      if (filled) await flush()
      await flying
      await bytes.complete(key, upload, etags)
    }
    return { size, md5: md5.digest('hex'), sha512: sha512.digest('hex'), virtualSize }
  } catch (e) {
    await reader.cancel().catch(() => {})
    await flying.catch(() => {})
    if (upload) await bytes.abort(key, upload).catch(() => {})
    throw e
  }
}

/** A part is kept until the store has it, so that a moment's trouble costs no upload. */
async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 3; ; tries--) {
    try { return await work() } catch (e) {
      if (tries <= 1) throw e
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
}

async function withTimeout<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    return await Promise.race([
      work.catch(() => { throw new Fault('invalid', 'The connection broke before the whole image had arrived.') }),
      new Promise<never>((_, reject) => { timer = setTimeout(() => reject(new Fault('invalid', `Nothing arrived for ${ms / 1000} s.`, { status: 408 })), ms) }),
    ])
  } finally { clearTimeout(timer) }
}
