import { Buffer } from 'node:buffer'
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** A request as somebody else received it: what an AWS signature was made over. */
export interface Signed { verb: string; host: string; path: string; params: Record<string, string>; headers: Record<string, string>; bodyHash: string }
export interface Claim { time: number; service?: string; matches: (secret: string) => boolean }

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text, 'utf8').digest()
const quote = (s: string) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
const sorted = (params: Record<string, string>) => Object.keys(params).sort().map((k) => `${quote(k)}=${quote(params[k])}`).join('&')
const without = (params: Record<string, string>, name: string) => Object.fromEntries(Object.entries(params).filter(([k]) => k !== name))
const same = (a: Buffer, b: Buffer) => a.length === b.length && timingSafeEqual(a, b)

/** `20261121T104642Z` in milliseconds. */
const amzTime = (text: string) => {
  const m = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  return m ? Date.UTC(+m[1], +m[2] - 1, +m[3], +m[4], +m[5], +m[6]) : NaN
}

function signingKey(secret: string, scope: string[]) {
  return scope.slice(0, 4).reduce((key: string | Buffer, part) => hmac(key, part), `AWS4${secret}`) as Buffer
}
function v4(text: (scope: string[]) => string, scope: string[], signature: string, time: number): Claim | undefined {
  if (scope.length !== 4 || scope[3] !== 'aws4_request' || !/^[0-9a-f]{64}$/.test(signature)) return undefined
  return { time, service: scope[2], matches: (secret) => same(hmac(signingKey(secret, scope), text(scope)), Buffer.from(signature, 'hex')) }
}

/** What a signature claims, or nothing when it is of no kind we take: version 4, and version 2 with SHA-256. */
export function claimOf(r: Signed, signature: string): Claim | undefined {
  const headers = Object.fromEntries(Object.entries(r.headers).map(([k, v]) => [k.toLowerCase().trim(), v.trim()]))
  const auth = headers.authorization ?? ''
  if (auth.startsWith('AWS4-HMAC-SHA256') || r.params['X-Amz-Algorithm'] === 'AWS4-HMAC-SHA256') {
    const part = (name: string) => (auth ? new RegExp(`${name}=([^,\\s]+)`).exec(auth)?.[1] : r.params[`X-Amz-${name}`]) ?? ''
    const [, ...scope] = part('Credential').split('/'), names = part('SignedHeaders'), date = headers['x-amz-date'] ?? r.params['X-Amz-Date'] ?? ''
    if (!date.startsWith(scope[0] ?? '-') || !names.split(';').includes('host')) return undefined
    const query = r.verb.toUpperCase() === 'POST' ? '' : sorted(without(r.params, 'X-Amz-Signature'))
    const canonical = [r.verb.toUpperCase(), r.path, query, ...names.split(';').map((n) => `${n}:${headers[n] ?? ''}`), '', names, r.bodyHash].join('\n')
    return v4(() => ['AWS4-HMAC-SHA256', date, scope.join('/'), createHash('sha256').update(canonical, 'utf8').digest('hex')].join('\n'), scope, signature, amzTime(date))
  }
  if (r.params.SignatureVersion === '2' && r.params.SignatureMethod === 'HmacSHA256') {
    const text = `${r.verb}\n${r.host}\n${r.path}\n${sorted(without(r.params, 'Signature'))}`, stamp = r.params.Timestamp ?? ''
    return { time: Date.parse(/Z$/.test(stamp) ? stamp : `${stamp}Z`), matches: (secret) => same(hmac(secret, text), Buffer.from(signature, 'base64')) }
  }
  return undefined
}

/** A string to sign that an S3 front hands over; its service has to be S3. */
export function s3ClaimOf(text: string, signature: string): Claim | undefined {
  const [algorithm, date, scope] = text.split('\n')
  if (algorithm !== 'AWS4-HMAC-SHA256' || !scope) return undefined
  const claim = v4(() => text, scope.split('/'), signature, amzTime(date))
  return claim?.service === 's3' ? claim : undefined
}
