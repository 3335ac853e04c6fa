import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { denied, Fault } from './fault.ts'

export interface Keys { accessKey: string; secretKey: string; region?: string }
export interface Address { path: string; query: [string, string][] }
export interface Signed {
  /** What x-amz-content-sha256 says of the body, or UNSIGNED-PAYLOAD. */
  payload: string
  /** For the signatures of chunks. */
  sign(text: string): Buffer
  date: string
  scope: string
  signature: string
}

export const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest()
const skew = 15 * 60_000

/** RFC 3986: everything but unreserved characters. */
export const encode = (s: string) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

export function addressOf(url: string): Address {
  const at = url.indexOf('?')
  try {
    const path = decodeURIComponent(at < 0 ? url : url.slice(0, at))
    const query = at < 0 ? [] : url.slice(at + 1).split('&').filter(Boolean).map((part): [string, string] => {
      const [, name, value = ''] = /^([^=]*)=?(.*)$/s.exec(part.replaceAll('+', ' '))!
      return [decodeURIComponent(name), decodeURIComponent(value)]
    })
    return { path, query }
  } catch { throw new Fault(400, 'InvalidURI', 'The address is not percent-encoded UTF-8.') }
}

function headersOf(req: IncomingMessage): Map<string, string> {
  const all = new Map<string, string>()
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i].toLowerCase()
    const value = Buffer.from(req.rawHeaders[i + 1], 'latin1').toString('utf8').trim().replace(/ +/g, ' ')
    all.set(name, all.has(name) ? `${all.get(name)},${value}` : value)
  }
  return all
}

interface Claim { credential: string; signedHeaders: string; signature: string; date: string; payload: string; query: [string, string][] }

/** Who signed this, and whether it is still time; throws S3's fault otherwise. */
export function verify(req: IncomingMessage, { path, query }: Address, keys: Keys, now = Date.now()): Signed {
  const headers = headersOf(req)
  const presigned = query.some(([name]) => name === 'X-Amz-Signature' || name === 'X-Amz-Algorithm')
  if (presigned && headers.has('authorization')) throw new Fault(400, 'InvalidArgument', 'Only one auth mechanism allowed.')
  const claim = presigned ? fromQuery(query, headers, now) : fromHeader(headers, query, now)

  const [accessKey, day, region, service, end, ...more] = claim.credential.split('/')
  if (end !== 'aws4_request' || more.length || service !== 's3' || day !== claim.date.slice(0, 8)) {
    throw new Fault(400, 'AuthorizationHeaderMalformed', 'The credential scope must be date/region/s3/aws4_request, of the same date as the request.')
  }
  if (keys.region && region !== keys.region) throw new Fault(400, 'AuthorizationHeaderMalformed', `The region '${region}' is wrong; expecting '${keys.region}'`)
  const names = claim.signedHeaders.split(';')
  const unsigned = [...headers.keys()].find((h) => h.startsWith('x-amz-') && h !== 'x-amz-content-sha256' && !names.includes(h))
  if (!names.includes('host') || unsigned) throw denied(`There were headers present in the request which were not signed: ${unsigned ?? 'host'}`)

  const canonical = [
    req.method, path.split('/').map(encode).join('/'),
    claim.query.map(([n, v]) => `${encode(n)}=${encode(v)}`).sort((a, b) => (a < b ? -1 : 1)).join('&'),
    ...names.map((n) => `${n}:${headers.get(n) ?? ''}`), '', claim.signedHeaders, claim.payload,
  ].join('\n')
  const scope = `${day}/${region}/s3/aws4_request`
  const key = hmac(hmac(hmac(hmac(`AWS4${keys.secretKey}`, day), region), 's3'), 'aws4_request')
  const sign = (text: string) => hmac(key, text)
  const right = sign(`AWS4-HMAC-SHA256\n${claim.date}\n${scope}\n${sha256(canonical)}`)
  // Both are looked at either way, so that time tells nothing about which was wrong.
  const keyFits = timingSafeEqual(Buffer.from(sha256(accessKey)), Buffer.from(sha256(keys.accessKey)))
  const fits = sameHex(claim.signature, right)
  if (!keyFits) throw new Fault(403, 'InvalidAccessKeyId', 'The access key id you provided does not exist here.')
  if (!fits) throw mismatch()
  return { payload: claim.payload, sign, date: claim.date, scope, signature: claim.signature }
}

export const mismatch = () => new Fault(403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match the signature you provided. Check your key and signing method.')
export const sameHex = (given: string, right: Buffer) => /^[0-9a-f]{64}$/.test(given) && timingSafeEqual(Buffer.from(given, 'hex'), right)

function fromHeader(headers: Map<string, string>, query: [string, string][], now: number): Claim {
  const header = headers.get('authorization')
  if (!header) throw denied('The request is not signed.')
  const found = /^AWS4-HMAC-SHA256\s+(.*)$/.exec(header)
  if (!found) throw new Fault(400, 'InvalidRequest', 'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.')
  const parts = new Map(found[1].split(',').map((p) => p.trim().split('=', 2) as [string, string]))
  const credential = parts.get('Credential'), signedHeaders = parts.get('SignedHeaders'), signature = parts.get('Signature')
  if (!credential || !signedHeaders || !signature) throw new Fault(400, 'AuthorizationHeaderMalformed', 'The authorization header needs Credential, SignedHeaders and Signature.')
  const date = headers.get('x-amz-date') ?? basic(headers.get('date'))
  if (Math.abs(time(date) - now) > skew) throw new Fault(403, 'RequestTimeTooSkewed', "The difference between the request time and the server's time is too large.")
  const payload = headers.get('x-amz-content-sha256')
  if (!payload) throw new Fault(400, 'InvalidRequest', 'Missing required header for this request: x-amz-content-sha256')
  return { credential, signedHeaders, signature, date, payload, query }
}

function fromQuery(query: [string, string][], headers: Map<string, string>, now: number): Claim {
  const of = new Map(query)
  const need = (name: string) => {
    const value = of.get(name)
    if (!value) throw new Fault(400, 'AuthorizationQueryParametersError', `Query-string authentication requires ${name}.`)
    return value
  }
  if (need('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') throw new Fault(400, 'AuthorizationQueryParametersError', 'X-Amz-Algorithm only supports AWS4-HMAC-SHA256.')
  const date = need('X-Amz-Date'), expires = need('X-Amz-Expires')
  if (!/^\d{1,6}$/.test(expires) || Number(expires) < 1 || Number(expires) > 604_800) {
    throw new Fault(400, 'AuthorizationQueryParametersError', 'X-Amz-Expires must be between 1 and 604800 seconds.')
  }
  const start = time(date)
  if (start - now > skew) throw denied('Request is not yet valid')
  if (now > start + Number(expires) * 1000) throw denied('Request has expired')
  return {
    credential: need('X-Amz-Credential'), signedHeaders: need('X-Amz-SignedHeaders'), signature: need('X-Amz-Signature'), date,
    payload: of.get('X-Amz-Content-Sha256') ?? headers.get('x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD',
    query: query.filter(([name]) => name !== 'X-Amz-Signature'),
  }
}

const basic = (date: string | undefined) => {
  const at = new Date(date ?? '')
  return Number.isNaN(at.getTime()) ? '' : at.toISOString().replace(/[-:]|\.\d+/g, '')
}
function time(date: string): number {
  const m = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)
  if (!m) throw denied('A valid x-amz-date or Date is required.')
  return Date.UTC(+m[1], +m[2] - 1, +m[3], +m[4], +m[5], +m[6])
}
