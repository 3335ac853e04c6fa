import { AwsClient } from 'aws4fetch'
import type { Env, World } from './env.ts'
import { notFound, unavailable } from './fault.ts'

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
    const answer = await this.send(key, { method: 'PUT', body, headers: { 'content-type': type, ...(length === undefined ? {} : { 'content-length': String(length) }) } })
    await expect(answer, 200)
  }
  async get(key: string, range?: string): Promise<Response> {
    const answer = await this.send(key, { headers: range ? { range } : {} })
    if (answer.status === 404) throw notFound('object', key)
    await expect(answer, 200, 206)
    return answer
  }
  async head(key: string): Promise<number | undefined> {
    const answer = await this.send(key, { method: 'HEAD' })
    return answer.status === 200 ? Number(answer.headers.get('content-length')) : undefined
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
    return answer.headers.get('etag') ?? ''
  }
  async complete(key: string, upload: string, etags: string[]): Promise<void> {
    const parts = etags.map((e, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${e.replaceAll('"', '&quot;')}</ETag></Part>`).join('')
    await expect(await this.send(key, { method: 'POST', body: `<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>` }, `?uploadId=${encodeURIComponent(upload)}`), 200)
  }
  async abort(key: string, upload: string): Promise<void> { await this.send(key, { method: 'DELETE' }, `?uploadId=${encodeURIComponent(upload)}`) }
}

async function expect(answer: Response, ...statuses: number[]) {
  if (statuses.includes(answer.status)) return
  const text = await answer.text().catch(() => '')
  console.warn(JSON.stringify({ level: 'warn', what: 'object store refused', status: answer.status, text: text.slice(0, 300) }))
  throw unavailable('The object store refused the operation.', { retryAfter: 5 })
}
