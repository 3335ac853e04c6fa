import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { checksum, type Digest } from './checksum.ts'
import { Fault } from './fault.ts'
import { mismatch, sameHex, sha256, type Signed } from './sigv4.ts'

const incomplete = (why: string) => new Fault(400, 'IncompleteBody', `The body is not what was announced: ${why}`)
const bad = (what: string) => new Fault(400, 'BadDigest', `The ${what} you specified did not match what we received.`)
const emptyHash = sha256('')

/** The body's own bytes. It throws at the end when they are not the ones that were signed, so commit only after the loop. */
export async function* payload(req: IncomingMessage, signed: Signed): AsyncGenerator<Buffer> {
  const { payload: kind } = signed
  const expected = expectations(req)
  const source = kind.startsWith('STREAMING-') ? chunked(req, signed, expected) : plain(req, kind)
  for await (const part of source) {
    for (const { digest } of expected.values()) digest.update(part)
    yield part
  }
  for (const [name, { digest, value }] of expected) if (value !== undefined && digest.base64() !== value) throw bad(name)
}

type Expected = Map<string, { digest: Digest; value?: string }>

function expectations(req: IncomingMessage): Expected {
  const all: Expected = new Map()
  const md5 = req.headers['content-md5']
  if (typeof md5 === 'string') {
    if (Buffer.from(md5, 'base64').length !== 16) throw new Fault(400, 'InvalidDigest', 'The Content-MD5 you specified is not valid.')
    all.set('Content-MD5', { digest: checksum('md5'), value: md5 })
  }
  for (const [name, value] of Object.entries(req.headers)) {
    const of = /^x-amz-checksum-(?!algorithm|type|mode)(.+)$/.exec(name)
    if (of) all.set(name, { digest: checksum(of[1]), value: String(value) })
  }
  for (const name of String(req.headers['x-amz-trailer'] ?? '').split(',').map((n) => n.trim().toLowerCase()).filter(Boolean)) {
    const of = /^x-amz-checksum-(.+)$/.exec(name)
    if (!of) throw new Fault(400, 'InvalidRequest', `The trailer ${name} is not supported.`)
    all.set(name, { digest: checksum(of[1]) })
  }
  return all
}

async function* plain(req: IncomingMessage, kind: string): AsyncGenerator<Buffer> {
  const hash = kind === 'UNSIGNED-PAYLOAD' ? undefined : createHash('sha256')
  if (hash && !/^[0-9a-f]{64}$/.test(kind)) throw new Fault(400, 'InvalidArgument', 'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING- form, or a valid sha256 value.')
  for await (const part of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    hash?.update(part)
    yield part
  }
  if (hash && hash.digest('hex') !== kind) throw new Fault(400, 'XAmzContentSHA256Mismatch', "The provided 'x-amz-content-sha256' header does not match what was computed.")
}

const streams: Record<string, { signs: boolean; trailer: boolean }> = {
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { signs: true, trailer: false },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { signs: true, trailer: true },
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { signs: false, trailer: true },
}

/** aws-chunked: `size;chunk-signature=…`, data, and at the end trailers. Every signature covers the one before it. */
async function* chunked(req: IncomingMessage, signed: Signed, expected: Expected): AsyncGenerator<Buffer> {
  const form = streams[signed.payload]
  if (!form) throw new Fault(501, 'NotImplemented', `${signed.payload} is not implemented here.`)
  const announced = Number(req.headers['x-amz-decoded-content-length'])
  if (!Number.isInteger(announced) || announced < 0) throw new Fault(411, 'MissingContentLength', 'x-amz-decoded-content-length is required.')
  const input = new Input(req)
  let previous = signed.signature, total = 0
  const check = (given: string, kind: string, ...rest: string[]) => {
    const right = signed.sign([kind, signed.date, signed.scope, previous, ...rest].join('\n'))
    if (!sameHex(given, right)) throw mismatch()
    previous = given
  }
  for (;;) {
    const head = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(await input.line())
    if (!head || (form.signs && !head[2])) throw incomplete('a chunk begins with its size and signature')
    const size = parseInt(head[1], 16)
    total += size
    if (total > announced) throw incomplete('more bytes than x-amz-decoded-content-length')
    const hash = createHash('sha256')
    for await (const part of input.take(size)) {
      if (form.signs) hash.update(part)
      yield part
    }
    if (form.signs) check(head[2], 'AWS4-HMAC-SHA256-PAYLOAD', emptyHash, hash.digest('hex'))
    if (size === 0) break
    if (await input.line() !== '') throw incomplete('a chunk ends with an empty line')
  }
  if (total !== announced) throw incomplete('fewer bytes than x-amz-decoded-content-length')
  if (form.trailer) await trailers(input, expected, form.signs ? (text, given) => check(given, 'AWS4-HMAC-SHA256-TRAILER', sha256(text)) : undefined)
  await input.rest()
}

async function trailers(input: Input, expected: Expected, check?: (text: string, given: string) => void) {
  let text = '', signature = ''
  for (let count = 0; ; count++) {
    const line = await input.line(true)
    if (line === undefined || line === '') { if (line === '' && count === 0 && expected.size) continue; break }
    const [, name, value] = /^([^:]+):(.*)$/s.exec(line) ?? []
    if (!name || count > 20) throw incomplete('a trailer is a name and a value')
    if (name.toLowerCase() === 'x-amz-trailer-signature') { signature = value.trim(); continue }
    const known = expected.get(name.toLowerCase())
    if (!known) throw incomplete(`the trailer ${name} was not announced in x-amz-trailer`)
    known.value = value.trim()
    text += `${name.toLowerCase()}:${value.trim()}\n`
  }
  check?.(text, signature)
  for (const [name, { value }] of expected) if (value === undefined) throw incomplete(`the trailer ${name} is missing`)
}

/** Lines and counted bytes out of a stream of buffers, keeping no more than one of them. */
class Input {
  private readonly source: AsyncIterator<Buffer>
  private have: Buffer = Buffer.alloc(0)
  constructor(req: IncomingMessage) { this.source = req.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer> }

  private async more(): Promise<boolean> {
    const { done, value } = await this.source.next()
    if (done) return false
    this.have = this.have.length ? Buffer.concat([this.have, value]) : value
    return true
  }
  line(mayEnd: true): Promise<string | undefined>
  line(): Promise<string>
  async line(mayEnd = false): Promise<string | undefined> {
    for (;;) {
      const at = this.have.indexOf('\r\n')
      if (at >= 0) {
        const text = this.have.toString('latin1', 0, at)
        this.have = this.have.subarray(at + 2)
        return text
      }
      if (this.have.length > 4096) throw incomplete('a line is too long')
      if (!await this.more()) {
        if (mayEnd && this.have.length === 0) return undefined
        throw incomplete('it ends early')
      }
    }
  }
  async* take(size: number): AsyncGenerator<Buffer> {
    while (size > 0) {
      if (!this.have.length && !await this.more()) throw incomplete('it ends early')
      const part = this.have.subarray(0, size)
      this.have = this.have.subarray(part.length)
      size -= part.length
      yield part
    }
  }
  /** Only line ends may follow. */
  async rest() {
    do { if (/[^\r\n]/.test(this.have.toString('latin1'))) throw incomplete('there is more after its end'); this.have = Buffer.alloc(0) } while (await this.more())
  }
}
