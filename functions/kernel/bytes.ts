import { AwsClient } from 'aws4fetch'
import type { Env, World } from './env.ts'
import { Fault, notFound, unavailable } from './fault.ts'

/**
 * The object store. Keys are never reused: bytes are written first, then the row that points at them is committed, and
 * a sweep removes what no row names. Nothing here holds more than a chunk.
 */
export class Bytes {
  private readonly aws: AwsClient
  private readonly env: Env
  private readonly world: World
  constructor(env: Env, world: World) {
    this.env = env
    this.world = world
    this.aws = new AwsClient({ accessKeyId: env.S3_ACCESS_KEY, secretAccessKey: env.S3_SECRET_KEY, service: 's3', region: env.REGION_S3 ?? 'us-east-1', retries: 0 })
  }
  private url(key: string, base = this.env.S3_URL) { return `${base.replace(/\/$/, '')}/${this.env.S3_BUCKET}/${key.split('/').map(encodeURIComponent).join('/')}` }

  private async send(key: string, init: RequestInit & { aws?: { allHeaders?: boolean } }, search = ''): Promise<Response> {
    try {
      const signed = await this.aws.sign(this.url(key) + search, { ...init, headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', ...(init.headers as Record<string, string>) } } as never)
      const answer = await this.world.fetch(signed)
      if (answer.status >= 500) throw new Error(`object store answered ${answer.status}`)
      return answer
    } catch (e) {
      console.warn(JSON.stringify({ level: 'warn', what: 'object store unreachable', why: String(e) }))
      throw unavailable('The object store cannot be reached at the moment. Try again shortly.', { retryAfter: 2 })
    }
  }

  /** Streams a body of known length; for one of unknown length see `upload`. */
  async put(key: string, body: BodyInit, length?: number, type = 'application/octet-stream'): Promise<void> {
    const sized = body instanceof ReadableStream && length !== undefined ? ofLength(body, length) : body
    const answer = await this.send(key, { method: 'PUT', body: sized, headers: { 'content-type': type, ...(length === undefined ? {} : { 'content-length': String(length) }) } })
    await expect(answer, 200)
  }
  async get(key: string, range?: string): Promise<Response> {
    const answer = await this.send(key, { headers: range ? { range } : {} })
    if (answer.status === 404) throw notFound('object', key)
    if (answer.status === 416) throw new Fault('invalid', `The range ${range} is not within the object.`, { status: 416 })
    await expect(answer, 200, 206)
    return answer
  }
  async head(key: string): Promise<number | undefined> {
    const answer = await this.send(key, { method: 'HEAD' })
    if (answer.status === 404) return undefined
    await expect(answer, 200)
    return Number(answer.headers.get('content-length'))
  }
  async delete(key: string): Promise<void> { await expect(await this.send(key, { method: 'DELETE' }), 200, 204, 404) }

  /** A URL that lets its holder do one thing with one key for a while. */
  async presign(method: 'GET' | 'PUT', key: string, seconds: number): Promise<string> {
    const signed = await this.aws.sign(`${this.url(key, this.env.S3_PUBLIC_URL ?? this.env.S3_URL)}?X-Amz-Expires=${seconds}`, { method, aws: { signQuery: true } })
    return signed.url
  }

  /** Multipart: for bodies whose length nobody said. */
  async begin(key: string): Promise<string> {
    const text = await (await this.send(key, { method: 'POST' }, '?uploads')).text()
    const id = /<UploadId>([^<]+)<\/UploadId>/.exec(text)?.[1]
    if (!id) throw unavailable('The object store did not accept an upload.', { retryAfter: 5 })
    return id
  }
  async part(key: string, upload: string, number: number, body: BodyInit): Promise<string> {
    const answer = await this.send(key, { method: 'PUT', body }, `?partNumber=${number}&uploadId=${encodeURIComponent(upload)}`)
    await expect(answer, 200)
    const etag = answer.headers.get('etag')
    if (!etag) throw unavailable('The object store did not say what it made of a part.', { retryAfter: 5 })
    return etag
  }
  async complete(key: string, upload: string, etags: string[]): Promise<void> {
    const parts = etags.map((e, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${e.replaceAll('"', '&quot;')}</ETag></Part>`).join('')
    const answer = await this.send(key, { method: 'POST', body: `<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>` }, `?uploadId=${encodeURIComponent(upload)}`)
    await expect(answer, 200)
    // The 200 may have been sent before the parts were put together; then the body tells how that went.
    const text = await answer.text()
    if (!text.includes('<CompleteMultipartUploadResult')) throw refused(answer.status, text)
  }
  /** Content when there is nothing to abort. */
  async abort(key: string, upload: string): Promise<void> {
    await expect(await this.send(key, { method: 'DELETE' }, `?uploadId=${encodeURIComponent(upload)}`), 200, 204, 404)
  }
}

async function expect(answer: Response, ...statuses: number[]) {
  if (statuses.includes(answer.status)) return
  throw refused(answer.status, await answer.text().catch(() => ''))
}

function refused(status: number, text: string): Fault {
  console.warn(JSON.stringify({ level: 'warn', what: 'object store refused', status, text: text.slice(0, 300) }))
  return unavailable('The object store refused the operation.', { retryAfter: 5 })
}

/** workerd sends a stream in chunks of unknown sum unless it is one of these; object stores refuse that. */
function ofLength(body: ReadableStream, length: number): ReadableStream {
  const { FixedLengthStream } = globalThis as { FixedLengthStream?: new (length: number) => TransformStream }
  return FixedLengthStream ? body.pipeThrough(new FixedLengthStream(length)) : body
}
