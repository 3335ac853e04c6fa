import { Buffer } from 'node:buffer'
import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto'
import type { Env } from '../../kernel/env.ts'
import type { Assertion } from '../federation/rules.ts'
import { securityOf } from '../security.ts'

export interface Certificate { thumbprint: string; names: Assertion; from: number; until: number }

const same = (a: string, b: string) => { const [x, y] = [a, b].map((s) => createHash('sha256').update(s).digest()); return timingSafeEqual(x, y) }
/** `:BASE64:` as RFC 9440 has it, or PEM, in which proxies write spaces or %0A for line ends. */
function der(text: string): Buffer | undefined {
  const rfc = /^:([\w+/=]+):$/.exec(text)?.[1]
  if (rfc) return Buffer.from(rfc, 'base64')
  let plain = text
  try { plain = decodeURIComponent(text) } catch { /* it was not encoded */ }
  const body = /-----BEGIN CERTIFICATE-----([\w+/=\s]+)-----END CERTIFICATE-----/.exec(plain)?.[1]
  return body ? Buffer.from(body.replaceAll(/\s/g, ''), 'base64') : undefined
}
const dn = (text: string, prefix: string): Assertion => {
  const out: Assertion = {}
  for (const line of text.split('\n')) { const at = line.indexOf('='); if (at > 0) (out[`${prefix}_${line.slice(0, at)}`] ??= []).push(line.slice(at + 1)) }
  return out
}

/**
 * The certificate a client showed to the proxy in front, which alone saw it and checked who signed it. Believed only from a proxy that knows the
 * secret we share: a header anybody can send is none.
 */
export function certificateOf(env: Env, request: Request): Certificate | undefined {
  const { client_certificate_header: header, proxy_secret_header: proof } = securityOf(env), text = header ? request.headers.get(header) : null
  if (!text || text.length > 16_384 || !env.PROXY_SECRET || !same(request.headers.get(proof) ?? '', env.PROXY_SECRET)) return undefined
  const bytes = der(text)
  if (!bytes) return undefined
  try {
    const c = new X509Certificate(bytes)
    return {
      thumbprint: createHash('sha256').update(bytes).digest('base64url'), from: Date.parse(c.validFrom), until: Date.parse(c.validTo),
      names: { ...dn(c.subject, 'SSL_CLIENT_SUBJECT_DN'), ...dn(c.issuer, 'SSL_CLIENT_ISSUER_DN') },
    }
  } catch { return undefined }
}
