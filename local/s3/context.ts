import type { IncomingMessage, ServerResponse } from 'node:http'
import { denied, Fault, malformedXml } from './fault.ts'
import { payload } from './payload.ts'
import type { Signed } from './sigv4.ts'
import type { Store } from './store.ts'
import { parse, type Tree } from './xml.ts'

export interface Ctx {
  req: IncomingMessage
  res: ServerResponse
  store: Store
  signed: Signed
  bucket: string
  key: Buffer
  query: Map<string, string>
}

export function reply(ctx: Ctx, status: number, body = '', headers: Record<string, string | number> = {}) {
  ctx.res.writeHead(status, {
    ...(body ? { 'content-type': 'application/xml' } : {}), ...(status === 204 ? {} : { 'content-length': Buffer.byteLength(body) }), ...headers,
  })
  ctx.res.end(ctx.req.method === 'HEAD' ? undefined : body)
}

/** The verified bytes of the body; asks for them first if the client waits to be asked. */
export function bytes(ctx: Ctx) {
  if (/100-continue/i.test(ctx.req.headers.expect ?? '')) ctx.res.writeContinue()
  return payload(ctx.req, ctx.signed)
}

export async function xmlBody(ctx: Ctx, root: string): Promise<Tree> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of bytes(ctx)) {
    size += part.length
    if (size > 8 << 20) throw new Fault(400, 'MaxMessageLengthExceeded', 'Your request was too big.')
    parts.push(part)
  }
  if (size === 0) throw malformedXml('the body is empty')
  return parse(Buffer.concat(parts), root)
}

/** Bodies of calls that have none: still verified, so that nobody signs one thing and sends another. */
export async function noBody(ctx: Ctx) {
  for await (const part of bytes(ctx)) if (part.length) throw denied('This request takes no body.')
}

/** Files without a name are rubbish: an unlink that fails is the next start's work, not the client's. */
export function discard(store: Store, files: string[]) {
  if (files.length) void store.blobs.remove(files).catch(() => {})
}
