import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'

/** OAuth 1.0 (RFC 5849): the signed parameters of a request, and whether somebody who knows both secrets signed them. */
export interface Signed1 { params: Record<string, string>; matches: (consumerSecret: string, tokenSecret: string) => boolean }
const esc = (s: string) => encodeURIComponent(s).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
const unesc = (s: string) => { try { return decodeURIComponent(s) } catch { return s } }
const HASH: Record<string, string> = { 'HMAC-SHA1': 'sha1', 'HMAC-SHA256': 'sha256', 'HMAC-SHA512': 'sha512' }

export function signedBy(method: string, url: string, query: URLSearchParams, header: string | null): Signed1 | undefined {
  const m = /^OAuth\s+([^]*)$/i.exec(header ?? '')
  if (!m || m[1].length > 8192) return undefined
  const pairs = m[1].split(',').map((p) => /^\s*([^=\s]+)="([^"]*)"\s*$/.exec(p)).filter((p) => p !== null).map((p): [string, string] => [unesc(p[1]), unesc(p[2])])
  const params = Object.fromEntries(pairs), hash = HASH[params.oauth_signature_method]
  if (!hash || !params.oauth_signature || new Set(pairs.map(([k]) => k)).size !== pairs.length) return undefined
  const all = [...pairs.filter(([k]) => k !== 'realm' && k !== 'oauth_signature'), ...query].map(([k, v]) => [esc(k), esc(v)]).sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1))
  const text = [method.toUpperCase(), esc(url), esc(all.map(([k, v]) => `${k}=${v}`).join('&'))].join('&')
  return {
    params,
    matches(consumerSecret, tokenSecret) {
      const want = createHmac(hash, `${esc(consumerSecret)}&${esc(tokenSecret)}`).update(text).digest(), got = Buffer.from(params.oauth_signature, 'base64')
      return got.length === want.length && timingSafeEqual(got, want)
    },
  }
}
