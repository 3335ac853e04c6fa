import { createHash, createHmac } from 'node:crypto'

/** Signatures made from the specification, independent of both the endpoint and the client library. */
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
export const hash = (data: string | Buffer) => createHash('sha256').update(data).digest('hex')

export interface Ask {
  method: string; url: URL; payload: string; headers?: Record<string, string>
  accessKey?: string; secretKey?: string; at?: Date; region?: string
}

export function signed(ask: Ask) {
  const { method, url, payload, accessKey = 'AK', secretKey = 'SK', at = new Date(), region = 'us-east-1' } = ask
  const date = at.toISOString().replace(/[-:]|\.\d+/g, '')
  const headers: Record<string, string> = { host: url.host, 'x-amz-content-sha256': payload, 'x-amz-date': date, ...ask.headers }
  const names = Object.keys(headers).sort()
  const scope = `${date.slice(0, 8)}/${region}/s3/aws4_request`
  const canonical = [method, url.pathname, url.search.slice(1), ...names.map((n) => `${n}:${headers[n]}`), '', names.join(';'), payload].join('\n')
  const key = hmac(hmac(hmac(hmac(`AWS4${secretKey}`, date.slice(0, 8)), region), 's3'), 'aws4_request')
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash(canonical)}`).toString('hex')
  const { host: _, ...sent } = headers
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKey}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  const chain = (kind: string, previous: string, ...rest: string[]) => hmac(key, [kind, date, scope, previous, ...rest].join('\n')).toString('hex')
  return { headers: { ...sent, authorization }, signature, chain }
}

/** A body in signed chunks; `spoil` may change what is sent after it was signed. */
export function chunks(parts: Buffer[], seed: string, chain: ReturnType<typeof signed>['chain'], trailer?: string): Buffer {
  const out: Buffer[] = []
  let previous = seed
  for (const part of [...parts, Buffer.alloc(0)]) {
    previous = chain('AWS4-HMAC-SHA256-PAYLOAD', previous, hash(''), hash(part))
    out.push(Buffer.from(`${part.length.toString(16)};chunk-signature=${previous}\r\n`), part, Buffer.from(part.length ? '\r\n' : ''))
  }
  if (trailer) {
    previous = chain('AWS4-HMAC-SHA256-TRAILER', previous, hash(`${trailer}\n`))
    out.push(Buffer.from(`${trailer}\r\nx-amz-trailer-signature:${previous}\r\n`))
  }
  out.push(Buffer.from('\r\n'))
  return Buffer.concat(out)
}
