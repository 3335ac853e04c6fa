import { Buffer } from 'node:buffer'
import { Duplex } from 'node:stream'
// @ts-ignore: the runtime's own, whose types do not stand beside Node's
import { connect } from 'cloudflare:sockets'

interface Socket { opened: Promise<unknown>; readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array>; startTls: () => Socket; close: () => Promise<void> }
/** "TLS from here on" (RFC 4511, 4.14), as the first message of a connection. */
const ASK = Buffer.from('301d02010177188016312e332e362e312e342e312e313436362e3230303337', 'hex')

/** The length a BER header at `at` says, and where what it is the header of begins; undefined while that is not all there. */
function header(b: Buffer, at: number): { begin: number; end: number } | undefined {
  const first = b[at + 1], more = first & 0x80 ? first & 0x7f : 0
  if (first === undefined || b.length < at + 2 + more) return undefined
  const begin = at + 2 + more
  return { begin, end: begin + (more ? b.readUIntBE(at + 2, more) : first) }
}

/** The answer's code once all of it is there. Anything that came with it came in the clear, and is nobody's word. */
export function answered(b: Buffer): number | undefined {
  const message = header(b, 0)
  if (!message || b.length < message.end) return undefined
  const answer = message.begin + 3, inside = header(b, answer)
  if (b[0] !== 0x30 || !inside || b.length > message.end || b[answer] !== 0x78 || b[inside.begin] !== 0x0a || b[inside.begin + 1] !== 1) throw new Error('the directory answers StartTLS with something else')
  return b[inside.begin + 2]
}

/** A connection that was opened in the clear and goes on in TLS before anything is said on it, as the directory's library takes one. The runtime checks the certificate. */
export class StartTls extends Duplex {
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined
  #socket: Socket | undefined
  #reading: (() => void) | undefined

  constructor(hostname: string, port: number) {
    super()
    this.#open(hostname, port).catch((e: unknown) => this.destroy(e instanceof Error ? e : new Error(String(e))))
  }

  async #open(hostname: string, port: number) {
    const plain: Socket = connect({ hostname, port }, { secureTransport: 'starttls', allowHalfOpen: false })
    this.#socket = plain
    const writer = plain.writable.getWriter(), reader = plain.readable.getReader()
    await writer.write(ASK)
    let said = Buffer.alloc(0), code: number | undefined
    while ((code = answered(said)) === undefined) {
      const { value, done } = await reader.read()
      if (done) throw new Error('the directory closed the connection when it was asked for StartTLS')
      said = Buffer.concat([said, value])
    }
    if (code !== 0) throw new Error(`the directory does not take StartTLS (result ${code})`)
    writer.releaseLock()
    reader.releaseLock()
    // For the name that was connected to.
    const secure = plain.startTls()
    await secure.opened
    this.#socket = secure
    this.#writer = secure.writable.getWriter()
    this.emit('secureConnect')
    for await (const part of secure.readable as unknown as AsyncIterable<Uint8Array>) {
      if (!this.push(Buffer.from(part))) await new Promise<void>((go) => { this.#reading = go })
    }
    this.push(null)
  }

  override _read() { this.#reading?.(); this.#reading = undefined }
  override _write(part: Uint8Array, _: string, done: (e?: Error | null) => void) {
    if (!this.#writer) return done(new Error('the connection is not there yet'))
    this.#writer.write(part).then(() => done(), done)
  }
  override _destroy(e: Error | null, done: (e?: Error | null) => void) { this.#reading?.(); this.#socket?.close().catch(() => {}); done(e) }
}
